//! What `quality-gate` is told.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Subcommand, ValueEnum};
use health_checker::Revision;
use health_checker::quality_gate::{GateName, Mode, Preset, ProjectKey, Rule};

/// What ends a check of gates.
const CHECK_CODES: &str = "\
Exit codes: 0 every gate passed; 1 at least one failed; 2 usage or configuration, such as no report, an old one or one of \
another project or server; 3 none failed, but of at least one it could not be told; 8 none failed, and all that is missing \
is time: the server has not worked an analysis up. There is no partial success: half a gate is none.";

/// What ends work on a gate.
const ENSURE_CODES: &str = "\
Exit codes: 0 the gate is as it should be; 1 it is not (with --check); 2 usage or configuration; 3 the server refused or \
could not be reached, and nothing was changed; 4 some changes were made, then it went wrong; 8 the time was up, and nothing \
was changed.";

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_long_help = CHECK_CODES)]
pub(crate) struct QualityGateArgs {
    #[command(subcommand)]
    pub(crate) command: Option<GateCommand>,
    #[command(flatten)]
    pub(crate) check: CheckArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GateCommand {
    /// Makes the gate on the server what the rules ask for, or says what it lacks.
    Ensure(Box<EnsureArgs>),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The scanner's report; may be repeated. Without it and --search it is looked for in this folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Vec<PathBuf>,

    /// Find the reports of all services below DIR, in target/sonar, build/sonar and .scannerwork; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub(crate) search: Vec<PathBuf>,

    /// A project that must have been analysed; may be repeated. Then no other project is taken, and each must be there.
    #[arg(long, value_name = "KEY")]
    pub(crate) project_key: Vec<ProjectKey>,

    /// The server that the reports must be of. The token goes nowhere else.
    #[arg(
        long,
        value_name = "URL",
        env = "SONAR_HOST_URL",
        hide_env_values = true
    )]
    pub(crate) server: Option<String>,

    #[command(flatten)]
    pub(crate) token: TokenArgs,

    /// Fail what the server passed without having looked: missing measures, ignored conditions, no conditions, no gate.
    #[arg(long)]
    pub(crate) strict: bool,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    /// The commit that must have been analysed.
    #[arg(long, value_name = "SHA")]
    pub(crate) expect_revision: Option<Revision>,

    /// How old a report and its analysis may be; `none` for any age.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = age)]
    pub(crate) max_age: Age,

    #[command(flatten)]
    pub(crate) time: TimeArgs,

    /// How long to wait between the first two looks at an analysis under way; later ones are up to ten times rarer.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    pub(crate) poll: Duration,

    /// How many services to check at once.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) max_parallel: usize,

    /// Write the report to FILE in JUnit's XML too.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").args(["preset", "require"]).required(true).multiple(true), after_long_help = ENSURE_CODES)]
pub(crate) struct EnsureArgs {
    /// The gate; it is made if there is none.
    #[arg(long, value_name = "GATE")]
    pub(crate) name: GateName,

    /// The server.
    #[arg(
        long,
        value_name = "URL",
        env = "SONAR_HOST_URL",
        hide_env_values = true
    )]
    pub(crate) server: String,

    #[command(flatten)]
    pub(crate) token: TokenArgs,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    /// Which of the twin metrics to use.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) mode: ModeArg,

    /// A project that must be judged by the gate; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub(crate) project: Vec<ProjectKey>,

    /// Remove conditions that no rule asks for; otherwise they are left alone.
    #[arg(long)]
    pub(crate) exact: bool,

    /// Change nothing, only say what is not as it should be; exit code 1 if something is not.
    #[arg(long, visible_alias = "dry-run")]
    pub(crate) check: bool,

    #[command(flatten)]
    pub(crate) time: TimeArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// The variable that holds the token. Default: SONAR_TOKEN, which may be unset.
    #[arg(long, value_name = "NAME")]
    pub(crate) token_env: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RuleArgs {
    /// A named set of rules to judge here as well.
    #[arg(long, value_enum)]
    pub(crate) preset: Option<PresetArg>,

    /// A rule to judge here as well, such as "coverage > 80" or "new_violations <= 0"; may be repeated.
    #[arg(long, value_name = "RULE")]
    pub(crate) require: Vec<Rule>,
}

impl RuleArgs {
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let mut rules = match self.preset {
            Some(PresetArg::SkillTracker) => Preset::SkillTracker.rules(),
            None => Vec::new(),
        };
        rules.extend(self.require.iter().cloned());
        rules
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct TimeArgs {
    /// How long it may take in all.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    pub(crate) timeout: Duration,

    /// How long to go on asking while the server or the network is in trouble.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) retry_budget: Duration,

    /// How long one request may take.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = time)]
    pub(crate) try_timeout: Duration,
}

/// A named set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetArg {
    /// Of all code: coverage > 80 %, no critical bugs, no vulnerabilities, debt ratio < 5 %, duplication < 3 %.
    #[value(alias = "seed")]
    SkillTracker,
}

/// Which of the twin metrics to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// Those that the server counts by.
    #[default]
    Auto,
    /// Bugs, vulnerabilities and code smells.
    Classic,
    /// Issues by software quality.
    #[value(alias = "mqr")]
    MultiQualityRule,
}

impl From<ModeArg> for Option<Mode> {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Auto => None,
            ModeArg::Classic => Some(Mode::Classic),
            ModeArg::MultiQualityRule => Some(Mode::MultiQualityRule),
        }
    }
}

/// How old something may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) Option<Duration>);

fn age(text: &str) -> Result<Age, String> {
    match text {
        "none" => Ok(Age(None)),
        text => time(text).map(|time| Age(Some(time))),
    }
}

/// A time to wait for something; in no time nothing happens.
fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be longer than nothing, such as 1s".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}
