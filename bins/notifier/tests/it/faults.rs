//! What goes wrong at Slack's side, and the exit code that says so.

use std::time::Duration;

use deploy_notifier::testing::SlackFault;

use crate::run::{FAILED, Place};

#[test]
fn a_report_that_arrived_is_zero_and_said_on_stderr_alone() {
    let place = Place::new();
    let ended = place.send(FAILED, &["--webhook-env", "HOOK"]);
    ended.assert_said(0, &["slack: delivered"]);
    assert_eq!(ended.stdout, "");
    let messages = place.stub.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(
        messages[0].body["text"],
        "Deployment to dev failed: task-service"
    );
    assert!(!messages[0].body.to_string().contains("<!channel>"));
    let quiet = place.send(FAILED, &["--webhook-env", "HOOK", "--quiet"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn a_report_is_taken_from_stdin_too() {
    let place = Place::new();
    let ended = place.pipe(FAILED, &["send", "--report", "-", "--webhook-env", "HOOK"]);
    ended.assert_said(0, &[]);
    assert_eq!(place.stub.messages().len(), 1);
}

#[test]
fn a_rate_limit_is_waited_out() {
    let place = Place::new();
    place.stub.fault(SlackFault::RateLimited(1));
    place
        .send(FAILED, &["--webhook-env", "HOOK"])
        .assert_said(0, &[]);
    assert_eq!((place.stub.requests(), place.stub.messages().len()), (2, 1));
}

#[test]
fn a_rate_limit_past_the_budget_is_three() {
    let place = Place::new();
    place.stub.fault(SlackFault::RateLimited(3600));
    let ended = place.send(FAILED, &["--webhook-env", "HOOK", "--retry-budget", "2s"]);
    ended.assert_said(3, &["rate limited", "3600 s", "hint: "]);
    assert_eq!(place.stub.requests(), 1);
}

#[test]
fn what_slack_refuses_for_good_is_one_with_a_remedy() {
    let place = Place::new();
    for (arguments, parts) in [
        (
            &["--webhook-env", "DEAD"][..],
            ["`no_service`", "make a new one"],
        ),
        (
            &["--token-env", "TOKEN", "--channel", "C0ARCHIVED"],
            ["`is_archived`", "unarchive"],
        ),
        (
            &["--token-env", "TOKEN", "--channel", "#nowhere"],
            ["`channel_not_found`", "gone"],
        ),
        (
            &["--token-env", "WRONG_TOKEN", "--channel", "C0DEPLOY"],
            ["`invalid_auth`", "token"],
        ),
    ] {
        let api = place.stub.api();
        let mut arguments = arguments.to_vec();
        if arguments[0] == "--token-env" {
            arguments.extend(["--slack-api", &api]);
        }
        place.send(FAILED, &arguments).assert_said(1, &parts);
    }
    assert_eq!((place.stub.requests(), place.stub.messages().len()), (4, 0));
}

#[test]
fn what_may_have_arrived_is_three_and_not_sent_again() {
    for fault in [
        SlackFault::Status {
            status: 500,
            kept: true,
        },
        SlackFault::Cut { kept: true },
        SlackFault::Slow(Duration::from_secs(2)),
    ] {
        let place = Place::new();
        place.stub.fault(fault);
        let ended = place.send(FAILED, &["--webhook-env", "HOOK", "--timeout", "500ms"]);
        ended.assert_said(
            3,
            &["may or may not have the message", "look into the channel"],
        );
        assert_eq!((place.stub.requests(), place.stub.messages().len()), (1, 1));
    }
}

#[test]
fn a_place_that_cannot_be_reached_is_three() {
    let place = Place::new();
    let gone = Place::new().stub.webhook();
    place.write("report.json", FAILED);
    let output = place
        .command(&[
            "send",
            "--report",
            "report.json",
            "--webhook-env",
            "GONE",
            "--retry-budget",
            "1s",
        ])
        .env("GONE", gone)
        .output()
        .unwrap();
    let ended = crate::run::Ended::of(output);
    ended.assert_said(3, &["could not be reached", "caused by: "]);
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_says_that_it_does_not_know() {
    use std::process::{Command, Stdio};
    let place = Place::new();
    place.write("report.json", FAILED);
    place.stub.fault(SlackFault::Slow(Duration::from_secs(8)));
    let child = place
        .command(&["send", "--report", "report.json", "--webhook-env", "HOOK"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while place.stub.requests() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let ended = crate::run::Ended::of(child.wait_with_output().unwrap());
    ended.assert_said(130, &["interrupted by SIGINT"]);
}

#[test]
fn some_of_several_is_four_and_each_is_told() {
    let place = Place::new();
    let arguments = [
        "--webhook-env",
        "HOOK",
        "--webhook-env",
        "DEAD",
        "--url-env",
        "PLAIN",
    ];
    let ended = place.send(FAILED, &arguments);
    ended.assert_said(
        4,
        &[
            "slack: delivered",
            "channel `slack-2` refused",
            "webhook: delivered",
        ],
    );
    assert_eq!(place.stub.messages().len(), 2);
}

#[test]
fn best_effort_says_what_went_wrong_and_ends_with_zero() {
    let place = Place::new();
    let ended = place.send(FAILED, &["--webhook-env", "DEAD", "--best-effort"]);
    ended.assert_said(0, &["warning: channel `slack` refused the message"]);
    place
        .send(FAILED, &["--webhook-env", "MISSING", "--best-effort"])
        .assert_said(2, &["`MISSING` is not set"]);
}

#[test]
fn a_webhook_of_ones_own_gets_the_report_itself() {
    let place = Place::new();
    place
        .send(FAILED, &["--url-env", "PLAIN"])
        .assert_said(0, &[]);
    let wanted: serde_json::Value = serde_json::from_str(FAILED).unwrap();
    let body = &place.stub.messages()[0].body;
    for key in ["event", "environment", "commit", "title"] {
        assert_eq!(body[key], wanted[key]);
    }
}
