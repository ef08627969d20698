//! Whether what a scan found is bad enough to stop.

use serde::Serialize;

use super::report::{ScanReport, ScanStatus, Severity};
use crate::{Digest, Manifest};

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

/// Judges the scans of several manifests as one, such as those of an index: it is as good as the worst of them, and unknown
/// where there is none. Each reason begins with the digest that it is about.
pub fn judge_all<'a>(
    reports: impl IntoIterator<Item = &'a ScanReport>,
    threshold: Severity,
) -> Judgement {
    let mut judged: Vec<(&Digest, Judgement)> = reports
        .into_iter()
        .map(|report| (&report.digest, judge(report, threshold)))
        .collect();
    let rank = |verdict: Verdict| match verdict {
        Verdict::Failed => 0,
        Verdict::Unknown => 1,
        Verdict::Passed => 2,
    };
    // The decisive ones first; otherwise as they were given.
    judged.sort_by_key(|(_, judgement)| rank(judgement.verdict));
    let verdict = judged.first().map_or(Verdict::Unknown, |(_, j)| j.verdict);
    let mut reasons: Vec<String> = judged
        .iter()
        .flat_map(|(digest, judgement)| {
            let reasons = judgement.reasons.iter();
            reasons.map(move |reason| format!("{}: {reason}", digest.short()))
        })
        .collect();
    if judged.is_empty() {
        reasons.push("there is no manifest to scan".to_owned());
    }
    Judgement {
        verdict,
        threshold,
        reasons,
    }
}

/// The manifests whose scans tell about an image: its own, or those of the platforms that it lists if it is an index.
/// Registries scan manifests and not indexes. Attestations that builders put beside the platforms are none
/// (`unknown/unknown`, as BuildKit marks them).
pub fn to_scan(root: &Manifest) -> Vec<Digest> {
    if !root.media_type().is_index() {
        return vec![root.digest().clone()];
    }
    let is_image = |platform: &crate::Platform| {
        (platform.os.as_str(), platform.architecture.as_str()) != ("unknown", "unknown")
    };
    let mut digests: Vec<Digest> = Vec::new();
    for manifest in root.manifests() {
        if manifest.platform.as_ref().is_none_or(is_image) && !digests.contains(&manifest.digest) {
            digests.push(manifest.digest.clone());
        }
    }
    digests
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

    #[test]
    fn an_index_is_as_good_as_the_worst_of_its_platforms() {
        let of = |name: &str, status, counts: &[(Severity, u64)]| {
            let mut report = report(status, counts);
            report.digest = Digest::of(name.as_bytes());
            report
        };
        let good = of("good", ScanStatus::Complete, &[]);
        let none = of("none", ScanStatus::Missing, &[]);
        let bad = of("bad", ScanStatus::Complete, &[(Severity::High, 1)]);
        let verdict =
            |reports: &[&ScanReport]| judge_all(reports.iter().copied(), Severity::High).verdict;
        assert_eq!(verdict(&[&good, &good]), Verdict::Passed);
        assert_eq!(verdict(&[&good, &none]), Verdict::Unknown);
        assert_eq!(verdict(&[&none, &good, &bad]), Verdict::Failed);
        assert_eq!(verdict(&[]), Verdict::Unknown);
        let judged = judge_all([&good, &bad], Severity::High);
        let short = Digest::of(b"bad").short().to_owned();
        assert_eq!(
            judged.reasons[0],
            format!("{short}: 1 high found, where high and worse stops")
        );
    }

    #[test]
    fn of_an_index_its_platforms_are_scanned() {
        let manifest = |name: &str, os: &str| {
            serde_json::json!({
                "mediaType": crate::MediaType::OCI_MANIFEST, "digest": Digest::of(name.as_bytes()), "size": 1,
                "platform": {"os": os, "architecture": if os == "linux" { "arm64" } else { os }},
            })
        };
        let index = serde_json::json!({
            "mediaType": crate::MediaType::OCI_INDEX,
            "manifests": [manifest("arm", "linux"), manifest("attestation", "unknown"), manifest("arm", "linux")],
        });
        let index = Manifest::new(index.to_string().into_bytes(), None).unwrap();
        assert_eq!(to_scan(&index), [Digest::of(b"arm")]);
        let plain = serde_json::json!({
            "mediaType": crate::MediaType::OCI_MANIFEST,
            "config": {"mediaType": "x", "digest": Digest::of(b"{}"), "size": 2},
            "layers": [],
        });
        let plain = Manifest::new(plain.to_string().into_bytes(), None).unwrap();
        assert_eq!(to_scan(&plain), [plain.digest().clone()]);
    }
}
