//! `cost-exporter serve`.

use std::time::Duration;

use cost_exporter::{MetricSink, MetricsServer, Parts, refresh};
use jiff::Timestamp;
use tokio::net::TcpListener;
use windlass_cli::{EventLog, Exit, Failure, Printer, interrupted};

use crate::args::{Args, DaysArgs, ServeArgs};
use crate::failures;
use crate::outcome::{exit, lines};
use crate::progress::Progress;
use crate::setup::Setup;

/// How soon after a failed refresh the next one comes, at the latest. It is paid for like any other.
const AFTER_FAILURE: Duration = Duration::from_secs(30 * 60);
/// Less than this buys nothing: costs change a few times a day.
const OFTEN: Duration = Duration::from_secs(60 * 60);

pub(crate) async fn run(args: &ServeArgs, all: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let log = all.events.as_deref().map(EventLog::open).transpose()?;
    let setup = Setup::open(&args.from, &args.sink).await?;
    let server = MetricsServer::new("server".parse().expect("the word is a name"));
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        Failure::usage(format!("cannot listen on `{}`", args.listen))
            .caused_by(&error)
            .hint("give another address with --listen")
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::unreachable("the socket has no address").caused_by(&error))?;
    printer.note(&format!("serving http://{address}/metrics"));
    warn_of_costs(args, &setup, printer);
    let ended = tokio::select! {
        served = server.serve(listener) => {
            served.map_err(|error| Failure::unreachable("the server failed").caused_by(&error))?;
            Ok(Exit::Done)
        }
        never = refreshing(args, &setup, &server, log.as_ref(), printer) => never,
        signal = interrupted() => {
            // To be stopped is how a server ends.
            printer.note(&format!("stopped by {signal}"));
            Ok(Exit::Done)
        }
    };
    if let Some(log) = log {
        log.finish()?;
    }
    ended
}

/// Says what the interval costs.
fn warn_of_costs(args: &ServeArgs, setup: &Setup, printer: &Printer) {
    if setup.last.is_some() {
        return;
    }
    let refreshes = 30 * 86_400 / args.interval.as_secs().max(1);
    let requests = refreshes * if setup.options.forecast { 2 } else { 1 };
    let text = format!(
        "about {requests} requests or more a month (${}.{:02}); at most {} are sent",
        requests / 100,
        requests % 100,
        setup.options.most_month_requests
    );
    match args.interval < OFTEN || requests > setup.options.most_month_requests {
        true => printer.warn(&text),
        false => printer.note(&text),
    }
}

/// Refreshes for ever.
async fn refreshing(
    args: &ServeArgs,
    setup: &Setup,
    server: &MetricsServer,
    log: Option<&EventLog>,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let mut sinks: Vec<&dyn MetricSink> = vec![server];
    sinks.extend(setup.sinks.iter().map(|sink| &**sink));
    let any = DaysArgs {
        from: None,
        to: None,
    };
    loop {
        let (options, now) = setup.days(&any, Timestamp::now())?;
        let parts = Parts {
            source: &*setup.source,
            budgets: setup.budgets.as_deref(),
            ledger: &*setup.ledger,
            sinks: &sinks,
        };
        let progress = Progress::new(printer, log);
        let wait = match refresh(&parts, &options, now, &progress).await {
            Ok(outcome) => {
                server.refresh_succeeded(outcome.spending.requests);
                lines(&outcome, false)
                    .iter()
                    .for_each(|line| printer.note(line));
                match exit(&outcome) {
                    Exit::Done => args.interval,
                    // Another sink than the server lacks something.
                    _ => args.interval.min(AFTER_FAILURE),
                }
            }
            Err(error) => {
                server.refresh_failed(progress.requests());
                printer.warn(
                    failures::cost(&error)
                        .to_string()
                        .trim_start_matches("error: "),
                );
                args.interval.min(AFTER_FAILURE)
            }
        };
        tokio::time::sleep(wait).await;
    }
}
