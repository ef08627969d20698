//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use deploy_notifier::SlackLayout;
use windlass_cli::{CommonArgs, Format};

/// Tells people of deployments, and says whether they were told.
///
/// Exit codes: 0 delivered; 1 refused for good, or what was validated is not valid; 2 usage or configuration;
/// 3 unreachable, rate limited for too long, or not known whether it arrived; 4 some channels have it and some do not;
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "notifier", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Append every event to FILE, one JSON object a line.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) events: Option<PathBuf>,

    /// No notes, only results, warnings and errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Say more; twice for everything.
    #[arg(long, short, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

impl Args {
    /// What every binary understands. Here it is spelled out, because `render` has formats of its own.
    pub(crate) fn common(&self) -> CommonArgs {
        let mut common = CommonArgs::default();
        common.format = match &self.command {
            Command::Send(send) => send.format,
            Command::Validate(validate) => validate.format,
            Command::Render(_) | Command::Generate(_) => Format::Human,
        };
        common.events.clone_from(&self.events);
        common.quiet = self.quiet;
        common.verbose = self.verbose;
        common
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sends a report to every channel that is named.
    Send(SendArgs),
    /// Writes a report as Slack would get it, or as a page that shows it as Slack would.
    Render(RenderArgs),
    /// Says whether a report can be read, or whether Slack takes a message made elsewhere.
    Validate(ValidateArgs),
    #[command(flatten)]
    Generate(windlass_cli::Generate),
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("somewhere").args(["webhook_env", "token_env", "url_env", "stdout"]).required(true).multiple(true))]
pub(crate) struct SendArgs {
    /// The report, a JSON object with its kind under `event`; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: PathBuf,

    /// Send to the incoming webhook of Slack whose URL is in the variable VAR; may be repeated.
    #[arg(long, value_name = "VAR")]
    pub(crate) webhook_env: Vec<String>,

    /// Send through Slack's Web API with the bot token in the variable VAR.
    #[arg(long, value_name = "VAR", requires = "channel")]
    pub(crate) token_env: Option<String>,

    /// The channel to post to with the token: its id, or a public channel's name.
    #[arg(long, value_name = "CHANNEL", requires = "token_env")]
    pub(crate) channel: Option<String>,

    /// Keep in FILE which card shows which deployment, so that a later run updates the card and does not post another.
    #[arg(long, value_name = "FILE", requires = "token_env")]
    pub(crate) cards: Option<PathBuf>,

    /// Where Slack's Web API is, such as `https://slack-gov.com/api/`.
    #[arg(long, value_name = "URL", requires = "token_env")]
    pub(crate) slack_api: Option<String>,

    /// Send the report as JSON to the URL in the variable VAR; may be repeated.
    #[arg(long, value_name = "VAR")]
    pub(crate) url_env: Vec<String>,

    /// Write the report to stdout, as text.
    #[arg(long)]
    pub(crate) stdout: bool,

    /// How cards are laid out.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) layout: Layout,

    /// How long one try may take.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub(crate) timeout: Duration,

    /// How long to go on trying: for a rate limit to end, or a host to be reachable.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) retry_budget: Duration,

    /// End with exit code 0 even when nobody was told; what went wrong is still said. Usage errors keep their code.
    #[arg(long)]
    pub(crate) best_effort: bool,

    /// Say where the report would go, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// How to write the result to stdout.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RenderArgs {
    /// The report, a JSON object with its kind under `event`; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: PathBuf,

    /// What to write to stdout. Default: blocks, or nothing when --html is given.
    #[arg(long, value_enum)]
    pub(crate) format: Option<RenderFormat>,

    /// Draw the card as Slack would, as a page in FILE (`-` for stdout).
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// The form of a rendered report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RenderFormat {
    /// The message for Slack, made of blocks.
    Blocks,
    /// The message for Slack in the older form, an attachment of fields.
    Attachment,
    /// Text for a terminal.
    Text,
    /// The report itself, as a webhook of your own gets it.
    Json,
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").args(["report", "message"]).required(true))]
pub(crate) struct ValidateArgs {
    /// A report; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// A message for Slack, made by whatever tool; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) message: Option<PathBuf>,

    /// How to write the result to stdout.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// A time to wait for something; in no time nothing arrives.
fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be longer than nothing, such as 1s".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

/// How cards are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// A header, and blocks in a coloured attachment.
    #[default]
    Blocks,
    /// An attachment of fields, which services that imitate Slack know best.
    Attachment,
}

impl From<Layout> for SlackLayout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Blocks => Self::Blocks,
            Layout::Attachment => Self::Fields,
        }
    }
}
