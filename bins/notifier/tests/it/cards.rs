//! One live card over several runs.

use std::process::Stdio;
use std::time::Duration;

use deploy_notifier::testing::SlackFault;

use crate::run::{COMPLETED, Ended, FAILED, Place, STARTED};

fn arguments(api: &str) -> Vec<&str> {
    vec![
        "--token-env",
        "TOKEN",
        "--channel",
        "#deployments",
        "--slack-api",
        api,
        "--cards",
        "cards.json",
    ]
}

#[test]
fn the_end_updates_the_card_of_the_beginning() {
    let place = Place::new();
    let api = place.stub.api();
    place.send(STARTED, &arguments(&api)).assert_said(0, &[]);
    place.send(COMPLETED, &arguments(&api)).assert_said(0, &[]);
    let messages = place.stub.messages();
    assert_eq!((messages.len(), messages[0].updates), (1, 1));
    assert_eq!(messages[0].body["text"], "Deployment to dev completed");
    assert_eq!(
        std::fs::read_to_string(place.path().join("cards.json")).unwrap(),
        "[]"
    );
}

#[test]
fn a_failure_is_told_in_the_channel_as_well() {
    let place = Place::new();
    let api = place.stub.api();
    place.send(STARTED, &arguments(&api)).assert_said(0, &[]);
    place.send(FAILED, &arguments(&api)).assert_said(0, &[]);
    let messages = place.stub.messages();
    assert_eq!((messages.len(), messages[1].broadcast), (2, true));
}

#[test]
fn without_a_file_each_report_is_a_card_of_its_own() {
    let place = Place::new();
    let api = place.stub.api();
    for report in [STARTED, COMPLETED] {
        place
            .send(report, &arguments(&api)[..6])
            .assert_said(0, &[]);
    }
    assert_eq!(place.stub.messages().len(), 2);
}

#[test]
fn a_file_that_holds_something_else_is_not_overwritten() {
    let place = Place::new();
    place.write("cards.json", "my shopping list");
    place
        .send(STARTED, &arguments(&place.stub.api()))
        .assert_said(2, &["`cards.json` does not hold cards"]);
    assert_eq!(
        std::fs::read_to_string(place.path().join("cards.json")).unwrap(),
        "my shopping list"
    );
    assert_eq!(place.stub.requests(), 0);
}

#[test]
fn a_file_that_cannot_be_kept_is_found_before_anything_is_sent() {
    let place = Place::new();
    let api = place.stub.api();
    let mut arguments = arguments(&api);
    arguments[7] = "no/such/cards.json";
    place
        .send(STARTED, &arguments)
        .assert_said(2, &["`no/such/cards.json`", "hint: "]);
    assert_eq!(place.stub.requests(), 0);
    arguments[7] = ".";
    place.send(STARTED, &arguments).assert_said(2, &["`.`"]);
    assert_eq!(place.stub.requests(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn cards_are_kept_even_when_nothing_can_be_shown() {
    let place = Place::new();
    let api = place.stub.api();
    place.write("report.json", STARTED);
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut send = vec!["send", "--report", "report.json", "--format", "json"];
    send.extend(arguments(&api));
    let output = place.command(&send).stdout(full).output().unwrap();
    Ended::of(output).assert_said(0, &["warning: cannot write to stdout"]);
    place.send(COMPLETED, &arguments(&api)).assert_said(0, &[]);
    let messages = place.stub.messages();
    assert_eq!((messages.len(), messages[0].updates), (1, 1));
}

#[test]
fn cards_that_cannot_be_kept_after_all_are_a_warning() {
    let place = Place::new();
    let api = place.stub.api();
    place.write("report.json", STARTED);
    let folder = place.path().join("kept");
    std::fs::create_dir(&folder).unwrap();
    place
        .stub
        .fault(SlackFault::Slow(Duration::from_millis(1500)));
    let mut send = vec!["send", "--report", "report.json"];
    send.extend(arguments(&api));
    *send.last_mut().unwrap() = "kept/cards.json";
    let child = place
        .command(&send)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while place.stub.requests() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    Ended::of(child.wait_with_output().unwrap()).assert_said(
        0,
        &["warning: the cards cannot be kept", "a card of its own"],
    );
    assert_eq!(place.stub.messages().len(), 1);
}
