//! The quality gate of a run, against a SonarQube on loopback.

use std::sync::Arc;

use health_checker::quality_gate::sim::SimSonar;
use health_checker::quality_gate::testing::SonarStub;
use health_checker::quality_gate::{
    Analysis, Comparator, Condition, GateStatus, Level, ProjectKey, TaskId,
};

use crate::repo::{Ended, Repo, all, verdicts};

/// A repository whose build has been analysed by this server with this coverage.
fn analysed(coverage: &str, level: Level) -> (Repo, SonarStub) {
    let (project, task): (ProjectKey, TaskId) = ("alpha".parse().unwrap(), "AY0".parse().unwrap());
    let repo = Repo::with_services(&["alpha"]);
    let stub = SonarStub::start(Arc::new(SimSonar::new()), "25.1");
    repo.write(
        "windlass.toml",
        &format!(
            "[gate]\nreport = \"{{path}}/target/sonar/report-task.txt\"\nserver = \"{}\"\ntoken-env = \"SONAR\"\n\
             rules = [\"coverage > 80\"]\n[environments.local]\nprovider = \"local\"\nspeed = 200\n",
            stub.url()
        ),
    );
    repo.write(".gitignore", "target/\n");
    let head = repo.commit("Ask for the gate");
    repo.write(
        "services/alpha/target/sonar/report-task.txt",
        &stub.report(&project, &task),
    );
    let condition = Condition::new(
        level.clone(),
        "coverage".parse().unwrap(),
        Comparator::Less,
        "80",
    )
    .actual(coverage);
    stub.sonar().add_success(
        &project,
        &task,
        Analysis::new("AY1".parse().unwrap(), Some(head)),
        GateStatus::new(level, vec![condition]),
    );
    (repo, stub)
}

fn run(repo: &Repo) -> Ended {
    let mut command = repo.command(&["run", "-e", "local", "--format", "json"]);
    Ended::of(command.env("SONAR", SonarStub::TOKEN).output().unwrap())
}

#[test]
fn a_green_gate_lets_the_build_through_and_is_in_the_report() {
    let (repo, stub) = analysed("91.3", Level::Ok);
    let ended = run(&repo);
    let document = ended.json();
    assert_eq!(
        (verdicts(&document), ended.code),
        (all(&["alpha"], "deployed"), 0),
        "{ended:?}"
    );
    assert_eq!(document["gates"][0]["verdict"], "passed");
    assert!(!stub.requests().is_empty());
    assert!(
        !format!("{ended:?}").contains(SonarStub::TOKEN),
        "{ended:?}"
    );
}

#[test]
fn a_red_gate_stops_before_anything_is_pushed() {
    let (repo, _stub) = analysed("79.9", Level::Error);
    let ended = run(&repo);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("the quality gate is red") && ended.stderr.contains("79.9"),
        "{ended:?}"
    );
    assert!(!repo.path().join(".windlass/local/registry").exists());
    assert_eq!(verdicts(&ended.json()), all(&["alpha"], "not-started"));
}

#[test]
fn the_token_goes_to_no_other_server_than_the_configured_one() {
    let (repo, _stub) = analysed("91.3", Level::Ok);
    let other = SonarStub::start(Arc::new(SimSonar::new()), "25.1");
    repo.write(
        "services/alpha/target/sonar/report-task.txt",
        &other.report(&"alpha".parse().unwrap(), &"AY0".parse().unwrap()),
    );
    run(&repo).assert_refused_after_start(2, &["gate.server"]);
    assert!(other.requests().is_empty());
}

#[test]
fn without_a_report_or_a_token_nothing_is_taken_for_a_pass() {
    let (repo, _stub) = analysed("91.3", Level::Ok);
    std::fs::remove_file(
        repo.path()
            .join("services/alpha/target/sonar/report-task.txt"),
    )
    .unwrap();
    run(&repo).assert_refused_after_start(2, &["no report of an analysis"]);
    repo.windlass(&["run", "-e", "local"])
        .assert_refused_after_start(2, &["`SONAR` holds no token"]);
}
