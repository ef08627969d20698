//! `cost-exporter report`.

use std::collections::BTreeMap;

use cost_exporter::{
    Amount, Basis, Currency, FocusRow, LedgerDay, LedgerState, Options, Outcome, Period, focus_rows,
};
use jiff::Timestamp;
use jiff::civil::Date;
use windlass_cli::{EventLog, Exit, Failure, Printer};

use crate::args::{Args, ReportArgs, Shape};
use crate::bars::{self, Page};
use crate::failures;
use crate::progress::Progress;
use crate::setup::Setup;
use crate::work::{opened, refreshed};

pub(crate) async fn run(args: &ReportArgs, all: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let log = all.events.as_deref().map(EventLog::open).transpose()?;
    let ended = report(args, all.format, log.as_ref(), printer).await;
    if let Some(log) = log {
        log.finish()?;
    }
    ended
}

async fn report(
    args: &ReportArgs,
    format: Shape,
    log: Option<&EventLog>,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let mut from = args.from.clone();
    from.offline = args.offline;
    let setup = opened(Setup::open(&from, &[], printer)).await?;
    let (options, now) = setup.days(&args.days, Timestamp::now())?;
    let unasked = |basis: &Basis| !args.offline && !options.bases.contains(basis);
    if let Some(basis) = args.basis.filter(unasked) {
        return Err(
            Failure::usage(format!("the basis `{basis}` is not asked for"))
                .hint("add it to `bases` in the configuration"),
        );
    }
    let billed = setup.last.is_none();
    let outcome = match args.offline {
        true => None,
        false => {
            let progress = Progress::new(printer, log, billed);
            let outcome = refreshed(&setup, &[], options.clone(), now, &progress).await;
            Some(outcome.map_err(|stop| stop.failure())?)
        }
    };
    let (state, _) = setup
        .ledger
        .load()
        .await
        .map_err(|error| failures::cost(&error))?;
    if args.offline {
        state
            .check(setup.source.bill().as_ref(), &options.tag)
            .map_err(|error| failures::cost(&error))?;
    }
    let period = shown(&options, outcome.as_ref(), now)?;
    if args.offline
        && state
            .days
            .range(period.start()..period.end())
            .next()
            .is_none()
    {
        return Err(
            Failure::usage(format!("the ledger knows no day of {period}"))
                .hint("name the ledger with --ledger, or leave --offline out"),
        );
    }
    if let Some(outcome) = outcome
        .as_ref()
        .filter(|_| billed && format != Shape::Human)
    {
        printer.note(&crate::outcome::spending(outcome));
    }
    show(
        (format, args.basis),
        billed,
        &state,
        &options,
        period,
        outcome.as_ref(),
        printer,
    )?;
    Ok(Exit::Done)
}

/// The days to show: those that were named, or the month so far.
fn shown(options: &Options, outcome: Option<&Outcome>, now: Timestamp) -> Result<Period, Failure> {
    if let Some(period) = options.period {
        return Ok(period);
    }
    let today = outcome.map_or_else(
        || jiff::tz::TimeZone::UTC.to_datetime(now).date(),
        |outcome| outcome.today,
    );
    Period::new(today.first_of_month(), today.tomorrow().unwrap_or(today))
        .map_err(|error| Failure::usage("there are no days to show").caused_by(&error))
}

fn show(
    (format, basis): (Shape, Option<Basis>),
    billed: bool,
    state: &LedgerState,
    options: &Options,
    period: Period,
    outcome: Option<&Outcome>,
    printer: &Printer,
) -> Result<(), Failure> {
    let rows = || focus_rows(&state.days, period, &options.tag);
    match format {
        Shape::Json => printer.json(&rows()),
        Shape::Csv => printer.line(table(&rows())?.trim_end()),
        Shape::Human => {
            let basis = basis.unwrap_or(options.main_basis);
            let days = || state.days.range(period.start()..period.end());
            let without = days()
                .filter(|(_, day)| !day.bases.contains(&basis))
                .count();
            if without > 0 {
                printer.warn(&format!(
                    "{without} of {} days are not known in the basis {basis}",
                    days().count()
                ));
            }
            let pages = pages(&state.days, period, basis)?;
            if pages.is_empty() {
                return printer.line(&format!("{period}: no costs in the basis {basis}"));
            }
            for (currency, page) in &pages {
                for line in bars::lines(page, period, basis, currency) {
                    printer.line(&line)?;
                }
            }
            if let Some(outcome) = outcome {
                let lines = crate::outcome::lines(outcome, false, billed);
                let rest = lines.iter().skip(outcome.month.len());
                rest.into_iter().try_for_each(|line| printer.line(line))?;
            }
            Ok(())
        }
    }
}

/// The sums to draw, by currency.
fn pages(
    days: &BTreeMap<Date, LedgerDay>,
    period: Period,
    basis: Basis,
) -> Result<BTreeMap<Currency, Page>, Failure> {
    let failed = |error: cost_exporter::Inexact| {
        Failure::unreachable("the costs cannot be added up").caused_by(&error)
    };
    let mut pages = BTreeMap::<Currency, Page>::new();
    for (date, day) in days.range(period.start()..period.end()) {
        for cell in &day.cells {
            let Some(amount) = cell.amounts.get(&basis) else {
                continue;
            };
            let page = pages.entry(cell.key.currency.clone()).or_default();
            let add =
                |sum: &mut Amount| sum.plus(*amount).map(|total| *sum = total).map_err(failed);
            add(page
                .services
                .entry(cell.key.service.to_string())
                .or_default())?;
            add(page
                .environments
                .entry(cell.key.environment.to_string())
                .or_default())?;
            add(&mut page
                .days
                .entry(*date)
                .or_insert((Amount::ZERO, day.estimated))
                .0)?;
            add(&mut page.total)?;
        }
    }
    Ok(pages)
}

/// The rows as a table of comma-separated values.
fn table(rows: &[FocusRow]) -> Result<String, Failure> {
    let failed =
        |error: csv::Error| Failure::unreachable("the table cannot be written").caused_by(&error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let bases = Basis::ALL.map(|basis| format!("x_{}", basis.metric()));
    let columns = [
        "ChargePeriodStart",
        "ChargePeriodEnd",
        "BillingPeriodStart",
        "BillingPeriodEnd",
        "ServiceName",
        "Tags",
        "BillingCurrency",
        "BilledCost",
        "EffectiveCost",
        "x_Estimated",
    ];
    writer
        .write_record(columns.into_iter().chain(bases.iter().map(String::as_str)))
        .map_err(failed)?;
    for row in rows {
        let tags = serde_json::to_string(&row.tags)
            .map_err(|error| Failure::unreachable("a tag cannot be written").caused_by(&error))?;
        let (billed, effective) = (row.billed_cost.to_string(), row.effective_cost.to_string());
        let (service, estimated) = (
            harmless(row.service_name.as_str()),
            row.estimated.to_string(),
        );
        let fields = [
            &row.charge_period_start,
            &row.charge_period_end,
            &row.billing_period_start,
            &row.billing_period_end,
            &service,
            &tags,
        ];
        let money = [
            row.billing_currency.as_str(),
            &billed,
            &effective,
            &estimated,
        ]
        .map(str::to_owned);
        let costs = Basis::ALL.map(|basis| {
            row.costs
                .get(basis.metric())
                .map(Amount::to_string)
                .unwrap_or_default()
        });
        writer
            .write_record(fields.into_iter().chain(&money).chain(&costs))
            .map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| {
        Failure::unreachable("the table cannot be written").caused_by(error.error())
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}
