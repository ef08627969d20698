//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
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
    /// Show what runs in an environment, and from which commit.
    Status(StatusArgs),
    /// Deploy a sample repository to a simulated cluster, with real images and real HTTP; needs no account.
    Demo(DemoArgs),
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

    /// Stop after the plan: change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
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
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StatusArgs {
    /// The environment to look at: `local`, or one that windlass.toml defines.
    #[arg(long, short, value_name = "E", default_value = crate::config::LOCAL)]
    pub(crate) environment: String,

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
