//! `plan` and `--dry-run`: what would be done, found out without a lock and without a change.

use serde::Serialize;
use windlass_cli::{CommonArgs, EventLog, Exit, Failure, Format, GithubActions, Printer};

use crate::args::{PlanArgs, ReportArgs};
use crate::event::{Listener, Listeners};
use crate::ledger::Ledger;
use crate::outcome::{BackOutcome, DryOutcome, PlannedBack};
use crate::render;
use crate::report;
use crate::rollback::WayBack;
use crate::session::Session;
use crate::task::{self, Task};

/// Says what `run` would do.
pub(crate) async fn plan(
    args: &PlanArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let session = Session::open(&args.repo, &args.range.head, &args.environment)?;
    let reports = &args.reports;
    let log = begin(reports, common)?;
    let listeners = Listeners(log.iter().map(|log| log as &dyn Listener).collect());
    let (adapters, ledger) = (session.peek().await?, Ledger::default());
    let pipeline = session.pipeline(&adapters, &listeners, &ledger);
    let outcome = pipeline.plan(&args.range, args.allow_dirty).await?;
    warn(&outcome.warnings, printer);
    Told {
        outcome: &outcome,
        markdown: report::plan_markdown(&outcome),
        outputs: render::plan_outputs(&outcome),
    }
    .tell(reports, log.as_ref(), printer, || {
        render::plan(&outcome, printer)
    })
}

/// Says what a task would do.
pub(crate) async fn run(
    session: &Session,
    task: &Task<'_>,
    source: Option<&Session>,
    reports: &ReportArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let log = begin(reports, common)?;
    let listeners = Listeners(log.iter().map(|log| log as &dyn Listener).collect());
    let (adapters, ledger) = (session.peek().await?, Ledger::default());
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
        Task::Promote { services, check } => {
            let source = source.expect("a promotion is opened with its source");
            let adapters = source.peek().await?;
            let from = source.pipeline(&adapters, &listeners, &ledger);
            let promotable = pipeline.find_promotable(&from, services, *check).await?;
            outcome.services = task::ready(promotable);
            outcome.head = task::common_commit(&pipeline, &outcome.services);
            if outcome.services.is_empty() {
                outcome.nothing = Some(task::nothing_to_promote(&from, &pipeline));
            }
        }
        Task::Rollback { services, to } => {
            let ways = pipeline.find_way_back(services, *to).await?;
            task::tell_ways(&listeners, &ways);
            let outcome = BackOutcome {
                schema: 1,
                command: task.command(),
                environment: session.names.environment().to_owned(),
                warnings: task::run_brings_it_again(&pipeline, &ways)
                    .into_iter()
                    .collect(),
                services: ways.into_iter().map(planned_back).collect(),
            };
            warn(&outcome.warnings, printer);
            return Told {
                outcome: &outcome,
                markdown: report::back_markdown(&outcome),
                outputs: render::back_outputs(&outcome),
            }
            .tell(reports, log.as_ref(), printer, || {
                render::back(&outcome, printer)
            });
        }
    }
    task::tell_resolved(&listeners, outcome.services.iter());
    Told {
        outcome: &outcome,
        markdown: report::dry_markdown(&outcome),
        outputs: render::dry_outputs(&outcome),
    }
    .tell(reports, log.as_ref(), printer, || {
        render::dry(&outcome, printer)
    })
}

/// Refuses what a dry run cannot write, and opens the event log.
fn begin(reports: &ReportArgs, common: &CommonArgs) -> Result<Option<EventLog>, Failure> {
    if reports.report_html.is_some() {
        return Err(
            Failure::usage("--report-html draws a run, and a dry run is none")
                .hint("leave --report-html or --dry-run away; --report-markdown and --report-json tell what would be done"),
        );
    }
    report::check(reports)?;
    common.events.as_deref().map(EventLog::open).transpose()
}

fn warn(warnings: &[String], printer: &Printer) {
    for warning in warnings {
        printer.warn(warning);
    }
}

/// What is told, in the forms that it is told in.
struct Told<'a, T> {
    outcome: &'a T,
    markdown: String,
    outputs: Vec<(&'static str, String)>,
}

impl<T: Serialize> Told<'_, T> {
    /// Tells all who are told; what cannot be written keeps nobody else from being told.
    fn tell(
        self,
        reports: &ReportArgs,
        log: Option<&EventLog>,
        printer: &Printer,
        human: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        let github = GithubActions::from_env();
        let told = [
            report::write_json(self.outcome, reports),
            report::write_markdown(&self.markdown, reports),
            github.outputs(&self.outputs),
            github.summary(&self.markdown),
            match printer.format() {
                Format::Json => printer.json(self.outcome),
                _ => human(),
            },
            log.map_or(Ok(()), EventLog::finish),
        ];
        let mut trouble = told.into_iter().filter_map(Result::err);
        let first = trouble.next();
        for failure in trouble {
            printer.warn(&failure.in_a_line());
        }
        first.map_or(Ok(Exit::Done), Err)
    }
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
