//! What the project wants of its own figures, and whether they keep to it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::peers;
use super::stopwatch::Times;
use super::table::{Comparison, milliseconds};
use crate::task::Error;

/// What a contender of ours may take: the repository, the layout, milliseconds.
const LIMITS: [(&str, &str, u64); 3] = [
    ("maven", "directories", 10),
    ("maven", "maven", 40),
    ("reactor", "maven", 150),
];

/// Who has to take longer than ours: their name, the repository, the base (none: each), our layout, how many times.
const RIVALS: [(&str, &str, Option<&str>, &str, f64); 2] = [
    (
        "git diff --name-only",
        "maven",
        Some("HEAD~50"),
        "directories",
        1.0,
    ),
    ("turbo ls", "npm", None, "npm", 10.0),
];

/// What the stripped binary must stay under, in bytes.
const SIZE: u64 = 6_000_000;

/// A line for each gate that a measured time concerns.
pub(crate) fn times(comparisons: &[Comparison]) -> Vec<String> {
    let mut lines = Vec::new();
    for comparison in comparisons {
        let of = |layout: &str| comparison.of(&peers::our_name(layout));
        let place = format!("{} {}", comparison.repository, comparison.base);
        for (_, layout, limit) in LIMITS
            .iter()
            .filter(|limit| limit.0 == comparison.repository)
        {
            if let Some(times) = of(layout) {
                let limit = Duration::from_millis(*limit);
                lines.push(format!(
                    "gate: {place}, {layout} within {} ms: {} (median {}, minimum {})",
                    milliseconds(limit),
                    verdict(times.median() <= limit, times.min() <= limit),
                    milliseconds(times.median()),
                    milliseconds(times.min())
                ));
            }
        }
        for (name, _, _, layout, least) in RIVALS.iter().filter(|rival| {
            rival.1 == comparison.repository && rival.2.is_none_or(|base| base == comparison.base)
        }) {
            if let Some(ours) = of(layout)
                && let Some(theirs) = comparison.of(name)
            {
                let ratio = |time: fn(&Times) -> Duration| {
                    time(theirs).as_secs_f64() / time(ours).as_secs_f64()
                };
                let (medians, minimums) = (ratio(Times::median), ratio(Times::min));
                lines.push(format!(
                    "gate: {place}, `{name}` takes {least} times as long: {} ({medians:.2} by medians, {minimums:.2} by minimums)",
                    verdict(medians > *least, minimums > *least)
                ));
            }
        }
    }
    lines
}

fn verdict(by_median: bool, by_minimum: bool) -> &'static str {
    match (by_median, by_minimum) {
        (true, _) => "kept",
        (false, true) => "kept by the minimum alone",
        (false, false) => "MISSED",
    }
}

/// The gate of the binary's size.
pub(crate) fn size(binary: &Path) -> Result<String, Error> {
    let bytes = fs::metadata(binary)
        .map_err(|source| Error::broken(format!("reading `{}`", binary.display()), source))?
        .len();
    let verdict = verdict(bytes < SIZE, false);
    Ok(format!(
        "gate: the binary is under {SIZE} bytes: {verdict} ({bytes})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(
        repository: &'static str,
        base: &str,
        contenders: &[(&str, &[u64])],
    ) -> Comparison {
        Comparison {
            repository,
            base: base.to_owned(),
            measure: contenders[0].0.to_owned(),
            times: contenders
                .iter()
                .map(|(name, times)| {
                    let times = times.iter().map(|ms| Duration::from_millis(*ms));
                    Times::new((*name).to_owned(), times.collect())
                })
                .collect(),
        }
    }

    #[test]
    fn a_limit_is_judged_by_the_median() {
        let ours = peers::our_name("directories");
        for (ms, verdict) in [
            (&[10, 10, 99], ": kept ("),
            (&[10, 11, 12], ": kept by the minimum alone ("),
            (&[11, 11, 12], ": MISSED ("),
        ] {
            let lines = times(&[comparison("maven", "HEAD~1", &[(&ours, ms)])]);
            assert!(lines.len() == 1 && lines[0].contains(verdict), "{lines:?}");
        }
    }

    #[test]
    fn a_rival_counts_where_it_was_measured_and_named() {
        let ours = peers::our_name("directories");
        let git = "git diff --name-only";
        for (base, theirs, verdict) in [
            ("HEAD~50", 7, Some("kept")),
            ("HEAD~50", 6, Some("MISSED")),
            ("HEAD~1", 6, None),
        ] {
            let race = comparison("maven", base, &[(&ours, &[6]), (git, &[theirs])]);
            let lines = times(&[race]);
            let found = lines.iter().find(|line| line.contains(git));
            assert_eq!(found.is_some(), verdict.is_some(), "{lines:?}");
            assert!(found.is_none_or(|line| line.contains(verdict.unwrap())));
        }
    }

    #[test]
    fn a_binary_at_the_limit_is_too_large() {
        let file = std::env::temp_dir().join(format!("windlass-size-{}", std::process::id()));
        for (bytes, verdict) in [(SIZE - 1, ": kept ("), (SIZE, ": MISSED (")] {
            fs::File::create(&file).unwrap().set_len(bytes).unwrap();
            assert!(size(&file).unwrap().contains(verdict));
        }
        fs::remove_file(&file).unwrap();
        assert!(size(&file).is_err());
    }
}
