//! Probing Redis with `PING`.
//!
//! A Redis that loads its data, refuses writes because it cannot save them, or is a replica without its master accepts
//! connections all the same; it answers `PING` with an error. Protocol: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use std::net::SocketAddr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::net::{Clock, Dialer, Endpoint, Stream, Trouble, read_more, send};
use crate::probe::Observation;
use crate::target::Target;
use crate::text;

/// What errors that answer `AUTH` begin with. Another first word might be the password.
const CODES: [&str; 9] = [
    "DENIED",
    "ERR",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "WRONGPASS",
    "WRONGTYPE",
];

/// The longest line that is read. Errors are sentences.
const LINE_CAP: usize = 1024;

/// Asks one address of a target.
pub(crate) async fn ask(
    dialer: &Dialer,
    target: &Target,
    address: SocketAddr,
    clock: &Clock,
) -> Result<Observation, Trouble> {
    let endpoint = Endpoint::of(&target.url)?;
    let mut stream = dialer.connect(&endpoint, address, clock).await?;
    let mut buffer = Vec::new();
    if let Some(command) = auth(&target.url) {
        send(&mut *stream, &command, clock).await?;
        let line = line(&mut *stream, &mut buffer, clock).await?;
        if let Some(error) = line.strip_prefix('-') {
            return Ok(not_let_in(error).latency(clock.elapsed()));
        }
        if line != "+OK" {
            return Err(stranger("another answer to AUTH than OK"));
        }
    }
    send(&mut *stream, &command(&[b"PING"]), clock).await?;
    let line = line(&mut *stream, &mut buffer, clock).await?;
    let observation = match (line.as_str(), line.strip_prefix('-')) {
        ("+PONG", _) => Observation::up().body_status("PONG"),
        (_, Some(error)) => failed(error),
        _ => return Err(stranger(&line)),
    };
    Ok(observation.latency(clock.elapsed()))
}

/// `AUTH` with what the URL holds, if it holds something.
fn auth(url: &Url) -> Option<Vec<u8>> {
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let (user, password) = (decoded(url.username()), url.password().map(decoded));
    match (user.is_empty(), password) {
        (true, None) => None,
        (true, Some(password)) => Some(command(&[b"AUTH", &password])),
        (false, password) => Some(command(&[b"AUTH", &user, &password.unwrap_or_default()])),
    }
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The next line, without its end.
async fn line(
    stream: &mut dyn Stream,
    buffer: &mut Vec<u8>,
    clock: &Clock,
) -> Result<String, Trouble> {
    loop {
        if let Some(end) = buffer.windows(2).position(|two| two == b"\r\n") {
            let line = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.drain(..end + 2);
            return Ok(line);
        }
        if buffer.len() >= LINE_CAP {
            return Err(stranger(&String::from_utf8_lossy(buffer)));
        }
        read_more(stream, buffer, LINE_CAP, clock).await?;
    }
}

/// The code that an error begins with: `NOAUTH`.
fn code(error: &str) -> String {
    text::clean(error.split(' ').next().unwrap_or_default(), 40)
}

fn failed(error: &str) -> Observation {
    let code = code(error);
    let what = match code.as_str() {
        "NOAUTH" => "it wants a password; put it into the URL, or name the variable that holds it",
        "LOADING" => "it loads its data",
        "MISCONF" => "it cannot save its data and refuses writes",
        "MASTERDOWN" => "it is a replica without its master",
        "DENIED" => "it is in protected mode and takes connections from its own machine only",
        _ => "it does not serve",
    };
    Observation::down(format!("answers PING with {code}: {what}"))
        .body_status(code)
        .error(text::clean(error, 300))
}

/// The credentials are wrong, which says nothing about the server. Only the code of the error is told: servers and proxies
/// have been seen to repeat the command, and with it the password.
fn not_let_in(error: &str) -> Observation {
    let word = error.split(' ').next().unwrap_or_default();
    let is_code = CODES.contains(&word);
    let code = if is_code { word } else { "an error" };
    if matches!(code, "LOADING" | "MISCONF" | "MASTERDOWN" | "DENIED") {
        return failed(code);
    }
    let observation = Observation::unknown(format!(
        "does not let itself be asked: it answers AUTH with {code}"
    ))
    .reached();
    match is_code {
        true => observation.body_status(code),
        false => observation,
    }
}

fn stranger(line: &str) -> Trouble {
    Trouble::broken("answers, but not as Redis does", text::clean(line, 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_repeats_the_password_does_not_make_it_known() {
        for error in [
            "ERR AUTH hunter2 called without a password",
            "hunter2 is wrong",
            "WRONGPASS hunter2",
            "LOADING hunter2",
        ] {
            let shown = format!("{:?}", not_let_in(error));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn passwords_are_sent_decoded_and_alone_or_with_a_user() {
        let auth =
            |url: &str| auth(&url.parse().unwrap()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(auth("redis://h"), None);
        assert_eq!(
            auth("redis://:p%40ss@h").unwrap(),
            "*2\r\n$4\r\nAUTH\r\n$4\r\np@ss\r\n"
        );
        assert_eq!(
            auth("redis://app:x@h").unwrap(),
            "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$1\r\nx\r\n"
        );
    }
}
