//! Diagnostics for developers, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const VARIABLE: &str = "WINDLASS_LOG";

/// Sends `tracing` diagnostics to stderr: warnings by default, more with each `-v`, or as `WINDLASS_LOG` says: a level,
/// or several `target=level` with commas between them. May be called more than once; only the first call counts.
pub fn init_logging(verbose: u8) {
    let wanted = std::env::var(VARIABLE).ok();
    let (filter, fault) = filter(wanted.as_deref(), verbose);
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(colour);
    // A second call finds the subscriber in place; that is all it wanted.
    let first = tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init()
        .is_ok();
    if let Some(fault) = fault.filter(|_| first) {
        tracing::warn!(
            "`{VARIABLE}` is ignored, write a level such as `debug`, or `target=level`: {fault}"
        );
    }
}

/// What is let through, and why the variable does not count if it cannot be read.
fn filter(wanted: Option<&str>, verbose: u8) -> (Targets, Option<String>) {
    let default = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let default = Targets::new().with_default(default);
    match wanted.filter(|wanted| !wanted.trim().is_empty()) {
        None => (default, None),
        Some(wanted) => match wanted.parse() {
            Ok(filter) => (filter, None),
            Err(error) => (default, Some(format!("{error} in {wanted:?}"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn more_is_said_with_each_v() {
        let level = |verbose| filter(None, verbose).0.default_level();
        assert_eq!(level(0), Some(LevelFilter::WARN));
        assert_eq!(level(1), Some(LevelFilter::INFO));
        assert_eq!(level(2), Some(LevelFilter::DEBUG));
        assert_eq!(level(9), Some(LevelFilter::TRACE));
    }

    #[test]
    fn the_variable_outranks_the_flag() {
        let (filter, fault) = filter(Some("error,image_tagger=debug"), 2);
        assert_eq!(fault, None);
        assert!(filter.would_enable("image_tagger::push", &Level::DEBUG));
        assert!(!filter.would_enable("ecs_deployer", &Level::WARN));
    }

    #[test]
    fn a_variable_that_cannot_be_read_is_named_and_does_not_count() {
        let (filter, fault) = filter(Some("image_tagger=loud"), 0);
        assert!(fault.is_some_and(|fault| fault.contains("image_tagger=loud")));
        assert_eq!(filter.default_level(), Some(LevelFilter::WARN));
    }

    #[test]
    fn an_empty_variable_says_nothing() {
        assert_eq!(filter(Some(" "), 1).1, None);
        assert_eq!(
            filter(Some(""), 1).0.default_level(),
            Some(LevelFilter::INFO)
        );
    }
}
