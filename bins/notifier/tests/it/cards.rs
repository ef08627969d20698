//! One live card over several runs.

use crate::run::{COMPLETED, FAILED, Place, STARTED};

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
