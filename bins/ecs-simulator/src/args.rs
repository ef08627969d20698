//! The command line.

use std::net::SocketAddr;
use std::str::FromStr;

use clap::Parser;
use ecs_deployer::sim::server::EcsServer;
use windlass_cli::{CommonArgs, Generate, nearest};

/// Serves a simulated Amazon ECS on loopback, in its own protocol, until it is interrupted.
///
/// The first line of stdout is the address, for AWS_ENDPOINT_URL. Credentials are not looked at: any will do.
///
/// Exit codes: 0 served until SIGINT or SIGTERM; 2 usage or a scenario that does not hold together; 3 the address cannot be
/// listened on.
#[derive(Debug, Parser)]
#[command(name = "ecs-simulator", version)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one. Only loopback addresses: nothing here is protected.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: Loopback,

    /// So many seconds of the model in one of the clock on the wall.
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub(crate) time_factor: TimeFactor,

    /// The scenario: the name of a built-in one, or a file, TOML or JSON by its ending. Default: an empty cluster `default`.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,

    /// Answer an action, such as ecs:UpdateService, with AccessDeniedException; may be repeated.
    #[arg(long, value_name = "ACTION")]
    pub(crate) deny: Vec<Action>,

    /// Do not throttle at the published rates.
    #[arg(long)]
    pub(crate) no_throttle: bool,

    /// The region of ARNs.
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    pub(crate) region: String,

    /// The account of ARNs.
    #[arg(long, value_name = "ACCOUNT", default_value = "123456789012")]
    pub(crate) account: String,

    /// List the built-in scenarios and end.
    #[arg(long)]
    pub(crate) list_scenarios: bool,

    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(subcommand)]
    pub(crate) command: Option<Generate>,
}

/// A loopback address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loopback(pub(crate) SocketAddr);

impl FromStr for Loopback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: SocketAddr = text
            .parse()
            .map_err(|_| "it takes an address with a port, such as 127.0.0.1:8000".to_owned())?;
        if address.ip().is_loopback() {
            Ok(Self(address))
        } else {
            Err("it is no loopback address: anybody could call it; use 127.0.0.1".to_owned())
        }
    }
}

/// A positive factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeFactor(pub(crate) f64);

impl FromStr for TimeFactor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .ok()
            .filter(|factor: &f64| factor.is_finite() && *factor > 0.0 && *factor <= 100_000.0)
            .map(Self)
            .ok_or_else(|| "it takes a number above 0, at most 100000".to_owned())
    }
}

/// The name of an action that is simulated, with or without its prefix.
#[derive(Debug, Clone)]
pub(crate) struct Action(pub(crate) String);

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.rsplit(':').next().unwrap_or(text);
        let known: Vec<&str> = EcsServer::actions().collect();
        if known.contains(&name) {
            return Ok(Self(name.to_owned()));
        }
        let close = nearest(name, known.iter().copied());
        Err(close.map_or_else(
            || {
                format!(
                    "no such action is simulated: there are {}",
                    known.join(", ")
                )
            },
            |close| format!("no such action is simulated: did you mean `{close}`?"),
        ))
    }
}
