//! The result for other programs.

use serde_json::{Value, json};

use crate::run::{Ended, FAILED, Place};

#[test]
fn the_document_tells_each_channels_outcome() {
    let place = Place::new();
    let ended = place.send(
        FAILED,
        &[
            "--webhook-env",
            "HOOK",
            "--url-env",
            "DEAD",
            "--format",
            "json",
        ],
    );
    let document = ended.json();
    assert_eq!(
        (ended.code, &document["schema"], &document["report"]),
        (4, &json!(1), &json!("deployment-failed"))
    );
    assert_eq!(
        (&document["delivered"], &document["failed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(document["channels"][0]["outcome"], "delivered");
    assert_eq!(document["channels"][0]["attempts"], 1);
    assert_eq!(document["channels"][1]["outcome"], "refused");
    assert_eq!(document["channels"][1]["outcome_known"], true);
    assert!(document["channels"][1]["hint"].is_string());
}

#[test]
fn events_are_written_one_a_line() {
    let place = Place::new();
    for _ in 0..2 {
        place
            .send(
                FAILED,
                &["--webhook-env", "DEAD", "--events", "events.ndjson"],
            )
            .assert_said(1, &[]);
    }
    let text = std::fs::read_to_string(place.path().join("events.ndjson")).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["sending", "not-delivered", "sending", "not-delivered"]
    );
    assert!(!text.contains("hunter2"));
    place
        .send("{", &["--webhook-env", "HOOK", "--events", "events.ndjson"])
        .assert_said(2, &[]);
    let text = std::fs::read_to_string(place.path().join("events.ndjson")).unwrap();
    assert!(
        text.lines().last().unwrap().contains("\"failed\""),
        "{text}"
    );
}

#[test]
fn github_gets_the_names_and_the_code() {
    let place = Place::new();
    place.write("report.json", FAILED);
    let output = place
        .command(&[
            "send",
            "--report",
            "report.json",
            "--webhook-env",
            "HOOK",
            "--webhook-env",
            "DEAD",
        ])
        .env("GITHUB_OUTPUT", place.path().join("outputs"))
        .output()
        .unwrap();
    assert_eq!(Ended::of(output).code, 4);
    let text = std::fs::read_to_string(place.path().join("outputs")).unwrap();
    for part in [
        "delivered<<",
        "[\"slack\"]",
        "failed<<",
        "[\"slack-2\"]",
        "exit_code<<",
        "\n4\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn what_cannot_be_written_down_leaves_the_code_to_the_delivery() {
    let place = Place::new();
    place.write("report.json", FAILED);
    let run = |variable: &str, more: &[&str]| {
        let send = ["send", "--report", "report.json", "--webhook-env", variable];
        let mut command = place.command(&send);
        command
            .args(more)
            .env("GITHUB_OUTPUT", place.path().join("no/such/outputs"));
        Ended::of(command.output().unwrap())
    };
    let warning = "warning: cannot write to `";
    run("HOOK", &[]).assert_said(0, &[warning]);
    run("DEAD", &[]).assert_said(1, &[warning]);
    run("DEAD", &["--best-effort"]).assert_said(0, &[warning]);
    if cfg!(target_os = "linux") {
        let log = &["--events", "/dev/full"];
        let warning = "warning: the event log `/dev/full` is incomplete";
        run("HOOK", log).assert_said(0, &[warning]);
        run("DEAD", log).assert_said(1, &[warning]);
        place
            .send("{", &["--webhook-env", "HOOK", log[0], log[1]])
            .assert_said(2, &[warning]);
    }
    assert_eq!(place.stub.messages().len(), 2);
}

#[test]
fn a_dry_run_says_where_it_would_go_and_sends_nothing() {
    let place = Place::new();
    let arguments = [
        "--webhook-env",
        "HOOK",
        "--token-env",
        "TOKEN",
        "--channel",
        "C0DEPLOY",
        "--dry-run",
    ];
    let ended = place.send(FAILED, &arguments);
    ended.assert_said(0, &["Deployment to dev failed"]);
    assert_eq!(
        ended.stdout,
        "slack: would send deployment-failed to webhook http://127.0.0.1/[redacted]\n\
         slack-2: would send deployment-failed to C0DEPLOY, with the token in `TOKEN`\n"
    );
    let json = place
        .send(
            FAILED,
            &["--webhook-env", "HOOK", "--dry-run", "--format", "json"],
        )
        .json();
    assert_eq!(json["channels"][0]["outcome"], "planned");
    assert_eq!(place.stub.requests(), 0);
}

#[test]
fn stdout_is_a_channel() {
    let place = Place::new();
    let ended = place.send(FAILED, &["--stdout", "--quiet"]);
    assert!(
        ended
            .stdout
            .starts_with("Deployment to dev failed\n  Services: task-service\n"),
        "{ended:?}"
    );
    place
        .send(FAILED, &["--stdout", "--format", "json"])
        .assert_said(2, &["both want stdout"]);
}
