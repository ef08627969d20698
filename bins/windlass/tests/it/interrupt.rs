//! A run that is stopped half-way leaves a state from which the next run does the right thing.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::repo::{Ended, Repo, all, verdicts};

/// Starts a run and waits until the rollout of `alpha` is under way.
fn start(repo: &Repo) -> Child {
    let events = repo.path().join("../").join(format!(
        "{}.events",
        repo.path().file_name().unwrap().to_str().unwrap()
    ));
    let _ = std::fs::remove_file(&events);
    let mut child = repo
        .command(&["run", "-e", "local", "--events", events.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let text = std::fs::read(&events).unwrap_or_default();
        let started = BufReader::new(&*text)
            .lines()
            .any(|line| line.unwrap().contains("deployment-started"));
        if started {
            let _ = std::fs::remove_file(&events);
            return child;
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before the rollout began"
        );
        assert!(
            std::time::Instant::now() < deadline,
            "no rollout within a minute"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Under `nohup` the tests' processes ignore it, too, and are to.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_none_or(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

fn changed_repository() -> Repo {
    let repo = Repo::with_services(&["alpha", "beta"]);
    // Slow enough that the signal finds the rollout under way.
    repo.write(
        "windlass.toml",
        "[environments.local]\nprovider = \"local\"\nspeed = 40\n",
    );
    repo.commit("Slow down");
    assert_eq!(repo.run(&[]).1, 0);
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    repo
}

#[test]
fn ctrl_c_ends_with_130_and_the_next_run_completes() {
    for name in ["-INT", "-TERM", "-HUP"] {
        if name == "-HUP" && hangup_is_ignored() {
            continue;
        }
        let repo = changed_repository();
        let child = start(&repo);
        signal(&child, name);
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!(ended.code, 130, "{ended:?}");
        assert!(ended.stderr.contains("interrupted"), "{ended:?}");
        assert!(ended.stderr.contains("next run"), "{ended:?}");

        let status = repo.windlass(&["status"]);
        assert!(status.stdout.contains("not completed"), "{status:?}");
        let (document, code) = repo.run(&[]);
        assert_eq!(
            (verdicts(&document), code),
            (all(&["alpha"], "deployed"), 0),
            "{document}"
        );
        assert!(
            repo.windlass(&["run", "-e", "local"])
                .stdout
                .starts_with("nothing to do")
        );
    }
}

#[test]
fn a_killed_run_is_taken_up_again() {
    let repo = changed_repository();
    let mut child = start(&repo);
    // Long enough for the state to be saved once more.
    std::thread::sleep(std::time::Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "deployed"), 0),
        "{document}"
    );
}

#[test]
fn a_revert_after_an_interruption_converges_to_the_revert() {
    let repo = changed_repository();
    let child = start(&repo);
    signal(&child, "-INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    repo.git(&["revert", "--no-edit", "HEAD"]);
    // Nothing differs from the last completed deployment, and yet the half-done one must not stay.
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "deployed"), 0),
        "{document}"
    );
}

#[test]
fn what_was_completed_last_is_promoted_unseen_past_a_rollout_that_is_not() {
    let repo = changed_repository();
    let config = "[environments.local]\nprovider = \"local\"\nspeed = 40\n\
                  [environments.staging]\nprovider = \"local\"\nspeed = 200\n";
    std::fs::write(repo.path().join("windlass.toml"), config).unwrap();
    let child = start(&repo);
    signal(&child, "-INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    let promote = [
        "promote", "--from", "local", "--to", "staging", "--format", "json",
    ];
    let refused = repo.windlass(&promote);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("--no-source-check"), "{refused:?}");
    let ended = repo.windlass(&[&promote[..], &["--no-source-check"]].concat());
    assert_eq!(
        (verdicts(&ended.json()), ended.code),
        (all(&["alpha", "beta"], "deployed"), 0),
        "{ended:?}"
    );
}
