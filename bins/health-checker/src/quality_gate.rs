//! `health-checker quality-gate`.

use windlass_cli::{Exit, Failure};

use crate::run::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct QualityGateArgs {}

#[expect(clippy::unused_async, reason = "the other commands wait")]
pub(crate) async fn run(_: &QualityGateArgs, _: &Session<'_>) -> Result<Exit, Failure> {
    Err(Failure::usage("this build has no quality gate"))
}
