//! `windlass demo`, as the README promises it.

use serde_json::Value;

use crate::repo::{Ended, all, verdicts, windlass};

const AFFECTED: [&str; 3] = ["user-service", "notification-service", "task-service"];

fn demo(more: &[&str]) -> Ended {
    Ended::of(
        windlass(&[&["demo", "--speed", "100"], more].concat())
            .output()
            .unwrap(),
    )
}

fn broken(how: &str) -> Value {
    let ended = demo(&["--break", how, "--format", "json"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    let document = ended.json();
    assert_eq!(document["exit_code"], 5);
    let mut expected = all(&["user-service"], "rolled-back");
    expected.extend(all(&AFFECTED[1..], "not-started"));
    assert_eq!(verdicts(&document), expected);
    document
}

fn reason(document: &Value) -> &str {
    document["services"][0]["reason"].as_str().unwrap()
}

#[test]
fn ends_with_the_affected_services_deployed_and_says_why() {
    let ended = demo(&[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for service in AFFECTED {
        assert!(
            ended
                .stdout
                .lines()
                .any(|line| line.starts_with(service) && line.contains("deployed")),
            "{ended:?}"
        );
    }
    assert!(
        !ended.stdout.contains("skill-service"),
        "only the affected ones: {ended:?}"
    );
    assert!(
        ended.stderr.contains("common-event"),
        "the chain of reasons: {ended:?}"
    );
    assert!(ended.stderr.contains("Slack message"), "{ended:?}");
    assert!(
        !ended.stderr.contains('\u{1b}'),
        "no escape codes off a terminal: {ended:?}"
    );
}

#[test]
fn the_document_has_the_digest_that_was_pushed_in_what_runs() {
    let ended = demo(&["--format", "json"]);
    let document = ended.json();
    assert_eq!(verdicts(&document), all(&AFFECTED, "deployed"));
    for service in document["services"].as_array().unwrap() {
        let digest = service["push"]["digest"].as_str().unwrap();
        assert!(
            service["deployment"]["image"]
                .as_str()
                .unwrap()
                .ends_with(digest),
            "{service}"
        );
        assert_eq!(service["health"]["verdict"], "healthy");
    }
}

#[test]
fn a_bad_image_is_caught_and_rolled_back() {
    let document = broken("bad-image");
    assert!(
        reason(&document).contains("CannotPullContainerError"),
        "{}",
        reason(&document)
    );
    assert!(
        reason(&document).contains("user-service"),
        "{}",
        reason(&document)
    );
}

#[test]
fn a_crash_is_caught_and_rolled_back() {
    let document = broken("crash");
    assert!(
        reason(&document).contains("exit code 1"),
        "{}",
        reason(&document)
    );
    let tasks = document["services"][0]["deployment"]["stopped_tasks"]
        .as_array()
        .unwrap();
    assert_eq!(tasks[0]["containers"][0]["exit_code"], 1);
}

#[test]
fn an_unhealthy_build_is_caught_and_rolled_back() {
    let document = broken("unhealthy");
    assert!(reason(&document).contains("503"), "{}", reason(&document));
}

#[test]
fn a_stale_build_is_caught_and_rolled_back() {
    let document = broken("stale");
    assert_eq!(document["services"][0]["health"]["verdict"], "stale");
    assert!(document["services"][0]["rollback"].is_object());
}

#[test]
fn the_events_tell_the_whole_story() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let ended = demo(&["--quiet", "--events", path.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.stderr, "", "quiet is quiet");
    let text = std::fs::read_to_string(path).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for name in [
        "detected", "affected", "push", "pushed", "rollout", "health", "finished",
    ] {
        assert!(
            events.iter().any(|event| event["event"] == name),
            "no `{name}` event"
        );
    }
    // Both builds answered while the rollout ran.
    let seen = |expected: bool| {
        events.iter().any(|event| {
            event["event"] == "health"
                && event["watching"] == true
                && event["detail"]["expected"] == expected
        })
    };
    assert!(
        seen(true) && seen(false),
        "old and new tasks answer in turn"
    );
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "mine\n").unwrap();
    let path = folder.path().to_str().unwrap();
    demo(&["--dir", path]).assert_refused(2, &[path]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_kept_repository_can_be_worked_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample");
    let path = path.to_str().unwrap();
    assert_eq!(demo(&["--dir", path]).code, 0);
    let again = Ended::of(
        windlass(&["run", "-e", "local", "--repo", path])
            .output()
            .unwrap(),
    );
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.starts_with("nothing to do"), "{again:?}");
}
