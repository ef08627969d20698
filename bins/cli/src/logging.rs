//! Diagnostics for developers, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sends `tracing` diagnostics to stderr: warnings by default, more with each `-v`, or as `WINDLASS_LOG` says
/// (the syntax of `RUST_LOG`). May be called more than once; only the first call counts.
pub fn init_logging(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter =
        EnvFilter::try_from_env("WINDLASS_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::io::stderr().is_terminal();
    // A second call finds the subscriber in place; that is all it wanted.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .try_init();
}
