//! `windlass status`: what runs where.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use change_detect::{Module, ModuleName};
use health_checker::{Target, TargetReport};
use serde::Serialize;
use windlass_cli::{CommonArgs, EventLog, Exit, Failure, Format, Printer, printable};

use crate::args::StatusArgs;
use crate::config::{Config, LOCAL, Provider};
use crate::event::{Event, Listener, Listeners};
use crate::folder;
use crate::ledger::Ledger;
use crate::live::Live;
use crate::pipeline::Pipeline;
use crate::plan::short;
use crate::render::width;
use crate::session::Session;
use crate::terminal::Terminal;

/// How long each service is asked for its health: a look, not a wait for it to become healthy.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// What runs where.
#[derive(Debug, Serialize)]
struct Status {
    schema: u32,
    environments: Vec<EnvironmentStatus>,
}

/// What runs in one environment.
#[derive(Debug, Serialize)]
struct EnvironmentStatus {
    environment: String,
    provider: &'static str,
    /// Why nothing is known of it, if so.
    error: Option<String>,
    /// What could not be told, and what people should know.
    warnings: Vec<String>,
    services: Vec<ServiceStatus>,
    #[serde(skip)]
    tasks_run: bool,
    #[serde(skip)]
    exit: Exit,
}

/// What one service runs.
#[derive(Debug, Serialize)]
struct ServiceStatus {
    module: ModuleName,
    service: String,
    /// Whether the repository has it still.
    in_repository: bool,
    /// `None` if it was never deployed.
    live: Option<Live>,
    digest: Option<String>,
    /// How long ago the commit was made, in seconds, if the repository has it.
    commit_age_seconds: Option<u64>,
    /// The commit's title.
    commit_title: Option<String>,
    /// `None` if it was not asked for, or nobody said where to ask.
    health: Option<TargetReport>,
}

/// `windlass status`.
pub(crate) async fn run(
    args: &StatusArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let log = common.events.as_deref().map(EventLog::open).transpose()?;
    let terminal = Terminal::new(printer);
    let mut all_ears: Vec<&dyn Listener> = vec![&terminal];
    all_ears.extend(log.iter().map(|log| log as &dyn Listener));
    let listeners = Listeners(all_ears);
    let names = if args.environment.is_empty() {
        let first = Session::open(&args.repo, "HEAD", LOCAL)?;
        all(&first.config, first.checkout.root())
    } else {
        args.environment.clone()
    };
    let mut environments = Vec::new();
    for name in &names {
        let session = Session::open(&args.repo, "HEAD", name)?;
        let status = environment(&session, args, &listeners).await;
        if args.health && session.environment.provider == Provider::Local {
            printer.note(&format!(
                "`{name}` is local: its tasks end with each run, so there is nobody to ask for health"
            ));
        }
        environments.push(match status {
            Ok(status) => status,
            // Asked for one, its error is the answer; of several the others' must not be lost.
            Err(failure) if names.len() == 1 || failure.exit() == Exit::Usage => {
                return Err(failure);
            }
            Err(failure) => EnvironmentStatus {
                environment: name.clone(),
                provider: provider(&session),
                error: Some(failure.message().to_owned()),
                warnings: Vec::new(),
                services: Vec::new(),
                tasks_run: false,
                exit: failure.exit(),
            },
        });
    }
    let status = Status {
        schema: 1,
        environments,
    };
    tell(&status, &listeners);
    match printer.format() {
        Format::Json => printer.json(&status)?,
        _ => render(&status, printer)?,
    }
    log.as_ref().map_or(Ok(()), EventLog::finish)?;
    Ok(exit(&status.environments))
}

/// A line of the event log for each service.
fn tell(status: &Status, listeners: &Listeners<'_>) {
    for environment in &status.environments {
        for service in &environment.services {
            let live = service.live.as_ref();
            listeners.tell(&Event::Seen {
                environment: environment.environment.clone(),
                service: service.module.to_string(),
                image: live.and_then(|live| live.image.as_ref().map(ToString::to_string)),
                commit: live.and_then(|live| live.commit.as_ref().map(ToString::to_string)),
                health: service
                    .health
                    .as_ref()
                    .map(|report| report.verdict.as_str().to_owned()),
            });
        }
    }
}

/// The environments to look at if none is named.
fn all(config: &Config, root: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = config.environments.keys().cloned().collect();
    // `local` exists without being configured; it is of interest when it was used, or when there is no other.
    let is_used = folder::of(root, LOCAL).join("cluster.json").is_file();
    if !names.iter().any(|name| name == LOCAL) && (names.is_empty() || is_used) {
        names.push(LOCAL.to_owned());
    }
    names
}

const fn provider(session: &Session) -> &'static str {
    match session.environment.provider {
        Provider::Aws => "aws",
        Provider::Local => "local",
    }
}

