//! `notifier validate`.

use deploy_notifier::{SlackLayout, SlackProblem, slack_problems, slack_with};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, Printer, printable};

use crate::args::ValidateArgs;
use crate::input;

/// The document on stdout.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    valid: bool,
    /// The report's kind, or null for a message.
    report: Option<&'static str>,
    problems: Vec<SlackProblem>,
}

pub(crate) fn run(args: &ValidateArgs, printer: &Printer) -> Result<Exit, Failure> {
    let (name, report, problems) = if let Some(path) = &args.report {
        let name = input::shown(path);
        let report = input::parse(&input::text(path)?, &name).map_err(negative)?;
        // Our own messages are within every limit; looking is cheap, and a fault would be ours to hear of.
        let problems = [SlackLayout::Blocks, SlackLayout::Fields]
            .into_iter()
            .flat_map(|layout| {
                let message = serde_json::to_value(slack_with(&report, layout));
                slack_problems(&message.expect("a message is made of strings and booleans"))
            })
            .collect();
        (name, Some(report.kind()), problems)
    } else if let Some(path) = &args.message {
        let name = input::shown(path);
        let message = serde_json::from_str(&input::text(path)?).map_err(|error| {
            Failure::new(Exit::Negative, format!("{name} is not JSON"))
                .caused_by(&error)
                .hint("a quote or a line break in a text must be escaped: let a program write the JSON")
        })?;
        (name, None, slack_problems(&message))
    } else {
        unreachable!("clap asks for one of the two");
    };
    let valid = problems.is_empty();
    let document = Document {
        schema: 1,
        valid,
        report,
        problems,
    };
    match printer.format() {
        Format::Json => printer.json(&document)?,
        _ => {
            for problem in &document.problems {
                printer.line(&printable(&problem.to_string()))?;
            }
            if valid {
                let what = report.map_or_else(
                    || "a message that Slack takes".to_owned(),
                    |kind| format!("a report of kind {kind}"),
                );
                printer.note(&format!("{name} is {what}"));
            }
        }
    }
    Ok(if valid { Exit::Done } else { Exit::Negative })
}

/// What cannot be read is what was asked for here, and not a wrong use of the command.
fn negative(failure: Failure) -> Failure {
    failure.with_exit(Exit::Negative)
}
