//! Whether what a scan found is bad enough to stop.

use serde::Serialize;

use super::report::{ScanReport, ScanStatus, Severity};

/// What is made of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The scan is complete, and nothing in it is as bad as the threshold.
    Passed,
    /// There are vulnerabilities that are as bad as the threshold or worse.
    Failed,
    /// There is no complete scan, so nobody can tell.
    Unknown,
}

/// What is made of a scan, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Judgement {
    /// What is made of it.
    pub verdict: Verdict,
    /// From which severity on it fails.
    pub threshold: Severity,
    /// Why, the decisive reason first.
    pub reasons: Vec<String>,
}

/// Judges a scan. What was found decides even when the scan is not complete; where nothing of the threshold was found, only
/// a complete scan passes.
pub fn judge(report: &ScanReport, threshold: Severity) -> Judgement {
    let worse: Vec<String> = report
        .counts
        .range(threshold..)
        .rev()
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    let mut reasons = Vec::new();
    if !worse.is_empty() {
        reasons.push(format!(
            "{} found, where {threshold} and worse stops",
            worse.join(", ")
        ));
    }
    let incomplete = incomplete(report);
    let verdict = match (worse.is_empty(), &incomplete) {
        (false, _) => Verdict::Failed,
        (true, Some(_)) => Verdict::Unknown,
        (true, None) => Verdict::Passed,
    };
    reasons.extend(incomplete);
    if verdict == Verdict::Passed {
        reasons.push(format!("nothing found that is {threshold} or worse"));
    }
    if let Some(count) = report.counts.get(&Severity::Undefined)
        && threshold > Severity::Undefined
    {
        reasons.push(format!("{count} found whose severity is not known"));
    }
    Judgement {
        verdict,
        threshold,
        reasons,
    }
}

/// Why a scan is not one to rely on.
fn incomplete(report: &ScanReport) -> Option<String> {
    let what = match report.status {
        ScanStatus::Complete => return None,
        ScanStatus::Missing => "the image was not scanned",
        ScanStatus::InProgress => "the scan is not complete",
        ScanStatus::Failed => "the scan failed",
        ScanStatus::Unsupported => "the registry cannot scan this image",
        ScanStatus::Unavailable => "the scan's findings cannot be had",
    };
    Some(match &report.detail {
        Some(detail) => format!("{what}: {detail}"),
        None => what.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::report::{Finding, SeverityCounts};
    use super::*;
    use crate::Digest;

    fn report(status: ScanStatus, counts: &[(Severity, u64)]) -> ScanReport {
        let counts: SeverityCounts = counts.iter().copied().collect();
        ScanReport::new(Digest::of(b"x"), status).findings([], counts)
    }

    #[test]
    fn it_fails_at_the_threshold_and_passes_below_it() {
        let found = report(
            ScanStatus::Complete,
            &[(Severity::High, 3), (Severity::Low, 9)],
        );
        let failed = judge(&found, Severity::High);
        assert_eq!(failed.verdict, Verdict::Failed);
        assert_eq!(failed.reasons, ["3 high found, where high and worse stops"]);
        let passed = judge(&found, Severity::Critical);
        assert_eq!(passed.verdict, Verdict::Passed);
        assert_eq!(passed.reasons, ["nothing found that is critical or worse"]);
        let all = judge(&found, Severity::Undefined);
        assert_eq!(
            all.reasons,
            ["3 high, 9 low found, where undefined and worse stops"]
        );
    }

    #[test]
    fn only_a_complete_scan_passes() {
        for status in [
            ScanStatus::Missing,
            ScanStatus::InProgress,
            ScanStatus::Failed,
            ScanStatus::Unsupported,
            ScanStatus::Unavailable,
        ] {
            let nothing = judge(&report(status, &[]).detail("why"), Severity::High);
            assert_eq!(nothing.verdict, Verdict::Unknown, "{status:?}");
            assert!(nothing.reasons[0].ends_with(": why"), "{nothing:?}");
            let found = judge(&report(status, &[(Severity::Critical, 1)]), Severity::High);
            assert_eq!(found.verdict, Verdict::Failed, "{status:?}");
            assert_eq!(found.reasons.len(), 2, "{found:?}");
        }
    }

    #[test]
    fn what_nobody_has_judged_is_told() {
        let report = ScanReport::new(Digest::of(b"x"), ScanStatus::Complete).findings(
            [Finding::new(Severity::Undefined, "CVE-2")],
            SeverityCounts::new(),
        );
        let judged = judge(&report, Severity::Low);
        assert_eq!(judged.verdict, Verdict::Passed);
        assert_eq!(judged.reasons[1], "1 found whose severity is not known");
    }
}
