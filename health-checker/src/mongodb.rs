//! Probing MongoDB with `hello`.
//!
//! The command needs no login. A member of a replica set says whether it is the writable primary or a secondary; one that
//! starts up or recovers is neither, and serves nobody. Wire format: <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>,
//! documents: <https://bsonspec.org/spec.html>.

mod bson;

use std::net::SocketAddr;

use crate::net::{Clock, Dialer, Endpoint, Stream, Trouble, read_more, send};
use crate::probe::Observation;
use crate::target::Target;
use crate::text;
use bson::Document;

/// `{hello: 1, $db: "admin"}` as an OP_MSG.
const HELLO: &[u8; 52] = b"\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\
    \x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";

/// Length, request, answered request and operation.
const HEAD: usize = 16;

/// The head, the flags, and the kind of the first section.
const BEFORE_DOCUMENT: usize = HEAD + 5;

/// The operation that `HELLO` is, and its answer.
const OP_MSG: u32 = 2013;

/// The longest answer that is read. Real ones are some 1,000 bytes.
const ANSWER_CAP: usize = 64 * 1024;

/// Asks one address of a target.
pub(crate) async fn ask(
    dialer: &Dialer,
    target: &Target,
    address: SocketAddr,
    clock: &Clock,
) -> Result<Observation, Trouble> {
    let endpoint = Endpoint::of(&target.url)?;
    let mut stream = dialer.connect(&endpoint, address, clock).await?;
    send(&mut *stream, HELLO, clock).await?;
    let answer = answer(&mut *stream, clock).await?;
    let document = Document::parse(&answer[BEFORE_DOCUMENT..]).ok_or_else(|| stranger(&answer))?;
    Ok(read(&document).latency(clock.elapsed()))
}

/// A whole answer.
async fn answer(stream: &mut dyn Stream, clock: &Clock) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.first_chunk::<HEAD>() {
            let number = |at: usize| {
                u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
            };
            let length = usize::try_from(number(0)).unwrap_or(usize::MAX);
            let fits = (BEFORE_DOCUMENT..=ANSWER_CAP).contains(&length);
            if !fits || number(12) != OP_MSG || number(8) != 1 {
                return Err(stranger(&bytes));
            }
            if bytes.len() >= length {
                bytes.truncate(length);
                // Section kind 0: the document of the answer.
                return match bytes[BEFORE_DOCUMENT - 1] {
                    0 => Ok(bytes),
                    _ => Err(stranger(&bytes)),
                };
            }
        }
        read_more(stream, &mut bytes, ANSWER_CAP, clock).await?;
    }
}

fn read(document: &Document) -> Observation {
    if !document.is_true("ok") {
        let message = document.text("errmsg").unwrap_or("it gives no reason");
        return Observation::down(format!(
            "answers hello with an error: {}",
            text::clean(message, 120)
        ));
    }
    if document.is_true("isWritablePrimary") || document.is_true("ismaster") {
        Observation::up().body_status("primary")
    } else if document.is_true("secondary") {
        Observation::up()
            .body_status("secondary")
            .note("is a secondary: isWritablePrimary is false, it serves reads only")
    } else {
        Observation::down(
            "answers hello, but is neither primary nor secondary: isWritablePrimary is false, it starts up or recovers",
        )
        .body_status("neither")
    }
}

fn stranger(bytes: &[u8]) -> Trouble {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
    Trouble::broken("answers, but not as MongoDB does", text::clean(&shown, 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::State;

    #[test]
    fn hello_is_the_document_that_it_should_be() {
        assert_eq!(HELLO[..4], 52_u32.to_le_bytes());
        assert_eq!(HELLO[12..16], OP_MSG.to_le_bytes());
        let document = Document::parse(&HELLO[BEFORE_DOCUMENT..]).unwrap();
        assert!(document.is_true("hello"));
        assert_eq!(document.text("$db"), Some("admin"));
    }

    #[test]
    fn a_member_that_is_neither_primary_nor_secondary_is_down() {
        let read = |elements: &[u8]| {
            let mut bytes = (u32::try_from(elements.len()).unwrap() + 5)
                .to_le_bytes()
                .to_vec();
            bytes.extend_from_slice(elements);
            bytes.push(0);
            read(&Document::parse(&bytes).unwrap())
        };
        let ok = b"\x01ok\0\0\0\0\0\0\0\xf0\x3f";
        let primary = [&b"\x08isWritablePrimary\0\x01"[..], ok].concat();
        assert_eq!(read(&primary).state, State::Up);
        let secondary = [&b"\x08isWritablePrimary\0\x00\x08secondary\0\x01"[..], ok].concat();
        assert_eq!(read(&secondary).body_status.as_deref(), Some("secondary"));
        let starting = [&b"\x08isWritablePrimary\0\x00"[..], ok].concat();
        assert!(matches!(read(&starting).state, State::Down { .. }));
        let refused = b"\x01ok\0\0\0\0\0\0\0\0\0\x02errmsg\0\x03\0\0\0no\0";
        assert_eq!(
            read(refused).state,
            State::Down {
                reason: "answers hello with an error: no".to_owned()
            }
        );
    }
}
