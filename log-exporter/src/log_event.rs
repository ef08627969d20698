//! An event of a log, its identity, and its line in the archive.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// An event as CloudWatch Logs tells it. Its identity is the stream with the id: an id can repeat in another stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogEvent {
    /// When it happened, in milliseconds since 1970.
    pub timestamp: i64,
    /// When CloudWatch Logs received it.
    pub ingestion: i64,
    /// The stream.
    pub stream: String,
    /// The id, unique within the stream.
    pub id: String,
    /// The text. CloudWatch Logs keeps UTF-8 only: other bytes were replaced when it received them.
    pub message: String,
}

/// A line of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line<'a> {
    /// When it happened, in milliseconds since 1970.
    pub timestamp: i64,
    /// When CloudWatch Logs received it.
    pub ingestion_time: i64,
    /// The stream.
    #[serde(borrow)]
    pub stream: Cow<'a, str>,
    /// The id, unique within the stream.
    #[serde(borrow)]
    pub event_id: Cow<'a, str>,
    /// The text.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
}

impl<'a> Line<'a> {
    /// Reads a line of the archive.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// Adds it to `out`, with its end.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut *out, self)?;
        out.push(b'\n');
        Ok(())
    }
}

/// A digest of a set of events by their identities, whatever their order: the sum of each one's SHA-256, in four lanes of 64
/// bits. It finds what is lost or added by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct IdDigest([u64; 4]);

impl IdDigest {
    /// Adds an event.
    pub fn add(&mut self, stream: &[u8], id: &[u8]) {
        let mut hasher = Sha256::new();
        hasher.update((stream.len() as u64).to_le_bytes());
        hasher.update(stream);
        hasher.update(id);
        let hash = hasher.finalize();
        for (lane, bytes) in self.0.iter_mut().zip(hash.chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            *lane = lane.wrapping_add(u64::from_le_bytes(word));
        }
    }

    /// The digest of two sets that have nothing in common, together.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        for (lane, more) in self.0.iter_mut().zip(other.0) {
            *lane = lane.wrapping_add(more);
        }
        self
    }
}

impl fmt::Display for IdDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|lane| write!(f, "{lane:016x}"))
    }
}

impl Serialize for IdDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut lanes = [0; 4];
        if text.len() != 64 || !text.is_ascii() {
            return Err(serde::de::Error::custom(
                "a digest has 64 hexadecimal digits",
            ));
        }
        for (index, lane) in lanes.iter_mut().enumerate() {
            *lane = u64::from_str_radix(&text[index * 16..index * 16 + 16], 16)
                .map_err(serde::de::Error::custom)?;
        }
        Ok(Self(lanes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_knows_no_order_and_tells_streams_from_ids() {
        let of = |pairs: &[(&str, &str)]| {
            let mut digest = IdDigest::default();
            for (stream, id) in pairs {
                digest.add(stream.as_bytes(), id.as_bytes());
            }
            digest
        };
        assert_eq!(of(&[("a", "1"), ("b", "2")]), of(&[("b", "2"), ("a", "1")]));
        assert_eq!(
            of(&[("a", "1")]).with(of(&[("b", "2")])),
            of(&[("a", "1"), ("b", "2")])
        );
        assert_ne!(of(&[("ab", "c")]), of(&[("a", "bc")]));
        assert_ne!(of(&[("a", "1")]), of(&[("a", "1"), ("a", "1")]));
        let digest = of(&[("a", "1")]);
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<IdDigest>(&text).unwrap(), digest);
    }
}
