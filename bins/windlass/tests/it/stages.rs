//! Builds in waves, and a run that is killed in each of its stages.

#![cfg(unix)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::repo::{Repo, all, verdicts};

/// A Cargo workspace: `shared` is built before `alpha` and `beta`, which depend on it; `gamma` stands alone.
fn workspace(command: &str) -> Repo {
    let repo = Repo::empty();
    repo.write(
        "windlass.toml",
        &format!(
            "[detect]\nlayout = \"cargo\"\nservices = [\"services/*\"]\n[build]\ncommand = {command:?}\n\
             [environments.local]\nprovider = \"local\"\nspeed = 200\n"
        ),
    );
    repo.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"shared\", \"services/*\"]\n",
    );
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n{more}")
    };
    let needs = "[dependencies]\nshared = { path = \"../../shared\" }\n";
    repo.write("shared/Cargo.toml", &package("shared", ""));
    repo.write("shared/src/lib.rs", "");
    for (name, more) in [("alpha", needs), ("beta", needs), ("gamma", "")] {
        repo.write(&format!("services/{name}/Cargo.toml"), &package(name, more));
        repo.write(&format!("services/{name}/src/main.rs"), "fn main() {}\n");
    }
    repo.commit("Begin");
    repo
}

fn events(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_shared_module_is_built_before_those_that_need_it_and_each_has_its_log() {
    let repo = workspace("sh -c 'echo building $0' {service}");
    let path = repo.path().join(".git/events");
    let (document, code) = repo.run(&["--events", path.to_str().unwrap()]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha", "beta", "gamma"], "deployed"), 0),
        "{document}"
    );
    let logs = std::path::PathBuf::from(document["logs"].as_str().unwrap());
    for module in ["shared", "alpha", "beta", "gamma"] {
        let log = std::fs::read_to_string(logs.join(format!("{module}.log"))).unwrap();
        assert_eq!(log, format!("building {module}\n"));
    }
    // A change in the shared module alone: those that need it are built after it, and the others not at all.
    std::fs::remove_file(&path).unwrap();
    repo.write("shared/src/lib.rs", "//! Two.\n");
    repo.commit("Change shared");
    let (document, code) = repo.run(&["--events", path.to_str().unwrap()]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha", "beta"], "deployed"), 0),
        "{document}"
    );
    let order: Vec<(String, String)> = events(&path)
        .iter()
        .filter_map(|event| {
            let name = event["event"].as_str().unwrap();
            let module = event["module"].as_str()?;
            Some((name.to_owned(), module.to_owned()))
        })
        .collect();
    let place = |name: &str, module: &str| {
        order
            .iter()
            .position(|(n, m)| (&**n, &**m) == (name, module))
            .unwrap_or_else(|| panic!("no {name} of {module} in {order:?}"))
    };
    for service in ["alpha", "beta"] {
        assert!(
            place("built", "shared") < place("build-started", service),
            "{order:?}"
        );
    }
    assert_eq!(order.len(), 6, "{order:?}");
}

#[test]
fn a_failed_build_stops_what_needs_it_and_lets_its_wave_finish() {
    let repo = workspace(
        "sh -c 'test $0 != shared || (echo no such type; exit 3) || exit 3; sleep 0.3' {service}",
    );
    let path = repo.path().join(".git/events");
    let ended = repo.windlass(&[
        "run",
        "-e",
        "local",
        "--format",
        "json",
        "--events",
        path.to_str().unwrap(),
    ]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("no such type") && ended.stderr.contains("shared.log"),
        "{ended:?}"
    );
    let document = ended.json();
    assert_eq!(
        verdicts(&document),
        all(&["alpha", "beta", "gamma"], "not-started"),
        "{document}"
    );
    let told = |name: &str| -> Vec<String> {
        events(&path)
            .iter()
            .filter(|event| event["event"] == name)
            .map(|event| event["module"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(told("build-failed"), ["shared"]);
    assert_eq!(told("built"), ["gamma"], "of the same wave");
    assert_eq!(told("build-skipped"), ["alpha", "beta"]);
}

#[test]
fn a_run_killed_in_any_stage_is_taken_up_by_the_next() {
    let repo = Repo::with_services(&["alpha"]);
    // Slow enough for each stage to be caught.
    repo.write(
        "windlass.toml",
        "[build]\ncommand = \"sleep 0.2\"\n[environments.local]\nprovider = \"local\"\nspeed = 60\n",
    );
    repo.commit("Slow down");
    assert_eq!(repo.run(&[]).1, 0);
    let path = repo.path().join(".git/events");
    let stages = [
        ("detect", "\"event\":\"detected\""),
        ("build", "\"event\":\"build-started\""),
        ("push", "\"event\":\"push\""),
        ("pushed", "\"event\":\"pushed\""),
        ("rollout", "deployment-started"),
        ("health", "\"watching\":false"),
        ("end", "\"event\":\"finished\""),
    ];
    for (stage, mark) in stages {
        repo.write("services/alpha/main.txt", &format!("{stage}\n"));
        let head = repo.commit(&format!("Be killed at {stage}"));
        let _ = std::fs::remove_file(&path);
        let mut child = repo
            .command(&["run", "-e", "local", "--events", path.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !std::fs::read_to_string(&path)
            .unwrap_or_default()
            .contains(mark)
        {
            assert!(Instant::now() < deadline, "{stage} was not reached");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (document, code) = repo.run(&[]);
        assert_eq!(code, 0, "killed at {stage}: {document}");
        let status = repo.windlass(&["status"]);
        assert!(
            status.stdout.contains(&head[..7]),
            "killed at {stage}: {status:?}"
        );
        assert!(
            !status.stdout.contains("not completed"),
            "killed at {stage}: {status:?}"
        );
    }
}

#[test]
fn a_work_tree_that_is_not_as_the_commit_has_it_is_not_built_unasked() {
    let repo = workspace("true");
    repo.write("services/alpha/src/main.rs", "fn main() { panic!() }\n");
    repo.write("notes.txt", "an untracked file is nobody's concern\n");
    repo.windlass(&["run", "-e", "local"])
        .assert_refused_after_start(2, &["`services/alpha/src/main.rs`", "--allow-dirty"]);
    for arguments in [&["plan"][..], &["run", "-e", "local", "--dry-run"]] {
        let ended = repo.windlass(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(
            ended.stderr.contains("services/alpha/src/main.rs")
                && ended.stderr.contains("--allow-dirty"),
            "{ended:?}"
        );
    }
    // Staged is changed, too.
    repo.git(&["add", "services"]);
    repo.windlass(&["run", "-e", "local"])
        .assert_refused_after_start(2, &["services/alpha/src/main.rs"]);
    let ended = repo.windlass(&["run", "-e", "local", "--allow-dirty", "--format", "json"]);
    let document = ended.json();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        document["warnings"][0]
            .as_str()
            .unwrap()
            .contains("services/alpha/src/main.rs")
            && ended.stderr.contains("warning: the images are named after"),
        "{ended:?}"
    );

    // A build may change what is tracked: it is looked at before the build alone.
    let repo = workspace("sh -c 'date >> Cargo.toml'");
    assert_eq!(repo.run(&[]).1, 0);
}
