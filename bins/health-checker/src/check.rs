//! `health-checker check`.

mod args;
mod outcome;
mod progress;
mod render;
mod targets;

use health_checker::{FixedResolver, NetworkProbe, Options, Report, SystemResolver, Target};
use windlass_cli::{Exit, Failure, interrupted};

pub(crate) use args::CheckArgs;

use self::outcome::Document;
use self::progress::Progress;
use crate::junit::{self, Case};
use crate::run::Session;

pub(crate) async fn run(args: &CheckArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let targets = targets::read(args)?;
    if targets.is_empty() {
        session
            .printer
            .note("nothing to check: the list of targets is an explicit `[]`");
    }
    let progress = Progress::new(session.printer, &targets, session.log.as_ref());
    let report = tokio::select! {
        report = ask(args, &targets, &progress) => report,
        signal = interrupted() => {
            progress.close();
            session.printer.note(&format!("interrupted by {signal}: there is no verdict; {}", progress.so_far()));
            return Ok(Exit::Interrupted);
        }
    };
    tell(args, &report, session)
}

async fn ask(args: &CheckArgs, targets: &[Target], progress: &Progress) -> Report {
    let resolver = args.asking.resolve.iter().fold(
        FixedResolver::new(SystemResolver),
        |resolver, (host, address)| resolver.with(host, *address),
    );
    let probe = NetworkProbe::with_resolver(resolver);
    health_checker::check(&probe, targets, &options(args), progress).await
}

fn options(args: &CheckArgs) -> Options {
    let (pace, demands) = (&args.pace, &args.demands);
    Options::default()
        .successes(pace.successes)
        .interval(pace.interval)
        .jitter(pace.jitter.unwrap_or(pace.interval / 10))
        .timeout(pace.timeout)
        .try_timeout(pace.try_timeout)
        .max_parallel(pace.max_parallel)
        .latency_ceiling(demands.latency_ceiling)
        .dwell(demands.dwell)
}

/// Says what was found wherever it is wanted.
fn tell(args: &CheckArgs, report: &Report, session: &Session<'_>) -> Result<Exit, Failure> {
    let document = Document::new(report);
    render::report(&document, session.printer)?;
    if let Some(path) = &args.junit {
        let cases: Vec<Case> = report.targets.iter().map(render::case).collect();
        junit::write(path, "health", &cases)?;
    }
    render::github(&document)?;
    Ok(document.exit())
}
