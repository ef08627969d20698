//! Probing RabbitMQ: the greeting of AMQP 0-9-1, and the alarms of its management API.
//!
//! A broker that is out of memory or disk greets as ever and blocks whoever publishes. Only its management API tells:
//! `/api/health/checks/alarms` answers 503 while an alarm is in effect. Frames: <https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>,
//! sections 2.3 and 4.2.

use std::net::SocketAddr;

use serde::Deserialize;
use url::Url;

use crate::net::{Clock, Dialer, Endpoint, Stream, Trouble, read_more, send};
use crate::probe::Observation;
use crate::target::Target;
use crate::text;

const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";

/// Type, channel and length of a frame.
const FRAME_HEAD: usize = 7;

/// The longest greeting that is read. RabbitMQ's is some 500 bytes.
const FRAME_CAP: usize = 64 * 1024;

/// What each frame ends with.
const FRAME_END: u8 = 0xce;

/// `Connection.Start`: class 10, method 10, on channel 0, in a method frame.
const START: [u8; 4] = [0, 10, 0, 10];

/// Asks one address of a target.
pub(crate) async fn ask(
    dialer: &Dialer,
    target: &Target,
    address: SocketAddr,
    clock: &Clock,
) -> Result<Observation, Trouble> {
    let endpoint = Endpoint::of(&target.url)?;
    let mut stream = dialer.connect(&endpoint, address, clock).await?;
    send(&mut *stream, HEADER, clock).await?;
    greeting(&mut *stream, clock).await?;
    drop(stream);
    let up = Observation::up().body_status("Connection.Start");
    Ok(match &target.alarms {
        None => up.note(
            "greets; whether an alarm blocks whoever publishes was not asked, no management API is named",
        ),
        Some(url) => alarms(dialer, url, clock).await,
    }
    .latency(clock.elapsed()))
}

async fn greeting(stream: &mut dyn Stream, clock: &Clock) -> Result<(), Trouble> {
    let mut frame = Vec::new();
    loop {
        // A server of another version answers with the header of its own, and closes.
        if frame.len() >= 8 && frame.starts_with(b"AMQP") {
            let version = &frame[4..8];
            return Err(Trouble::broken(
                "answers, but speaks no AMQP 0-9-1",
                format!("it offers protocol {version:?}"),
            ));
        }
        if frame.len() >= FRAME_HEAD && !frame.starts_with(b"AMQP") {
            let length = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]);
            let whole = usize::try_from(length)
                .map_or(usize::MAX, |length| length.saturating_add(FRAME_HEAD + 1));
            let fits = (FRAME_HEAD + 5..=FRAME_CAP).contains(&whole);
            if !fits || !frame.starts_with(&[1, 0, 0]) {
                return Err(stranger(&frame));
            }
            if frame.len() >= whole {
                let is_start = frame[FRAME_HEAD..].starts_with(&START);
                return match is_start && frame[whole - 1] == FRAME_END {
                    true => Ok(()),
                    false => Err(stranger(&frame)),
                };
            }
        }
        read_more(stream, &mut frame, FRAME_CAP, clock).await?;
    }
}

fn stranger(bytes: &[u8]) -> Trouble {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
    Trouble::broken("answers, but not in AMQP", text::clean(&shown, 60))
}

#[derive(Deserialize)]
struct Check {
    status: Option<String>,
    #[serde(default)]
    alarms: Vec<Alarm>,
}

#[derive(Deserialize)]
struct Alarm {
    #[serde(default)]
    node: String,
    #[serde(default)]
    resource: String,
}

/// What the management API says of alarms.
async fn alarms(dialer: &Dialer, url: &Url, clock: &Clock) -> Observation {
    let (status, body) = match crate::http::get(dialer, url, clock).await {
        Ok(answer) => answer,
        Err(trouble) => {
            return Observation::unknown(format!(
                "greets, but whether it blocks publishers cannot be told: its management API {}",
                trouble.words(clock)
            ))
            .reached();
        }
    };
    read(status, &body).status(status)
}

fn read(status: u16, body: &[u8]) -> Observation {
    // A derived reader takes a list for a struct, field by field.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let check: Option<Check> = is_object
        .then(|| serde_json::from_slice(body).ok())
        .flatten();
    let word = check.as_ref().and_then(|check| check.status.clone());
    let word = text::clean(&word.unwrap_or_default(), 40);
    match (status, word.as_str()) {
        (200, "ok") => Observation::up().body_status(word),
        (_, "failed") => {
            let mut alarms: Vec<String> = check
                .map(|check| check.alarms)
                .unwrap_or_default()
                .iter()
                .take(5)
                .map(|alarm| text::clean(&format!("{} on {}", alarm.resource, alarm.node), 100))
                .collect();
            alarms.sort();
            Observation::down(format!(
                "greets, but blocks whoever publishes: an alarm is in effect ({})",
                match alarms.is_empty() {
                    true => "it does not say which".to_owned(),
                    false => alarms.join(", "),
                }
            ))
            .body_status(word)
        }
        (401 | 403, _) => Observation::unknown(format!(
            "greets, but its management API does not let itself be asked for alarms: it answers {status}"
        )),
        (404, _) => Observation::unknown(
            "greets, but there is no check of alarms where its management API should be: it answers 404",
        ),
        _ => Observation::unknown(format!(
            "greets, but its management API answers {status} to the question for alarms"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::State;

    #[test]
    fn an_alarm_is_named_and_no_other_answer_is_taken_for_none() {
        let failed = br#"{"status":"failed","reason":"There are alarms in effect in the cluster","alarms":[{"node":"rabbit@mq1","resource":"memory"}]}"#;
        assert_eq!(
            read(503, failed).state,
            State::Down {
                reason: "greets, but blocks whoever publishes: an alarm is in effect (memory on rabbit@mq1)"
                    .to_owned()
            }
        );
        assert_eq!(read(200, br#"{"status":"ok"}"#).state, State::Up);
        for (status, body) in [
            (200, "<html>"),
            (200, "{}"),
            (401, r#"{"error":"not_authorised"}"#),
            (404, ""),
            (503, ""),
            (302, ""),
        ] {
            let state = read(status, body.as_bytes()).state;
            assert!(matches!(state, State::Unknown { .. }), "{status} {body}");
        }
    }
}