async fn environment(
    session: &Session,
    args: &StatusArgs,
    listeners: &Listeners<'_>,
) -> Result<EnvironmentStatus, Failure> {
    let ledger = Ledger::default();
    let adapters = session.peek().await?;
    let pipeline = session.pipeline(&adapters, listeners, &ledger);
    let modules = if args.service.is_empty() {
        pipeline.inventory()?
    } else {
        pipeline.wanted(&args.service)?
    };
    let keys: Vec<ModuleName> = modules.iter().map(|module| module.name.clone()).collect();
    let mut live = pipeline.live(&keys).await?;
    let mut health = if args.health {
        ask(&pipeline, &modules, &live).await?
    } else {
        BTreeMap::new()
    };
    let mut rows: Vec<(ModuleName, bool)> =
        keys.iter().map(|module| (module.clone(), true)).collect();
    if args.service.is_empty() {
        let suspects = pipeline.once_there(&live, &pipeline.detect_options(None)?);
        for (module, found) in pipeline.left_behind(&keys, suspects).await {
            live.insert(module.clone(), found);
            rows.push((module, false));
        }
    }
    let mut services = Vec::new();
    for (module, in_repository) in rows {
        let live = live.remove(&module);
        let image = live.as_ref().and_then(|live| live.image.as_ref());
        let info = live
            .as_ref()
            .and_then(|live| live.commit.as_ref())
            .and_then(|commit| session.checkout.info(commit).ok());
        services.push(ServiceStatus {
            in_repository,
            service: session.names.service(&module)?.to_string(),
            digest: image
                .and_then(|image| image.as_str().split_once('@'))
                .map(|(_, digest)| digest.to_owned()),
            commit_age_seconds: info.as_ref().map(|info| age(info.seconds)),
            commit_title: info.map(|info| info.title),
            health: health.remove(module.as_str()),
            live,
            module,
        });
    }
    Ok(EnvironmentStatus {
        environment: session.names.environment().to_owned(),
        provider: provider(session),
        error: None,
        warnings: ledger.entries().warnings,
        services,
        tasks_run: adapters.site.tasks_run(),
        exit: Exit::Done,
    })
}

/// Seconds since a time in seconds since 1970; one in the future has no age.
fn age(seconds: i64) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    now.saturating_sub(u64::try_from(seconds).unwrap_or(0))
}

/// Asks what is deployed for its health, where the environment's tasks run and somebody said where to ask.
async fn ask(
    pipeline: &Pipeline<'_>,
    modules: &[Module],
    live: &BTreeMap<ModuleName, Live>,
) -> Result<BTreeMap<String, TargetReport>, Failure> {
    let mut targets: Vec<Target> = Vec::new();
    for module in modules
        .iter()
        .filter(|_| pipeline.adapters.site.tasks_run())
    {
        let Some(running) = live.get(&module.name) else {
            continue;
        };
        let configured = pipeline.names.health(&module.name)?;
        let target = pipeline
            .adapters
            .site
            .target(&module.name, &running.service, configured)?;
        if let Some(target) = target {
            targets.push(match &running.commit {
                Some(commit) => target.expect_revision(crate::rollout::revision(commit)),
                None => target,
            });
        }
    }
    let options = pipeline
        .health_options()
        .successes(1)
        .timeout(HEALTH_TIMEOUT);
    let report =
        health_checker::check(&*pipeline.adapters.probe, &targets, &options, &|_| {}).await;
    Ok(report
        .targets
        .into_iter()
        .map(|report| (report.name.to_string(), report))
        .collect())
}

/// The exit code: what is unhealthy is a negative verdict, an environment that could not be asked is not known.
fn exit(environments: &[EnvironmentStatus]) -> Exit {
    let failed = environments
        .iter()
        .filter(|environment| environment.exit != Exit::Done);
    match failed.clone().count() {
        0 => {}
        count if count == environments.len() => return Exit::Unreachable,
        _ => return Exit::Partial,
    }
    let unhealthy = environments
        .iter()
        .flat_map(|environment| &environment.services)
        .filter_map(|service| service.health.as_ref())
        .any(|report| report.verdict != health_checker::Verdict::Healthy);
    if unhealthy {
        Exit::Negative
    } else {
        Exit::Done
    }
}

fn render(status: &Status, printer: &Printer) -> Result<(), Failure> {
    let all = || {
        status
            .environments
            .iter()
            .flat_map(|environment| &environment.services)
    };
    let modules = width(all().map(|service| service.module.as_str()));
    let environments = width(
        status
            .environments
            .iter()
            .map(|environment| environment.environment.as_str()),
    );
    let mut names: Vec<&ModuleName> = all().map(|service| &service.module).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        for environment in &status.environments {
            for service in environment
                .services
                .iter()
                .filter(|service| service.module == *name)
            {
                printer.line(&printable(&format!(
                    "{:modules$}  {:environments$}  {}",
                    name.as_str(),
                    environment.environment,
                    line(service, environment.tasks_run)
                )))?;
            }
        }
    }
    for environment in &status.environments {
        if let Some(error) = &environment.error {
            printer.warn(&format!(
                "`{}` could not be asked: {error}",
                environment.environment
            ));
        }
    }
    Ok(())
}

fn line(service: &ServiceStatus, tasks_run: bool) -> String {
    let Some(live) = &service.live else {
        return "not deployed".to_owned();
    };
    let mut parts = vec![
        live.image
            .as_ref()
            .map_or_else(|| "no completed deployment".to_owned(), short),
    ];
    if let Some(digest) = &service.digest {
        parts.push(digest.chars().take("sha256:".len() + 12).collect());
    }
    parts.push(if tasks_run {
        format!("{}/{} tasks", live.running, live.desired)
    } else {
        format!("{} tasks", live.desired)
    });
    if let Some(seconds) = service.commit_age_seconds {
        parts.push(format!("commit {} old", coarse(seconds)));
    }
    if let Some(health) = &service.health {
        parts.push(match &health.reason {
            Some(reason) => format!("{}: {reason}", health.verdict.as_str()),
            None => health.verdict.as_str().to_owned(),
        });
    }
    if !service.in_repository {
        parts.push("no longer in the repository".to_owned());
    }
    if let Some(unfinished) = &live.unfinished {
        parts.push(format!(
            "a rollout of {} is not completed",
            short(unfinished)
        ));
    }
    parts.join("  ")
}

/// An age in its largest unit.
fn coarse(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        for (seconds, text) in [
            (59, "59 s"),
            (60, "1 min"),
            (3_600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(coarse(seconds), text);
        }
    }
}
