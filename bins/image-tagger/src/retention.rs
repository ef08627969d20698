//! `image-tagger retention`.

use std::io::Read;
use std::path::Path;

use image_tagger::LifecyclePolicy;
use image_tagger::retention::{
    self, InUse, Outcome, RetentionPlan, RetentionPolicy, RetentionReceipt, UsedName,
};
use jiff::Timestamp;
use windlass_cli::{Exit, Failure, Format, Printer};

use crate::admin;
use crate::args::{PolicyArgs, RegistryArgs, RetentionArgs, RetentionCommand};
use crate::failures;
use crate::run::Session;
use crate::text::{bytes, count};

pub(crate) async fn run(
    command: &RetentionCommand,
    registry: &RegistryArgs,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    match command {
        RetentionCommand::Plan(args) => {
            let in_use = in_use(args)?;
            let plan = plan(args, &in_use, registry).await?;
            show_plan(&plan, session.printer)
        }
        RetentionCommand::Apply(args) => apply(args, registry, session).await,
        RetentionCommand::Policy(args) => {
            let policy = LifecyclePolicy::for_retention(&policy(args)).map_err(|error| {
                Failure::usage("this cannot be said as a lifecycle policy").caused_by(&error)
            })?;
            session.printer.line(&policy.to_json())?;
            Ok(Exit::Done)
        }
    }
}

fn policy(args: &PolicyArgs) -> RetentionPolicy {
    let mut policy = if args.protect.is_empty() {
        RetentionPolicy::default()
    } else {
        RetentionPolicy::unprotected()
    };
    policy = policy
        .keep_last(args.keep_last)
        .untagged_days(args.untagged_days);
    for pattern in &args.protect {
        policy = policy.protect(pattern.clone());
    }
    policy
}

/// What runs, and what may have to run again.
fn in_use(args: &RetentionArgs) -> Result<InUse, Failure> {
    let mut in_use = InUse::new();
    if let Some(path) = &args.in_use {
        for (line, text) in read(path)?.lines().enumerate() {
            let text = text.split('#').next().unwrap_or_default().trim();
            let (name, by) = match text.split_once(char::is_whitespace) {
                Some((name, by)) => (name, Some(by.trim())),
                None => (text, None),
            };
            if name.is_empty() {
                continue;
            }
            let name: UsedName = name.parse().map_err(|error: retention::InvalidUsedName| {
                Failure::usage(format!("line {} of `{}`", line + 1, path.display()))
                    .caused_by(&error)
                    .hint("each line names an image, and after a blank who uses it")
            })?;
            in_use = in_use.image(name, by);
        }
    }
    for name in &args.rollback_target {
        in_use = in_use.rollback_target(name.clone(), None);
    }
    Ok(in_use)
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| {
        Failure::usage(format!("cannot read `{}`", path.display())).caused_by(&error)
    })
}

async fn plan(
    args: &RetentionArgs,
    in_use: &InUse,
    registry: &RegistryArgs,
) -> Result<RetentionPlan, Failure> {
    let admin = admin::open(registry).await?;
    let (repository, policy) = (&args.repository, policy(&args.policy));
    retention::plan(&admin, repository, &policy, in_use, Timestamp::now())
        .await
        .map_err(|error| failures::image(&error))
}

fn show_plan(plan: &RetentionPlan, printer: &Printer) -> Result<Exit, Failure> {
    for warning in &plan.warnings {
        printer.warn(&warning.to_string());
    }
    if printer.format() == Format::Json {
        printer.json(plan)?;
        return Ok(Exit::Done);
    }
    for planned in &plan.images {
        let verb = match planned.action {
            retention::Action::Delete => "delete",
            _ => "keep  ",
        };
        let tags: Vec<&str> = planned.image.tags.iter().map(|tag| tag.as_str()).collect();
        let reasons: Vec<String> = planned.reasons.iter().map(ToString::to_string).collect();
        printer.line(&format!(
            "{verb}  {}  {}  {}",
            planned.image.digest.short(),
            if tags.is_empty() {
                "-".to_owned()
            } else {
                tags.join(",")
            },
            reasons.join("; ")
        ))?;
    }
    printer.line(&format!(
        "{} to delete, {} to keep, at most {} freed",
        plan.deletions.len(),
        plan.kept().count(),
        bytes(plan.bytes)
    ))?;
    Ok(Exit::Done)
}

async fn apply(
    args: &RetentionArgs,
    registry: &RegistryArgs,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    if args.in_use.is_none() {
        return Err(Failure::usage("apply needs to know what is in use").hint(
            "name a list with --in-use FILE, an image a line; an empty one says that nothing runs",
        ));
    }
    let in_use = in_use(args)?;
    let plan = plan(args, &in_use, registry).await?;
    let admin = admin::open(registry).await?;
    let observer = |event| {
        if let Some(log) = &session.log {
            log.write(&event);
        }
    };
    let receipt = retention::apply(&admin, &plan, &in_use, &observer)
        .await
        .map_err(|error| failures::image(&error))?;
    show_receipt(&receipt, session.printer)
}

fn show_receipt(receipt: &RetentionReceipt, printer: &Printer) -> Result<Exit, Failure> {
    for warning in &receipt.warnings {
        printer.warn(&warning.to_string());
    }
    if printer.format() == Format::Json {
        printer.json(receipt)?;
    } else {
        for image in &receipt.images {
            let what = match &image.outcome {
                Outcome::Deleted => "deleted".to_owned(),
                Outcome::AlreadyGone => "was gone already".to_owned(),
                Outcome::Skipped { reasons } => {
                    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                    format!("kept: {}", reasons.join("; "))
                }
                Outcome::Blocked { by } => format!("kept: {} needs it", by.short()),
                Outcome::Failed { message } => format!("not deleted: {message}"),
                Outcome::Unknown { message } => format!("not known: {message}"),
                _ => "not tried".to_owned(),
            };
            printer.line(&format!("{}  {what}", image.digest.short()))?;
        }
        printer.line(&format!(
            "{} deleted, at most {} freed",
            count(receipt.deleted() as u64, "image"),
            bytes(receipt.bytes)
        ))?;
    }
    Ok(if receipt.is_complete() {
        Exit::Done
    } else {
        Exit::Partial
    })
}
