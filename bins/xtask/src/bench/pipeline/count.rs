//! What a run of a pipeline cost, read from what its parts have counted.

use std::collections::BTreeMap;
use std::time::Duration;

/// What is timed, in its order.
pub(super) const STAGES: [&str; 4] = ["detect", "push", "rollout", "health"];

/// Calls of ECS by action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Calls(BTreeMap<String, u64>);

impl Calls {
    /// Reads the simulator's count.
    pub(super) fn read(json: &str) -> Self {
        let counts = json
            .split_once("\"calls\":{")
            .and_then(|(_, rest)| rest.split_once('}'))
            .map_or("", |(counts, _)| counts);
        let pairs = counts.split(',').filter_map(|pair| {
            let (action, count) = pair.split_once(':')?;
            Some((action.trim_matches('"').to_owned(), count.parse().ok()?))
        });
        Self(pairs.collect())
    }

    /// Those that came after an earlier count.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let differences = self.0.iter().map(|(action, count)| {
            let before = earlier.0.get(action).copied().unwrap_or(0);
            (action.clone(), count - before)
        });
        Self(differences.filter(|(_, count)| *count > 0).collect())
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub(super) fn of(&self, action: &str) -> u64 {
        self.0.get(action).copied().unwrap_or(0)
    }
}

/// How long each stage took, by [`STAGES`]; none where it did not come to it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Stages([Option<f64>; STAGES.len()]);

impl Stages {
    /// From the timeline of our report: from the first beginning to the last end of each.
    pub(super) fn of_report(json: &str) -> Self {
        let mut spans: [Option<(f64, f64)>; STAGES.len()] = [None; STAGES.len()];
        for span in json.split("\"stage\":").skip(1) {
            let name = span.split('"').nth(1).unwrap_or_default();
            let number = |key: &str| -> Option<f64> {
                let (_, rest) = span.split_once(&format!("\"{key}\":"))?;
                rest.split([',', '}', '\n']).next()?.trim().parse().ok()
            };
            let place = STAGES.iter().position(|stage| *stage == name);
            let (Some(place), Some(begin), Some(end)) = (place, number("begin"), number("end"))
            else {
                continue;
            };
            let (first, last) = spans[place].unwrap_or((begin, end));
            spans[place] = Some((first.min(begin), last.max(end)));
        }
        Self(spans.map(|span| span.map(|(begin, end)| end - begin)))
    }

    /// From the lines that the script writes at the beginning of each.
    pub(super) fn of_script(text: &str) -> Self {
        let lines: Vec<(&str, f64)> = text
            .lines()
            .filter_map(|line| {
                let (name, time) = line.split_once(' ')?;
                Some((name, time.parse().ok()?))
            })
            .collect();
        Self(STAGES.map(|stage| {
            let place = lines.iter().position(|(name, _)| *name == stage)?;
            Some(lines.get(place + 1)?.1 - lines[place].1)
        }))
    }

    /// Seconds, as cells of a table.
    pub(super) fn cells(&self) -> String {
        let cells = self.0.map(|seconds| {
            seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.1}"))
        });
        cells.join(" | ")
    }
}

/// What one run of a pipeline cost.
#[derive(Debug)]
pub(super) struct Cost {
    pub(super) exit: Option<i32>,
    /// Requests to the registry.
    pub(super) requests: u64,
    /// Bytes sent to the registry.
    pub(super) sent: u64,
    pub(super) calls: Calls,
    /// Requests to the balancer.
    pub(super) asked: usize,
    pub(super) stages: Stages,
    pub(super) time: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_from_where_a_run_began() {
        let before = Calls::read(r#"{"calls":{"DescribeServices":3},"throttled":0}"#);
        let after =
            Calls::read(r#"{"calls":{"DescribeServices":7,"UpdateService":1},"throttled":0}"#);
        let run = after.since(&before);
        assert_eq!((run.total(), run.of("UpdateService")), (5, 1));
        assert_eq!(after.since(&after), Calls::default());
        assert_eq!(Calls::read("{}").total(), 0);
    }

    #[test]
    fn a_stage_lasts_from_its_first_beginning_to_its_last_end() {
        let report = r#"{"timeline": [
            {"stage": "detect", "subject": "", "begin": 0.0, "end": 0.25, "state": "ok"},
            {"stage": "push", "subject": "a", "begin": 0.5, "end": 1.0, "state": "ok"},
            {"stage": "push", "subject": "b", "begin": 0.75, "end": 2.5, "state": "ok"}]}"#;
        assert_eq!(Stages::of_report(report).cells(), "0.2 | 2.0 | – | –");
        assert_eq!(Stages::of_report("").cells(), "– | – | – | –");
    }

    #[test]
    fn a_script_that_broke_off_has_no_later_stages() {
        let script = "detect 10.0\npush 10.1\nrollout 12.6\n";
        assert_eq!(Stages::of_script(script).cells(), "0.1 | 2.5 | – | –");
    }
}
