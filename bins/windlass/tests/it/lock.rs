//! Two runs at once, runs that were killed, and environments that are protected.

#![cfg(unix)]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::repo::{Ended, Repo, all, verdicts};

fn spawn(repo: &Repo, arguments: &[&str]) -> Child {
    repo.command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A run whose build takes a while, started, and holding the lock.
fn holding() -> (Repo, Child) {
    let repo = Repo::with_services(&["alpha"]);
    repo.write(
        "windlass.toml",
        "[build]\ncommand = \"sleep 2\"\n[environments.local]\nprovider = \"local\"\nspeed = 200\n",
    );
    repo.commit("Build slowly");
    let events = repo.path().join(".git/events");
    let child = spawn(
        &repo,
        &[
            "run",
            "-e",
            "local",
            "--format",
            "json",
            "--events",
            events.to_str().unwrap(),
        ],
    );
    wait_for(&events, "build-started");
    (repo, child)
}

fn wait_for(events: &std::path::Path, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !std::fs::read_to_string(events)
        .unwrap_or_default()
        .contains(name)
    {
        assert!(Instant::now() < deadline, "no `{name}` within a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_run_is_refused_and_learns_who_or_waits_and_finds_nothing_to_do() {
    let (repo, first) = holding();
    let refused = repo.windlass(&["run", "-e", "local"]);
    refused.assert_refused(
        3,
        &[
            "another run is using the environment `local`",
            "`windlass run`",
            "--wait-lock",
        ],
    );
    assert!(
        refused.stderr.contains(&format!("process {}", first.id())),
        "{refused:?}"
    );
    let unlock = repo.windlass(&["unlock", "-e", "local", "--force"]);
    unlock.assert_refused(3, &["is alive", &first.id().to_string()]);
    let waited = repo.windlass(&["run", "-e", "local", "--wait-lock", "1m"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    assert!(waited.stderr.contains("waiting"), "{waited:?}");
    assert!(waited.stdout.starts_with("nothing to do"), "{waited:?}");
    let first = Ended::of(first.wait_with_output().unwrap());
    assert_eq!(
        (verdicts(&first.json()), first.code),
        (all(&["alpha"], "deployed"), 0)
    );
}

#[test]
fn a_wait_ends_and_says_after_how_long() {
    let (repo, first) = holding();
    repo.windlass(&["run", "-e", "local", "--wait-lock", "300ms"])
        .assert_refused_after_start(3, &["after 300ms"]);
    assert!(first.wait_with_output().unwrap().status.success());
}

#[test]
fn of_two_runs_started_together_none_interleaves() {
    let repo = Repo::with_services(&["alpha", "beta"]);
    let events = [repo.path().join(".git/one"), repo.path().join(".git/two")];
    let children: Vec<Child> = events
        .iter()
        .map(|events| {
            spawn(
                &repo,
                &[
                    "run",
                    "-e",
                    "local",
                    "--wait-lock",
                    "1m",
                    "--format",
                    "json",
                    "--events",
                    events.to_str().unwrap(),
                ],
            )
        })
        .collect();
    for child in children {
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    let spans: Vec<(u64, u64)> = events
        .iter()
        .map(|events| {
            let text = std::fs::read_to_string(events).unwrap();
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let at = |line: &Value| line["at"].as_u64().unwrap();
            let begin = lines
                .iter()
                .find(|line| line["event"] == "lock-taken")
                .unwrap();
            (at(begin), at(lines.last().unwrap()))
        })
        .collect();
    let (first, second) = (spans.iter().min().unwrap(), spans.iter().max().unwrap());
    assert!(first.1 <= second.0, "{spans:?}");
}

#[test]
fn a_run_that_was_killed_leaves_no_lock_and_is_told_of() {
    let (repo, mut first) = holding();
    first.kill().unwrap();
    first.wait().unwrap();
    let next = repo.windlass(&["run", "-e", "local"]);
    assert_eq!(next.code, 0, "{next:?}");
    assert!(
        next.stderr.contains("taken over")
            && next.stderr.contains(&format!("process {}", first.id())),
        "{next:?}"
    );
    assert_eq!(
        repo.windlass(&["unlock", "-e", "local"]).stdout,
        "`local` is not locked\n"
    );
}

#[test]
fn an_interrupted_build_is_stopped_with_all_it_started_and_reported() {
    let repo = Repo::with_services(&["alpha"]);
    let pid = repo.path().join(".git/pid");
    repo.write(
        "windlass.toml",
        &format!(
            "[build]\ncommand = \"sh -c 'sleep 60 & echo $! > {}; wait'\"\n[environments.local]\nprovider = \"local\"\n",
            pid.display()
        ),
    );
    repo.commit("Build for ages");
    let events = repo.path().join(".git/events");
    let report = repo.path().join(".git/report.json");
    let child = spawn(
        &repo,
        &[
            "run",
            "-e",
            "local",
            "--events",
            events.to_str().unwrap(),
            "--report-json",
            report.to_str().unwrap(),
        ],
    );
    wait_for(&pid, "\n");
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{ended:?}");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(document["interrupted"], "SIGINT");
    assert_eq!(verdicts(&document), all(&["alpha"], "cancelled"));
    let build = document["timeline"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(
        (build["stage"].as_str(), build["state"].as_str()),
        (Some("build"), Some("open"))
    );
    // The build's own child is gone, or a zombie that nobody has collected yet.
    let grandchild = std::fs::read_to_string(pid).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", grandchild.trim()))
            .unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            break;
        }
        assert!(Instant::now() < deadline, "it runs on: {state}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_protected_environment_asks_for_yes_off_ci() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write(
        "windlass.toml",
        "[environments.local]\nprovider = \"local\"\nspeed = 200\nprotected = true\n",
    );
    repo.commit("Protect");
    let run = |arguments: &[&str], ci: &str| {
        let mut command = repo.command(arguments);
        command.env_remove("GITHUB_ACTIONS").env("CI", ci);
        Ended::of(command.output().unwrap())
    };
    run(&["run", "-e", "local"], "").assert_refused(2, &["`local` is protected", "--yes"]);
    run(&["deploy", "-e", "local", "-s", "alpha"], "false").assert_refused(2, &["--yes"]);
    run(&["rollback", "-e", "local", "-s", "alpha"], "").assert_refused(2, &["--yes"]);
    assert_eq!(run(&["run", "-e", "local", "--dry-run"], "").code, 0);
    assert!(!repo.path().join(".windlass").exists());
    assert_eq!(run(&["run", "-e", "local"], "true").code, 0);
    assert_eq!(run(&["run", "-e", "local", "--yes"], "").code, 0);
}
