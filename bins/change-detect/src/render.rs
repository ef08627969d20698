//! What people read.

use change_detect::{Bases, Choice, Detection, ModuleName};
use serde_json::json;
use windlass_cli::{Failure, Format, Printer, markdown_cell, printable};

use crate::args::Print;
use crate::output::Document;

/// Says on stderr what was compared, and how far it is to be trusted.
pub(crate) fn note(detection: &Detection, choice: &Choice, printer: &Printer) {
    printer.note(&printable(&format!(
        "{} with {}, layout {}: {}",
        short(detection.head.as_str()),
        base(choice),
        detection.layout,
        tally(detection)
    )));
    if detection.services_total == 0 {
        printer.warn(&format!(
            "no folder is a service in layout {}: name them with --services, or `services` in windlass.toml",
            detection.layout
        ));
    }
    if let Some(reason) = &detection.reason {
        printer.warn(&format!(
            "this may be too much ({}): {reason}",
            detection.confidence
        ));
    }
    for cycle in &detection.cycles {
        let names: Vec<&str> = cycle.iter().map(ModuleName::as_str).collect();
        printer.warn(&format!("modules need each other: {}", names.join(" → ")));
    }
}

fn short(id: &str) -> &str {
    if id.bytes().all(|digit| digit == b'0') {
        "the work tree"
    } else {
        id.get(..7).unwrap_or(id)
    }
}

fn base(choice: &Choice) -> String {
    let reason = &choice.reason;
    match &choice.bases {
        Bases::One(base) => format!("{} ({reason})", base.short()),
        Bases::Each(bases) => {
            let ids: Vec<&str> = bases.iter().map(|base| base.short()).collect();
            format!("{} ({reason})", ids.join(" and "))
        }
        Bases::PerService(_) | Bases::Partly { .. } => "what each service runs".to_owned(),
        _ => format!("nothing ({reason})"),
    }
}

fn tally(detection: &Detection) -> String {
    let count =
        |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let mut text = format!(
        "{} of {}, {} to build",
        detection.services.len(),
        count(detection.services_total, "service"),
        count(detection.modules.len(), "module")
    );
    if !detection.removed.is_empty() {
        text.push_str(&format!(", {} removed", detection.removed.len()));
    }
    if !detection.unowned.is_empty() {
        text.push_str(&format!(
            ", {} of no module",
            count(detection.unowned.len(), "file")
        ));
    }
    text
}

/// Writes the result to stdout.
pub(crate) fn result(
    document: &Document<'_>,
    print: Option<Print>,
    printer: &Printer,
) -> Result<(), Failure> {
    let detection = document.detection;
    match (print, printer.format()) {
        (Some(print), _) => write(printer, facts(document, print)),
        (None, Format::Json) => printer.json(document),
        (None, _) => {
            let services = detection
                .services
                .iter()
                .map(|name| detection.explain(name).unwrap_or_else(|| name.to_string()));
            let removed = detection
                .removed
                .iter()
                .map(|name| format!("{name} ← is gone"));
            write(printer, services.chain(removed).collect())
        }
    }
}

fn write(printer: &Printer, lines: Vec<String>) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    // One write, so that a reader that goes away early is noticed once.
    printer.line(&printable(&lines.join("\n")))
}

fn facts(document: &Document<'_>, print: Print) -> Vec<String> {
    let detection = document.detection;
    let names = |names: &[ModuleName]| names.iter().map(ToString::to_string).collect();
    match print {
        Print::Services => names(&detection.services),
        Print::Paths => detection
            .services
            .iter()
            .filter_map(|name| detection.module(name))
            .map(|module| module.path.to_string())
            .collect(),
        Print::Modules => detection
            .modules
            .iter()
            .map(|module| module.name.to_string())
            .collect(),
        Print::Order => names(&detection.order),
        Print::Waves => detection
            .waves
            .iter()
            .map(|wave| {
                wave.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect(),
        Print::Removed => names(&detection.removed),
        Print::Unowned => detection.unowned.iter().map(ToString::to_string).collect(),
        // An empty list is no line: to Maven `-pl ""` means everything.
        Print::Pl => Some(document.pl().to_owned())
            .filter(|pl| !pl.is_empty())
            .into_iter()
            .collect(),
    }
}

/// Says why one module is affected, or that it is not.
pub(crate) fn explanation(
    detection: &Detection,
    service: &ModuleName,
    printer: &Printer,
) -> Result<(), Failure> {
    let removed = detection.removed.contains(service);
    let text = match detection.explain(service) {
        Some(text) => text,
        None if removed => format!("{service} ← is gone"),
        None => format!("{service} is not affected"),
    };
    if printer.format() == Format::Json {
        return printer.json(&json!({
            "schema": 1,
            "service": service,
            "affected": detection.module(service).is_some(),
            "removed": removed,
            "explanation": text,
            "chain": detection.chain(service).unwrap_or_default(),
        }));
    }
    printer.line(&printable(&text))
}

/// What stands in GitHub's step summary when it cannot be told what changed.
pub(crate) fn unknown(failure: &Failure) -> String {
    // All of it: causes and the remedy are what whoever reads it there looks for.
    let lines: Vec<String> = failure
        .to_string()
        .lines()
        .map(|line| markdown_cell(line.trim()))
        .collect();
    format!(
        "### Changes: unknown\n\nIt cannot be told what changed, so there is no list.\n\n> {}\n\n",
        lines.join("<br>")
    )
}

/// The table for GitHub's step summary.
pub(crate) fn summary(detection: &Detection, choice: &Choice) -> String {
    let mut text = format!(
        "### Changes: {}\n\n{} compared with {}, layout {}, {}.\n",
        tally(detection),
        markdown_cell(short(detection.head.as_str())),
        markdown_cell(&base(choice)),
        detection.layout,
        detection.confidence
    );
    if let Some(reason) = &detection.reason {
        text.push_str(&format!(
            "\n> This may be too much: {}\n",
            markdown_cell(reason)
        ));
    }
    if !detection.modules.is_empty() || !detection.removed.is_empty() {
        text.push_str("\n| module | kind | change | why |\n|---|---|---|---|\n");
    }
    for module in &detection.modules {
        let kind = match module.kind {
            change_detect::ModuleKind::Service => "service",
            _ => "shared",
        };
        let explained = detection.explain(&module.name).unwrap_or_default();
        let name = module.name.as_str();
        let why = explained.strip_prefix(name).unwrap_or(&explained);
        text.push_str(&format!(
            "| {} | {kind} | {} | {} |\n",
            markdown_cell(name),
            module.change,
            markdown_cell(why.trim_start_matches([' ', '←']))
        ));
    }
    for name in &detection.removed {
        text.push_str(&format!(
            "| {} | service | removed | it is gone |\n",
            markdown_cell(name.as_str())
        ));
    }
    text.push('\n');
    text
}
