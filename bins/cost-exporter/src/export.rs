//! `cost-exporter export`.

use async_trait::async_trait;
use cost_exporter::{
    Error, MetricSink, Outcome, Parts, Publication, Published, SinkName, SinkStyle, refresh,
};
use jiff::Timestamp;
use windlass_cli::{
    EventLog, Exit, Failure, Format, GithubActions, Printer, interrupted, markdown_cell,
};

use crate::args::{Args, ExportArgs};
use crate::outcome::{Document, exit, lines};
use crate::place::Frozen;
use crate::progress::Progress;
use crate::setup::{Setup, takes_stdout};
use crate::{alert, failures};

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
    let sinks = match args.sink.is_empty() {
        true => vec!["stdout".to_owned()],
        false => args.sink.clone(),
    };
    if takes_stdout(&sinks) && args.format == Format::Json && !args.sink.is_empty() {
        return Err(
            Failure::usage("--sink stdout and --format json both want stdout")
                .hint("leave one of them out"),
        );
    }
    // Without a sink the document is the result.
    let sinks = if args.sink.is_empty() && args.format == Format::Json {
        Vec::new()
    } else {
        sinks
    };
    let log = all.events.as_deref().map(EventLog::open).transpose()?;
    let ended = tokio::select! {
        ended = export(args, &sinks, log.as_ref(), printer) => ended,
        signal = interrupted() => Err(Failure::new(
            Exit::Interrupted,
            format!("interrupted by {signal}: what was being put to a sink is settled in the next run"),
        )),
    };
    if let Some(log) = log {
        log.finish()?;
    }
    ended
}

async fn export(
    args: &ExportArgs,
    sinks: &[String],
    log: Option<&EventLog>,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let mut setup = Setup::open(&args.from, sinks).await?;
    let (options, now) = setup.days(&args.days, Timestamp::now())?;
    if args.dry_run {
        setup.sinks = setup
            .sinks
            .into_iter()
            .map(|sink| Box::new(Dry(sink)) as Box<dyn MetricSink>)
            .collect();
        setup.ledger = Box::new(Frozen(setup.ledger));
    }
    let sinks: Vec<&dyn MetricSink> = setup.sinks.iter().map(|sink| &**sink).collect();
    let parts = Parts {
        source: &*setup.source,
        budgets: setup.budgets.as_deref(),
        ledger: &*setup.ledger,
        sinks: &sinks,
    };
    let progress = Progress::new(printer, log);
    let outcome = refresh(&parts, &options, now, &progress)
        .await
        .map_err(|error| {
            let spent = progress.requests();
            if spent > 0 {
                printer.note(&format!(
                    "requests: {spent} (${}.{:02}), and nothing was published",
                    spent / 100,
                    spent % 100
                ));
            }
            failures::cost(&error)
        })?;
    let report = alert::report(&outcome);
    if let Some(path) = args.alert_report.as_deref().filter(|_| !args.dry_run) {
        alert::write(path, report.as_ref())?;
    }
    show(args, &outcome, printer)?;
    let actions = GithubActions::from_env();
    actions.outputs(&Document::new(&outcome, args.dry_run).outputs())?;
    actions.summary(&summary(&outcome, args.dry_run))?;
    Ok(match exit(&outcome) {
        Exit::Done if args.fail_on_alert && report.is_some() => Exit::Negative,
        exit => exit,
    })
}

fn show(args: &ExportArgs, outcome: &Outcome, printer: &Printer) -> Result<(), Failure> {
    if args.format == Format::Json {
        return printer.json(&Document::new(outcome, args.dry_run));
    }
    // The metrics have stdout where they were sent there, and the facts go to people.
    let taken = args.sink.is_empty() || takes_stdout(&args.sink);
    for line in lines(outcome, args.dry_run) {
        match taken && !args.dry_run {
            true => printer.note(&line),
            false => printer.line(&line)?,
        }
    }
    Ok(())
}

fn summary(outcome: &Outcome, dry_run: bool) -> String {
    let mut text = String::from("### AWS costs\n\n");
    for line in lines(outcome, dry_run) {
        text.push_str(&format!("- {}\n", markdown_cell(&line)));
    }
    text
}
