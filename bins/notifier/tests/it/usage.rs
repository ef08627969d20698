//! What the user got wrong, named with a remedy, before anything is sent.

use crate::run::{Ended, FAILED, Place};

#[test]
fn a_report_that_cannot_be_read_says_where() {
    let place = Place::new();
    for (report, parts) in [
        ("", &["is empty", "a report looks like"][..]),
        ("{\"event\":\n  oops}", &["is no report", "line 2 column 3"]),
        (
            r#"{"event":"deployment-fialed","environment":"dev"}"#,
            &["did you mean `deployment-failed`?"],
        ),
        (
            r#"{"event":"x","environment":"dev"}"#,
            &["the kinds are deployment-started"],
        ),
        (
            r#"{"event":"deployment-failed","environment":"de\nv"}"#,
            &["is no report"],
        ),
    ] {
        place
            .send(report, &["--webhook-env", "HOOK"])
            .assert_said(2, parts);
    }
    place
        .run(&["send", "--report", "none.json", "--webhook-env", "HOOK"])
        .assert_said(2, &["cannot read `none.json`"]);
    assert_eq!(place.stub.requests(), 0);
}

#[test]
fn a_report_to_nobody_is_refused() {
    Place::new()
        .send(FAILED, &[])
        .assert_said(2, &["--webhook-env", "--token-env", "--stdout"]);
}

#[test]
fn a_secret_that_is_missing_empty_or_no_secret_is_named_by_its_variable() {
    let place = Place::new();
    place.write("report.json", FAILED);
    let run = |name: &str, value: &str, flag: &str| {
        let mut command = place.command(&["send", "--report", "report.json", flag, name]);
        if flag == "--token-env" {
            command.args(["--channel", "C1"]);
        }
        Ended::of(command.env("VALUE", value).output().unwrap())
    };
    run("MISSING", "", "--webhook-env").assert_said(2, &["`MISSING` is not set"]);
    run("VALUE", " ", "--webhook-env").assert_said(2, &["`VALUE` is empty", "forks"]);
    run("VALUE", "hunter2", "--webhook-env")
        .assert_said(2, &["`VALUE` does not hold a webhook's URL", "hint: "]);
    run("VALUE", "http://hooks.example/hunter2", "--url-env").assert_said(2, &["use https"]);
    run("VALUE", "xapp-hunter2", "--token-env").assert_said(2, &["app-level token", "xoxb-"]);
}

#[test]
fn a_secret_given_in_place_of_a_variable_is_not_repeated() {
    let place = Place::new();
    let url = place.stub.webhook();
    place
        .send(FAILED, &["--webhook-env", &url])
        .assert_said(2, &["--webhook-env was not given the name of a variable"]);
    assert_eq!(place.stub.requests(), 0);
}

#[test]
fn flags_that_need_each_other_say_so() {
    let place = Place::new();
    place
        .send(FAILED, &["--token-env", "TOKEN"])
        .assert_said(2, &["--channel"]);
    place
        .send(FAILED, &["--webhook-env", "HOOK", "--cards", "x"])
        .assert_said(2, &["--token-env"]);
    let arguments = ["--token-env", "TOKEN", "--channel", "two words"];
    place
        .send(FAILED, &arguments)
        .assert_said(2, &["--channel was not given", "neither an id nor a name"]);
    place
        .send(FAILED, &["--webhook-env", "HOOK", "--timeout", "soon"])
        .assert_said(2, &["--timeout"]);
}

#[test]
fn a_secret_given_in_place_of_a_channel_is_not_repeated() {
    let place = Place::new();
    for value in [
        "xoxb-hunter2",
        "xoxb-hunter2 https",
        "https://hooks.slack.com/services/hunter2",
    ] {
        place
            .send(FAILED, &["--token-env", "TOKEN", "--channel", value])
            .assert_said(2, &["--channel was not given", "hint: "]);
    }
    assert_eq!(place.stub.requests(), 0);
}

#[test]
fn no_time_at_all_is_refused() {
    let place = Place::new();
    for flag in ["--timeout", "--retry-budget"] {
        place
            .send(FAILED, &["--webhook-env", "HOOK", flag, "0s"])
            .assert_said(2, &[flag, "longer than nothing"]);
    }
    assert_eq!(place.stub.requests(), 0);
}
