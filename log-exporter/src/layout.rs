//! Where things are in an archive.

use crate::archive::Sha256;
use crate::{Compression, LogGroup, Millis, PartFormat, Place, Window};

/// The keys of an archive.
///
/// ```text
/// PREFIX/events/account=A/region=R/group=G/dt=YYYY-MM-DD/hour=HH/base-<sha256[:16]>-00000.ndjson.gz
/// PREFIX/parquet/account=A/region=R/group=G/dt=YYYY-MM-DD/hour=HH/base-<sha256[:16]>-00000.parquet
/// PREFIX/manifests/account=A/region=R/group=G/dt=YYYY-MM-DD/hour=HH/00000.json
/// PREFIX/checkpoints/account=A/region=R/group=G.json
/// ```
///
/// Parts of each format are by themselves, for a table has one format. In keys a group's `/` is `!` and its `#` is `(`, which no group's name has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    prefix: String,
}

impl Layout {
    /// An archive below a prefix; slashes at its ends do not matter.
    pub fn new(prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        Self {
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
        }
    }

    /// The prefix with a slash at its end, or nothing.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What all parts of a format begin with.
    pub fn events(&self, format: PartFormat) -> String {
        let folder = match format {
            PartFormat::Ndjson => "events",
            PartFormat::Parquet => "parquet",
        };
        format!("{}{folder}/", self.prefix)
    }

    /// What all manifests begin with.
    pub fn manifests(&self) -> String {
        format!("{}manifests/", self.prefix)
    }

    /// What the parts of a group in a format begin with.
    pub fn group_events(&self, format: PartFormat, place: &Place) -> String {
        format!("{}{}", self.events(format), group(place))
    }

    /// What the manifests of a group begin with.
    pub fn group_manifests(&self, place: &Place) -> String {
        format!("{}{}", self.manifests(), group(place))
    }

    pub(crate) fn window_manifests(&self, place: &Place, window: Window) -> String {
        format!("{}{}", self.group_manifests(place), hour(window))
    }

    pub(crate) fn manifest(&self, place: &Place, window: Window, sequence: u32) -> String {
        format!("{}{sequence:05}.json", self.window_manifests(place, window))
    }

    pub(crate) fn part(&self, place: &Place, window: Window, part: &PartName<'_>) -> String {
        let PartName {
            kind,
            content,
            number,
            format,
            compression,
            again,
        } = part;
        let end = match format {
            PartFormat::Ndjson => format!("ndjson.{}", compression.extension()),
            // The compression is a matter of its columns.
            PartFormat::Parquet => "parquet".to_owned(),
        };
        let again = again.map_or_else(String::new, |at| format!("-r{}", at.epoch()));
        format!(
            "{}{}{kind}-{}-{number:05}{again}.{end}",
            self.group_events(*format, place),
            hour(window),
            content.short(),
        )
    }

    pub(crate) fn checkpoint(&self, place: &Place) -> String {
        format!(
            "{}checkpoints/account={}/region={}/group={}.json",
            self.prefix,
            place.account,
            place.region,
            encode(&place.group)
        )
    }

    /// What all checkpoints begin with.
    pub(crate) fn checkpoints(&self) -> String {
        format!("{}checkpoints/", self.prefix)
    }

    /// The place whose checkpoint has this key.
    pub(crate) fn noted(&self, key: &str) -> Option<Place> {
        let rest = key.strip_prefix(&self.checkpoints())?;
        let mut parts = rest.strip_suffix(".json")?.split('/');
        let mut field = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        let account = field("account")?.parse().ok()?;
        let region = field("region")?.parse().ok()?;
        let group = decode(field("group")?).parse().ok()?;
        Some(Place::new(account, region, group))
    }

    /// The place and the hour that a manifest or a part belongs to, from its key.
    pub(crate) fn read(&self, key: &str) -> Option<(Place, Window)> {
        let rest = key.strip_prefix(&self.prefix)?;
        let mut parts = rest.split('/').skip(1);
        let mut field = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        let account = field("account")?.parse().ok()?;
        let region = field("region")?.parse().ok()?;
        let group = decode(field("group")?).parse().ok()?;
        let (date, hour) = (field("dt")?, field("hour")?);
        let start: crate::Millis = format!("{date}T{hour}:00:00Z").parse().ok()?;
        Some((
            Place::new(account, region, group),
            Window::containing(start),
        ))
    }

    /// The sequence number of a manifest, from its key.
    pub(crate) fn sequence(key: &str) -> Option<u32> {
        key.rsplit('/').next()?.strip_suffix(".json")?.parse().ok()
    }
}

/// What a part's name is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartName<'a> {
    /// The reading.
    pub(crate) kind: &'a str,
    pub(crate) content: &'a Sha256,
    pub(crate) number: usize,
    pub(crate) format: PartFormat,
    pub(crate) compression: Compression,
    /// For a part whose usual key is taken by something that may be about to be deleted.
    pub(crate) again: Option<Millis>,
}

fn group(place: &Place) -> String {
    format!(
        "account={}/region={}/group={}/",
        place.account,
        place.region,
        encode(&place.group)
    )
}

fn hour(window: Window) -> String {
    format!("dt={}/hour={}/", window.start().date(), window.hour())
}

/// A group's name as a part of a key.
pub(crate) fn encode(group: &LogGroup) -> String {
    group.as_str().replace('/', "!").replace('#', "(")
}

fn decode(text: &str) -> String {
    text.replace('!', "/").replace('(', "#")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::Codec;

    #[test]
    fn keys_are_read_back() {
        let place = Place::new(
            "123456789012".parse().unwrap(),
            "eu-west-1".parse().unwrap(),
            "/aws/lambda/a#b".parse().unwrap(),
        );
        let window = Window::containing("2026-11-26T09:59:00Z".parse().unwrap());
        let layout = Layout::new("/logs/prod/");
        let name = PartName {
            kind: "base",
            content: &Sha256::of(b""),
            number: 0,
            format: PartFormat::Ndjson,
            compression: Compression::new(Codec::Gzip),
            again: None,
        };
        let key = layout.part(&place, window, &name);
        assert_eq!(
            key,
            "logs/prod/events/account=123456789012/region=eu-west-1/group=!aws!lambda!a(b/dt=2026-11-26/hour=09/\
             base-e3b0c44298fc1c14-00000.ndjson.gz"
        );
        assert_eq!(layout.read(&key), Some((place.clone(), window)));
        let columns = PartName {
            format: PartFormat::Parquet,
            compression: PartFormat::Parquet.compression(),
            ..name
        };
        let key = layout.part(&place, window, &columns);
        assert!(
            key.starts_with("logs/prod/parquet/account=") && key.ends_with("-00000.parquet"),
            "{key}"
        );
        assert_eq!(layout.read(&key), Some((place.clone(), window)));
        let manifest = layout.manifest(&place, window, 3);
        assert_eq!(layout.read(&manifest), Some((place.clone(), window)));
        assert_eq!(layout.noted(&layout.checkpoint(&place)), Some(place));
        assert_eq!(Layout::sequence(&manifest), Some(3));
        assert_eq!(Layout::new("").read("somewhere/else"), None);
    }
}
