//! Manifests: what of an archive counts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::archive::Sha256;
use crate::{Compression, IdDigest, Millis, PartFormat, Place, Span, Sweep, Window};

/// The version of the manifests' form.
pub const SCHEMA: u32 = 1;

/// A part that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartRecord {
    /// Where it is.
    pub key: String,
    /// Its size as it is stored.
    pub bytes: u64,
    /// Its size before compression: of its lines, or of its columns' values.
    pub raw_bytes: u64,
    /// Its events.
    pub events: u64,
    /// The digest of what is stored.
    pub sha256: Sha256,
    /// The timestamp of its first event.
    pub first: Millis,
    /// The timestamp of its last event.
    pub last: Millis,
}

/// What one reading added to a window. The manifests of a window are numbered without a gap; each was made with all earlier
/// ones in view and says nothing of what they have. Writing it is the commit: readers trust nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The form of this document.
    pub schema: u32,
    /// The group.
    #[serde(flatten)]
    pub place: Place,
    /// The hour.
    pub window: Window,
    /// Its number among the manifests of the window, from 0.
    pub sequence: u32,
    /// Which reading it was.
    pub sweep: Sweep,
    /// What of the window was read.
    pub span: Span,
    /// When reading began: what came later may be missing.
    pub read_at: Millis,
    /// Events in the parts.
    pub events: u64,
    /// Their size before compression: of lines, or of the columns' values.
    pub raw_bytes: u64,
    /// The digest of the events' identities.
    pub ids: IdDigest,
    /// How parts hold their events.
    #[serde(default, skip_serializing_if = "PartFormat::is_ndjson")]
    pub format: PartFormat,
    /// How parts are compressed.
    pub compression: Compression,
    /// Why not all could be read, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<String>,
    /// The parts, in order.
    pub parts: Vec<PartRecord>,
    /// Events by stream.
    pub streams: BTreeMap<String, u64>,
    /// What wrote it.
    pub writer: String,
}

impl Manifest {
    /// The document's bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("it has text keys only");
        bytes.push(b'\n');
        bytes
    }

    /// Reads a document, which has to be of this place, window and number.
    pub(crate) fn parse(
        bytes: &[u8],
        place: &Place,
        window: Window,
        sequence: u32,
    ) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("it is not a manifest: {error}"))?;
        if manifest.schema != SCHEMA {
            return Err(format!(
                "it has the form {}, and this program knows {SCHEMA}",
                manifest.schema
            ));
        }
        if manifest.place != *place || manifest.window != window || manifest.sequence != sequence {
            return Err(format!(
                "it is that of {} {} number {}",
                manifest.place, manifest.window, manifest.sequence
            ));
        }
        Ok(manifest)
    }
}

/// All manifests of a window, by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    manifests: Vec<Manifest>,
}

impl Chain {
    pub(crate) const fn new(manifests: Vec<Manifest>) -> Self {
        Self { manifests }
    }

    /// The manifests, by number.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// Whether nothing was ever read.
    pub fn is_empty(&self) -> bool {
        self.manifests.is_empty()
    }

    /// All parts.
    pub fn parts(&self) -> impl Iterator<Item = &PartRecord> {
        self.manifests.iter().flat_map(|manifest| &manifest.parts)
    }

    /// Events in all parts.
    pub fn events(&self) -> u64 {
        self.manifests.iter().map(|manifest| manifest.events).sum()
    }

    /// The digest of all events.
    pub fn ids(&self) -> IdDigest {
        self.manifests
            .iter()
            .fold(IdDigest::default(), |ids, manifest| ids.with(manifest.ids))
    }

    /// One more at its end.
    pub(crate) fn with(mut self, manifest: Manifest) -> Self {
        self.manifests.push(manifest);
        self
    }

    pub(crate) fn next(&self) -> u32 {
        u32::try_from(self.manifests.len()).unwrap_or(u32::MAX)
    }

    /// What of the window was not read at `since` or later.
    pub(crate) fn unread(&self, window: Window, since: Millis) -> Vec<Span> {
        let read = self
            .manifests
            .iter()
            .filter(|manifest| manifest.read_at >= since)
            .map(|manifest| manifest.span);
        window.span().without(read)
    }

    /// Whether some of this span was read before.
    pub(crate) fn has_read(&self, span: Span) -> bool {
        span.without(self.manifests.iter().map(|manifest| manifest.span)) != [span]
    }

    /// The latest time such that all of the window was read then or later.
    pub fn read_since(&self, window: Window) -> Option<Millis> {
        let times: BTreeSet<Millis> = self
            .manifests
            .iter()
            .map(|manifest| manifest.read_at)
            .collect();
        times
            .into_iter()
            .rev()
            .find(|since| self.unread(window, *since).is_empty())
    }

    /// Why not all of the window could be read, if so.
    pub fn truncated(&self) -> Option<&str> {
        self.manifests
            .iter()
            .find_map(|manifest| manifest.truncated.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Codec;

    fn manifest(window: Window, from: i64, to: i64, read_at: i64) -> Manifest {
        let minute = |n: i64| Millis::from_epoch(window.start().epoch() + n * 60_000);
        Manifest {
            schema: SCHEMA,
            place: Place::new(
                "123456789012".parse().unwrap(),
                "us-east-1".parse().unwrap(),
                "g".parse().unwrap(),
            ),
            window,
            sequence: 0,
            sweep: Sweep::Base,
            span: Span::new(minute(from), minute(to)).unwrap(),
            read_at: Millis::from_epoch(read_at),
            events: 1,
            raw_bytes: 1,
            ids: IdDigest::default(),
            format: PartFormat::Ndjson,
            compression: Compression::new(Codec::Gzip),
            truncated: None,
            parts: Vec::new(),
            streams: BTreeMap::new(),
            writer: String::new(),
        }
    }

    #[test]
    fn a_window_is_read_since_the_oldest_of_the_readings_that_cover_it() {
        let window = Window::containing(Millis::from_epoch(7_200_000));
        let chain = Chain::new(vec![
            manifest(window, 0, 60, 10),
            manifest(window, 0, 30, 20),
            manifest(window, 30, 60, 30),
        ]);
        assert_eq!(chain.read_since(window), Some(Millis::from_epoch(20)));
        assert_eq!(chain.unread(window, Millis::from_epoch(25)).len(), 1);
        assert_eq!(Chain::default().read_since(window), None);
        let half = Chain::new(vec![manifest(window, 0, 30, 10)]);
        assert_eq!(half.read_since(window), None);
        assert!(half.has_read(window.span()));
        assert!(!half.has_read(half.unread(window, Millis::from_epoch(0))[0]));
    }

    #[test]
    fn a_manifest_is_read_back_and_only_in_its_place() {
        let window = Window::containing(Millis::from_epoch(7_200_000));
        let manifest = manifest(window, 0, 60, 10);
        let bytes = manifest.to_bytes();
        let place = manifest.place.clone();
        assert_eq!(Manifest::parse(&bytes, &place, window, 0), Ok(manifest));
        assert!(Manifest::parse(&bytes, &place, window, 1).is_err());
        assert!(Manifest::parse(&bytes, &place, window.next(), 0).is_err());
        assert!(Manifest::parse(b"{}", &place, window, 0).is_err());
    }
}
