//! One command of the user's, from its arguments to its exit code.

use std::sync::{Mutex, PoisonError};

use windlass_cli::{
    CommonArgs, EventLog, Exit, Failure, Format, GithubActions, Printer, interrupted,
};

use crate::adapters::Adapters;
use crate::args::{PlanArgs, RangeArgs, RepoArgs, RunArgs, StatusArgs};
use crate::checkout::Checkout;
use crate::config::Config;
use crate::event::{Event, Listener, Listeners};
use crate::failures;
use crate::live::live;
use crate::names::Names;
use crate::notify::Notifier;
use crate::outcome::{PlanOutcome, RunOutcome};
use crate::pipeline::Pipeline;
use crate::render;
use crate::terminal::Terminal;

/// `windlass run`.
pub(crate) async fn run(
    args: &RunArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if args.dry_run {
        let plan_args = PlanArgs {
            environment: args.environment.clone(),
            repo: args.repo.clone(),
            range: args.range.clone(),
        };
        return plan(&plan_args, common, printer).await;
    }
    let session = Session::open(&args.repo, &args.range.head, &args.environment)?;
    let ended = session.run(&args.range, common, printer, &[]).await?;
    finish(ended, printer)
}

/// Renders how a run ended.
pub(crate) fn finish(ended: Ended, printer: &Printer) -> Result<Exit, Failure> {
    let outcome = match ended {
        Ended::Done(outcome) => outcome,
        Ended::Interrupted { signal, note } => {
            printer.note(&format!("interrupted by {signal}: {note}"));
            return Ok(Exit::Interrupted);
        }
    };
    match printer.format() {
        Format::Json => printer.json(&*outcome)?,
        _ => render::run(&outcome, printer)?,
    }
    let github = GithubActions::from_env();
    github.outputs(&render::run_outputs(&outcome))?;
    github.summary(&render::run_summary(&outcome))?;
    Ok(outcome.exit)
}

/// `windlass plan`.
pub(crate) async fn plan(
    args: &PlanArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let session = Session::open(&args.repo, &args.range.head, &args.environment)?;
    let adapters = Adapters::peek(&session.checkout, &session.names, &session.environment).await?;
    let log = common.events.as_deref().map(EventLog::open).transpose()?;
    let listeners = Listeners(log.iter().map(|log| log as &dyn Listener).collect());
    let notifier = Notifier::none();
    let pipeline = session.pipeline(&adapters, &notifier, &listeners);
    let outcome: PlanOutcome = pipeline
        .plan(args.range.base.as_deref(), args.range.on_unknown)
        .await?;
    match printer.format() {
        Format::Json => printer.json(&outcome)?,
        _ => render::plan(&outcome, printer)?,
    }
    GithubActions::from_env().outputs(&render::plan_outputs(&outcome))?;
    log.map_or(Ok(()), |log| log.finish())?;
    Ok(Exit::Done)
}

/// `windlass status`.
pub(crate) async fn status(args: &StatusArgs, printer: &Printer) -> Result<Exit, Failure> {
    let session = Session::open(&args.repo, "HEAD", &args.environment)?;
    let adapters = Adapters::peek(&session.checkout, &session.names, &session.environment).await?;
    let notifier = Notifier::none();
    let listeners = Listeners(Vec::new());
    let inventory = session
        .pipeline(&adapters, &notifier, &listeners)
        .inventory()?;
    let mut services = Vec::new();
    for module in inventory {
        let service = session.names.service(&module)?;
        services.push((module, service));
    }
    let existing = adapters.site.existing(&services);
    let live = live(&*adapters.plane, session.names.cluster(), &existing)
        .await
        .map_err(|error| failures::deploy(&error))?;
    match printer.format() {
        Format::Json => printer.json(&render::status_document(&session.names, &services, &live))?,
        _ => render::status(&services, &live, adapters.site.tasks_run(), printer)?,
    }
    Ok(Exit::Done)
}

