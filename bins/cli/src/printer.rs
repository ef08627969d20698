//! The one place that writes to stdout and stderr.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::{CommonArgs, Exit, Failure, Format, text::printable};

/// Writes results to stdout and everything for people to stderr, and knows what the terminal can do.
#[derive(Debug, Clone)]
pub struct Printer {
    format: Format,
    quiet: bool,
    live: bool,
    colour: bool,
    /// Whether something stands on stdout.
    answered: Arc<AtomicBool>,
}

impl Printer {
    /// Reads the flags, whether stderr is a terminal, and `NO_COLOR` and `TERM`.
    pub fn new(args: &CommonArgs) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stderr().is_terminal() && !dumb;
        // https://no-color.org: set and not empty.
        let colourless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            format: args.format,
            quiet: args.quiet,
            live: terminal && !args.quiet,
            colour: terminal && !colourless,
            answered: Arc::default(),
        }
    }

    /// The form that results take on stdout.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Whether progress may be redrawn in place: stderr is a terminal and nobody asked for quiet.
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// Whether colour may be used on stderr.
    pub const fn colour(&self) -> bool {
        self.colour
    }

    /// Whether progress is wanted at all.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Writes a JSON document, indented, to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written; a reader that closed the pipe early is no error.
    pub fn json(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document).map_err(|error| {
            Failure::unreachable("cannot write the result as JSON").caused_by(&error)
        })?;
        // Only strings hold such a sign, and this is the same string: the runner of GitHub Actions would take it for a command.
        self.line(&text.replace("##[", "##\\u005b"))
    }

    /// Writes one line of data to stdout. The text is taken to be safe for a terminal.
    ///
    /// # Errors
    /// When stdout cannot be written; a reader that closed the pipe early is no error.
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Ok(()) => {
                self.answered.store(true, Ordering::Relaxed);
                Ok(())
            }
            // `windlass plan | head -1` is a fair use: the reader has what it wanted.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => {
                Err(Failure::new(Exit::Unreachable, "cannot write to stdout").caused_by(&error))
            }
        }
    }

    /// Says something to people on stderr, unless they asked for quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.stderr(text);
        }
    }

    /// Warns people on stderr, even when they asked for quiet.
    pub fn warn(&self, text: &str) {
        self.stderr(&format!("warning: {}", printable(text)));
    }

    /// Reports what ended the run, on stderr.
    pub fn failure(&self, failure: &Failure) {
        self.stderr(&failure.to_string());
    }

    /// Who asked for JSON gets one document, even of what failed before it had a result: `error`, `causes`, `hint` and
    /// `exit_code`. Does nothing in any other format, and nothing when there is an answer already.
    pub fn failure_document(&self, failure: &Failure) {
        if self.format != Format::Json || self.answered.load(Ordering::Relaxed) {
            return;
        }
        let document = serde_json::json!({
            "schema": 1,
            "error": failure.message(),
            "causes": failure.causes(),
            "hint": failure.remedy(),
            "exit_code": failure.exit().code(),
        });
        // The failure itself is what is reported, on stderr too.
        let _ = self.json(&document);
    }

    #[expect(
        clippy::unused_self,
        reason = "all output goes through a printer, so that nobody prints past it"
    )]
    fn stderr(&self, text: &str) {
        // A closed stderr must not change the outcome of a deployment.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}
