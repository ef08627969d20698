//! Developers' tasks of the windlass workspace: `cargo xtask test`, `lint`, `guard`, `bench`, `release-check`.
//!
//! The standard library alone, so that the first `cargo xtask` on a fresh clone answers in seconds.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to the developer is this program's job"
)]

mod args;
mod bench;
mod cargo;
mod guard;
mod hold;
mod lint;
mod manifest;
mod needs;
mod node;
mod release;
mod report;
mod scrub;
mod servers;
mod stack;
mod suite;
mod task;
mod venv;

use std::process::ExitCode;

fn main() -> ExitCode {
    task::run(std::env::args().skip(1).collect())
}
