//! Wall times of whole processes, side by side.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cargo;
use crate::task::Error;

/// A command that takes part in a comparison.
#[derive(Debug)]
pub(crate) struct Contender {
    /// What the table calls it.
    pub(crate) name: String,
    pub(crate) command: Command,
    /// The most runs that it gets: some take seconds.
    pub(crate) most: usize,
    /// Whether the bench fails if it does; otherwise it is left out with its reason.
    pub(crate) required: bool,
}

/// A contender's times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) name: String,
    /// Ascending, and never empty.
    pub(crate) sorted: Vec<Duration>,
}

impl Times {
    pub(crate) fn new(name: impl Into<String>, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            name: name.into(),
            sorted: times,
        }
    }

    pub(crate) fn min(&self) -> Duration {
        self.sorted.first().copied().unwrap_or_default()
    }

    pub(crate) fn max(&self) -> Duration {
        self.sorted.last().copied().unwrap_or_default()
    }

    /// The middle one; of an even number the mean of the middle two.
    pub(crate) fn median(&self) -> Duration {
        let half = self.sorted.len() / 2;
        let at = |index: usize| self.sorted.get(index).copied().unwrap_or_default();
        if self.sorted.len() % 2 == 1 {
            at(half)
        } else {
            (at(half.saturating_sub(1)) + at(half)) / 2
        }
    }
}

/// Runs each contender once for its caches and its errors, then all of them in turn, `runs` times.
///
/// In turn, so that whatever else the machine does meets all of them alike. Returns the times, in the contenders' order,
/// and why those that are missing are.
pub(crate) fn race(
    contenders: Vec<Contender>,
    runs: usize,
) -> Result<(Vec<Times>, Vec<String>), Error> {
    let mut running = Vec::new();
    let mut skipped = Vec::new();
    for mut contender in contenders {
        match cargo::output(&mut contender.command) {
            Ok(_) => running.push((contender, Vec::new())),
            Err(error) if contender.required => return Err(error),
            Err(error) => skipped.push(format!("{}: {}", contender.name, short(&error))),
        }
    }
    for run in 0..runs {
        for (contender, times) in &mut running {
            if run < contender.most {
                times.push(time(&mut contender.command)?);
            }
        }
    }
    let times = running
        .into_iter()
        .map(|(contender, times)| Times::new(contender.name, times))
        .collect();
    Ok((times, skipped))
}

/// One run, from before the process is made until it has ended.
fn time(command: &mut Command) -> Result<Duration, Error> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let line = cargo::typed(command);
    let start = Instant::now();
    let status = command
        .status()
        .map_err(|source| Error::broken(&line, source))?;
    let took = start.elapsed();
    if status.success() {
        Ok(took)
    } else {
        Err(Error::broken(
            format!("{line} (it had succeeded before)"),
            status,
        ))
    }
}

/// The first lines of an error: some programs answer with pages.
pub(crate) fn short(error: &Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(3)
        .collect();
    lines.join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(name: &str, script: &str, most: usize, required: bool) -> Contender {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Contender {
            name: name.to_owned(),
            command,
            most,
            required,
        }
    }

    #[test]
    fn contenders_run_in_turn_after_one_round_to_warm_up() {
        let log = std::env::temp_dir().join(format!("windlass-race-{}", std::process::id()));
        let say = |what: &str| format!("printf {what} >> {}", log.display());
        let (times, skipped) = race(
            vec![
                contender("a", &say("a"), 9, true),
                contender("b", &say("b"), 2, false),
            ],
            3,
        )
        .unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "abababa");
        std::fs::remove_file(&log).unwrap();
        let counts: Vec<_> = times
            .iter()
            .map(|times| (times.name.as_str(), times.sorted.len()))
            .collect();
        assert_eq!((counts, skipped), (vec![("a", 3), ("b", 2)], vec![]));
    }

    #[test]
    fn one_that_fails_is_left_out_with_its_reason_or_fails_the_bench() {
        let bad = "echo no such option >&2; exit 1";
        let (times, skipped) = race(vec![contender("peer", bad, 1, false)], 1).unwrap();
        assert!(
            times.is_empty() && skipped[0].contains("no such option"),
            "{skipped:?}"
        );
        let error = race(vec![contender("ours", bad, 1, true)], 1).unwrap_err();
        assert!(error.to_string().contains("no such option"), "{error}");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let times = |values: &[u64]| {
            Times::new(
                "x",
                values
                    .iter()
                    .map(|value| Duration::from_millis(*value))
                    .collect(),
            )
        };
        assert_eq!(times(&[9, 1, 4]).median(), Duration::from_millis(4));
        assert_eq!(times(&[9, 1, 5, 4]).median(), Duration::from_micros(4500));
        let one = times(&[7]);
        assert_eq!((one.min(), one.median()), (one.max(), one.min()));
    }
}
