//! What `check` is told.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// What to ask: URL or NAME=URL.
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// Write the report to FILE in JUnit's XML too.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}
