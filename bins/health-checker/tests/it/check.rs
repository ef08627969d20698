//! Verdicts, and the exit codes that go with them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::run::{PATIENT, Place, QUICK};
use crate::server::{DOWN, Server, UP, body};

const HEALTH: &str = "/actuator/health";

fn refusing() -> String {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    format!("gone=http://127.0.0.1:{port}{HEALTH}")
}

#[test]
fn three_successes_in_a_row_are_healthy() {
    let (place, server) = (Place::new(), Server::up());
    let url = format!("users={}", server.url(HEALTH));
    let ended = place.check(&[&url, "--format", "json"], PATIENT);
    assert_eq!(ended.code, 0, "{ended:#?}");
    let document = ended.json();
    let target = &document["targets"][0];
    assert_eq!(document["verdict"], "healthy");
    assert_eq!(target["name"], "users");
    assert_eq!(target["url"], server.url(HEALTH));
    assert_eq!(
        (
            &target["verdict"],
            &target["attempts"],
            &target["consecutive"]
        ),
        (&json!("healthy"), &json!(3), &json!(3))
    );
    assert_eq!(
        (&target["last"]["status"], &target["last"]["body_status"]),
        (&json!(200), &json!("UP"))
    );
    assert!(target["last"]["latency_ms"].is_u64() && target["last"]["error"].is_null());
    assert!(target["revision"].is_null());
    assert_eq!(server.heads().len(), 3);
    let human = place.check(&[&url, "--quiet"], PATIENT);
    assert_eq!(human.stderr, "");
    assert!(
        human
            .stdout
            .starts_with("healthy       users  3 in a row, the last in "),
        "{human:?}"
    );
}

#[test]
fn the_worst_verdict_is_the_exit_code() {
    let place = Place::new();
    let (up, down) = (Server::up(), Server::start(|_, _| body(200, DOWN)));
    let (up, down, gone) = (
        format!("up={}", up.url(HEALTH)),
        format!("down={}", down.url(HEALTH)),
        refusing(),
    );
    let ended = place.check(&[&up, &down, &gone], QUICK);
    ended.assert_said(1, &["unhealthy: answers 200 DOWN"]);
    let verdicts: Vec<&str> = ended
        .stdout
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(verdicts, ["healthy", "unhealthy", "inconclusive"]);
    place
        .check(&[&up, &gone], QUICK)
        .assert_said(3, &["refuses the connection"]);
    place.check(&[&up], QUICK).assert_said(0, &[]);
}

#[test]
fn what_is_on_a_good_way_when_the_time_is_up_is_undecided() {
    let (place, server) = (Place::new(), Server::up());
    let ended = place.check(
        &[
            &server.url(HEALTH),
            "--successes",
            "1000",
            "--format",
            "json",
        ],
        QUICK,
    );
    assert_eq!(ended.code, 8, "{ended:#?}");
    assert_eq!(ended.json()["targets"][0]["verdict"], "inconclusive");
    let late = place.check(&[&server.url(HEALTH), "--dwell", "1h"], QUICK);
    late.assert_said(8, &["of the 3600 s that it must last"]);
}

#[test]
fn the_deadline_holds_with_servers_that_hang() {
    let (place, hung) = (Place::new(), Server::start(|_, _| None));
    let began = Instant::now();
    let ended = place.check(
        &[&hung.url(HEALTH)],
        &["--timeout", "1s", "--try-timeout", "10s"],
    );
    let took = began.elapsed();
    ended.assert_said(1, &["gives no answer within"]);
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert!(took < Duration::from_millis(1600), "{took:?}");
}

#[test]
fn other_protocols_are_told_by_their_scheme() {
    let (place, server) = (Place::new(), Server::up());
    let at = |scheme: &str| format!("{scheme}://127.0.0.1:{}", server.port());
    place.check(&[&at("tcp")], PATIENT).assert_said(0, &[]);
    for scheme in ["redis", "amqp", "mongodb"] {
        let ended = place.check(
            &[&at(scheme)],
            &[
                "--timeout",
                "300ms",
                "--interval",
                "10ms",
                "--try-timeout",
                "100ms",
            ],
        );
        assert_eq!(ended.code, 1, "an HTTP server is no {scheme}: {ended:#?}");
    }
    place
        .check(&["postgres://h:5432/"], &[])
        .assert_said(2, &["`postgres` URLs cannot be probed", "tcp, redis"]);
    place
        .check(&["tcp://h"], &[])
        .assert_said(2, &["tcp://host:5432"]);
}

#[test]
fn a_name_can_be_given_its_addresses() {
    let (place, server) = (Place::new(), Server::up());
    let url = format!("http://shop.example.com:{}{HEALTH}", server.port());
    place
        .check(&[&url, "--resolve", "shop.example.com=127.0.0.1"], PATIENT)
        .assert_said(0, &[]);
    assert!(server.heads()[0].contains("host: shop.example.com:"));
    let both = [
        "--resolve",
        "shop.example.com=127.0.0.1",
        "--resolve",
        "shop.example.com=127.0.0.99",
    ];
    let ended = place.check(&[&[url.as_str()], &both[..]].concat(), QUICK);
    ended.assert_said(1, &["one of 2 addresses"]);
    place
        .check(&["http://h/", "--resolve", "nonsense"], &[])
        .assert_said(2, &["shop.example.com=10.0.0.7"]);
}

#[test]
fn localhost_on_one_kind_of_address_is_healthy() {
    let (place, server) = (Place::new(), Server::up());
    let url = format!("http://localhost:{}{HEALTH}", server.port());
    let resolve = [
        "--resolve",
        "localhost=127.0.0.1",
        "--resolve",
        "localhost=::1",
    ];
    let ended = place.check(&[&[url.as_str()], &resolve[..]].concat(), PATIENT);
    ended.assert_said(0, &[]);
    assert!(
        ended
            .stdout
            .contains("one way to it is closed: it cannot be reached"),
        "{ended:?}"
    );
}

#[test]
fn an_interrupt_ends_it_at_once_and_says_how_far_it_came() {
    let (place, up, hung) = (Place::new(), Server::up(), Server::start(|_, _| None));
    let urls = [
        format!("up={}", up.url(HEALTH)),
        format!("hung={}", hung.url(HEALTH)),
    ];
    let mut command = place.command(&["check", &urls[0], &urls[1], "--interval", "10ms"]);
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while up.heads().len() < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let ended = crate::run::Ended::of(child.wait_with_output().unwrap());
    ended.assert_said(
        130,
        &[
            "interrupted by SIGINT",
            "1 of 2 targets healthy, 1 undecided",
        ],
    );
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let (place, server) = (Place::new(), Server::up());
    let mut child = place
        .command(&[
            "check",
            &server.url(HEALTH),
            "--interval",
            "50ms",
            "--format",
            "json",
        ])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(UP.contains("UP"));
}
