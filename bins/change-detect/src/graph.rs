//! `change-detect graph`.

use windlass_cli::{Exit, Failure, Printer};

use crate::args::{GraphArgs, GraphForm, PlaceArgs};
use crate::failures;
use crate::repository::Repository;

pub(crate) fn run(args: &GraphArgs, place: &PlaceArgs, printer: &Printer) -> Result<Exit, Failure> {
    let failed = |error: change_detect::Error| failures::detect(&error);
    let repository = Repository::open(place)?;
    let source = repository.source();
    let options = repository.settings(place)?.options(place)?;
    let head = match repository.worktree() {
        Some(worktree) => worktree.clone(),
        None => source
            .resolve(place.head.as_deref().unwrap_or("HEAD"))
            .map_err(failed)?,
    };
    let graph = change_detect::graph(source, &head, &options).map_err(failed)?;
    for caveat in &graph.caveats {
        printer.warn(caveat);
    }
    match args.format {
        GraphForm::Json => printer.json(&graph)?,
        GraphForm::Dot => printer.line(graph.to_dot().trim_end())?,
        GraphForm::Mermaid => printer.line(graph.to_mermaid().trim_end())?,
    }
    Ok(Exit::Done)
}
