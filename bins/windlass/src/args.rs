//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use image_tagger::Tag;
use windlass_cli::CommonArgs;

/// From a merged commit to the new build provably serving on Amazon ECS.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done or provably nothing to do · 1 negative verdict · 2 usage or configuration · 3 refused or unreachable, \
outcome not known · 4 partial · 5 rolled back, the old revision serves · 6 the rollback failed · 7 superseded · \
8 timed out · 130 interrupted";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Detect what changed, build, push, deploy and check the affected services.
    Run(RunArgs),
    /// Say what `run` would build, push and deploy, and why; change nothing.
    Plan(PlanArgs),
    /// Take what runs in one environment to another: the same digests, deployed and checked there.
    Promote(PromoteArgs),
    /// Deploy what another repository's pipeline asks for in a repository_dispatch event.
    Dispatch(DispatchArgs),
    /// Deploy services by hand, with images that stand in the registry.
    Deploy(DeployArgs),
    /// Bring an earlier revision of services back, and see that it serves.
    Rollback(RollbackArgs),
    /// Show what runs where: digest, commit, age and, if asked for, health.
    Status(StatusArgs),
    /// Take away the lock that a run left behind.
    Unlock(UnlockArgs),
    /// Deploy a sample repository to a simulated cluster, with real images and real HTTP; needs no account.
    Demo(DemoArgs),
    #[command(flatten)]
    Generate(windlass_cli::Generate),
}

/// Where the repository and the configuration are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RepoArgs {
    /// The git repository, or a folder in it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,

    /// The configuration; windlass.toml at the root of the repository if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Which commits to compare.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RangeArgs {
    /// Compare with this revision instead of, for each service, the commit that runs.
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<String>,

    /// Deploy every service, whatever changed: a first deployment, or one for a new base image.
    #[arg(long, conflicts_with = "base")]
    pub(crate) all: bool,

    /// The revision to deploy.
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub(crate) head: String,

    /// What to do when a service's base cannot be compared with; overrides detect.on-unknown.
    #[arg(long, value_enum)]
    pub(crate) on_unknown: Option<crate::config::OnUnknown>,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RunArgs {
    /// The environment to deploy to: `local`, or one that windlass.toml defines.
    #[arg(long, short, value_name = "E")]
    pub(crate) environment: String,

    #[command(flatten)]
    pub(crate) repo: RepoArgs,

    #[command(flatten)]
    pub(crate) range: RangeArgs,

    /// Build although tracked files are not as the commit has them; the images are named after it all the same.
    #[arg(long)]
    pub(crate) allow_dirty: bool,

    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// How a command that changes an environment goes about it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ChangeArgs {
    /// Say what would be done: change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Change an environment that windlass.toml protects.
    #[arg(long)]
    pub(crate) yes: bool,

    /// Wait this long for another run of the environment to end, for example 10m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) wait_lock: Option<Duration>,

    #[command(flatten)]
    pub(crate) reports: ReportArgs,
}

/// Files that tell how it went.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ReportArgs {
    /// Write the report to FILE as a page with the dependency graph and the timeline drawn.
    #[arg(long, value_name = "FILE")]
    pub(crate) report_html: Option<PathBuf>,

    /// Write the report to FILE as Markdown, as the summary in GitHub Actions has it.
    #[arg(long, value_name = "FILE")]
    pub(crate) report_markdown: Option<PathBuf>,

    /// Write the report to FILE as JSON, whatever --format says.
    #[arg(long, value_name = "FILE")]
    pub(crate) report_json: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PromoteArgs {
    /// The environment that runs what is to be promoted.
    #[arg(long, value_name = "E")]
    pub(crate) from: String,

    /// The environment to promote to.
    #[arg(long, value_name = "E")]
    pub(crate) to: String,

    /// Promote this service; may be repeated. Without it, all that run in the one and not in the other.
    #[arg(long, short, value_name = "S")]
    pub(crate) service: Vec<String>,

    /// Promote without asking first whether the services serve where they come from.
    #[arg(long)]
    pub(crate) no_source_check: bool,

    #[command(flatten)]
    pub(crate) repo: RepoArgs,

    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DispatchArgs {
    /// The event, or its client_payload: services, environment, commit_sha, pr_title, pr_author and pr_url as JSON. `-`
    /// reads stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) payload: PathBuf,

    /// Refuse a payload for any other environment than this.
    #[arg(long, short, value_name = "E")]
    pub(crate) environment: Option<String>,

    #[command(flatten)]
    pub(crate) repo: RepoArgs,

    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DeployArgs {
    /// The environment to deploy to.
    #[arg(long, short, value_name = "E")]
    pub(crate) environment: String,

    /// Deploy this service; may be repeated.
    #[arg(long, short, value_name = "S", required = true)]
    pub(crate) service: Vec<String>,

    /// The image's tag. It is resolved to its digest first, and the digest is deployed.
    #[arg(long, value_name = "T", default_value = "latest")]
    pub(crate) image_tag: Tag,

    #[command(flatten)]
    pub(crate) repo: RepoArgs,

    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RollbackArgs {
    /// The environment to roll back in.
    #[arg(long, short, value_name = "E")]
    pub(crate) environment: String,

    /// Roll this service back; may be repeated.
    #[arg(long, short, value_name = "S", required = true)]
    pub(crate) service: Vec<String>,

    /// Go back to this revision of the task definition: its number, FAMILY:NUMBER or ARN. Without it, to the last that
    /// was deployed with success.
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<String>,

    #[command(flatten)]
    pub(crate) repo: RepoArgs,

    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct UnlockArgs {
    /// The environment whose lock is in the way.
    #[arg(long, short, value_name = "E")]
    pub(crate) environment: String,

    /// Take the lock away although it cannot be seen whether its run still lives.
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) repo: RepoArgs,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PlanArgs {
    /// The environment to plan for: `local`, or one that windlass.toml defines.
    #[arg(long, short, value_name = "E", default_value = crate::config::LOCAL)]
    pub(crate) environment: String,

    #[command(flatten)]
    pub(crate) repo: RepoArgs,

    #[command(flatten)]
    pub(crate) range: RangeArgs,

    #[command(flatten)]
    pub(crate) reports: ReportArgs,

    /// That of a run whose dry run it is.
    #[arg(skip)]
    pub(crate) allow_dirty: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StatusArgs {
    /// An environment to look at; may be repeated. Without it, all that windlass.toml defines.
    #[arg(long, short, value_name = "E")]
    pub(crate) environment: Vec<String>,

    /// Look at this service only; may be repeated.
    #[arg(long, short, value_name = "S")]
    pub(crate) service: Vec<String>,

    /// Ask each service for its health, too.
    #[arg(long)]
    pub(crate) health: bool,

    #[command(flatten)]
    pub(crate) repo: RepoArgs,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {
    /// Deploy a commit that is broken in this way, and see it caught.
    #[arg(long = "break", value_enum, value_name = "HOW")]
    pub(crate) break_: Option<Break>,

    /// Make the sample repository in this folder, which must be empty or not exist, and keep it.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// How many times faster than Fargate the simulated cluster runs.
    #[arg(long, value_name = "N", default_value_t = 50.0)]
    pub(crate) speed: f64,

    #[command(flatten)]
    pub(crate) reports: ReportArgs,
}

/// A way for a deployment to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Break {
    /// The image is gone from the registry when the cluster pulls it.
    BadImage,
    /// The container exits with an error soon after it started.
    Crash,
    /// The tasks run, but their health check answers DOWN.
    Unhealthy,
    /// The tasks are healthy, but it is the old build that answers.
    Stale,
}
