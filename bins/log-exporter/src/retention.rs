//! `log-exporter retention`.

use log_exporter::{
    Archive, OnlyVerified, RetentionAction, RetentionChange, RetentionDays, find_groups,
    set_retention,
};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, printable};

use crate::args::RetentionArgs;
use crate::failures;
use crate::session::{Session, required};

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    dry_run: bool,
    groups: &'a [RetentionChange],
}

pub(crate) async fn run(args: &RetentionArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let days = days(args)?;
    let selections = required(&args.groups)?;
    let archive: Option<Box<dyn Archive>> = match args.only_verified {
        true => Some(session.archive(&args.archive).await?),
        false => None,
    };
    let options = session.options(&args.archive, Some(&args.effort));
    let logs = session.logs().await?;
    // The quota of PutRetentionPolicy is 5 a second everywhere, that of DescribeLogGroups 10.
    let limit = log_exporter::RateLimit::new(5.0);
    let observer = session.observer();
    let groups = find_groups(&logs, &selections, &limit, 8, &observer)
        .await
        .map_err(|error| failures::export(&error))?;
    let only = archive.as_ref().map(|archive| OnlyVerified {
        archive,
        options: &options,
    });
    let changes = set_retention(
        &logs,
        &groups,
        days,
        only,
        args.dry_run,
        &session.clock,
        &limit,
        &observer,
    )
    .await
    .map_err(|error| failures::export(&error))?;
    show(&changes, args.dry_run, session)?;
    let failed = changes
        .iter()
        .filter(|change| matches!(change.action, RetentionAction::Failed(_)))
        .count();
    let held = changes
        .iter()
        .any(|change| matches!(change.action, RetentionAction::Held(_)));
    Ok(match failed {
        0 if !held => Exit::Done,
        failed if failed == changes.len() => Exit::Unreachable,
        _ => Exit::Partial,
    })
}

fn days(args: &RetentionArgs) -> Result<RetentionDays, Failure> {
    match (args.days, &args.environment) {
        (Some(days), _) => Ok(days),
        (None, Some(environment)) => RetentionDays::for_environment(environment).ok_or_else(|| {
            Failure::usage(format!("no retention is usual for `{environment}`"))
                .hint("dev has 7 days, staging 30 and prod 90; give others with --days")
        }),
        (None, None) => {
            Err(Failure::usage("no retention is given").hint("give --days or --environment"))
        }
    }
}

fn show(changes: &[RetentionChange], dry_run: bool, session: &Session<'_>) -> Result<(), Failure> {
    let printer = session.printer;
    let mut warnings: Vec<&str> = changes
        .iter()
        .filter_map(|change| change.warning.as_deref())
        .collect();
    warnings.dedup();
    for warning in warnings {
        printer.warn(warning);
    }
    if printer.format() == Format::Json {
        return printer.json(&Document {
            schema: 1,
            dry_run,
            groups: changes,
        });
    }
    for change in changes {
        let from = change
            .from
            .map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"));
        let what = match &change.action {
            RetentionAction::Unchanged => "unchanged".to_owned(),
            RetentionAction::WouldChange => format!("would change from {from}"),
            RetentionAction::Changed => format!("changed from {from}"),
            RetentionAction::Held(reason) => format!("NOT changed from {from}: {reason}"),
            RetentionAction::Failed(reason) => format!("FAILED, still {from}: {reason}"),
            _ => "not known".to_owned(),
        };
        printer.line(&printable(&format!(
            "{}  {} days  {what}",
            change.place, change.to
        )))?;
    }
    Ok(())
}
