//! The report of a scan.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use crate::Digest;

/// How bad a vulnerability is, from the least to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// Nobody has judged it yet, or in words that are not known here.
    Undefined,
    /// Worth knowing.
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// A text that is no severity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a severity: it is one of critical, high, medium, low, informational, undefined"
)]
pub struct InvalidSeverity(String);

impl Severity {
    /// The severity as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = InvalidSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [
            Self::Undefined,
            Self::Informational,
            Self::Low,
            Self::Medium,
            Self::High,
            Self::Critical,
        ];
        all.into_iter()
            .find(|severity| severity.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidSeverity(text.to_owned()))
    }
}

/// How far a scan has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScanStatus {
    /// There is none.
    Missing,
    /// It is under way.
    InProgress,
    /// It is done, and its findings are there.
    Complete,
    /// It failed.
    Failed,
    /// The registry cannot scan such an image.
    Unsupported,
    /// Its findings cannot be had, or are no longer up to date.
    Unavailable,
}

impl ScanStatus {
    /// Whether it will not change any more by waiting.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Missing | Self::InProgress)
    }
}

/// How many vulnerabilities there are of each severity.
pub type SeverityCounts = BTreeMap<Severity, u64>;

/// A vulnerability in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its name, usually a CVE number.
    pub name: String,
    /// The package that has it, if that is known.
    pub package: Option<String>,
    /// The package's version.
    pub version: Option<String>,
    /// The version that has it no more, if there is one.
    pub fixed_in: Option<String>,
    /// Where more is written about it.
    pub uri: Option<String>,
}

impl Finding {
    /// A vulnerability of which nothing else is known.
    pub fn new(severity: Severity, name: impl Into<String>) -> Self {
        Self {
            severity,
            name: name.into(),
            package: None,
            version: None,
            fixed_in: None,
            uri: None,
        }
    }

    /// The same in this version of a package.
    #[must_use]
    pub fn package(mut self, name: impl Into<String>, version: Option<String>) -> Self {
        self.package = Some(name.into());
        self.version = version;
        self
    }

    /// The same, fixed in this version.
    #[must_use]
    pub fn fixed_in(mut self, version: impl Into<String>) -> Self {
        self.fixed_in = Some(version.into());
        self
    }

    /// The same, described there.
    #[must_use]
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = Some(uri.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.severity)?;
        if let Some(package) = &self.package {
            write!(f, " in {package}")?;
            if let Some(version) = &self.version {
                write!(f, " {version}")?;
            }
        }
        if let Some(fixed) = &self.fixed_in {
            write!(f, ", fixed in {fixed}")?;
        }
        Ok(())
    }
}

/// What a registry knows about the vulnerabilities of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScanReport {
    /// The image.
    pub digest: Digest,
    /// How far the scan has come.
    pub status: ScanStatus,
    /// What the registry says about the status.
    pub detail: Option<String>,
    /// How many vulnerabilities there are of each severity; none of 0.
    pub counts: SeverityCounts,
    /// The vulnerabilities, the worst first.
    pub findings: Vec<Finding>,
}

impl ScanReport {
    /// A report without findings.
    pub const fn new(digest: Digest, status: ScanStatus) -> Self {
        Self {
            digest,
            status,
            detail: None,
            counts: SeverityCounts::new(),
            findings: Vec::new(),
        }
    }

    /// The same with what the registry says about its status.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with these findings and the counts that follow from them, or those given where they are higher: a
    /// registry may count what it does not list.
    #[must_use]
    pub fn findings(
        mut self,
        findings: impl IntoIterator<Item = Finding>,
        counts: SeverityCounts,
    ) -> Self {
        self.findings = findings.into_iter().collect();
        self.findings
            .sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
        let mut found = SeverityCounts::new();
        for finding in &self.findings {
            *found.entry(finding.severity).or_default() += 1;
        }
        for (severity, count) in counts {
            let known = found.entry(severity).or_default();
            *known = (*known).max(count);
        }
        found.retain(|_, count| *count > 0);
        self.counts = found;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_in_order_and_read_in_any_case() {
        assert!(Severity::Critical > Severity::High && Severity::Low > Severity::Undefined);
        assert_eq!("HIGH".parse(), Ok(Severity::High));
        let error = "hi".parse::<Severity>().unwrap_err().to_string();
        assert!(
            error.contains("`hi`") && error.contains("critical"),
            "{error}"
        );
    }

    #[test]
    fn counts_are_never_lower_than_what_is_listed() {
        let report = ScanReport::new(Digest::of(b"x"), ScanStatus::Complete).findings(
            [
                Finding::new(Severity::Low, "B"),
                Finding::new(Severity::High, "C"),
                Finding::new(Severity::High, "A"),
            ],
            SeverityCounts::from([
                (Severity::High, 1),
                (Severity::Critical, 2),
                (Severity::Medium, 0),
            ]),
        );
        let expected = [
            (Severity::Low, 1),
            (Severity::High, 2),
            (Severity::Critical, 2),
        ];
        assert_eq!(report.counts, SeverityCounts::from(expected));
        let names: Vec<&str> = report.findings.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["A", "C", "B"], "the worst first");
    }

    #[test]
    fn a_finding_says_where_it_is_and_what_mends_it() {
        let finding = Finding::new(Severity::High, "CVE-1")
            .package("openssl", Some("3.0.1".into()))
            .fixed_in("3.0.2");
        assert_eq!(
            finding.to_string(),
            "CVE-1 (high) in openssl 3.0.1, fixed in 3.0.2"
        );
    }
}
