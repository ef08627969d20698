//! The command line.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use log_exporter::{LogGroup, Millis, PartFormat, RetentionDays};
use windlass_cli::CommonArgs;

/// Archives CloudWatch Logs to S3 or to a folder: every event once, whatever is killed, late or throttled, and provably.
///
/// Exit codes: 0 done, or nothing to do; 1 the archive is not what it should be, or an export task failed; 2 usage or
/// configuration, or a local folder fails; 3 AWS refused or could not be reached; 4 some of several: run again; 8 an export task is still running;
/// 130 interrupted: run again.
#[derive(Debug, Parser)]
#[command(name = "log-exporter", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// The AWS region, if not that of the surroundings.
    #[arg(long, value_name = "REGION", global = true)]
    pub(crate) region: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reads what is due and archives it. Run it again and again: what is done is not done twice.
    Export(ExportArgs),
    /// Says which windows are due, as messages for a queue or items for a map.
    Plan(PlanArgs),
    /// Checks an archive, to the byte, and against CloudWatch Logs if asked.
    Verify(VerifyArgs),
    /// Sets for how many days groups keep their events.
    Retention(RetentionArgs),
    /// Writes archived events to stdout, each once and in order, a JSON object a line.
    Cat(CatArgs),
    /// Writes the statement that makes a table over the archive, for Athena and Glue.
    Ddl(DdlArgs),
    #[command(flatten)]
    Generate(windlass_cli::Generate),
}

/// A time, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(Millis),
    Ago(Duration),
}

impl When {
    pub(crate) fn at(self, now: Millis) -> Millis {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => now.minus(ago),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        text.parse()
            .map(Self::At)
            .map_err(|error: log_exporter::InvalidTime| {
                format!("{error}, or as 7d for seven days ago")
            })
    }
}

/// Which groups.
#[derive(Debug, clap::Args)]
pub(crate) struct GroupArgs {
    /// A log group; may be repeated.
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<LogGroup>,

    /// All log groups whose names begin like this; may be repeated.
    #[arg(long = "prefix", value_name = "PREFIX")]
    pub(crate) prefixes: Vec<String>,
}

/// Where the archive is.
#[derive(Debug, clap::Args)]
pub(crate) struct ArchiveArgs {
    /// The bucket.
    #[arg(long, value_name = "BUCKET", conflicts_with = "archive")]
    pub(crate) bucket: Option<String>,

    /// A folder of this machine instead of a bucket.
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Option<PathBuf>,

    /// What all keys of the archive begin with.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub(crate) key_prefix: String,
}

/// Which time.
#[derive(Debug, clap::Args)]
pub(crate) struct TimeArgs {
    /// From when on: 2026-11-26T10:00:00Z, a day, or how long ago, such as 7d. Whole hours are taken.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<When>,

    /// Up to when.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<When>,
}

/// What is shared with other workers, and what a machine has.
#[derive(Debug, clap::Args)]
pub(crate) struct EffortArgs {
    /// Requests a second to CloudWatch Logs. Default: the published quota, 25 in us-east-1 and 5 elsewhere.
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<f64>,

    /// How many workers of the account share that rate.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) workers: NonZeroU32,

    /// How many MiB of events are held in memory; more goes to disk for a while.
    #[arg(long, value_name = "MIB", default_value = "24")]
    pub(crate) memory: NonZeroUsize,

