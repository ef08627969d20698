//! How parts hold their events.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Codec, Compression, Error};

/// How a part holds its events. Every build knows both by name; one without the feature `parquet` can neither write nor read
/// Parquet.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PartFormat {
    /// A JSON object a line, compressed as a whole: every tool reads it.
    #[default]
    Ndjson,
    /// Columns in row groups: a query reads the columns and the times that it asks for, and no others.
    Parquet,
}

impl PartFormat {
    /// All of them, whether or not this build has them.
    pub const ALL: [Self; 2] = [Self::Ndjson, Self::Parquet];

    /// Whether this build writes and reads it.
    pub const fn is_available(self) -> bool {
        match self {
            Self::Ndjson => true,
            Self::Parquet => cfg!(feature = "parquet"),
        }
    }

    /// How its parts are compressed if nothing else is asked for: gzip for lines, zstd for Parquet.
    pub const fn compression(self) -> Compression {
        Compression::new(match self {
            Self::Ndjson => Codec::Gzip,
            Self::Parquet => Codec::Zstd,
        })
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// The format of a part, by its key.
    pub(crate) fn of_key(key: &str) -> Self {
        match key.ends_with(".parquet") {
            true => Self::Parquet,
            false => Self::Ndjson,
        }
    }

    pub(crate) fn is_ndjson(&self) -> bool {
        *self == Self::Ndjson
    }
}

impl fmt::Display for PartFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether parts of this kind can be written.
pub(crate) fn writable(format: PartFormat, compression: Compression) -> Result<(), Error> {
    if !format.is_available() {
        return Err(Error::invalid(
            format!("this build cannot write {format}"),
            "use a build with the feature `parquet`, or the format ndjson",
        ));
    }
    if format == PartFormat::Parquet && compression.codec != Codec::Zstd {
        return Err(Error::invalid(
            format!(
                "the columns of Parquet are compressed with zstd, not with {}",
                compression.codec
            ),
            "give no codec, or zstd",
        ));
    }
    if !compression.codec.is_available() {
        return Err(Error::invalid(
            format!("this build cannot compress with {}", compression.codec),
            "use a build with the feature `zstd`, or the codec gzip",
        ));
    }
    Ok(())
}

/// Whether a part can be read, by its key: that a build lacks a format is no damage of the part.
pub(crate) fn readable(key: &str) -> Result<(), Error> {
    let lacks = |feature| {
        Err(Error::Unreadable {
            key: key.to_owned(),
            feature,
        })
    };
    if PartFormat::of_key(key) == PartFormat::Parquet && !PartFormat::Parquet.is_available() {
        return lacks("parquet");
    }
    if key.ends_with(".zst") && !Codec::Zstd.is_available() {
        return lacks("zstd");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_lacks_is_said_with_the_feature_that_brings_it() {
        let has = |key: &str| readable(key).map_err(|error| error.hint().unwrap());
        assert_eq!(has("a/base-0-00000.ndjson.gz"), Ok(()));
        let parquet = has("a/base-0-00000.parquet");
        let zstd = has("a/base-0-00000.ndjson.zst");
        assert_eq!(parquet.is_ok(), cfg!(feature = "parquet"));
        assert_eq!(zstd.is_ok(), cfg!(feature = "zstd"));
        for (hint, feature) in [(parquet, "`parquet`"), (zstd, "`zstd`")] {
            assert!(hint.is_ok() || hint.is_err_and(|hint| hint.contains(feature)));
        }
    }

    #[test]
    fn parquet_is_compressed_with_zstd_alone() {
        let gzip = Compression::new(Codec::Gzip);
        assert!(writable(PartFormat::Ndjson, gzip).is_ok());
        let refused = writable(PartFormat::Parquet, gzip).unwrap_err();
        assert!(refused.is_usage() && refused.hint().is_some(), "{refused}");
        for format in PartFormat::ALL {
            assert_eq!(
                writable(format, format.compression()).is_ok(),
                format.is_available()
            );
        }
    }
}
