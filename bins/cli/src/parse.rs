//! Reading the command line.

use std::ffi::OsString;

use clap::error::ErrorKind;

use crate::{CommonArgs, Failure, Format, Printer};

/// Reads the arguments of this process, as [`clap::Parser::parse`] does: help, the version and errors are printed, and end the
/// process. Who asks for JSON gets the error as a document on stdout too, as for every other failure.
pub fn parse<Args: clap::Parser>() -> Args {
    Args::try_parse().unwrap_or_else(|error| {
        if error.use_stderr() && wants_json(std::env::args_os()) {
            let common = CommonArgs {
                format: Format::Json,
                ..CommonArgs::default()
            };
            Printer::new(&common).failure_document(&failure(&error));
        }
        error.exit()
    })
}

/// Whether the format is asked for, wherever among arguments that could not be read.
fn wants_json(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut format = None;
    let mut arguments = arguments
        .into_iter()
        .skip(1)
        .take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--format" {
            format = arguments.next();
        } else if let Some(value) = argument
            .to_str()
            .and_then(|argument| argument.strip_prefix("--format="))
        {
            format = Some(value.into());
        }
    }
    format.is_some_and(|format| format == "json")
}

/// What clap says in paragraphs: the error, perhaps a tip, the usage, and where to read on.
fn failure(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("no command was given").hint("--help lists the commands");
    }
    let text = error.to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim);
    let message = paragraphs.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let rest: Vec<&str> = paragraphs.collect();
    let tip = rest
        .iter()
        .find_map(|paragraph| paragraph.strip_prefix("tip: "));
    let usage = || {
        rest.iter()
            .find(|paragraph| paragraph.starts_with("Usage: "))
            .copied()
    };
    Failure::usage(message).hint(tip.or_else(usage).unwrap_or("--help tells more"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Args {
        #[command(flatten)]
        common: CommonArgs,
        /// Where.
        #[arg(long)]
        environment: String,
    }

    fn said(arguments: &[&str]) -> Failure {
        let arguments = [&["windlass"], arguments].concat();
        failure(&Args::try_parse_from(arguments).unwrap_err())
    }

    #[test]
    fn the_error_and_its_remedy_are_told_apart() {
        let missing = said(&["--format", "json"]);
        assert!(missing.message().contains("--environment"), "{missing}");
        assert!(!missing.message().contains("error: "), "{missing}");
        assert!(
            missing.remedy().unwrap().starts_with("Usage: "),
            "{missing}"
        );
        let unknown = said(&["--enviroment", "dev"]);
        assert!(unknown.message().contains("--enviroment"), "{unknown}");
        assert!(
            unknown.remedy().unwrap().contains("'--environment'"),
            "{unknown}"
        );
    }

    #[test]
    fn json_is_seen_wherever_it_is_asked_for() {
        let wants = |words: &[&str]| wants_json(words.iter().map(Into::into));
        for words in [
            &["windlass", "run", "--format", "json"][..],
            &["windlass", "--format=json", "--no-such-flag"],
            &["windlass", "--format", "human", "--format", "json"],
        ] {
            assert!(wants(words), "{words:?}");
        }
        for words in [
            &["windlass", "run"][..],
            &["--format=json"],
            &["windlass", "--format"],
            &["windlass", "--format", "human", "json"],
            &["windlass", "--", "--format", "json"],
        ] {
            assert!(!wants(words), "{words:?}");
        }
    }
}