/// A repository, its configuration and one of its environments.
#[derive(Debug)]
pub(crate) struct Session {
    checkout: Checkout,
    config: Config,
    environment: crate::config::Environment,
    names: Names,
    /// Whether stderr is told how the run ended when no other channel is.
    console: bool,
}

/// How a run came to its end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    Done(Box<RunOutcome>),
    /// By a signal.
    Interrupted {
        /// The signal's name.
        signal: &'static str,
        /// What becomes of what was under way.
        note: &'static str,
    },
}

impl Session {
    /// Opens the repository at a revision, reads the configuration, finds the environment.
    pub(crate) fn open(repo: &RepoArgs, head: &str, environment: &str) -> Result<Self, Failure> {
        let checkout = Checkout::open(&repo.repo, head)?;
        let config = Config::load(checkout.root(), repo.config.as_deref())?;
        let section = config.environment(environment)?;
        let names = Names::new(environment, &section)?;
        Ok(Self {
            checkout,
            config,
            environment: section,
            names,
            console: true,
        })
    }

    /// The same session with the local cluster at another speed.
    pub(crate) fn speed(mut self, speed: f64) -> Self {
        self.environment.speed = Some(speed);
        self
    }

    /// The same session, for a caller who tells people how it ended.
    pub(crate) const fn without_console(mut self) -> Self {
        self.console = false;
        self
    }

    /// The commit to deploy.
    pub(crate) const fn head(&self) -> &change_detect::CommitInfo {
        self.checkout.head()
    }

    fn pipeline<'a>(
        &'a self,
        adapters: &'a Adapters,
        notifier: &'a Notifier,
        listeners: &'a Listeners<'a>,
    ) -> Pipeline<'a> {
        Pipeline {
            checkout: &self.checkout,
            config: &self.config,
            names: &self.names,
            adapters,
            notifier,
            listeners,
        }
    }

    /// Runs the pipeline until it ends or the process is asked to stop; in both cases the environment is closed and the
    /// event log complete.
    pub(crate) async fn run(
        &self,
        range: &RangeArgs,
        common: &CommonArgs,
        printer: &Printer,
        more: &[&dyn Listener],
    ) -> Result<Ended, Failure> {
        let notifier = Notifier::new(&self.config.notify, self.console && !printer.is_quiet())?;
        let log = common.events.as_deref().map(EventLog::open).transpose()?;
        let adapters = Adapters::open(&self.checkout, &self.names, &self.environment).await?;
        let terminal = Terminal::new(printer);
        let unfinished = Unfinished::default();
        let mut all: Vec<&dyn Listener> = vec![&terminal, &unfinished];
        all.extend(log.iter().map(|log| log as &dyn Listener));
        all.extend_from_slice(more);
        let listeners = Listeners(all);
        let pipeline = self.pipeline(&adapters, &notifier, &listeners);
        let work = async {
            let found = pipeline
                .find_out(range.base.as_deref(), range.on_unknown)
                .await?;
            pipeline.run(found).await
        };
        let ended = tokio::select! {
            outcome = work => outcome.map(|outcome| Ended::Done(Box::new(outcome))),
            signal = interrupted() => {
                listeners.tell(&Event::Interrupted { signal: signal.to_owned() });
                let services = unfinished.services();
                if !services.is_empty() {
                    notifier.interrupted(self.checkout.head(), self.names.environment(), &services, &listeners).await;
                }
                Ok(Ended::Interrupted { signal, note: adapters.site.after_interrupt() })
            }
        };
        terminal.close();
        // The run's own failure is the one to report; a state that could not be saved comes next.
        let closed = adapters.site.close().await;
        let logged = log.as_ref().map_or(Ok(()), EventLog::finish);
        let ended = ended?;
        closed?;
        logged?;
        Ok(ended)
    }
}

/// Remembers which services were begun and have not ended.
#[derive(Debug, Default)]
struct Unfinished(Mutex<Vec<String>>);

impl Unfinished {
    fn services(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Listener for Unfinished {
    fn hear(&self, event: &Event) {
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Affected { service, .. } => services.push(service.clone()),
            Event::Finished { service, .. } => services.retain(|known| known != service),
            _ => {}
        }
    }
}
