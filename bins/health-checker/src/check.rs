//! `health-checker check`.

mod args;
mod deployment;
mod outcome;
mod progress;
mod render;
mod targets;

use std::time::{Duration, Instant};

use health_checker::deployment::{DeploymentReport, DeploymentVerdict};
use health_checker::{Event, FixedResolver, NetworkProbe, Options, Report, SystemResolver, Target};
use windlass_cli::{Exit, Failure, interrupted};

pub(crate) use args::CheckArgs;

use self::deployment::Watch;
use self::outcome::Document;
use self::progress::Progress;
use crate::junit::{self, Case};
use crate::run::Session;

/// The most of the time that is kept for looking at the deployment once more.
const CONFIRMATION: Duration = Duration::from_secs(15);

/// What a run has found.
struct Found {
    deployment: Option<DeploymentReport>,
    report: Report,
}

pub(crate) async fn run(args: &CheckArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let targets = targets::read(args)?;
    let watch = Watch::new(&args.deployment).await?;
    if targets.is_empty() && watch.is_none() {
        session
            .printer
            .note("nothing to check: the list of targets is an explicit `[]`");
    }
    let service = args.deployment.ecs_service.as_deref();
    let progress = Progress::new(session.printer, service, &targets, session.log.as_ref());
    let found = tokio::select! {
        found = ask(args, watch.as_ref(), &targets, &progress) => found,
        signal = interrupted() => {
            progress.close();
            session.printer.note(&format!("interrupted by {signal}: there is no verdict; {}", progress.so_far()));
            return Ok(Exit::Interrupted);
        }
    };
    progress.close();
    conclude(args, &found, session)
}

/// Looks at the deployment, asks the targets, and looks again: all within the timeout.
async fn ask(
    args: &CheckArgs,
    watch: Option<&Watch>,
    targets: &[Target],
    progress: &Progress,
) -> Found {
    let began = Instant::now();
    let resolver = args.asking.resolve.iter().fold(
        FixedResolver::new(SystemResolver),
        |resolver, (host, address)| resolver.with(host, *address),
    );
    let probe = NetworkProbe::with_resolver(resolver);
    let check = async |left: Duration| {
        health_checker::check(&probe, targets, &options(args).timeout(left), progress).await
    };
    let Some(watch) = watch else {
        return Found {
            deployment: None,
            report: check(args.pace.timeout).await,
        };
    };
    let mut gate = watch.gate(args.pace.timeout, args.deployment.ecs_poll);
    let before = gate.wait(progress).await;
    if before.verdict != DeploymentVerdict::Serving || targets.is_empty() {
        return Found {
            deployment: Some(before),
            report: unasked(&probe, targets, &options(args)).await,
        };
    }
    let left = || args.pace.timeout.saturating_sub(began.elapsed());
    let reserve = CONFIRMATION.min(args.pace.timeout / 5);
    let report = check(left().saturating_sub(reserve)).await;
    Found {
        deployment: Some(gate.confirm(left(), progress).await),
        report,
    }
}

/// The report of targets that were not asked, so that none of them is missing from it.
async fn unasked(probe: &NetworkProbe, targets: &[Target], options: &Options) -> Report {
    let no_time = options.clone().timeout(Duration::ZERO);
    let mut report = health_checker::check(probe, targets, &no_time, &|_: Event| {}).await;
    for target in &mut report.targets {
        target.reason = Some("was not asked: the deployment does not serve".to_owned());
    }
    report
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

/// Says what was found, wherever it is wanted. A place that cannot be written makes no bad verdict less bad, and a good one
/// no success.
fn conclude(args: &CheckArgs, found: &Found, session: &Session<'_>) -> Result<Exit, Failure> {
    let document = Document::new(found.deployment.as_ref(), &found.report);
    let exit = document.exit();
    let mut told = Ok(exit);
    for failure in tell(args, found, &document, session) {
        match (exit, &told) {
            (Exit::Done, Ok(_)) => told = Err(failure),
            _ => session.printer.failure(&failure),
        }
    }
    told
}

/// What went wrong in telling: each place is told, whatever became of the others.
fn tell(
    args: &CheckArgs,
    found: &Found,
    document: &Document<'_>,
    session: &Session<'_>,
) -> Vec<Failure> {
    let report = render::report(document, session.printer);
    if let Some(hint) = found
        .deployment
        .as_ref()
        .and_then(|report| report.hint.as_ref())
    {
        session.printer.warn(hint);
    }
    let junit = args.junit.as_ref().map(|path| {
        let deployment = found.deployment.iter().map(render::deployment_case);
        let targets = found.report.targets.iter().map(render::case);
        let cases: Vec<Case> = deployment.chain(targets).collect();
        junit::write(path, "health", &cases)
    });
    let github = render::github(document);
    [report, junit.unwrap_or(Ok(())), github]
        .into_iter()
        .filter_map(Result::err)
        .collect()
}
