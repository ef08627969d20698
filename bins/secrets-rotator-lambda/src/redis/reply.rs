//! As much of Redis' protocol as commands of words and their answers take.

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Text(String),
    /// The code of an error, which is its first word; the rest may repeat what was asked, and with it a password.
    Error(String),
    Number,
    /// The texts of a list; what is none is left empty.
    List(Vec<String>),
    Nothing,
}

/// The codes that are told. Another first word might be anything.
const CODES: [&str; 10] = [
    "DENIED",
    "ERR",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "READONLY",
    "WRONGPASS",
    "WRONGTYPE",
];

/// Lists in lists are no answers to what is asked here.
const DEPTH: u8 = 2;

/// A command.
pub(super) fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}

impl Reply {
    /// The answer at the beginning of `bytes` and how long it is, once all of it is there.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, &'static str> {
        let mut at = 0;
        let reply = parse(bytes, &mut at, DEPTH)?;
        Ok(reply.map(|reply| (reply, at)))
    }

    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            _ => String::new(),
        }
    }
}

fn parse(bytes: &[u8], at: &mut usize, depth: u8) -> Result<Option<Reply>, &'static str> {
    const STRANGE: &str = "it does not speak its protocol";
    let rest = &bytes[*at..];
    let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
        return match rest.first() {
            None | Some(b'+' | b'-' | b':' | b'$' | b'*') => Ok(None),
            Some(_) => Err(STRANGE),
        };
    };
    let line = std::str::from_utf8(&rest[..end]).map_err(|_| STRANGE)?;
    let (kind, line) = line.split_at_checked(1).ok_or(STRANGE)?;
    *at += end + 2;
    Ok(Some(match kind {
        "+" => Reply::Text(line.to_owned()),
        "-" => {
            let word = line.split(' ').next().unwrap_or_default();
            let known = CODES.iter().find(|code| **code == word);
            Reply::Error((*known.unwrap_or(&"another error")).to_owned())
        }
        ":" => Reply::Number,
        "$" if line == "-1" => Reply::Nothing,
        "$" => {
            let length: usize = line.parse().map_err(|_| STRANGE)?;
            let rest = &bytes[*at..];
            let whole = length.checked_add(2).ok_or(STRANGE)?;
            if rest.len() < whole {
                return Ok(None);
            }
            if &rest[length..whole] != b"\r\n" {
                return Err(STRANGE);
            }
            *at += whole;
            Reply::Text(String::from_utf8_lossy(&rest[..length]).into_owned())
        }
        "*" if line == "-1" => Reply::Nothing,
        "*" => {
            let count: usize = line.parse().map_err(|_| STRANGE)?;
            let depth = depth.checked_sub(1).ok_or(STRANGE)?;
            let mut list = Vec::new();
            for _ in 0..count {
                match parse(bytes, at, depth)? {
                    Some(reply) => list.push(reply.into_text()),
                    None => return Ok(None),
                }
            }
            Reply::List(list)
        }
        _ => return Err(STRANGE),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> Reply {
        let (reply, length) = Reply::parse(bytes).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        reply
    }

    #[test]
    fn every_kind_of_answer_is_read() {
        assert_eq!(whole(b"+OK\r\n"), Reply::Text("OK".into()));
        assert_eq!(whole(b":7\r\n"), Reply::Number);
        assert_eq!(whole(b"$-1\r\n"), Reply::Nothing);
        assert_eq!(whole(b"$4\r\na\r\nb\r\n"), Reply::Text("a\r\nb".into()));
        let list = whole(b"*3\r\n$7\r\naclfile\r\n$0\r\n\r\n:1\r\n");
        assert_eq!(
            list,
            Reply::List(vec!["aclfile".into(), String::new(), String::new()])
        );
    }

    #[test]
    fn an_error_is_its_code_alone() {
        assert_eq!(
            whole(b"-WRONGPASS hunter2 is wrong\r\n"),
            Reply::Error("WRONGPASS".into())
        );
        assert_eq!(
            whole(b"-hunter2 is wrong\r\n"),
            Reply::Error("another error".into())
        );
    }

    #[test]
    fn what_is_another_protocol_is_told_at_once() {
        for bytes in [
            &b"HTTP/1.1 400"[..],
            b"\x15\x03\x01",
            b"$x\r\n",
            b"$1\r\nabc\r\n",
            b"*1\r\n*1\r\n*1\r\n:1\r\n",
        ] {
            assert!(Reply::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic_and_no_beginning_is_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[ -~]{0,20}") {
            let _ = Reply::parse(&bytes);
            let _ = Reply::parse(&[&b"*"[..], &bytes].concat());
            let answer = command(&[&text, "x"]);
            for end in 0..answer.len() {
                prop_assert_eq!(Reply::parse(&answer[..end]), Ok(None));
            }
            prop_assert_eq!(whole(&answer), Reply::List(vec![text, "x".into()]));
        }
    }
}
