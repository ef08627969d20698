//! `cost-exporter export`.

use async_trait::async_trait;
use cost_exporter::{Error, MetricSink, Outcome, Publication, Published, SinkName, SinkStyle};
use jiff::Timestamp;
use windlass_cli::{EventLog, Exit, Failure, GithubActions, Printer, markdown_cell};

use crate::alert;
use crate::args::{Args, ExportArgs, Shape};
use crate::outcome::{Document, exit, lines};
use crate::place::{Frozen, replaceable};
use crate::progress::Progress;
use crate::setup::{STDOUT, Setup, is_past, takes_stdout};
use crate::work::{opened, refreshed};

/// A sink that is asked what it takes, and given nothing.
#[derive(Debug)]
struct Dry(Box<dyn MetricSink>);

#[async_trait]
impl MetricSink for Dry {
    fn name(&self) -> &SinkName {
        self.0.name()
    }

    fn style(&self) -> SinkStyle {
        self.0.style()
    }

    async fn publish(&self, _publication: &Publication) -> Result<Published, Error> {
        Ok(Published::default())
    }
}

pub(crate) async fn run(args: &ExportArgs, all: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let json = all.format == Shape::Json;
    if takes_stdout(&args.sink) && json {
        return Err(
            Failure::usage("--sink stdout and --format json both want stdout")
                .hint("leave one of them out"),
        );
    }
    // Without a sink the document is the result.
    let sinks = match args.sink.is_empty() {
        true if json => Vec::new(),
        true => vec!["stdout".to_owned()],
        false => args.sink.clone(),
    };
    let log = all.events.as_deref().map(EventLog::open).transpose()?;
    let ended = export(args, json, &sinks, log.as_ref(), printer).await;
    if let Some(log) = log {
        log.finish()?;
    }
    ended
}

async fn export(
    args: &ExportArgs,
    json: bool,
    sinks: &[String],
    log: Option<&EventLog>,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if let Some(path) = &args.alert_report {
        replaceable(path)?;
    }
    let mut setup = opened(Setup::open(&args.from, sinks, printer)).await?;
    let (options, now) = setup.days(&args.days, Timestamp::now())?;
    if is_past(&options, now) {
        match args.sink.is_empty() {
            // Nobody asked for them: the facts are the result.
            true => setup.sinks.clear(),
            false => setup.refuse_the_present()?,
        }
    }
    if args.dry_run {
        setup.sinks = setup
            .sinks
            .into_iter()
            .map(|sink| Box::new(Dry(sink)) as Box<dyn MetricSink>)
            .collect();
        setup.ledger = Box::new(Frozen::new(setup.ledger));
    }
    let sinks: Vec<&dyn MetricSink> = setup.sinks.iter().map(|sink| &**sink).collect();
    let billed = setup.last.is_none();
    let progress = Progress::new(printer, log, billed);
    let outcome = refreshed(&setup, &sinks, options, now, &progress)
        .await
        .map_err(|stop| stop.failure())?;
    let report = alert::report(&outcome);
    if let Some(path) = args.alert_report.as_deref().filter(|_| !args.dry_run) {
        alert::write(path, report.as_ref())?;
    }
    let taken = sinks.iter().any(|sink| sink.name().as_str() == STDOUT);
    show((json, taken, args.dry_run), &outcome, billed, printer)?;
    let actions = GithubActions::from_env();
    actions.outputs(&Document::new(&outcome, args.dry_run).outputs())?;
    actions.summary(&summary(&outcome, args.dry_run, billed))?;
    Ok(match exit(&outcome) {
        Exit::Done if args.fail_on_alert && report.is_some() => Exit::Negative,
        exit => exit,
    })
}

fn show(
    (json, taken, dry_run): (bool, bool, bool),
    outcome: &Outcome,
    billed: bool,
    printer: &Printer,
) -> Result<(), Failure> {
    if json {
        return printer.json(&Document::new(outcome, dry_run));
    }
    // The metrics have stdout where they were sent there, and the facts go to people.
    for line in lines(outcome, dry_run, billed) {
        match taken && !dry_run {
            true => printer.note(&line),
            false => printer.line(&line)?,
        }
    }
    Ok(())
}

fn summary(outcome: &Outcome, dry_run: bool, billed: bool) -> String {
    let mut text = String::from("### AWS costs\n\n");
    for line in lines(outcome, dry_run, billed) {
        text.push_str(&format!("- {}\n", markdown_cell(&line)));
    }
    text
}
