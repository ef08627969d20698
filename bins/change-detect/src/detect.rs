//! The command itself: choose a base, compare, show.

use change_detect::{Bases, Choice, Detection, Error, Method, ModuleName};
use serde::Serialize;
use windlass_cli::{EventLog, Exit, Failure, Format, GithubActions, Printer, nearest};

use crate::args::{DetectArgs, OnUnknown};
use crate::event::Event;
use crate::repository::Repository;
use crate::{bases, failures, output, render};

/// What the event log says.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Step<'a> {
    BaseChosen {
        base: Option<String>,
        head: &'a str,
        method: Method,
        reason: &'a str,
    },
    Detected(&'a output::Document<'a>),
    Failed {
        reason: String,
    },
}

pub(crate) fn run(args: &DetectArgs, printer: &Printer) -> Result<Exit, Failure> {
    let log = args.events.as_deref().map(EventLog::open).transpose()?;
    let github = GithubActions::from_env();
    let ended = decide(args, printer, log.as_ref(), &github);
    if let Err(failure) = &ended {
        if let Some(log) = &log {
            log.write(&Step::Failed {
                reason: failure.message().to_owned(),
            });
        }
        if failure.exit() == Exit::Unreachable {
            // Whoever reads the document or the outputs sees that it is not known, and finds no list at all.
            if printer.format() == Format::Json {
                printer.json(&output::Unknown::new(failure))?;
            }
            github.outputs(&output::Unknown::new(failure).outputs())?;
            github.summary(&render::unknown(failure))?;
        }
    }
    log.map_or(Ok(()), |log| log.finish())?;
    ended
}

fn decide(
    args: &DetectArgs,
    printer: &Printer,
    log: Option<&EventLog>,
    github: &GithubActions,
) -> Result<Exit, Failure> {
    let repository = Repository::open(&args.place)?;
    let source = repository.source();
    let settings = repository.settings(&args.place)?;
    let on_unknown = args
        .on_unknown
        .or(settings.on_unknown)
        .unwrap_or(OnUnknown::Fail);
    let options = settings
        .options(&args.place)?
        .most_files((args.most_files > 0).then_some(args.most_files))
        .on_unknown(match on_unknown {
            OnUnknown::All => change_detect::OnUnknown::All,
            OnUnknown::Fail => change_detect::OnUnknown::Fail,
        });

    let failed = |error: Error| failures::detect(&error);
    let mut choice = choose(args, &repository, on_unknown)?;
    if let Some(worktree) = repository.worktree() {
        choice.head = worktree.clone();
    }
    if let Some(log) = log {
        let base = match &choice.bases {
            Bases::One(base) => Some(base.to_string()),
            _ => None,
        };
        log.write(&Step::BaseChosen {
            base,
            head: choice.head.as_str(),
            method: choice.method,
            reason: &choice.reason,
        });
    }
    let detection =
        change_detect::detect(source, &choice.bases, &choice.head, &options).map_err(failed)?;
    let document = output::Document::new(&detection, &choice);
    if let Some(log) = log {
        log.write(&Step::Detected(&document));
    }
    render::note(&detection, &choice, printer);
    match &args.explain {
        Some(service) => explain(&detection, service, &repository, &options, printer)?,
        None => render::result(&document, args.print, printer)?,
    }
    github.outputs(&document.outputs())?;
    github.summary(&render::summary(&detection, &choice))?;
    // The process is about to end, and the system frees memory faster than walking through all of it does.
    std::mem::forget(repository);
    Ok(Exit::Done)
}

fn choose(
    args: &DetectArgs,
    repository: &Repository,
    on_unknown: OnUnknown,
) -> Result<Choice, Failure> {
    let source = repository.source();
    let failed = |error: Error| failures::detect(&error);
    if let Some(path) = &args.bases {
        let head = args.place.head.as_deref().unwrap_or("HEAD");
        let head = match repository.worktree() {
            Some(worktree) => worktree.clone(),
            None => source.resolve(head).map_err(failed)?,
        };
        let running = bases::read(path, source, on_unknown)?;
        return Ok(Choice::deployed_partly(
            running.known,
            running.unknown,
            head,
        ));
    }
    let situation = Event::from_env().situation(args)?;
    let deepen = args.fetch.then(|| repository.deepen());
    change_detect::choose(source, &situation, deepen).map_err(failed)
}

fn explain(
    detection: &Detection,
    service: &ModuleName,
    repository: &Repository,
    options: &change_detect::Options,
    printer: &Printer,
) -> Result<(), Failure> {
    if detection.module(service).is_none() && !detection.removed.contains(service) {
        let all = change_detect::services_at(repository.source(), &detection.head, options)
            .map_err(|error| failures::detect(&error))?;
        if !all.iter().any(|module| module.name == *service) {
            let names = all.iter().map(|module| module.name.as_str());
            let hint = nearest(service.as_str(), names).map_or_else(
                || "`change-detect graph` lists all modules".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Failure::usage(format!("there is no module `{service}`")).hint(hint));
        }
    }
    render::explanation(detection, service, printer)
}
