//! Commands and answers on the wire: a document in an OP_MSG.
//!
//! <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg>

use std::fmt;

use bson::{Bson, Document};

/// Length, request, answered request and operation.
const HEAD: usize = 16;
/// The head, the flags, and the kind of the first section.
const BEFORE_DOCUMENT: usize = HEAD + 5;
const OP_MSG: i32 = 2013;
const REQUEST: i32 = 1;
/// The longest message that is taken for one.
const MOST: usize = 64 * 1024;

/// A command as bytes.
pub(super) fn wrap(command: &Document) -> Vec<u8> {
    let document = command
        .to_vec()
        .expect("names without NUL and short texts are a document");
    let length = i32::try_from(BEFORE_DOCUMENT + document.len()).expect("commands are short");
    let mut bytes = Vec::new();
    for number in [length, REQUEST, 0, OP_MSG, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.push(0);
    bytes.extend(document);
    bytes
}

/// The answer at the beginning of `bytes` and how long it is, once all of it is there.
pub(super) fn unwrap(bytes: &[u8]) -> Result<Option<(Document, usize)>, &'static str> {
    const STRANGE: &str = "it does not speak its protocol";
    let Some(head) = bytes.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let number =
        |at: usize| i32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = usize::try_from(number(0)).map_err(|_| STRANGE)?;
    let fits = (BEFORE_DOCUMENT..=MOST).contains(&length);
    if !fits || number(8) != REQUEST || number(12) != OP_MSG {
        return Err(STRANGE);
    }
    let Some(message) = bytes.get(..length) else {
        return Ok(None);
    };
    // Section kind 0: the document of the answer.
    if message[BEFORE_DOCUMENT - 1] != 0 {
        return Err(STRANGE);
    }
    let document = Document::from_reader(&message[BEFORE_DOCUMENT..]).map_err(|_| STRANGE)?;
    Ok(Some((document, length)))
}

/// Why a command failed: the code and its name, not the text, which may repeat the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: Option<i64>,
    name: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "error {code}")?,
            None => f.write_str("an error without a code")?,
        }
        match self.name.as_str() {
            "" => Ok(()),
            name => write!(f, " ({name})"),
        }
    }
}

/// The failure that an answer tells, if it does.
pub(super) fn failure(answer: &Document) -> Option<Failure> {
    let is_ok = match answer.get("ok") {
        Some(Bson::Double(ok)) => *ok == 1.0,
        Some(Bson::Int32(ok)) => *ok == 1,
        Some(Bson::Int64(ok)) => *ok == 1,
        Some(Bson::Boolean(ok)) => *ok,
        _ => false,
    };
    let told = match answer.get_document("writeConcernError") {
        // It is done, and may be undone by another primary.
        Ok(error) if is_ok => error,
        _ if is_ok => return None,
        _ => answer,
    };
    let code = match told.get("code") {
        Some(Bson::Int32(code)) => Some(i64::from(*code)),
        Some(Bson::Int64(code)) => Some(*code),
        _ => None,
    };
    let name = told.get_str("codeName").unwrap_or_default();
    let is_name = name.len() <= 60 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Some(Failure {
        code,
        name: if is_name { name } else { "" }.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;
    use proptest::prelude::*;

    /// An answer as a server sends it.
    fn answer(document: &Document) -> Vec<u8> {
        let mut bytes = wrap(document);
        bytes[4..12].copy_from_slice(&[7, 0, 0, 0, 1, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_command_is_the_bytes_that_it_should_be() {
        // Written out by hand from the two specifications.
        let expected = b"\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\
            \x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";
        assert_eq!(wrap(&doc! {"hello": 1, "$db": "admin"}), expected);
    }

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let document = doc! {"ok": 1.0, "payload": "x"};
        let bytes = answer(&document);
        for end in 0..bytes.len() {
            assert_eq!(unwrap(&bytes[..end]), Ok(None));
        }
        let more = [&bytes[..], b"more"].concat();
        assert_eq!(unwrap(&more), Ok(Some((document, bytes.len()))));
    }

    #[test]
    fn what_is_another_protocol_is_told() {
        let whole = answer(&doc! {"ok": 1});
        for (at, byte) in [
            (3, 0x7f),
            (3, 0xff),
            (0, 3),
            (8, 2),
            (12, 1),
            (20, 1),
            (21, 1),
        ] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            assert!(unwrap(&bytes).is_err(), "{at}");
        }
        assert!(unwrap(b"HTTP/1.1 400 Bad Request\r\n").is_err());
    }

    #[test]
    fn a_failure_is_its_code_and_its_name_and_not_its_text() {
        assert_eq!(failure(&doc! {"ok": 1.0}), None);
        assert_eq!(failure(&doc! {"ok": 1_i64}), None);
        for (answer, expected) in [
            (
                doc! {"ok": 0.0, "errmsg": "pwd: hunter2", "code": 13, "codeName": "Unauthorized"},
                "error 13 (Unauthorized)",
            ),
            (
                doc! {"ok": 0, "codeName": "pwd: hunter2"},
                "an error without a code",
            ),
            (
                doc! {"ok": 1, "writeConcernError": {"code": 64, "codeName": "WriteConcernFailed"}},
                "error 64 (WriteConcernFailed)",
            ),
            (doc! {}, "an error without a code"),
        ] {
            assert_eq!(failure(&answer).unwrap().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = unwrap(&bytes);
            let mut bytes = bytes;
            bytes.resize(bytes.len().max(BEFORE_DOCUMENT), 0);
            let length = i32::try_from(bytes.len()).unwrap();
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            bytes[8..16].copy_from_slice(&[1, 0, 0, 0, 0xdd, 7, 0, 0]);
            bytes[20] = 0;
            let _ = unwrap(&bytes);
        }
    }
}