    /// Where events go that are over that. Default: the system's folder for temporary files.
    #[arg(long, value_name = "DIR")]
    pub(crate) spill: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CodecArg {
    Gzip,
    Zstd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    Ndjson,
    Parquet,
}

impl From<FormatArg> for PartFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Ndjson => Self::Ndjson,
            FormatArg::Parquet => Self::Parquet,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) groups: GroupArgs,
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// Work on these windows instead: a file that `plan --emit lines` wrote, `-` for stdin.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["groups", "prefixes", "from", "to", "bulk"])]
    pub(crate) units: Option<PathBuf>,

    /// How parts hold their events: as lines of JSON, or in columns, for queries. An archive may have both, and is read back the
    /// same.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "ndjson")]
    pub(crate) archive_format: FormatArg,

    /// How parts are compressed. zstd takes half of the CPU. Default: gzip; zstd for Parquet, which has no other here.
    #[arg(long, value_enum, value_name = "CODEC")]
    pub(crate) codec: Option<CodecArg>,

    /// How hard: 1 to 9 for gzip (6), 1 to 19 for zstd (3).
    #[arg(long, value_name = "N")]
    pub(crate) level: Option<i32>,

    /// The most MiB of events in a part, before compression.
    #[arg(long, value_name = "MIB", default_value = "64")]
    pub(crate) part_size: NonZeroU64,

    /// How long after its end an hour is read.
    #[arg(long, value_name = "TIME", default_value = "15m")]
    pub(crate) lag: humantime::Duration,

    /// How many windows are read at a time at most.
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) max_parallel: NonZeroUsize,

    /// End within this time, with what is under way committed and the rest named. With --bulk: a task that was begun goes on by itself,
    /// and is found by the next run.
    #[arg(long, value_name = "TIME")]
    pub(crate) deadline: Option<humantime::Duration>,

    /// Look at all manifests instead of the checkpoint.
    #[arg(long)]
    pub(crate) no_checkpoint: bool,

    /// Read each window again when it is done, and compare.
    #[arg(long)]
    pub(crate) verify: bool,

    /// Let CloudWatch Logs write to the bucket by itself, with one export task, and follow it to its end. For a one-off: what it
    /// writes is not sorted, not verified and no part of the archive. A task is found again by its whole hours: give the times
    /// themselves, not how long ago, where a run may be repeated an hour later.
    #[arg(
        long,
        requires = "bucket",
        conflicts_with_all = [
            "archive_format", "codec", "level", "part_size", "lag", "max_parallel", "memory", "spill", "no_checkpoint", "verify"
        ]
    )]
    pub(crate) bulk: bool,

    /// How often the export task is looked at.
    #[arg(long, value_name = "TIME", default_value = "10s", requires = "bulk")]
    pub(crate) poll: humantime::Duration,

    /// Say what would be read and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmitArg {
    /// A window a line, each a JSON object: the bodies of messages.
    Lines,
    /// Ten windows a line, each line the entries of one `aws sqs send-message-batch`.
    SqsBatches,
    /// One JSON array: the items of a Step Functions map.
    Map,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) groups: GroupArgs,
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// How long after its end an hour is read.
    #[arg(long, value_name = "TIME", default_value = "15m")]
    pub(crate) lag: humantime::Duration,

    /// Look at all manifests instead of the checkpoint.
    #[arg(long)]
    pub(crate) no_checkpoint: bool,

    /// Write the windows alone, in a form for other programs.
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "format")]
    pub(crate) emit: Option<EmitArg>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) groups: GroupArgs,
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// Only ask for sizes and digests, and read no part.
    #[arg(long, conflicts_with = "fresh")]
    pub(crate) quick: bool,

    /// Read each window from CloudWatch Logs again, and compare.
    #[arg(long)]
    pub(crate) fresh: bool,

    /// List what no manifest refers to: left by workers that were killed.
    #[arg(long)]
    pub(crate) gc: bool,

    /// Delete that, if it is a day old and the manifests of its hour are there.
    #[arg(long, requires = "gc")]
    pub(crate) delete: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RetentionArgs {
    #[command(flatten)]
    pub(crate) groups: GroupArgs,
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// How many days: 1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653.
    #[arg(
        long,
        value_name = "DAYS",
        required_unless_present = "environment",
        conflicts_with = "environment"
    )]
    pub(crate) days: Option<RetentionDays>,

    /// What is usual for it: 7 days for dev, 30 for staging, 90 for prod.
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,

    /// Only shorten where every hour that would be deleted is in the archive, read for the last time, and right to the byte. Hours are
    /// read for the last time 14 days and two hours after their end: fewer than 30 days cannot be verified.
    #[arg(long)]
    pub(crate) only_verified: bool,

    /// Say what would be changed and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CatArgs {
    /// The log group.
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: LogGroup,

    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,
    #[command(flatten)]
    pub(crate) time: TimeArgs,

    /// Only the messages, each as it is and a line end.
    #[arg(long)]
    pub(crate) messages: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DdlArgs {
    #[command(flatten)]
    pub(crate) archive: ArchiveArgs,

    /// What the table over the lines is called. That over Parquet has `_parquet` at its end, and in an archive of both formats there is
    /// a view over both with `_all`; Athena takes one statement at a time.
    #[arg(long, value_name = "NAME", default_value = "logs")]
    pub(crate) table: String,

    /// Only the table over the parts of this format. Default: what the archive has.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) archive_format: Option<FormatArg>,

    /// Drop tables of these names first, as they have to be when groups or earlier days came in. Of an external table the data stay;
    /// of an Iceberg table Athena deletes them.
    #[arg(long)]
    pub(crate) replace: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_time_is_a_time_or_how_long_ago() {
        let now: Millis = "2026-11-26T10:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<When>().map(|when| when.at(now).to_string());
        assert_eq!(at("2h").unwrap(), "2026-11-26T08:00:00Z");
        assert_eq!(at("2026-11-01").unwrap(), "2026-11-01T00:00:00Z");
        assert!(at("last week").unwrap_err().contains("seven days ago"));
    }
}
