//! `notifier render`.

use deploy_notifier::{SlackLayout, slack_with, text};
use windlass_cli::{Exit, Failure, Printer};

use crate::args::{RenderArgs, RenderFormat};
use crate::input;

pub(crate) fn run(args: &RenderArgs, printer: &Printer) -> Result<Exit, Failure> {
    let report = input::report(&args.report)?;
    let layout = match args.format {
        Some(RenderFormat::Attachment) => SlackLayout::Fields,
        _ => SlackLayout::Blocks,
    };
    if let Some(path) = &args.html {
        let page = slack_with(&report, layout).preview();
        if input::is_stdin(path) {
            if args.format.is_some() {
                return Err(Failure::usage("--html - and --format both want stdout")
                    .hint("give --html a file"));
            }
            printer.line(page.trim_end())?;
        } else {
            std::fs::write(path, page).map_err(|error| {
                Failure::usage(format!("cannot write `{}`", path.display())).caused_by(&error)
            })?;
            printer.note(&format!("the card is drawn in {}", input::shown(path)));
        }
        if args.format.is_none() {
            return Ok(Exit::Done);
        }
    }
    match args.format.unwrap_or(RenderFormat::Blocks) {
        RenderFormat::Blocks | RenderFormat::Attachment => {
            printer.json(&slack_with(&report, layout))?
        }
        RenderFormat::Text => printer.line(&text(&report))?,
        RenderFormat::Json => printer.json(&report)?,
    }
    Ok(Exit::Done)
}
