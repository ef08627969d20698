//! `health-checker quality-gate`.

mod args;
mod cases;
mod check;
mod ensure;
mod outcome;
mod reports;
mod server;
mod summary;
mod table;

use windlass_cli::{Exit, Failure};

pub(crate) use args::QualityGateArgs;

use crate::run::Session;
use args::GateCommand;

pub(crate) async fn run(args: &QualityGateArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    match &args.command {
        None => check::run(&args.check, session).await,
        Some(GateCommand::Ensure(args)) => ensure::run(args, session).await,
    }
}
