//! The contract checks for implementations of [`Sonar`] and [`GateAdmin`], and a SonarQube server on loopback.
//!
//! The checks panic with what does not hold, as assertions in a test do.

#[cfg(feature = "http")]
mod stub;

use std::fmt::Debug;
use std::str::FromStr;

use super::answer::{
    Analysis, Comparator, Condition, GateStatus, Level, Line, Measure, Task, TaskStatus,
};
use super::error::SonarError;
use super::gate::ServerCondition;
use super::name::{GateName, ProjectKey};
use super::sim::SimSonar;
use super::sonar::{GateAdmin, Sonar};

#[cfg(feature = "http")]
pub use stub::{SonarStub, StubFault, StubRequest};

/// Puts on a simulated server what [`sonar_contract`] asks for.
pub fn prepare_contract(sonar: &SimSonar) {
    let coverage =
        Condition::new(Level::Ok, name("coverage"), Comparator::Less, "80").actual("91.3");
    let unseen = Condition::new(Level::Ok, name("new_coverage"), Comparator::Less, "80");
    let gate = GateStatus::new(Level::Ok, vec![coverage, unseen]).with_ignored_conditions();
    let analysis =
        |id: &str, revision: Option<&str>| Analysis::new(name(id), revision.map(str::to_owned));
    let project: ProjectKey = name("contract");
    let older = GateStatus::new(Level::Error, vec![]);
    sonar.add_analysis(project.clone(), Line::Main, analysis("older", None), older);
    let latest = analysis("latest", Some("9ab01cd"));
    sonar.add_success(&project, &name("done"), latest, gate);
    let failed = Task::new(TaskStatus::Failed)
        .project(project.clone())
        .line(Line::Branch("dev".to_owned()))
        .error("out of memory")
        .warning("no blame");
    sonar.add_task(name("failed"), [failed]);
    let measures = vec![
        Measure::new(name("coverage"), "91.3"),
        Measure::new(name("ncloc"), "1000"),
    ];
    sonar.set_measures(project, Line::Main, measures);
}

/// Checks the contract of [`Sonar`] on a server that [`prepare_contract`] prepared.
pub async fn sonar_contract(sonar: &dyn Sonar) {
    let seen = [
        told(sonar.task(&name("done")).await),
        told(sonar.task(&name("done")).await),
        told(sonar.task(&name("done")).await),
    ];
    let statuses: Vec<&TaskStatus> = seen.iter().map(|task| &task.status).collect();
    let expected = [
        &TaskStatus::Pending,
        &TaskStatus::InProgress,
        &TaskStatus::Success,
    ];
    assert_eq!(statuses, expected, "each call asks, and asks once");
    assert_eq!(seen[0].analysis, None);
    assert_eq!(seen[2].analysis, Some(name("latest")));
    assert_eq!(seen[2].project, Some(name("contract")));
    let failed = told(sonar.task(&name("failed")).await);
    assert_eq!(failed.status, TaskStatus::Failed);
    assert_eq!(failed.error.as_deref(), Some("out of memory"));
    assert_eq!(failed.warnings, ["no blame"]);
    assert_eq!(failed.line, Line::Branch("dev".to_owned()));

    let gate = told(sonar.gate_status(&name("latest")).await);
    assert_eq!(gate.level, Level::Ok);
    assert!(gate.has_ignored_conditions);
    assert_eq!(gate.conditions[0].actual.as_deref(), Some("91.3"));
    assert_eq!(gate.conditions[1].actual, None, "no measure is no measure");
    let older = told(sonar.gate_status(&name("older")).await);
    assert_eq!(
        older.level,
        Level::Error,
        "each analysis has its own status"
    );

    let project: ProjectKey = name("contract");
    let analyses = told(sonar.analyses(&project, &Line::Main).await);
    let ids: Vec<&str> = analyses.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["latest", "older"], "the latest is first");
    assert_eq!(analyses[0].revision.as_deref(), Some("9ab01cd"));
    assert_eq!(analyses[1].revision, None);
    let metrics = [name("coverage"), name("vulnerabilities")];
    let measures = told(sonar.measures(&project, &Line::Main, &metrics).await);
    let coverage = Measure::new(name("coverage"), "91.3");
    assert_eq!(measures, [coverage], "what is not measured is left out");
    told(sonar.mode().await);

    let nothing: ProjectKey = name("nothing");
    let missing = [
        sonar.task(&name("nothing")).await.err(),
        sonar.gate_status(&name("nothing")).await.err(),
        sonar.analyses(&nothing, &Line::Main).await.err(),
        sonar.measures(&nothing, &Line::Main, &metrics).await.err(),
    ];
    for error in missing {
        assert!(
            matches!(error, Some(SonarError::NotFound { .. })),
            "what is not there is told as such, not {error:?}"
        );
    }
}

/// Checks the contract of [`GateAdmin`] on a server that has no gate `Contract` and may be changed.
pub async fn gate_admin_contract(server: &dyn GateAdmin) {
    let gate: GateName = name("Contract");
    let project: ProjectKey = name("contract");
    let condition = |limit: &str| ServerCondition::new(name("coverage"), Comparator::Less, limit);
    assert_eq!(told(server.gate(&gate).await), None);
    let error = server.put_condition(&gate, None, &condition("80")).await;
    assert!(
        error.is_err(),
        "a gate that is not there takes no condition"
    );
    told(server.create_gate(&gate).await);
    let error = server.create_gate(&gate).await;
    assert!(
        matches!(error, Err(SonarError::Refused { .. })),
        "a name is taken once, not {error:?}"
    );
    told(server.put_condition(&gate, None, &condition("80")).await);
    let find = async || {
        let found = told(server.gate(&gate).await).expect("it was made");
        assert!(!found.is_built_in);
        let mut conditions = found.conditions.into_iter();
        conditions.find(|(_, one)| one.metric.as_str() == "coverage")
    };
    let (id, found) = find().await.expect("it was put");
    assert_eq!(found, condition("80"));
    for _ in 0..2 {
        told(
            server
                .put_condition(&gate, Some(&id), &condition("85.5"))
                .await,
        );
    }
    assert_eq!(find().await, Some((id.clone(), condition("85.5"))));
    told(server.remove_condition(&id).await);
    assert_eq!(find().await, None);
    assert!(server.remove_condition(&id).await.is_err());
    assert_ne!(told(server.gate_of(&project).await), gate);
    told(server.select(&gate, &project).await);
    assert_eq!(told(server.gate_of(&project).await), gate);
}

fn name<N: FromStr<Err: Debug>>(text: &str) -> N {
    text.parse().expect("the checks use valid names")
}

fn told<T>(answer: Result<T, SonarError>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("the server should have told: {error:?}"),
    }
}
