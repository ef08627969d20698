//! `notifier send`.

use deploy_notifier::{Event, Report};
use serde::Serialize;
use windlass_cli::{
    EventLog, Exit, Failure, Format, GithubActions, Printer, interrupted, printable,
};

use crate::args::{Args, SendArgs};
use crate::channels::{self, Channels};
use crate::input;
use crate::outcome::{Document, Row, exit};

/// What the event log says beside the library's events.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Step {
    Failed { reason: String },
    Interrupted { signal: &'static str },
}

pub(crate) async fn run(args: &SendArgs, all: &Args, printer: &Printer) -> Result<Exit, Failure> {
    if args.stdout && args.format == Format::Json {
        return Err(
            Failure::usage("--stdout and --format json both want stdout")
                .hint("send the text elsewhere, or read the result from --events FILE"),
        );
    }
    let log = all.events.as_deref().map(EventLog::open).transpose()?;
    let ended = tokio::select! {
        ended = tell(args, log.as_ref(), printer) => ended,
        signal = interrupted() => {
            if let Some(log) = &log {
                log.write(&Step::Interrupted { signal });
            }
            Err(Failure::new(Exit::Interrupted, format!("interrupted by {signal}: it is not known which channels have the report")))
        }
    };
    if let (Some(log), Err(failure)) = (&log, &ended) {
        let reason = failure.message().to_owned();
        log.write(&Step::Failed { reason });
    }
    if let Some(log) = log {
        note(log.finish(), printer);
    }
    ended
}

/// Warns of what could not be written down. The report is where it is, and an exit code that says otherwise would have
/// it sent again.
fn note(written: Result<(), Failure>, printer: &Printer) {
    if let Err(failure) = written {
        printer.warn(failure.to_string().trim_start_matches("error: "));
    }
}

async fn tell(args: &SendArgs, log: Option<&EventLog>, printer: &Printer) -> Result<Exit, Failure> {
    let report = input::report(&args.report)?;
    let channels = Channels::open(args)?;
    if let Some(path) = &args.cards {
        channels::can_be_kept(path)?;
    }
    if args.dry_run {
        return plan(&report, &channels, printer);
    }
    let outcome = channels
        .fanout
        .send(&report, &|event: Event| {
            if let Some(log) = log {
                log.write(&event);
            }
        })
        .await;
    let document = Document::new(&report, &outcome);
    // With --best-effort what went wrong is told all the same.
    let exit = match args.best_effort {
        true => Exit::Done,
        false => exit(&outcome),
    };
    // First of what can fail: without its card the end of this deployment would be posted anew.
    if let Some(path) = &args.cards {
        note(channels.keep_cards(path).await, printer);
    }
    note(show(&document, printer), printer);
    let outputs = document.outputs(exit);
    note(GithubActions::from_env().outputs(&outputs), printer);
    Ok(exit)
}

fn plan(report: &Report, channels: &Channels, printer: &Printer) -> Result<Exit, Failure> {
    match printer.format() {
        Format::Json => printer.json(&Document::planned(report, &channels.places))?,
        _ => {
            for (name, place) in &channels.places {
                printer.line(&format!("{name}: would send {} to {place}", report.kind()))?;
            }
            printer.note(&deploy_notifier::text(report));
        }
    }
    Ok(Exit::Done)
}

fn show(document: &Document, printer: &Printer) -> Result<(), Failure> {
    if printer.format() == Format::Json {
        return printer.json(document);
    }
    for row in &document.channels {
        match row.outcome {
            "delivered" => printer.note(&format!("{}: delivered", row.channel)),
            _ => printer.warn(&trouble(row)),
        }
    }
    Ok(())
}

/// Why a channel does not have the report, with the remedy, in lines for a terminal.
fn trouble(row: &Row) -> String {
    let mut reasons = row.reasons.iter().map(|reason| printable(reason));
    let mut text = reasons.next().unwrap_or_default();
    for cause in reasons {
        text.push_str(&format!("\n  caused by: {cause}"));
    }
    if let Some(hint) = &row.hint {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    text
}
