//! What a good answer is.

use serde_json::json;

use crate::run::{PATIENT, Place, QUICK};
use crate::server::{Server, UP, body};

const HEALTH: &str = "/actuator/health";
const NEW: &str = "abc1234def5678";
const OLD: &str = "9ab01cd5e1f2a3";

/// A service behind a balancer that gives connections to these builds in turn. The server closes each, so the build is
/// asked for over the next but one.
fn builds(builds: &'static [&'static str]) -> Server {
    Server::start(move |connection, path| match path {
        HEALTH => body(200, UP),
        _ => body(
            200,
            &json!({"git": {"commit": {"id": builds[connection / 2 % builds.len()]}}}).to_string(),
        ),
    })
}

#[test]
fn only_the_new_build_is_healthy() {
    let place = Place::new();
    let new = builds(&[NEW]);
    let ended = place.check(
        &[
            &new.url(HEALTH),
            "--expect-revision",
            "abc1234",
            "--format",
            "json",
        ],
        PATIENT,
    );
    assert_eq!(ended.code, 0, "{ended:#?}");
    assert_eq!(ended.json()["targets"][0]["revision"], NEW);
    let old = builds(&[OLD]);
    let ended = place.check(
        &[
            &old.url(HEALTH),
            "--expect-revision",
            "abc1234",
            "--format",
            "json",
        ],
        QUICK,
    );
    ended.assert_said(
        1,
        &[
            "not yet: another build answers: 9ab01cd",
            "only the old build answers",
        ],
    );
    assert_eq!(ended.json()["targets"][0]["verdict"], "stale");
    let both = builds(&[OLD, NEW]);
    let ended = place.check(
        &[
            &both.url(HEALTH),
            "--expect-revision",
            "abc1234",
            "--format",
            "json",
        ],
        QUICK,
    );
    ended.assert_said(1, &["both builds still answer"]);
    let target = &ended.json()["targets"][0];
    assert_eq!(target["verdict"], "stale");
    assert!(target["consecutive"].as_u64().unwrap() < 3, "{target}");
    assert!(
        target["seen"]["new"].as_u64().unwrap() > 0 && target["seen"]["old"].as_u64().unwrap() > 0
    );
    place
        .check(&[&new.url(HEALTH), "--expect-revision", "main"], &[])
        .assert_said(2, &["7 to 64 hexadecimal digits"]);
}

#[test]
fn a_build_that_is_not_named_is_inconclusive() {
    let (place, server) = (
        Place::new(),
        Server::start(|_, path| match path {
            HEALTH => body(200, UP),
            _ => body(404, "{}"),
        }),
    );
    place
        .check(
            &[&server.url(HEALTH), "--expect-revision", "abc1234"],
            QUICK,
        )
        .assert_said(3, &["management.endpoints.web.exposure.include"]);
    place
        .check(
            &[
                &server.url(HEALTH),
                "--expect-revision",
                "abc1234",
                "--revision-header",
                "X-Rev",
            ],
            QUICK,
        )
        .assert_said(3, &["has no header `X-Rev`"]);
}

#[test]
fn a_page_is_good_only_where_any_2xx_is() {
    let (place, server) = (Place::new(), Server::start(|_, _| body(200, "<html>login")));
    place
        .check(&[&server.url("/")], QUICK)
        .assert_said(1, &["an HTML page"]);
    place
        .check(&[&server.url("/"), "--plain"], PATIENT)
        .assert_said(0, &[]);
    place
        .check(
            &[
                &server.url("/"),
                "--plain",
                "--canary-path",
                "/no-such-page",
            ],
            QUICK,
        )
        .assert_said(1, &["something answers whatever it is asked"]);
    place
        .check(&[&server.url("/"), "--canary-path", "no-such-page"], QUICK)
        .assert_said(2, &["`no-such-page` is not a path"]);
}

#[test]
fn unknown_and_components_are_as_strict_as_they_are_told_to_be() {
    let answer =
        r#"{"status":"UNKNOWN","components":{"db":{"status":"UP"},"mail":{"status":"FATAL"}}}"#;
    let (place, server) = (Place::new(), Server::start(move |_, _| body(200, answer)));
    let url = server.url(HEALTH);
    place
        .check(&[&url], QUICK)
        .assert_said(1, &["answers 200 UNKNOWN"]);
    let ended = place.check(
        &[&url, "--accept-unknown", "--require-component", "db"],
        PATIENT,
    );
    ended.assert_said(0, &[]);
    assert!(
        ended
            .stdout
            .contains("though not all of its components are: mail"),
        "{ended:?}"
    );
    place
        .check(
            &[&url, "--accept-unknown", "--require-component", "mail"],
            QUICK,
        )
        .assert_said(1, &["its component `mail` is FATAL"]);
}

#[test]
fn an_answer_above_the_ceiling_is_none() {
    let (place, server) = (
        Place::new(),
        Server::start(|_, _| {
            std::thread::sleep(std::time::Duration::from_millis(40));
            body(200, UP)
        }),
    );
    place
        .check(&[&server.url(HEALTH), "--latency-ceiling", "20ms"], QUICK)
        .assert_said(
            1,
            &["not yet: is up, but took", "more than the 20 ms allowed"],
        );
}

#[test]
fn secrets_come_from_the_environment_and_are_never_shown() {
    let (place, server) = (Place::new(), Server::up());
    let url = server.url(HEALTH).replace("://", "://app@");
    let ended = place.check(
        &[
            &url,
            "--password-env",
            "SECRET",
            "--header-env",
            "X-Key=SECRET",
            "--header",
            "X-Env: dev",
            "--format",
            "json",
            "--events",
            "events",
            "--junit",
            "j.xml",
            "-vv",
        ],
        PATIENT,
    );
    assert_eq!(ended.code, 0, "{ended:#?}");
    let head = &server.heads()[0];
    for part in [
        "authorization: Basic YXBwOmh1bnRlcjI=",
        "x-key: hunter2",
        "x-env: dev",
    ] {
        assert!(head.contains(part), "{part} in {head}");
    }
    assert!(!(place.read("events") + &place.read("j.xml")).contains("hunter2"));
    assert!(!ended.stdout.contains("app@"));
    for (arguments, part) in [
        (["--password-env", "NO_SUCH"], "`NO_SUCH` is not set"),
        (["--header-env", "SECRET"], "names no variable"),
        (["--header", "X-Key hunter2"], "has no colon"),
        (["--header", "X-Key: a\nhunter2"], "cannot be sent"),
        (["--alarms-url", "http://u:hunter2@:x"], "is not a URL"),
    ] {
        let broker = ["amqp://127.0.0.1:9"];
        place
            .check(&[&broker[..], &arguments].concat(), QUICK)
            .assert_said(2, &[part]);
    }
}

#[test]
fn a_component_that_is_down_is_accepted_only_where_it_is_said() {
    let answer = r#"{"status":"UP","components":{"db":{"status":"DOWN"}}}"#;
    let (place, server) = (Place::new(), Server::start(move |_, _| body(200, answer)));
    let url = server.url(HEALTH);
    place
        .check(&[&url], QUICK)
        .assert_said(1, &["is UP as a whole, but its component `db` is DOWN"]);
    place
        .check(&[&url, "--accept-down-components"], PATIENT)
        .assert_said(0, &[]);
}
