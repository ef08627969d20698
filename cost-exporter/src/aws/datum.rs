//! What CloudWatch takes for a datum: names, sizes, batches.

use std::fmt::Write as _;
use std::ops::Range;

use jiff::Timestamp;

use crate::period::midnight;
use crate::{Item, Labels, Metric, Publication};

/// How many data one request takes.
pub(super) const MOST: usize = 1000;
/// How large the data of a request may be by [`Datum::size`], below the limit of 1 MB before compression.
pub(super) const MOST_BYTES: usize = 900_000;
/// How long a dimension's value may be.
const LONGEST: usize = 1024;

/// A number with its name, as CloudWatch takes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Datum {
    pub(super) item: Item,
    pub(super) metric: Metric,
    pub(super) dimensions: Vec<(&'static str, String)>,
    pub(super) value: f64,
    pub(super) at: Timestamp,
}

impl Datum {
    /// How many bytes it takes, at most.
    fn size(&self) -> usize {
        let dimensions: usize = self
            .dimensions
            .iter()
            .map(|(name, value)| name.len() + value.len() + 24)
            .sum();
        dimensions + self.metric.cloudwatch().len() + 120
    }

    /// The series, for people.
    pub(super) fn series(&self) -> String {
        let mut text = self.metric.cloudwatch().to_owned();
        for (name, value) in &self.dimensions {
            // Writing to a String does not fail.
            let _ = write!(text, " {name}={value}");
        }
        text
    }
}

/// Everything of a publication.
pub(super) fn data(publication: &Publication) -> Vec<Datum> {
    let samples = publication
        .samples
        .iter()
        .enumerate()
        .map(|(index, sample)| Datum {
            item: Item::Sample(index),
            metric: sample.metric,
            dimensions: dimensions(&sample.labels),
            value: sample.value.to_f64(),
            at: publication.at,
        });
    let days = publication
        .days
        .iter()
        .enumerate()
        .map(|(index, day)| Datum {
            item: Item::Day(index),
            metric: Metric::Day,
            dimensions: dimensions(&day.labels),
            value: day.change.to_f64(),
            at: midnight(day.date),
        });
    samples.chain(days).collect()
}

fn dimensions(labels: &Labels) -> Vec<(&'static str, String)> {
    labels
        .iter()
        .map(|(label, value)| (label.cloudwatch(), dimension(value)))
        .collect()
}

/// A value that CloudWatch takes. What it does not take is written as `%` and two digits for each byte, so that two values
/// that differ are never the same series; one that is too long is cut and told apart by a hash.
pub(super) fn dimension(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let blank = value.trim().is_empty();
    for (index, byte) in value.bytes().enumerate() {
        let plain = (b' '..=b'~').contains(&byte) && byte != b'%';
        // A value may not begin with a colon, and may not be blank.
        let first = index == 0 && (byte == b':' || blank);
        match plain && !first {
            true => text.push(char::from(byte)),
            false => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    if text.is_empty() {
        return "%".to_owned();
    }
    if text.len() > LONGEST {
        text.truncate(LONGEST - 34);
        let _ = write!(text, "%~{:032x}", hash(value));
    }
    text
}

/// FNV-1a over 128 bits.
fn hash(text: &str) -> u128 {
    text.bytes().fold(
        0x6c62_272e_07bb_0142_62b8_2175_6295_c58d,
        |hash: u128, byte| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b),
    )
}

/// The data in as few requests as its number and size allow.
pub(super) fn batches(data: &[Datum]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, datum) in data.iter().enumerate() {
        let size = datum.size();
        if index > start && (index - start == MOST || bytes + size > MOST_BYTES) {
            batches.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < data.len() {
        batches.push(start..data.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn datum(value: &str) -> Datum {
        Datum {
            item: Item::Sample(0),
            metric: Metric::Today,
            dimensions: vec![("Environment", value.to_owned())],
            value: 1.0,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_batch_is_full_at_the_limit_and_not_before() {
        let sizes = |count: usize, value: &str| {
            batches(&vec![datum(value); count])
                .iter()
                .map(Range::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(0, "a"), Vec::<usize>::new());
        assert_eq!(sizes(MOST, "a"), [1000]);
        assert_eq!(sizes(MOST + 1, "a"), [1000, 1]);
        let long = "x".repeat(1024);
        let fit = MOST_BYTES / datum(&long).size();
        assert_eq!(sizes(fit + 1, &long), [fit, 1]);
    }

    #[test]
    fn names_are_readable_where_they_can_be() {
        for (value, written) in [
            ("prod", "prod"),
            ("Amazon EC2 - Other", "Amazon EC2 - Other"),
            ("ü", "%C3%BC"),
            (" ", "%20"),
            (":x", "%3Ax"),
            ("100%", "100%25"),
            ("", "%"),
        ] {
            assert_eq!(dimension(value), written);
        }
    }

    proptest! {
        #[test]
        fn different_values_are_different_dimensions_that_cloudwatch_takes(a in ".{0,400}", b in ".{0,400}") {
            let (x, y) = (dimension(&a), dimension(&b));
            prop_assert_eq!(a == b, x == y);
            prop_assert!(!x.is_empty() && x.len() <= LONGEST && !x.starts_with(':') && !x.trim().is_empty());
            prop_assert!(x.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
