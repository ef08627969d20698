//! The result for other programs.

use serde_json::Value;

use crate::run::{Ended, PATIENT, Place, QUICK};
use crate::server::{DOWN, Server, body};

const HEALTH: &str = "/actuator/health";

#[test]
fn github_gets_names_a_verdict_and_a_summary() {
    let place = Place::new();
    let (up, down) = (Server::up(), Server::start(|_, _| body(503, DOWN)));
    let urls = [
        format!("up={}", up.url(HEALTH)),
        format!("down={}", down.url(HEALTH)),
    ];
    let arguments = [&["check", &urls[0], &urls[1], "--quiet"], QUICK].concat();
    let output = place
        .command(&arguments)
        .env("GITHUB_OUTPUT", place.path().join("outputs"))
        .env("GITHUB_STEP_SUMMARY", place.path().join("summary"))
        .output()
        .unwrap();
    assert_eq!(Ended::of(output).code, 1);
    let outputs = place.read("outputs");
    for part in [
        "verdict<<",
        "\nunhealthy\n",
        "\n[\"up\"]\n",
        "\n[\"down\"]\n",
        "count<<",
        "exit_code<<",
        "\n1\n",
    ] {
        assert!(outputs.contains(part), "{part} in {outputs}");
    }
    let summary = place.read("summary");
    assert!(
        summary.contains("| down | ❌ unhealthy | answers 503 DOWN"),
        "{summary}"
    );
}

#[test]
fn junit_has_a_case_for_each_target() {
    let place = Place::new();
    let (up, down) = (Server::up(), Server::start(|_, _| body(503, DOWN)));
    let urls = [
        format!("up={}", up.url(HEALTH)),
        format!("down={}", down.url(HEALTH)),
    ];
    place
        .check(
            &[
                &urls[0],
                &urls[1],
                "tcp=tcp://127.0.0.1:1",
                "--junit",
                "report.xml",
            ],
            QUICK,
        )
        .assert_said(1, &[]);
    let xml = place.read("report.xml");
    assert!(
        xml.contains(r#"tests="3" failures="1" errors="1""#),
        "{xml}"
    );
    assert!(
        xml.contains(r#"<failure type="unhealthy" message="answers 503 DOWN"#),
        "{xml}"
    );
    place
        .check(&[&urls[0], "--junit", "no/such/report.xml"], PATIENT)
        .assert_said(3, &["cannot write the JUnit report"]);
}

#[test]
fn a_place_that_cannot_be_written_makes_no_bad_verdict_less_bad() {
    let place = Place::new();
    let down = Server::start(|_, _| body(503, DOWN));
    let url = down.url(HEALTH);
    for more in [
        ["--junit", "no/such/report.xml"],
        #[cfg(target_os = "linux")]
        ["--events", "/dev/full"],
    ] {
        let arguments = [&["check", &url], &more[..], QUICK].concat();
        let output = place
            .command(&arguments)
            .env("GITHUB_OUTPUT", place.path().join("outputs"))
            .output()
            .unwrap();
        let ended = Ended::of(output);
        assert_eq!(ended.code, 1, "{ended:#?}");
        let outputs = place.read("outputs");
        assert!(outputs.contains("exit_code<<"), "{outputs}");
        std::fs::remove_file(place.path().join("outputs")).unwrap();
    }
    let output = place
        .command(&[&["check", &url], QUICK].concat())
        .env("GITHUB_OUTPUT", "no/such/folder")
        .output()
        .unwrap();
    assert_eq!(Ended::of(output).code, 1);
}

#[test]
fn events_are_written_one_a_line() {
    let (place, server) = (Place::new(), Server::up());
    let url = format!("svc={}", server.url(HEALTH));
    place
        .check(&[&url, "--events", "events.ndjson"], PATIENT)
        .assert_said(0, &[]);
    let text = place.read("events.ndjson");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["probed", "probed", "probed", "target-finished"]);
    assert_eq!(events[2]["consecutive"], 3);
    assert_eq!(events[3]["verdict"], "healthy");
}

#[test]
fn a_target_that_goes_to_and_fro_does_not_fill_a_log() {
    let place = Place::new();
    let server = Server::start(|connection, _| match connection % 2 {
        0 => body(200, crate::server::UP),
        _ => body(503, DOWN),
    });
    let ended = place.check(&[&server.url(HEALTH)], QUICK);
    ended.assert_said(
        1,
        &["good, 1 of 3", "not yet: answers 503 DOWN", "unhealthy: "],
    );
    assert_eq!(ended.stderr.lines().count(), 3, "{ended:#?}");
}
