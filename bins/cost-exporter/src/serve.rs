//! `cost-exporter serve`.

use std::time::Duration;

use cost_exporter::{Error, MetricSink, MetricsServer};
use jiff::Timestamp;
use tokio::net::TcpListener;
use windlass_cli::{EventLog, Exit, Failure, Printer, interrupted};

use crate::args::{Args, DaysArgs, ServeArgs};
use crate::outcome::{exit, lines};
use crate::progress::Progress;
use crate::setup::Setup;
use crate::work::{Stop, opened, refreshed};

/// How soon after a failed refresh the next one comes, at the latest. It is paid for like any other.
const AFTER_FAILURE: Duration = Duration::from_secs(30 * 60);
/// Less than this buys nothing: costs change a few times a day.
const OFTEN: Duration = Duration::from_secs(60 * 60);

pub(crate) async fn run(args: &ServeArgs, all: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let log = all.events.as_deref().map(EventLog::open).transpose()?;
    let setup = opened(Setup::open(&args.from, &args.sink, printer)).await?;
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
        ended = refreshing(args, &setup, &server, log.as_ref(), printer) => {
            // To be stopped is how a server ends.
            ended.map(|signal| {
                printer.note(&format!("stopped by {signal}"));
                Exit::Done
            })
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

/// Refreshes until a signal comes, whose name it returns.
async fn refreshing(
    args: &ServeArgs,
    setup: &Setup,
    server: &MetricsServer,
    log: Option<&EventLog>,
    printer: &Printer,
) -> Result<&'static str, Failure> {
    let mut sinks: Vec<&dyn MetricSink> = vec![server];
    sinks.extend(setup.sinks.iter().map(|sink| &**sink));
    let any = DaysArgs {
        from: None,
        to: None,
    };
    let billed = setup.last.is_none();
    loop {
        let (options, now) = setup.days(&any, Timestamp::now())?;
        let progress = Progress::new(printer, log, billed);
        let wait = match refreshed(setup, &sinks, options, now, &progress).await {
            Ok(outcome) => {
                server.refresh_succeeded(outcome.spending.requests);
                lines(&outcome, false, billed)
                    .iter()
                    .for_each(|line| printer.note(line));
                match exit(&outcome) {
                    Exit::Done => args.interval,
                    // Another sink than the server lacks something.
                    _ => args.interval.min(AFTER_FAILURE),
                }
            }
            Err(Stop::Signal(signal)) => return Ok(signal),
            Err(stop) => {
                server.refresh_failed(progress.requests());
                let text = stop.failure().to_string();
                printer.warn(text.trim_start_matches("error: "));
                let wait = args.interval.min(AFTER_FAILURE);
                match stop {
                    // Most likely this very server, before it was started anew.
                    Stop::Failed(Error::AnotherRun { until }) => wait.min(left(until)),
                    _ => wait,
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            signal = interrupted() => return Ok(signal),
        }
    }
}

/// How long it is until then, and a little longer.
fn left(until: Timestamp) -> Duration {
    let left = Timestamp::now().duration_until(until);
    Duration::try_from(left).unwrap_or_default() + Duration::from_secs(1)
}
