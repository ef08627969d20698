//! The arguments that every binary takes.

use std::path::PathBuf;

/// How results are written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
#[non_exhaustive]
pub enum Format {
    /// One line per fact, for people and simple scripts.
    #[default]
    Human,
    /// One JSON document.
    Json,
}

/// Flags that every windlass binary understands.
#[derive(Debug, Clone, Default, clap::Args)]
#[non_exhaustive]
pub struct CommonArgs {
    /// How to write the result to stdout.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,

    /// Append every event to FILE, one JSON object a line.
    #[arg(long, value_name = "FILE", global = true)]
    pub events: Option<PathBuf>,

    /// No progress, only results and errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Say more; twice for everything.
    #[arg(long, short, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}
