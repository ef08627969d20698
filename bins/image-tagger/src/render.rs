//! Results, as a person reads them.

use std::time::Duration;

use image_tagger::{BlobAction, PushPlan, Receipt, TagReceipt, TagState};
use windlass_cli::{Failure, Format, GithubActions, Printer, markdown_cell};

use crate::text::{bytes, count};

/// A receipt on stdout.
pub(crate) fn receipt(receipt: &Receipt, took: Duration, printer: &Printer) -> Result<(), Failure> {
    if printer.format() == Format::Json {
        return printer.json(receipt);
    }
    for line in lines(receipt, took) {
        printer.line(&line)?;
    }
    printer.line(&format!("deploy with: {}", receipt.pinned))
}

/// A receipt, line by line, but for what to deploy.
pub(crate) fn lines(receipt: &Receipt, took: Duration) -> Vec<String> {
    let mut moved = vec![format!("pushed {}", bytes(receipt.bytes_pushed))];
    if receipt.bytes_mounted > 0 {
        moved.push(format!("mounted {}", bytes(receipt.bytes_mounted)));
    }
    if receipt.blobs_skipped > 0 {
        moved.push(format!(
            "{} were there",
            count(receipt.blobs_skipped, "blob")
        ));
    }
    moved.push(count(receipt.requests, "request"));
    moved.push(match receipt.retries {
        1 => "1 retry".to_owned(),
        retries => format!("{retries} retries"),
    });
    moved.push(format!("{:.1} s", took.as_secs_f64()));
    let mut lines = vec![format!(
        "image {}  {}  {}",
        receipt.repository.path(),
        receipt.digest.short(),
        moved.join(", ")
    )];
    let width = receipt.tags.iter().map(|tag| tag.tag.as_str().len()).max();
    let width = width.unwrap_or_default();
    lines.extend(receipt.tags.iter().map(|tag| {
        let verified = if tag.verified {
            "verified"
        } else {
            "not verified"
        };
        format!(
            "  {:width$}  {:<16}  {verified}",
            tag.tag.as_str(),
            change(tag, receipt)
        )
        .trim_end()
        .to_owned()
    }));
    lines.extend(
        receipt
            .attachments
            .iter()
            .map(|digest| format!("  attached {}", digest.short())),
    );
    lines
}

fn change(tag: &TagReceipt, receipt: &Receipt) -> String {
    let six = |digest: &image_tagger::Digest| digest.short().chars().take(6).collect::<String>();
    let from = tag.previous.as_ref().map(six).unwrap_or_default();
    match (&tag.state, &tag.reason) {
        (TagState::New, _) => "new".to_owned(),
        (TagState::Moved, _) => format!("{from}->{}", six(&receipt.digest)),
        (TagState::Unchanged, _) => "unchanged".to_owned(),
        (_, reason) => format!(
            "held back: {}",
            reason.as_deref().unwrap_or("it names a newer image")
        ),
    }
}

/// A plan on stdout.
pub(crate) fn plan(plan: &PushPlan, printer: &Printer) -> Result<(), Failure> {
    if printer.format() == Format::Json {
        return printer.json(plan);
    }
    for line in plan_lines(plan) {
        printer.line(&line)?;
    }
    Ok(())
}

/// A plan, line by line.
pub(crate) fn plan_lines(plan: &PushPlan) -> Vec<String> {
    let of = |action| {
        let blobs = plan.blobs.iter().filter(|blob| blob.action == action);
        let sizes: Vec<u64> = blobs.map(|blob| blob.size).collect();
        (sizes.len() as u64, sizes.iter().sum::<u64>())
    };
    let (mounts, mounted) = of(BlobAction::Mount);
    let (uploads, _) = of(BlobAction::Upload);
    let (there, _) = of(BlobAction::Present);
    let mut lines = vec![format!(
        "would push {}  {}  {} in {}, mount {} in {}, {} there",
        plan.repository.path(),
        plan.digest.short(),
        bytes(plan.bytes_to_push),
        count(uploads, "blob"),
        bytes(mounted),
        count(mounts, "blob"),
        count(there, "blob"),
    )];
    lines.extend(plan.tags.iter().map(|tag| {
        let what = match (&tag.state, &tag.previous) {
            (TagState::New, _) => "new".to_owned(),
            (TagState::Moved, Some(previous)) => {
                format!("{} -> {}", previous.short(), plan.digest.short())
            }
            (TagState::Unchanged, _) => "unchanged".to_owned(),
            _ => format!(
                "held back: {}",
                tag.reason.as_deref().unwrap_or("it names a newer image")
            ),
        };
        format!("  {}  {what}", tag.tag)
    }));
    lines
}

/// What GitHub Actions hears of receipts.
pub(crate) fn github(receipts: &[&Receipt]) -> Result<(), Failure> {
    let github = GithubActions::from_env();
    let json = |value: &serde_json::Value| value.to_string();
    let names: serde_json::Map<String, serde_json::Value> = receipts
        .iter()
        .map(|receipt| {
            let pinned = receipt.pinned.to_string();
            (receipt.repository.to_string(), pinned.into())
        })
        .collect();
    let mut outputs = vec![("images", json(&names.into()))];
    if let [receipt] = receipts {
        let named = receipt
            .tags
            .iter()
            .filter(|tag| tag.state != TagState::HeldBack);
        let tags: Vec<&str> = named.map(|tag| tag.tag.as_str()).collect();
        outputs.extend([
            ("digest", receipt.digest.to_string()),
            ("pinned", receipt.pinned.to_string()),
            ("tags", json(&tags.into())),
        ]);
    }
    github.outputs(&outputs)?;
    let mut summary =
        "| image | digest | tags | pushed | mounted |\n|---|---|---|--:|--:|\n".to_owned();
    for receipt in receipts {
        let tags: Vec<String> = receipt
            .tags
            .iter()
            .map(|tag| format!("{} ({})", tag.tag, change(tag, receipt)))
            .collect();
        summary += &format!(
            "| {} | {} | {} | {} | {} |\n",
            markdown_cell(receipt.repository.as_str()),
            receipt.digest.short(),
            markdown_cell(&tags.join(", ")),
            bytes(receipt.bytes_pushed),
            bytes(receipt.bytes_mounted)
        );
    }
    github.summary(&summary)
}
