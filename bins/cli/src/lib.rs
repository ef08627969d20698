//! What every windlass binary shares: the printer, progress rows, exit codes, errors with hints, GitHub outputs, the
//! event log, logging and signals.
//!
//! Binaries decide nothing: they turn arguments into a request, call a library, and render what it returns. This crate
//! holds the rendering half, so that all binaries speak alike: data on stdout, people's text on stderr, one meaning per
//! exit code.
//!
//! ```
//! use windlass_cli::{Exit, Failure};
//!
//! let failure = Failure::usage("no environment named `prod`").hint("windlass.toml defines `dev` and `staging`");
//! assert_eq!(failure.exit(), Exit::Usage);
//! assert_eq!(
//!     failure.to_string(),
//!     "error: no environment named `prod`\n  hint: windlass.toml defines `dev` and `staging`"
//! );
//! ```

mod args;
mod events;
mod exit;
mod failure;
mod generate;
mod github;
mod interrupt;
mod logging;
mod parse;
mod printer;
mod rows;
mod text;

#[cfg(feature = "aws")]
pub mod aws;

pub use args::{CommonArgs, Format};
pub use events::EventLog;
pub use exit::Exit;
pub use failure::{Failure, IntoHint};
pub use generate::Generate;
pub use github::{GithubActions, markdown_cell};
pub use interrupt::interrupted;
pub use logging::init_logging;
pub use parse::parse;
pub use printer::Printer;
pub use rows::Rows;
pub use text::{nearest, printable};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
