//! ECR's data in the crate's words.

use aws_sdk_ecr::primitives::DateTime;
use aws_sdk_ecr::types::{
    EnhancedImageScanFinding, FindingSeverity, ImageDetail, ImageFailure, ImageFailureCode,
    ImageScanFinding, ImageScanFindings, ScanStatus as EcrStatus, VulnerablePackage,
};
use jiff::Timestamp;
use serde::Deserialize;

use crate::scan::{Finding, ScanStatus, Severity, SeverityCounts};
use crate::{DeleteOutcome, Digest, ImageRecord, Tag};

/// An image without its children, which ECR does not list. What cannot be read is an error: an image whose tags are dropped
/// would look untagged.
pub(super) fn image(detail: &ImageDetail) -> Result<ImageRecord, String> {
    let digest: Digest = detail
        .image_digest()
        .ok_or("an image has no digest")?
        .parse()
        .map_err(|error| format!("{error}"))?;
    let tags = detail
        .image_tags()
        .iter()
        .map(|tag| {
            tag.parse()
                .map_err(|error| format!("of the tags of `{digest}`, {error}"))
        })
        .collect::<Result<Vec<Tag>, String>>()?;
    let subject = detail
        .subject_manifest_digest()
        .map(str::parse)
        .transpose()
        .map_err(|error| format!("of the subject of `{digest}`, {error}"))?;
    let mut image = ImageRecord::new(digest).tags(tags);
    image.pushed_at = detail.image_pushed_at().and_then(timestamp);
    image.size = detail
        .image_size_in_bytes()
        .and_then(|size| u64::try_from(size).ok());
    image.subject = subject;
    Ok(image)
}

fn timestamp(time: &DateTime) -> Option<Timestamp> {
    let nanos = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanos).ok()
}

/// What ties a manifest to others.
#[derive(Debug, Deserialize)]
pub(super) struct Links {
    #[serde(default)]
    manifests: Vec<Link>,
    subject: Option<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    digest: Digest,
}

impl Links {
    /// Adds to an image what its manifest says.
    pub(super) fn tie(self, image: &mut ImageRecord) {
        image.children = self.manifests.into_iter().map(|link| link.digest).collect();
        if image.subject.is_none() {
            image.subject = self.subject.map(|link| link.digest);
        }
    }
}

/// What became of an image that was not deleted.
pub(super) fn failure(failure: &ImageFailure) -> DeleteOutcome {
    let message = failure.failure_reason().unwrap_or_default().to_owned();
    match failure.failure_code() {
        Some(ImageFailureCode::ImageNotFound) => DeleteOutcome::NotFound,
        Some(ImageFailureCode::ImageReferencedByManifestList) => {
            DeleteOutcome::Referenced { message }
        }
        code => DeleteOutcome::Refused {
            code: code.map_or("unknown", |code| code.as_str()).to_owned(),
            message,
        },
    }
}

/// How far a scan has come, and what ECR calls that where it says more.
pub(super) fn status(status: Option<&EcrStatus>) -> (ScanStatus, Option<&str>) {
    let Some(status) = status else {
        return (ScanStatus::Unavailable, None);
    };
    let known = match status {
        // Continuous scanning is active for as long as it goes on; the first scan is done then.
        EcrStatus::Complete | EcrStatus::Active => return (ScanStatus::Complete, None),
        EcrStatus::InProgress | EcrStatus::Pending => ScanStatus::InProgress,
        EcrStatus::Failed | EcrStatus::LimitExceeded => ScanStatus::Failed,
        EcrStatus::UnsupportedImage => ScanStatus::Unsupported,
        _ => ScanStatus::Unavailable,
    };
    (known, Some(status.as_str()))
}

/// The findings of a page, of basic and of enhanced scanning.
pub(super) fn findings(page: &ImageScanFindings) -> (Vec<Finding>, SeverityCounts) {
    let basic = page.findings().iter().map(basic);
    let enhanced = page.enhanced_findings().iter().map(enhanced);
    let mut counts = SeverityCounts::new();
    for (severity, count) in page.finding_severity_counts().into_iter().flatten() {
        // Words that are not known here fall together.
        *counts.entry(severity_of(severity.as_str())).or_default() +=
            u64::try_from(*count).unwrap_or_default();
    }
    (basic.chain(enhanced).collect(), counts)
}

fn severity_of(text: &str) -> Severity {
    text.parse().unwrap_or(Severity::Undefined)
}

fn basic(found: &ImageScanFinding) -> Finding {
    let severity = found
        .severity()
        .map_or(Severity::Undefined, |s: &FindingSeverity| {
            severity_of(s.as_str())
        });
    let attribute = |key: &str| {
        let attributes = found.attributes();
        let attribute = attributes.iter().find(|attribute| attribute.key() == key)?;
        attribute.value().map(str::to_owned)
    };
    let mut finding = Finding::new(severity, found.name().unwrap_or("a finding without a name"));
    finding.package = attribute("package_name");
    finding.version = attribute("package_version");
    finding.uri = found.uri().map(str::to_owned);
    finding
}

fn enhanced(found: &EnhancedImageScanFinding) -> Finding {
    let details = found.package_vulnerability_details();
    let name = details
        .and_then(|details| details.vulnerability_id())
        .or(found.title())
        .unwrap_or("a finding without a name");
    let mut finding = Finding::new(
        severity_of(found.severity().unwrap_or_default()),
        name.to_owned(),
    );
    let packages = details.map_or(&[][..], |details| details.vulnerable_packages());
    let joined = |part: fn(&VulnerablePackage) -> Option<&str>| {
        let mut parts: Vec<&str> = packages
            .iter()
            .filter_map(part)
            // Inspector's word for none.
            .filter(|part| *part != "NotAvailable")
            .collect();
        parts.dedup();
        (!parts.is_empty()).then(|| parts.join(", "))
    };
    finding.package = joined(VulnerablePackage::name);
    finding.version = joined(VulnerablePackage::version);
    finding.fixed_in = joined(VulnerablePackage::fixed_in_version);
    finding.uri = details
        .and_then(|details| details.source_url())
        .map(str::to_owned);
    finding
}
