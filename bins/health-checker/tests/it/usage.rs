//! Wrong usage is told with its remedy, and asks nothing.

use crate::run::Place;

#[test]
fn what_is_no_target_is_refused_by_name_and_without_its_password() {
    let place = Place::new();
    place
        .run(&["check", "[user-service,task-service]"])
        .assert_said(
            2,
            &[
                "`[user-service,task-service]` is not a URL",
                "http://host:8080/actuator/health",
            ],
        );
    place
        .run(&["check", "http://u:hunter2@:1/"])
        .assert_said(2, &["is not a URL"]);
}

#[test]
fn events_and_reports_want_a_place_that_can_be_written() {
    let place = Place::new();
    place
        .run(&["check", "http://127.0.0.1:9/", "--events", "no/such/events"])
        .assert_said(2, &["cannot write events"]);
    place.write("events", "");
    place
        .run(&["check", "gopher://h/", "--events", "events"])
        .assert_said(2, &["`gopher`"]);
    assert_eq!(place.read("events"), "");
    let json = place.run(&["check", "--format", "json"]);
    assert_eq!(json.json()["targets"], serde_json::json!([]));
}
