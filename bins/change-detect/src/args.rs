//! The command line.

use std::path::PathBuf;

use change_detect::{Layout, ModuleName};
use clap::{Parser, Subcommand, ValueEnum};
use windlass_cli::{CommonArgs, Format};

/// Finds which services a commit affects, why, and in what order to build them.
///
/// Without --base, --since or --bases the base is chosen by the situation: in GitHub Actions by the event that started the
/// run, elsewhere it is where the head left the main branch, or the commit before if the head is on it.
///
/// Exit codes: 0 it is known what changed, or everything counts because --on-unknown all says so; 2 usage or configuration;
/// 3 it cannot be told what changed.
#[derive(Debug, Parser)]
#[command(
    name = "change-detect",
    version,
    args_conflicts_with_subcommands = false,
    subcommand_negates_reqs = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) detect: DetectArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes the modules of a commit and what they depend on.
    Graph(GraphArgs),
    #[command(flatten)]
    Generate(windlass_cli::Generate),
}

/// Where to look, and what is a module.
#[derive(Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// The repository, or a folder in it.
    #[arg(long, value_name = "DIR", default_value = ".", global = true)]
    pub(crate) repo: PathBuf,

    /// The commit to look at. Default: that of the event, else HEAD.
    #[arg(long, value_name = "REV", global = true)]
    pub(crate) head: Option<String>,

    /// Look at the work tree instead of a commit: what is staged, changed and new.
    #[arg(long, global = true, conflicts_with = "head")]
    pub(crate) worktree: bool,

    /// How the repository is divided into modules: auto, directories, maven, cargo, npm, go or gradle.
    #[arg(long, value_name = "LAYOUT", global = true)]
    pub(crate) layout: Option<Layout>,

    /// Read the table `[detect]` of FILE. Default: windlass.toml at the root of the work tree, if there is one.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// A folder that is a service, as a glob; may be repeated, and the last that matches decides (`!` takes back).
    /// Replaces the configuration's list, as do --global and --ignore.
    #[arg(long, value_name = "GLOB", global = true)]
    pub(crate) services: Vec<String>,

    /// A file whose change affects every service, as a glob; may be repeated.
    #[arg(long, value_name = "GLOB", global = true)]
    pub(crate) global: Vec<String>,

    /// A file whose change means nothing, as a glob; may be repeated.
    #[arg(long, value_name = "GLOB", global = true)]
    pub(crate) ignore: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DetectArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Compare with this commit directly (two-dot).
    #[arg(long, value_name = "REV", conflicts_with_all = ["since", "bases"])]
    pub(crate) base: Option<String>,

    /// Compare with the commit at which the head left REV (three-dot).
    #[arg(long, value_name = "REV", conflicts_with = "bases")]
    pub(crate) since: Option<String>,

    /// Compare each service with the commit that it runs: a JSON object of services and revisions; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) bases: Option<PathBuf>,

    /// What to do when it cannot be told what changed. Default: fail, or as the configuration says.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) on_unknown: Option<OnUnknown>,

    /// Fetch history that a shallow clone lacks, commits only, until it is known what to compare with.
    #[arg(long)]
    pub(crate) fetch: bool,

    /// Say why a service is affected, and nothing else.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) explain: Option<ModuleName>,

    /// Print only this, one a line.
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "explain")]
    pub(crate) print: Option<Print>,

    /// How many changed files of a module to look for as reasons; 0 for all of them. What is found does not depend on it,
    /// but the time does.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) most_files: usize,

    /// How to write the result to stdout.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Append every event to FILE, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

    /// No notes, only results, warnings and errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Say more; twice for everything.
    #[arg(long, short, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

impl DetectArgs {
    /// What every binary understands. Here it is spelled out, because `graph` has formats of its own.
    pub(crate) fn common(&self) -> CommonArgs {
        let mut common = CommonArgs::default();
        common.format = self.format;
        common.events.clone_from(&self.events);
        common.quiet = self.quiet;
        common.verbose = self.verbose;
        common
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct GraphArgs {
    /// The form of the graph.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: GraphForm,
}

/// The form of a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphForm {
    /// One JSON document.
    #[default]
    Json,
    /// Graphviz.
    Dot,
    /// Mermaid, as GitHub shows it in Markdown.
    Mermaid,
}

/// What to do when it cannot be told what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnUnknown {
    /// Take everything as changed, and say so.
    All,
    /// Stop with exit code 3.
    Fail,
}

/// One kind of fact to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Print {
    /// The services to deploy.
    Services,
    /// The folders of those services.
    Paths,
    /// Every module to rebuild.
    Modules,
    /// The modules in the order to build them in.
    Order,
    /// The same, a wave a line.
    Waves,
    /// Services that are gone.
    Removed,
    /// Changed files that belong to no module.
    Unowned,
    /// The list for `mvn -pl`, on one line.
    Pl,
}
