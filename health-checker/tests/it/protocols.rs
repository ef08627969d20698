//! The protocols besides HTTP, byte by byte.

use std::time::{Duration, Instant};

use health_checker::{
    Event, NetworkProbe, Observation, Options, Probe, State, Target, Verdict, check,
};

use crate::server::{Server, keep};
use crate::wire::Step::{Drip, Flood, Give, Reset, Take, Wait};
use crate::wire::{Step, Wire};

const PING: usize = 14;
const HELLO: usize = 52;

async fn ask(url: &str) -> Observation {
    let probe = NetworkProbe::new().try_timeout(Duration::from_millis(300));
    probe.probe(&url.parse().unwrap()).await
}

async fn converse(scheme: &str, steps: Vec<Step>) -> Observation {
    let server = Wire::start(steps).await;
    ask(&server.url(scheme)).await
}

fn reason(observation: &Observation) -> (&'static str, &str) {
    match &observation.state {
        State::Up => ("up", ""),
        State::Down { reason } => ("down", reason),
        State::Unknown { reason } => ("unknown", reason),
        _ => ("", ""),
    }
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn a_port_that_keeps_the_connection_is_up_and_one_that_drops_it_is_not() {
    assert_eq!(converse("tcp", vec![Wait]).await.state, State::Up);
    let banner = vec![Give(bytes("220 mail\r\n")), Wait];
    assert_eq!(converse("tcp", banner).await.state, State::Up);
    for (steps, words) in [
        (
            vec![],
            "accepts the connection and closes it at once, as a proxy does that has no server",
        ),
        (vec![Reset], "breaks the connection off"),
    ] {
        let observation = converse("tcp", steps).await;
        assert_eq!(reason(&observation), ("down", words));
        assert!(observation.error.is_some());
    }
}

#[tokio::test]
async fn redis_is_up_only_with_a_pong() {
    let answer = |text: &str| vec![Take(PING), Give(bytes(text)), Wait];
    let pong = converse("redis", answer("+PONG\r\n")).await;
    assert_eq!(
        (pong.state, pong.body_status.as_deref()),
        (State::Up, Some("PONG"))
    );
    let dripping = vec![Take(PING), Drip(bytes("+PONG\r\n")), Wait];
    assert_eq!(converse("redis", dripping).await.state, State::Up);
    for (text, status, words) in [
        (
            "-NOAUTH Authentication required.\r\n",
            "NOAUTH",
            "it wants a password",
        ),
        (
            "-LOADING Redis is loading the dataset in memory\r\n",
            "LOADING",
            "it loads its data",
        ),
        (
            "-MISCONF Redis is configured to save RDB snapshots\r\n",
            "MISCONF",
            "refuses writes",
        ),
        (
            "-MASTERDOWN Link with MASTER is down\r\n",
            "MASTERDOWN",
            "without its master",
        ),
        ("-ERR unknown command\r\n", "ERR", "it does not serve"),
    ] {
        let observation = converse("redis", answer(text)).await;
        let (state, why) = reason(&observation);
        assert_eq!(
            (state, observation.body_status.as_deref()),
            ("down", Some(status))
        );
        assert!(
            why.starts_with("answers PING with ") && why.contains(words),
            "{why}"
        );
        assert!(observation.error.is_some());
    }
    for steps in [
        answer("HTTP/1.1 400 Bad Request\r\n\r\n"),
        answer("+PINGPONG\r\n"),
        vec![Take(PING), Flood(b'x')],
    ] {
        let observation = converse("redis", steps).await;
        assert_eq!(
            reason(&observation),
            ("down", "answers, but not as Redis does")
        );
    }
    assert_eq!(
        reason(&converse("redis", vec![Take(PING)]).await),
        ("down", "closes the connection without an answer")
    );
    assert_eq!(
        reason(&converse("redis", vec![Take(PING), Give(bytes("+PO")), Wait]).await),
        (
            "down",
            "accepts the connection, but gives no answer within 300 ms"
        )
    );
}

#[tokio::test]
async fn redis_is_given_the_password_and_nobody_else_is() {
    let auth = "*2\r\n$4\r\nAUTH\r\n$7\r\nhunter2\r\n";
    let talk = |answer: &str| {
        vec![
            Take(auth.len()),
            Give(bytes(answer)),
            Take(PING),
            Give(bytes("+PONG\r\n")),
            Wait,
        ]
    };
    let server = Wire::start(talk("+OK\r\n")).await;
    let url = server.url("redis").replace("://", "://:hunter2@");
    assert_eq!(ask(&url).await.state, State::Up);
    assert_eq!(
        String::from_utf8(server.taken()).unwrap(),
        format!("{auth}*1\r\n$4\r\nPING\r\n")
    );
    let server = Wire::start(talk("-WRONGPASS invalid username-password pair\r\n")).await;
    let refused = ask(&server.url("redis").replace("://", "://:hunter2@")).await;
    assert_eq!(
        reason(&refused),
        (
            "unknown",
            "does not let itself be asked: it answers AUTH with WRONGPASS"
        )
    );
    assert!(!format!("{refused:?}").contains("hunter2"));
}

/// RabbitMQ's greeting, shortened.
fn start() -> Vec<u8> {
    let method = [
        &[0, 10, 0, 10, 0, 9][..],
        &[0, 0, 0, 0],
        &[0, 0, 0, 5],
        b"PLAIN",
        &[0, 0, 0, 5],
        b"en_US",
    ]
    .concat();
    let length = u32::try_from(method.len()).unwrap().to_be_bytes();
    [&[1, 0, 0][..], &length, &method, &[0xce]].concat()
}

#[tokio::test]
async fn amqp_is_up_with_its_greeting_alone() {
    let server = Wire::start([Take(8), Drip(start()), Wait]).await;
    assert_eq!(ask(&server.url("amqp")).await.state, State::Up);
    assert_eq!(server.taken(), b"AMQP\x00\x00\x09\x01");
    let mut no_end = start();
    *no_end.last_mut().unwrap() = 0;
    let mut close = start();
    close[10] = 50;
    let huge = [&[1, 0, 0][..], &[0xff; 4], &[0; 90]].concat();
    for (answer, words) in [
        (
            b"AMQP\x00\x01\x00\x00".to_vec(),
            "answers, but speaks no AMQP 0-9-1",
        ),
        (
            bytes("HTTP/1.1 400 Bad Request\r\n"),
            "answers, but not in AMQP",
        ),
        (no_end, "answers, but not in AMQP"),
        (close, "answers, but not in AMQP"),
        (huge, "answers, but not in AMQP"),
    ] {
        let observation = converse("amqp", vec![Take(8), Give(answer), Wait]).await;
        assert_eq!(reason(&observation), ("down", words));
    }
    let half = start()[..9].to_vec();
    assert_eq!(
        reason(&converse("amqp", vec![Take(8), Give(half)]).await),
        ("down", "closes the connection without an answer")
    );
}

#[tokio::test]
async fn a_broker_that_greets_and_has_an_alarm_is_down() {
    let broker = Wire::start([Take(8), Give(start()), Wait]).await;
    let alarm = r#"{"status":"failed","reason":"There are alarms","alarms":[{"node":"rabbit@mq","resource":"memory"}]}"#;
    for (status, body, expected) in [
        (200, r#"{"status":"ok"}"#, "up"),
        (503, alarm, "down"),
        (401, r#"{"error":"not_authorised"}"#, "unknown"),
        (200, "<html>", "unknown"),
    ] {
        let api = Server::start(move |_, _| keep(status, body)).await;
        let url = api.url("").replace("://", "://guest:hunter2@");
        let target: Target = broker.url("amqp").parse().unwrap();
        let target = target.alarms(url.parse().unwrap()).unwrap();
        let observation = NetworkProbe::new().probe(&target).await;
        assert_eq!(reason(&observation).0, expected, "{observation:?}");
        assert!(!format!("{observation:?} {target:?}").contains("hunter2"));
        let asked = &api.requests()[0];
        assert_eq!(asked.path, "/api/health/checks/alarms");
        assert!(
            asked
                .head
                .contains("authorization: Basic Z3Vlc3Q6aHVudGVyMg==")
        );
    }
}

/// An answer to `hello` with these elements.
fn hello(elements: &[&[u8]]) -> Vec<u8> {
    let elements = elements.concat();
    let document = [
        &u32::try_from(elements.len() + 5).unwrap().to_le_bytes()[..],
        &elements,
        &[0],
    ]
    .concat();
    let length = u32::try_from(document.len() + 21).unwrap();
    let mut message = Vec::new();
    for number in [length, 77, 1, 2013, 0] {
        message.extend(number.to_le_bytes());
    }
    message.push(0);
    message.extend(document);
    message
}

const OK: &[u8] = b"\x01ok\0\0\0\0\0\0\0\xf0\x3f";

#[tokio::test]
async fn mongodb_is_up_as_primary_or_secondary_and_says_which() {
    let version = b"\x03topologyVersion\0\x16\0\0\0\x12counter\0\0\0\0\0\0\0\0\0\0".as_slice();
    let primary = hello(&[b"\x08isWritablePrimary\0\x01", version, OK]);
    let secondary = hello(&[b"\x08isWritablePrimary\0\0", b"\x08secondary\0\x01", OK]);
    let server = Wire::start([Take(HELLO), Drip(primary), Wait]).await;
    let up = ask(&server.url("mongodb")).await;
    assert_eq!(
        (up.state, up.body_status.as_deref(), up.note),
        (State::Up, Some("primary"), None)
    );
    assert_eq!(server.taken().len(), HELLO);
    let up = converse("mongodb", vec![Take(HELLO), Give(secondary), Wait]).await;
    assert_eq!(
        (up.state, up.body_status.as_deref()),
        (State::Up, Some("secondary"))
    );
    assert!(up.note.unwrap().contains("isWritablePrimary"));
    let neither = hello(&[b"\x08isWritablePrimary\0\0", OK]);
    let refused = hello(&[b"\x01ok\0\0\0\0\0\0\0\0\0", b"\x02errmsg\0\x03\0\0\0no\0"]);
    let mut other_request = hello(&[OK]);
    other_request[8] = 9;
    for (answer, words) in [
        (neither, "neither primary nor secondary"),
        (refused, "answers hello with an error: no"),
        (other_request, "not as MongoDB does"),
        (
            bytes("It looks like you are trying to access MongoDB over HTTP"),
            "not as MongoDB does",
        ),
    ] {
        let observation = converse("mongodb", vec![Take(HELLO), Give(answer), Wait]).await;
        let (state, why) = reason(&observation);
        assert!(state == "down" && why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn silence_and_a_refused_connection_are_told_apart_in_each_protocol() {
    for scheme in ["redis", "amqp", "mongodb"] {
        let began = Instant::now();
        let silent = converse(scheme, vec![Wait, Wait]).await;
        assert_eq!(
            reason(&silent),
            (
                "down",
                "accepts the connection, but gives no answer within 300 ms"
            ),
            "{scheme}"
        );
        assert!(began.elapsed() < Duration::from_secs(2));
        let gone = Wire::start([]).await;
        let url = gone.url(scheme);
        drop(gone);
        tokio::task::yield_now().await;
        let refused = ask(&url).await;
        assert_eq!(reason(&refused).0, "unknown", "{scheme} {refused:?}");
        assert!(!refused.reached);
    }
}

#[tokio::test]
async fn consecutive_successes_are_connections_in_each_protocol() {
    let primary = hello(&[b"\x08isWritablePrimary\0\x01", OK]);
    for (scheme, steps) in [
        ("tcp", vec![Wait]),
        ("redis", vec![Take(PING), Give(bytes("+PONG\r\n")), Wait]),
        ("amqp", vec![Take(8), Give(start()), Wait]),
        ("mongodb", vec![Take(HELLO), Give(primary), Wait]),
    ] {
        let server = Wire::start(steps).await;
        let target = [server.url(scheme).parse().unwrap()];
        let options = Options::default()
            .interval(Duration::from_millis(5))
            .timeout(Duration::from_secs(30));
        let report = check(&NetworkProbe::new(), &target, &options, &|_: Event| {}).await;
        assert_eq!(report.verdict(), Some(Verdict::Healthy), "{scheme}");
        assert_eq!(
            (report.targets[0].probes, server.connections()),
            (3, 3),
            "{scheme}"
        );
    }
}
