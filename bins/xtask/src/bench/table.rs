//! What was measured, for people (Markdown) and for programs (JSON).

use std::fmt::Write as _;
use std::time::Duration;

use super::stopwatch::Times;

/// One comparison: contenders on one repository, at one distance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) repository: &'static str,
    pub(crate) base: String,
    /// The contender that the others are measured by.
    pub(crate) measure: String,
    pub(crate) times: Vec<Times>,
}

/// Milliseconds with one decimal.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

impl Comparison {
    pub(crate) fn of(&self, name: &str) -> Option<&Times> {
        self.times.iter().find(|times| times.name == name)
    }

    /// How many times as long as the measure's a contender's median and minimum are.
    pub(crate) fn ratios(&self, times: &Times) -> Option<(f64, f64)> {
        let measure = self.of(&self.measure)?;
        let ratio = |one: Duration, other: Duration| {
            (!other.is_zero()).then(|| one.as_secs_f64() / other.as_secs_f64())
        };
        Some((
            ratio(times.median(), measure.median())?,
            ratio(times.min(), measure.min())?,
        ))
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "### {}, {}\n\n| ms | runs | min | median | max | ratio of medians | ratio of minimums |\n|---|--:|--:|--:|--:|--:|--:|\n",
            self.repository, self.base
        );
        for times in &self.times {
            let (medians, minimums) = self.ratios(times).map_or_else(
                || ("–".to_owned(), "–".to_owned()),
                |(medians, minimums)| (format!("{medians:.2}"), format!("{minimums:.2}")),
            );
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {medians} | {minimums} |",
                times.name,
                times.sorted.len(),
                milliseconds(times.min()),
                milliseconds(times.median()),
                milliseconds(times.max()),
            );
        }
        text
    }

    fn json(&self) -> String {
        let rows: Vec<String> = self
            .times
            .iter()
            .map(|times| {
                let runs: Vec<String> = times.sorted.iter().map(|time| precise(*time)).collect();
                let (medians, minimums) = self.ratios(times).map_or_else(
                    || ("null".to_owned(), "null".to_owned()),
                    |(medians, minimums)| (format!("{medians:.4}"), format!("{minimums:.4}")),
                );
                format!(
                    "{{\"name\":{},\"min\":{},\"median\":{},\"max\":{},\"ratio_of_medians\":{medians},\"ratio_of_minimums\":{minimums},\"runs\":[{}]}}",
                    quoted(&times.name),
                    precise(times.min()),
                    precise(times.median()),
                    precise(times.max()),
                    runs.join(",")
                )
            })
            .collect();
        format!(
            "{{\"repository\":{},\"base\":{},\"measure\":{},\"unit\":\"ms\",\"contenders\":[\n  {}]}}",
            quoted(self.repository),
            quoted(&self.base),
            quoted(&self.measure),
            rows.join(",\n  ")
        )
    }
}

/// The whole run as one document; `repositories` are names with descriptions.
pub(crate) fn document(
    repositories: &[(&str, String)],
    comparisons: &[Comparison],
    skipped: &[String],
) -> String {
    let repositories: Vec<String> = repositories
        .iter()
        .map(|(name, made)| format!("{{\"name\":{},\"made\":{}}}", quoted(name), quoted(made)))
        .collect();
    let comparisons: Vec<String> = comparisons.iter().map(Comparison::json).collect();
    let skipped: Vec<String> = skipped.iter().map(|text| quoted(text)).collect();
    format!(
        "{{\"schema\":1,\n\"repositories\":[{}],\n\"comparisons\":[\n{}\n],\n\"skipped\":[{}]}}\n",
        repositories.join(",\n"),
        comparisons.join(",\n"),
        skipped.join(",\n")
    )
}

fn precise(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison() -> Comparison {
        let times = |name: &str, values: &[u64]| {
            Times::new(
                name,
                values
                    .iter()
                    .map(|value| Duration::from_millis(*value))
                    .collect(),
            )
        };
        Comparison {
            repository: "maven",
            base: "HEAD~1".to_owned(),
            measure: "ours".to_owned(),
            times: vec![times("ours", &[4, 2, 3]), times("git", &[6, 9, 5])],
        }
    }

    #[test]
    fn a_row_is_measured_by_the_measure() {
        let text = comparison().markdown();
        assert!(
            text.contains("| ours | 3 | 2.0 | 3.0 | 4.0 | 1.00 | 1.00 |"),
            "{text}"
        );
        assert!(
            text.contains("| git | 3 | 5.0 | 6.0 | 9.0 | 2.00 | 2.50 |"),
            "{text}"
        );
    }

    #[test]
    fn without_the_measure_there_is_no_ratio() {
        let mut comparison = comparison();
        comparison.times.remove(0);
        assert!(
            comparison
                .markdown()
                .contains("| git | 3 | 5.0 | 6.0 | 9.0 | – | – |")
        );
        assert!(comparison.json().contains("\"ratio_of_medians\":null"));
    }

    #[test]
    fn the_document_quotes_what_it_says() {
        let text = document(
            &[("maven", "200 services".to_owned())],
            &[comparison()],
            &["mvn: said \"no\"\n\\".to_owned()],
        );
        assert!(
            text.contains(r#""skipped":["mvn: said \"no\"\u000a\\"]"#),
            "{text}"
        );
        assert!(
            text.contains(r#""median":3.000"#) && text.contains(r#""runs":[2.000,3.000,4.000]"#),
            "{text}"
        );
    }
}
