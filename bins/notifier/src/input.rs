//! Reading reports and messages.

use std::io::Read;
use std::path::Path;

use deploy_notifier::Report;
use windlass_cli::{Failure, nearest};

/// The kinds of reports, as they stand under `event`.
const KINDS: [&str; 10] = [
    "deployment-started",
    "deployment-completed",
    "deployment-failed",
    "rolled-back",
    "health-results",
    "quality-gate",
    "infrastructure-change",
    "promotion",
    "alarm",
    "notice",
];
/// More than any report or message holds; what is longer is the wrong file.
const LONGEST: u64 = 16 << 20;

/// The whole of a file, or of stdin for `-`.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let name = shown(path);
    let failed =
        |error: std::io::Error| Failure::usage(format!("cannot read {name}")).caused_by(&error);
    let mut text = String::new();
    let read = if is_stdin(path) {
        std::io::stdin()
            .lock()
            .take(LONGEST + 1)
            .read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(LONGEST + 1).read_to_string(&mut text)
    };
    if read.map_err(failed)? as u64 > LONGEST {
        return Err(Failure::usage(format!("{name} is longer than 16 MiB")));
    }
    Ok(text)
}

/// The report in a file.
pub(crate) fn report(path: &Path) -> Result<Report, Failure> {
    parse(&text(path)?, &shown(path))
}

/// The report in a text that is called `name`.
pub(crate) fn parse(text: &str, name: &str) -> Result<Report, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{name} is empty")).hint(example()));
    }
    serde_json::from_str(text).map_err(|error| {
        let kind = serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .and_then(|document| Some(document.get("event")?.as_str()?.to_owned()));
        let hint = match kind {
            Some(kind) if !KINDS.contains(&kind.as_str()) => nearest(&kind, KINDS).map_or_else(
                || format!("the kinds are {}", KINDS.join(", ")),
                |near| format!("did you mean `{near}`?"),
            ),
            _ => example(),
        };
        Failure::usage(format!("{name} is no report"))
            .caused_by(&error)
            .hint(hint)
    })
}

/// The file as people know it.
pub(crate) fn shown(path: &Path) -> String {
    match is_stdin(path) {
        true => "stdin".to_owned(),
        false => format!("`{}`", path.display()),
    }
}

pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn example() -> String {
    r#"a report looks like {"event":"deployment-completed","environment":"dev","services":[{"name":"user-service","status":"deployed"}]}"#.to_owned()
}
