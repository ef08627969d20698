//! One command of the user's, from its arguments to its exit code.

use windlass_cli::{CommonArgs, EventLog, Exit, Failure, Format, Printer};

use crate::adapters::Adapters;
use crate::args::{
    ChangeArgs, DeployArgs, DispatchArgs, PlanArgs, PromoteArgs, RepoArgs, RollbackArgs, RunArgs,
    UnlockArgs,
};
use crate::checkout::Checkout;
use crate::choice::{Order, WantedImage};
use crate::config::{Config, Environment};
use crate::dispatch;
use crate::dry;
use crate::event::{Event, Listener, Listeners};
use crate::ledger::Ledger;
use crate::lock::{LockPlace, Unlocked};
use crate::names::Names;
use crate::pipeline::Pipeline;
use crate::task::Task;
use crate::work;

/// `windlass run`.
pub(crate) async fn run(
    args: &RunArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if args.change.dry_run {
        let plan_args = PlanArgs {
            environment: args.environment.clone(),
            repo: args.repo.clone(),
            range: args.range.clone(),
            reports: args.change.reports.clone(),
            allow_dirty: args.allow_dirty,
        };
        return dry::plan(&plan_args, common, printer).await;
    }
    let session = Session::open(&args.repo, &args.range.head, &args.environment)?;
    session
        .perform(
            &Task::Run {
                range: &args.range,
                allow_dirty: args.allow_dirty,
            },
            None,
            &args.change,
            common,
            printer,
        )
        .await
}

/// `windlass plan`.
pub(crate) async fn plan(
    args: &PlanArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    dry::plan(args, common, printer).await
}

/// `windlass promote`.
pub(crate) async fn promote(
    args: &PromoteArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if args.from == args.to {
        return Err(
            Failure::usage(format!("`{}` cannot be promoted to itself", args.from))
                .hint("--from names the environment that runs the builds, --to the one that is to run them"),
        );
    }
    let source = Session::open(&args.repo, "HEAD", &args.from)?;
    let session = Session::open(&args.repo, "HEAD", &args.to)?;
    let task = Task::Promote {
        services: &args.service,
        check: !args.no_source_check,
    };
    session
        .perform(&task, Some(&source), &args.change, common, printer)
        .await
}

/// `windlass dispatch`.
pub(crate) async fn dispatch(
    args: &DispatchArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let payload = dispatch::read(&args.payload)?;
    if let Some(only) = args
        .environment
        .as_ref()
        .filter(|only| **only != payload.environment)
    {
        return Err(Failure::usage(format!(
            "the payload is for `{}`, and only `{only}` is taken here",
            payload.environment
        ))
        .hint("send it to the workflow of its environment, or leave --environment away"));
    }
    let session = Session::open(&args.repo, "HEAD", &payload.environment)?;
    let commit = dispatch::commit(&session.checkout, &payload)?;
    // The services are those of the commit, not those of whatever is checked out here.
    let session = session.at(commit.id.as_str())?;
    let order = dispatch::order(&payload, &commit);
    let task = Task::Deploy {
        command: "dispatch",
        order: &order,
        head: Some(commit),
    };
    session
        .perform(&task, None, &args.change, common, printer)
        .await
}

/// `windlass deploy`.
pub(crate) async fn deploy(
    args: &DeployArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let session = Session::open(&args.repo, "HEAD", &args.environment)?;
    let order = Order {
        services: args.service.clone(),
        image: WantedImage::Tag(args.image_tag.clone()),
        why: format!("asked for by hand, tag {}", args.image_tag),
    };
    let task = Task::Deploy {
        command: "deploy",
        order: &order,
        head: None,
    };
    session
        .perform(&task, None, &args.change, common, printer)
        .await
}

