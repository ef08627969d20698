//! `image-tagger scan`.

use image_tagger::scan::{self, ScanReport, Verdict, WaitOptions};
use image_tagger::{Reference, Registry};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format};

use crate::admin;
use crate::args::{RegistryArgs, ScanArgs};
use crate::failures;
use crate::run::Session;

#[derive(Debug, Serialize)]
struct Document<'a> {
    image: String,
    #[serde(flatten)]
    judgement: &'a scan::Judgement,
    reports: &'a [ScanReport],
}

pub(crate) async fn run(
    args: &ScanArgs,
    registry: &RegistryArgs,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let image = &args.image;
    let manifest = session
        .registry
        .manifest(&image.repository, &image.reference)
        .await;
    let digests = match (manifest, &image.reference) {
        (Ok(Some(manifest)), _) => scan::to_scan(&manifest),
        // The scan is known by the digest; the image itself may be out of reach.
        (Err(_), Reference::Digest(digest)) => vec![digest.clone()],
        (Err(error), Reference::Tag(_)) => return Err(failures::image(&error)),
        (Ok(None), _) => {
            return Err(
                Failure::new(Exit::Negative, format!("there is no image `{image}`"))
                    .hint("push it first, or check the tag"),
            );
        }
    };
    let admin = admin::open(registry).await?;
    let mut options = WaitOptions::default();
    options.timeout = args.timeout.into();
    options.begin = options.begin.min(options.timeout);
    let printer = session.printer;
    let mut reports = Vec::new();
    for digest in &digests {
        let observer = |report: &ScanReport| {
            let detail = report.detail.as_deref().unwrap_or("not complete yet");
            printer.note(&format!("{}: {detail}", digest.short()));
        };
        let report = scan::wait(&admin, &image.repository, digest, &options, &observer)
            .await
            .map_err(|error| failures::image(&error))?;
        reports.push(report);
    }
    let judgement = scan::judge_all(&reports, args.fail_on);
    if printer.format() == Format::Json {
        printer.json(&Document {
            image: image.to_string(),
            judgement: &judgement,
            reports: &reports,
        })?;
    } else {
        for finding in reports.iter().flat_map(|report| &report.findings) {
            printer.line(&format!(
                "{}  {}  {} {}{}",
                finding.severity,
                finding.name,
                finding.package.as_deref().unwrap_or("-"),
                finding.version.as_deref().unwrap_or_default(),
                finding
                    .fixed_in
                    .as_ref()
                    .map(|version| format!("  fixed in {version}"))
                    .unwrap_or_default()
            ))?;
        }
        let verdict = match judgement.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            _ => "unknown",
        };
        printer.line(&format!("{verdict}: {}", judgement.reasons.join("; ")))?;
    }
    Ok(match judgement.verdict {
        Verdict::Passed => Exit::Done,
        Verdict::Failed => Exit::Negative,
        _ => Exit::Unreachable,
    })
}
