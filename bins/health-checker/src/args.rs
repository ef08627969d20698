//! The command line.

use clap::{Parser, Subcommand};
use windlass_cli::CommonArgs;

use crate::check::CheckArgs;
use crate::quality_gate::QualityGateArgs;

/// Says whether the new build serves, and whether the quality gate is green.
///
/// Exit codes: 0 healthy or green, or an explicit empty list; 1 unhealthy, stale or red; 2 usage or configuration;
/// 3 it could not be told: refused or unreachable; 8 the time ran out, still undecided; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "health-checker", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Asks targets until each is proven healthy or the time is up.
    Check(Box<CheckArgs>),
    /// Follows an analysis to the verdict of its quality gate.
    QualityGate(Box<QualityGateArgs>),
    #[command(flatten)]
    Generate(windlass_cli::Generate),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