/// `windlass rollback`.
pub(crate) async fn rollback(
    args: &RollbackArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let session = Session::open(&args.repo, "HEAD", &args.environment)?;
    let task = Task::Rollback {
        services: &args.service,
        to: args.to.as_deref(),
    };
    session
        .perform(&task, None, &args.change, common, printer)
        .await
}

/// `windlass unlock`.
pub(crate) async fn unlock(
    args: &UnlockArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let log = common.events.as_deref().map(EventLog::open).transpose()?;
    let session = Session::open(&args.repo, "HEAD", &args.environment)?;
    let name = session.names.environment();
    let unlocked = session.lock_place().await?.unlock(name, args.force).await?;
    let (removed, holder) = match &unlocked {
        Unlocked::Free => (false, None),
        Unlocked::Removed(holder) => (true, holder.as_ref()),
    };
    if let Some(log) = &log {
        log.hear(&Event::Unlocked {
            environment: name.to_owned(),
            removed,
            holder: holder.map(ToString::to_string),
        });
    }
    match printer.format() {
        Format::Json => printer.json(&serde_json::json!({
            "schema": 1, "environment": name, "removed": removed, "holder": holder,
        }))?,
        _ => {
            let text = match (removed, holder) {
                (false, _) => format!("`{name}` is not locked"),
                (true, None) => format!("the lock of `{name}` is removed"),
                (true, Some(holder)) => {
                    format!("the lock of `{name}` is removed; it was that of {holder}")
                }
            };
            printer.line(&windlass_cli::printable(&text))?;
        }
    }
    log.as_ref().map_or(Ok(()), EventLog::finish)?;
    Ok(Exit::Done)
}

/// A repository, its configuration and one of its environments.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) checkout: Checkout,
    pub(crate) config: Config,
    pub(crate) environment: Environment,
    pub(crate) names: Names,
    /// Whether stderr is told how the run ended when no other channel is.
    pub(crate) console: bool,
}

impl Session {
    /// Opens the repository at a revision, reads the configuration, finds the environment.
    pub(crate) fn open(repo: &RepoArgs, head: &str, environment: &str) -> Result<Self, Failure> {
        let checkout = Checkout::open(&repo.repo, head)?;
        let config = Config::load(checkout.root(), repo.config.as_deref())?;
        Self::new(checkout, config, environment)
    }

    /// One environment of a configuration.
    pub(crate) fn new(
        checkout: Checkout,
        config: Config,
        environment: &str,
    ) -> Result<Self, Failure> {
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

    /// The same session at another commit.
    fn at(mut self, revision: &str) -> Result<Self, Failure> {
        self.checkout = Checkout::open(self.checkout.root(), revision)?;
        Ok(self)
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

    /// Where the environment's lock is.
    pub(crate) async fn lock_place(&self) -> Result<LockPlace, Failure> {
        LockPlace::of(
            self.checkout.root(),
            self.names.environment(),
            &self.environment,
        )
        .await
    }

    /// The adapters for a look.
    pub(crate) async fn peek(&self) -> Result<Adapters, Failure> {
        Adapters::peek(&self.checkout, &self.names, &self.environment).await
    }

    /// What the commands work with.
    pub(crate) fn pipeline<'a>(
        &'a self,
        adapters: &'a Adapters,
        listeners: &'a Listeners<'a>,
        ledger: &'a Ledger,
    ) -> Pipeline<'a> {
        Pipeline {
            checkout: &self.checkout,
            config: &self.config,
            names: &self.names,
            adapters,
            listeners,
            ledger,
        }
    }

    async fn perform(
        &self,
        task: &Task<'_>,
        source: Option<&Self>,
        change: &ChangeArgs,
        common: &CommonArgs,
        printer: &Printer,
    ) -> Result<Exit, Failure> {
        if change.dry_run {
            return dry::run(self, task, source, &change.reports, common, printer).await;
        }
        let performed = work::perform(self, task, source, change, common, printer, &[]).await?;
        work::finish(performed, &change.reports, printer)
    }
}
