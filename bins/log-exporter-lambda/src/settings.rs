//! The function's settings, out of its environment.

use std::path::PathBuf;
use std::time::Duration;

use log_exporter::{Codec, Compression, Layout, Options, PartFormat, Selection};

const BUCKET: &str = "ARCHIVE_BUCKET";
const PREFIX: &str = "ARCHIVE_PREFIX";
const GROUPS: &str = "LOG_GROUPS";
const GROUP_PREFIXES: &str = "LOG_GROUP_PREFIXES";
const FORMAT: &str = "FORMAT";
const CODEC: &str = "CODEC";
const LAG: &str = "LAG";
const RATE: &str = "RATE";
const WORKERS: &str = "WORKERS";
const PARALLEL: &str = "MAX_PARALLEL";
const MEMORY: &str = "MEMORY_MIB";
const RESERVE: &str = "RESERVE";

/// What is wrong with the settings, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// What the function works with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) bucket: String,
    /// The groups of an event that names none.
    pub(crate) groups: Vec<Selection>,
    pub(crate) options: Options,
    /// Requests a second; the published quota without it.
    pub(crate) rate: Option<f64>,
    pub(crate) workers: u32,
    /// How long before the deadline work ends at least.
    pub(crate) reserve: Duration,
}

/// The settings that the variables describe.
pub(crate) fn settings(variable: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Fault> {
    let value = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let bucket = value(BUCKET).ok_or_else(|| Fault {
        message: format!("the variable `{BUCKET}` is not set"),
        hint: "name the bucket of the archive".to_owned(),
    })?;
    let format = match value(FORMAT).as_deref() {
        None | Some("ndjson") => PartFormat::Ndjson,
        Some("parquet") => PartFormat::Parquet,
        Some(other) => return Err(wrong(FORMAT, other, "ndjson or parquet")),
    };
    let compression = match value(CODEC).as_deref() {
        None => format.compression(),
        Some("gzip") => Compression::new(Codec::Gzip),
        Some("zstd") => Compression::new(Codec::Zstd),
        Some(other) => return Err(wrong(CODEC, other, "gzip or zstd")),
    };
    let mut options = Options::default()
        .layout(Layout::new(&value(PREFIX).unwrap_or_default()))
        .format(format)
        .compression(compression)
        // The only place that a function may write to.
        .spill(PathBuf::from("/tmp"));
    options.check().map_err(|error| Fault {
        message: format!("the variables `{FORMAT}` and `{CODEC}`: {error}"),
        hint: error.hint().unwrap_or_default(),
    })?;
    if let Some(text) = value(LAG) {
        options = options.lag(duration(LAG, &text)?);
    }
    if let Some(text) = value(PARALLEL) {
        options = options.max_parallel(number(PARALLEL, &text)? as usize);
    }
    if let Some(text) = value(MEMORY) {
        options = options.memory((number(MEMORY, &text)? as usize).saturating_mul(1 << 20));
    }
    let rate = match value(RATE) {
        None => None,
        Some(text) => match text.trim().parse::<f64>() {
            Ok(rate) if rate.is_finite() && rate > 0.0 => Some(rate),
            _ => return Err(wrong(RATE, &text, "requests a second, a number above zero")),
        },
    };
    let workers = value(WORKERS).map_or(Ok(1), |text| number(WORKERS, &text))?;
    let reserve = match value(RESERVE) {
        None => Duration::from_secs(20),
        Some(text) => duration(RESERVE, &text)?,
    };
    let mut groups = Vec::new();
    for name in list(value(GROUPS)) {
        let group = name
            .parse()
            .map_err(|error: log_exporter::InvalidName| wrong(GROUPS, &name, &error.to_string()))?;
        groups.push(Selection::Group(group));
    }
    groups.extend(
        list(value(GROUP_PREFIXES))
            .into_iter()
            .map(Selection::Prefix),
    );
    Ok(Settings {
        bucket,
        groups,
        options,
        rate,
        workers,
        reserve,
    })
}

fn list(value: Option<String>) -> Vec<String> {
    let names = value.unwrap_or_default();
    let names = names.split([',', ' ', '\n']).map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn number(name: &str, text: &str) -> Result<u32, Fault> {
    match text.trim().parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(wrong(name, text, "a whole number above zero")),
    }
}

fn duration(name: &str, text: &str) -> Result<Duration, Fault> {
    humantime::parse_duration(text.trim()).map_err(|_| wrong(name, text, "a time such as 15m"))
}

fn wrong(name: &str, value: &str, hint: &str) -> Fault {
    Fault {
        message: format!("the variable `{name}` cannot be `{value}`"),
        hint: format!("it takes {hint}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Settings, Fault> {
        settings(&|name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_bucket_is_enough() {
        let settings = of(&[(BUCKET, "b")]).unwrap();
        assert_eq!(
            (
                settings.bucket.as_str(),
                settings.groups.len(),
                settings.workers
            ),
            ("b", 0, 1)
        );
        let settings = of(&[
            (BUCKET, "b"),
            (GROUPS, "/a, /b"),
            (GROUP_PREFIXES, "/c"),
            (CODEC, "zstd"),
        ])
        .unwrap();
        assert_eq!(settings.groups.len(), 3);
    }

    #[test]
    fn a_format_that_the_build_lacks_is_named_with_the_feature_that_brings_it() {
        let settings = of(&[(BUCKET, "b"), (FORMAT, "parquet")]);
        match cfg!(feature = "parquet") {
            true => assert_eq!(settings.unwrap().options.format, PartFormat::Parquet),
            false => assert!(settings.unwrap_err().hint.contains("`parquet`")),
        }
        let refused = of(&[(BUCKET, "b"), (FORMAT, "parquet"), (CODEC, "gzip")]);
        assert!(refused.unwrap_err().message.contains(FORMAT));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_remedy() {
        assert!(of(&[]).unwrap_err().message.contains(BUCKET));
        for (name, value) in [
            (FORMAT, "orc"),
            (CODEC, "lz4"),
            (LAG, "soon"),
            (RATE, "0"),
            (WORKERS, "-1"),
            (GROUPS, "a*b"),
            (MEMORY, "0"),
        ] {
            let fault = of(&[(BUCKET, "b"), (name, value)]).unwrap_err();
            assert!(
                fault.message.contains(name) && fault.message.contains(value),
                "{fault:?}"
            );
        }
    }
}
