//! An error on its way to a person: what failed, why, what to do about it, and the exit code.

use std::error::Error;
use std::fmt;

use crate::{Exit, text::printable};

/// What ends a binary before it has a result: a message, the chain of causes, a hint and the exit code.
///
/// Display prints the whole of it over several lines, ready for stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure with a message of its own.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// Wrong usage or configuration (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something outside refused or could not be reached (exit code 3).
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, message)
    }

    /// A library's error with its chain of sources.
    pub fn from_error(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self {
            exit,
            message: error.to_string(),
            causes: causes_of(error),
            hint: None,
        }
    }

    /// Adds the error that led to this failure, with its own sources, to the chain of causes.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        self.causes.push(error.to_string());
        self.causes.extend(causes_of(error));
        self
    }

    /// Says what to do about it; `None` leaves the hint as it is.
    #[must_use]
    pub fn hint(mut self, hint: impl IntoHint) -> Self {
        if let Some(hint) = hint.into_hint() {
            self.hint = Some(hint);
        }
        self
    }

    /// The same failure with another exit code, for a command that means something else by it.
    #[must_use]
    pub const fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The exit code of the process.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The message alone, without causes and hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The chain of causes, the nearest first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// What to do about it, where that is known.
    pub fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Message, causes and hint as one sentence, for a reason or a warning.
    pub fn in_a_line(&self) -> String {
        let mut text = self.message.clone();
        for cause in &self.causes {
            text.push_str(": ");
            text.push_str(cause);
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!(" ({hint})"));
        }
        text
    }
}

/// What can be said as a hint: text, or an `Option` of it.
pub trait IntoHint {
    /// The hint, if there is one.
    fn into_hint(self) -> Option<String>;
}

impl IntoHint for &str {
    fn into_hint(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl IntoHint for String {
    fn into_hint(self) -> Option<String> {
        Some(self)
    }
}

impl IntoHint for Option<String> {
    fn into_hint(self) -> Option<String> {
        self
    }
}

fn causes_of(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        // Some foreign errors repeat their source's text: say each thing once.
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = source.source();
    }
    causes
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable(&self.message))?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {}", printable(cause))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", printable(hint))?;
        }
        Ok(())
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::io::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot read `pom.xml`")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn prints_the_chain_and_the_hint() {
        let error = Outer(std::io::Error::other("disk on fire"));
        let failure = Failure::from_error(Exit::Unreachable, &error).hint("put it out".to_owned());
        assert_eq!(
            failure.to_string(),
            "error: cannot read `pom.xml`\n  caused by: disk on fire\n  hint: put it out"
        );
    }

    #[test]
    fn a_line_has_the_chain_and_the_hint() {
        let error = Outer(std::io::Error::other("disk on fire"));
        let failure = Failure::from_error(Exit::Unreachable, &error).hint("put it out");
        assert_eq!(
            failure.in_a_line(),
            "cannot read `pom.xml`: disk on fire (put it out)"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let failure = Failure::usage("bad \u{1b}[2J name");
        assert!(!failure.to_string().contains('\u{1b}'));
    }
}
