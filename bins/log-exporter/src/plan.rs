//! `log-exporter plan`.

use log_exporter::{Plan, PlanRequest, Unit};
use serde::Serialize;
use serde_json::json;
use windlass_cli::{Exit, Failure, Format, Printer};

use crate::args::{EmitArg, PlanArgs};
use crate::failures;
use crate::session::{Session, required};
use crate::text::count;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(flatten)]
    plan: &'a Plan,
}

pub(crate) async fn run(args: &PlanArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let selections = required(&args.groups)?;
    let archive = session.archive(&args.archive).await?;
    let logs = session.logs().await?;
    let limit = session.limit(&args.effort).await?;
    let options = session
        .options(&args.archive, Some(&args.effort))
        .lag(*args.lag)
        .checkpoint(!args.no_checkpoint);
    let (from, to) = session.times(&args.time);
    let request = PlanRequest::new(selections).from(from).to(to);
    let plan = log_exporter::plan(
        &logs,
        &archive,
        &request,
        &options,
        &session.clock,
        &limit,
        &session.observer(),
    )
    .await
    .map_err(|error| failures::export(&error))?;
    for warning in &plan.warnings {
        session.printer.warn(warning);
    }
    match args.emit {
        Some(emit) => emitted(&plan.units, emit, session.printer)?,
        None => show(&plan, session.printer)?,
    }
    Ok(Exit::Done)
}

/// A plan on stdout.
pub(crate) fn show(plan: &Plan, printer: &Printer) -> Result<(), Failure> {
    if printer.format() == Format::Json {
        return printer.json(&Document { schema: 1, plan });
    }
    for unit in &plan.units {
        printer.line(&line(unit))?;
    }
    printer.note(&format!(
        "{} to read in {}, {} done, {} not closed yet",
        count(plan.units.len() as u64, "window"),
        count(plan.groups.len() as u64, "group"),
        plan.done,
        plan.open
    ));
    Ok(())
}

/// Windows that somebody else has planned, on stdout.
pub(crate) fn show_units(units: &[Unit], printer: &Printer) -> Result<(), Failure> {
    if printer.format() == Format::Json {
        return printer.json(&json!({"schema": 1, "units": units}));
    }
    units.iter().try_for_each(|unit| printer.line(&line(unit)))
}

fn line(unit: &Unit) -> String {
    format!("{}  {}  {}", unit.window, unit.sweep, unit.place)
}

fn emitted(units: &[Unit], emit: EmitArg, printer: &Printer) -> Result<(), Failure> {
    let body = |unit: &Unit| serde_json::to_string(unit).unwrap_or_default();
    match emit {
        EmitArg::Lines => units.iter().try_for_each(|unit| printer.line(&body(unit))),
        EmitArg::Map => printer.json(&units),
        EmitArg::SqsBatches => units.chunks(10).try_for_each(|batch| {
            let entries: Vec<_> = batch
                .iter()
                .enumerate()
                .map(|(index, unit)| json!({"Id": index.to_string(), "MessageBody": body(unit)}))
                .collect();
            printer.line(&json!(entries).to_string())
        }),
    }
}
