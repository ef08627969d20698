//! `--dry-run`: what would be done, found out without a lock and without a change.

use windlass_cli::{Exit, Failure, Format, GithubActions, Printer};

use crate::event::Listeners;
use crate::ledger::Ledger;
use crate::outcome::{BackOutcome, DryOutcome, PlannedBack};
use crate::render;
use crate::rollback::WayBack;
use crate::session::Session;
use crate::task::{self, Task};

/// Says what a task would do.
pub(crate) async fn run(
    session: &Session,
    task: &Task<'_>,
    source: Option<&Session>,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let (listeners, ledger) = (Listeners(Vec::new()), Ledger::default());
    let adapters = session.peek().await?;
    let pipeline = session.pipeline(&adapters, &listeners, &ledger);
    let mut outcome = DryOutcome {
        schema: 1,
        command: task.command(),
        environment: session.names.environment().to_owned(),
        from: source.map(|source| source.names.environment().to_owned()),
        head: None,
        nothing: None,
        services: Vec::new(),
    };
    match task {
        Task::Run { .. } => unreachable!("a dry run of `run` is `plan`"),
        Task::Deploy { order, head, .. } => {
            outcome.services = pipeline.find_ordered(order).await?;
            outcome.head = head
                .clone()
                .or_else(|| task::common_commit(&pipeline, &outcome.services));
        }
        Task::Promote { services, .. } => {
            let source = source.expect("a promotion is opened with its source");
            let adapters = source.peek().await?;
            let from = source.pipeline(&adapters, &listeners, &ledger);
            outcome.services = task::ready(pipeline.find_promotable(&from, services).await?);
            outcome.head = task::common_commit(&pipeline, &outcome.services);
            if outcome.services.is_empty() {
                outcome.nothing = Some(task::nothing_to_promote(&from, &pipeline));
            }
        }
        Task::Rollback { services, to } => {
            let ways = pipeline.find_way_back(services, *to).await?;
            let outcome = BackOutcome {
                schema: 1,
                command: task.command(),
                environment: session.names.environment().to_owned(),
                warnings: vec![task::run_brings_it_again(&pipeline, &ways)],
                services: ways.into_iter().map(planned_back).collect(),
            };
            match printer.format() {
                Format::Json => printer.json(&outcome)?,
                _ => render::back(&outcome, printer)?,
            }
            for warning in &outcome.warnings {
                printer.warn(warning);
            }
            GithubActions::from_env().outputs(&render::back_outputs(&outcome))?;
            return Ok(Exit::Done);
        }
    }
    match printer.format() {
        Format::Json => printer.json(&outcome)?,
        _ => render::dry(&outcome, printer)?,
    }
    GithubActions::from_env().outputs(&render::dry_outputs(&outcome))?;
    Ok(Exit::Done)
}

fn planned_back(way: WayBack) -> PlannedBack {
    PlannedBack {
        commit: way.commit(),
        module: way.plan.module,
        service: way.plan.service,
        from: way.plan.from,
        from_commit: way.plan.from_commit,
        to: way.to,
        image: way.image,
    }
}
