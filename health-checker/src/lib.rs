//! Is the new build serving? Health probes on fresh connections with consecutive-success polling and build identity.
//!
//! A service is healthy when several probes in a row, each on a connection of its own, found it up, fast enough, and,
//! if a revision is expected, answered by that very build. "Stale" says that the old build still answers;
//! "inconclusive" that it could not be told.
//!
//! ```
//! use std::time::Duration;
//!
//! use health_checker::sim::{Answer, SimProbe, SimTask};
//! use health_checker::{Event, Options, Target, Verdict, check};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A service whose old task goes away after five seconds, and whose new one takes two to come up.
//! let probe = SimProbe::new();
//! let target: Target = "users=http://users/actuator/health".parse()?;
//! probe.add(&target.name, SimTask::new("9ab01cd".parse()?).at(Duration::from_secs(5), Answer::Gone));
//! probe.add(
//!     &target.name,
//!     SimTask::new("abc1234".parse()?).at(Duration::ZERO, Answer::Gone).at(Duration::from_secs(2), Answer::Up),
//! );
//!
//! let report = check(
//!     &probe,
//!     &[target.expect_revision("abc1234".parse()?)],
//!     &Options::default(),
//!     &|event: Event| tracing(&event),
//! )
//! .await;
//!
//! assert_eq!(report.verdict(), Some(Verdict::Healthy));
//! assert!(report.targets[0].seen.old >= 3);
//! # Ok(())
//! # }
//! # fn tracing(_: &Event) {}
//! ```

#[cfg(feature = "http")]
mod actuator;
#[cfg(feature = "http")]
mod amqp;
mod engine;
mod error;
mod event;
mod header;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod mongodb;
mod name;
#[cfg(feature = "http")]
mod net;
#[cfg(feature = "http")]
mod network;
mod options;
mod probe;
pub mod quality_gate;
#[cfg(feature = "http")]
mod redis;
mod report;
mod revision;
mod round;
pub mod sim;
mod tally;
mod target;
mod targets;
#[cfg(feature = "http")]
mod tcp;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;

pub use engine::check;
pub use error::{Error, InvalidItem};
pub use event::{Event, Observer};
pub use header::{Header, InvalidHeader};
pub use name::{InvalidTargetName, TargetName};
#[cfg(feature = "http")]
pub use net::{FixedResolver, Resolver, SystemResolver};
#[cfg(feature = "http")]
pub use network::NetworkProbe;
pub use options::Options;
pub use probe::{Observation, Probe, State};
pub use report::{LastProbe, Report, Seen, TargetReport, Verdict};
pub use revision::{InvalidRevision, Revision};
pub use target::{InvalidTarget, RevisionSource, Target, TargetKind};
pub use targets::Targets;

#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
