//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use cost_exporter::Basis;
use jiff::civil::Date;
use windlass_cli::{CommonArgs, Exit, Failure, Format, Printer};

use crate::{export, report, serve};

/// The month's AWS costs to CloudWatch and Prometheus: exact, corrected when AWS corrects them, for two or three requests of
/// $0.01.
///
/// Exit codes: 0 done; 1 a budget alerts and --fail-on-alert was given; 2 usage or configuration; 3 AWS or a sink refused or
/// could not be reached; 4 some sinks have everything and some do not; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "cost-exporter", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// How to write the result to stdout; `csv` is for `report` only.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) format: Shape,

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
    /// What every binary understands. Here it is spelled out, because `report` has a format of its own.
    pub(crate) fn common(&self) -> CommonArgs {
        let mut common = CommonArgs::default();
        common.format = match self.format {
            Shape::Json => Format::Json,
            Shape::Human | Shape::Csv => Format::Human,
        };
        common.events.clone_from(&self.events);
        common.quiet = self.quiet;
        common.verbose = self.verbose;
        common
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reads costs once and publishes them.
    Export(ExportArgs),
    /// Reads costs at an interval and serves them to Prometheus.
    Serve(ServeArgs),
    /// Shows costs in the terminal, or as rows with the column names of FOCUS.
    Report(ReportArgs),
    #[command(flatten)]
    Generate(windlass_cli::Generate),
}

/// Where costs are read and remembered.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FromArgs {
    /// The configuration; without it `cost-exporter.toml`, if it is there.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Where costs are read: `cost-explorer`, or `file:PATH` for saved answers of it or rows of FOCUS.
    #[arg(long, value_name = "SOURCE", default_value = "cost-explorer")]
    pub(crate) source: String,

    /// Where it is remembered what was seen and published: a file, `s3://BUCKET/KEY`, or `none`. Without it a file in the
    /// user's state folder; of saved costs nothing is remembered.
    #[arg(long, value_name = "LEDGER")]
    pub(crate) ledger: Option<String>,

    /// The tag that names the environment, such as `Environment`.
    #[arg(long, value_name = "KEY")]
    pub(crate) tag: Option<String>,

    /// How many requests to Cost Explorer may be sent, at $0.01 each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) budget_requests: Option<u32>,

    /// Ask for no forecast, which saves a request.
    #[arg(long)]
    pub(crate) no_forecast: bool,

    /// How long AWS may take to answer a call.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) timeout: Duration,

    /// The region of CloudWatch and S3. Cost Explorer has its own.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// Nobody is asked for anything; `report` says so.
    #[arg(skip)]
    pub(crate) offline: bool,
}

/// Which days.
#[derive(Debug, clap::Args)]
pub(crate) struct DaysArgs {
    /// The first day, as YYYY-MM-DD (UTC). Without it the first of the last day's month.
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) from: Option<Date>,

    /// The last day. Without it today.
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) to: Option<Date>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) from: FromArgs,

    #[command(flatten)]
    pub(crate) days: DaysArgs,

    /// Where to publish; may be repeated: `cloudwatch[=NAMESPACE]`, `prometheus-textfile=FILE`, `pushgateway=URL`,
    /// `openmetrics=FILE` (past days, for back-filling) or `stdout` (the default).
    #[arg(long, value_name = "SINK")]
    pub(crate) sink: Vec<String>,

    /// Read costs, which is billed, and say what would be published; publish and remember nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// When a budget alerts, write a report to FILE that `notifier send` takes; else remove FILE.
    #[arg(long, value_name = "FILE")]
    pub(crate) alert_report: Option<PathBuf>,

    /// End with exit code 1 when a budget alerts.
    #[arg(long)]
    pub(crate) fail_on_alert: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) from: FromArgs,

    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9641")]
    pub(crate) listen: SocketAddr,

    /// How often to read costs. AWS updates them a few times a day.
    #[arg(long, value_name = "TIME", default_value = "6h", value_parser = time)]
    pub(crate) interval: Duration,

    /// Where to publish as well, as for `export`; may be repeated.
    #[arg(long, value_name = "SINK")]
    pub(crate) sink: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) from: FromArgs,

    #[command(flatten)]
    pub(crate) days: DaysArgs,

    /// Show what the ledger remembers, without any request.
    #[arg(long)]
    pub(crate) offline: bool,

    /// In which basis the terminal shows costs.
    #[arg(long, value_name = "BASIS")]
    pub(crate) basis: Option<Basis>,
}

/// The form of what goes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Shape {
    /// Lines for people; of a report bars and a trend.
    #[default]
    Human,
    /// One JSON document; of a report an array of rows with the column names of FOCUS.
    Json,
    /// Of a report a table with the column names of FOCUS.
    Csv,
}

fn day(text: &str) -> Result<Date, String> {
    cost_exporter::day(text).map_err(|error| error.to_string())
}

fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be longer than nothing, such as 6h".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) async fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    if args.format == Shape::Csv && !matches!(args.command, Command::Report(_)) {
        return Err(Failure::usage("only `report` writes csv")
            .hint("use --format human or --format json here"));
    }
    match &args.command {
        Command::Export(export) => export::run(export, args, printer).await,
        Command::Serve(serve) => serve::run(serve, args, printer).await,
        Command::Report(report) => report::run(report, args, printer).await,
        Command::Generate(generate) => generate.run(Args::command(), printer),
    }
}
