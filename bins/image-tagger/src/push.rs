//! `image-tagger push`.

use std::sync::Arc;
use std::time::Instant;

use image_tagger::{PushOptions, PushRequest, Receipt, Repository, Source, TagState, plan};
use windlass_cli::{Exit, Failure, Printer, Rows};

use crate::args::{MoveArgs, PushArgs, RegistryArgs};
use crate::progress::Progress;
use crate::run::Session;
use crate::{admin, ancestry, failures, render};

pub(crate) async fn run(
    args: &PushArgs,
    hosts: &RegistryArgs,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let source = args
        .source
        .open()
        .await
        .map_err(|error| failures::local(&error))?;
    let mut request = PushRequest::new(args.repository.clone(), args.tags.clone());
    request.moving.clone_from(&args.moves.moving);
    let options = options(&args.moves, session.printer)
        .mount_from(on_one_registry(&args.mount_from, &args.repository)?)
        .attachments(args.attachments);
    if args.moves.dry_run {
        return dry_run(&source, &request, &options, session).await;
    }
    admin::ensure(
        &[&args.repository],
        args.create_repository,
        hosts,
        session.printer,
    )
    .await?;
    let started = Instant::now();
    let rows = Arc::new(Rows::new(session.printer, [args.repository.path()]));
    let progress = Progress::new(args.repository.path(), &rows, session.log.as_ref());
    let pushed =
        image_tagger::push(&session.registry, &source, &request, &options, &progress).await;
    progress.finish(if pushed.is_ok() { "pushed" } else { "failed" });
    rows.close();
    let receipt = pushed.map_err(|error| failures::local(&error))?;
    ended(&receipt, started, session)
}

/// How to push, as far as moving tags are concerned.
pub(crate) fn options(moves: &MoveArgs, printer: &Printer) -> PushOptions {
    let mut options = PushOptions::default().force_moving(moves.force_moving);
    if moves.moving.is_some() && !moves.force_moving {
        match ancestry::history(&moves.repo) {
            Some(history) => options = options.ancestry(history),
            None => printer.warn(&format!(
                "`{}` is in no git repository: the moving tag moves to this image, be it the older one",
                moves.repo.display()
            )),
        }
    }
    options
}

/// Says what would be done.
pub(crate) async fn dry_run(
    source: &dyn Source,
    request: &PushRequest,
    options: &PushOptions,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let plan = plan(&session.registry, source, request, options)
        .await
        .map_err(|error| failures::local(&error))?;
    render::plan(&plan, session.printer)?;
    Ok(Exit::Done)
}

/// Reports a receipt to people, programs and GitHub.
pub(crate) fn ended(
    receipt: &Receipt,
    started: Instant,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    held_back(receipt, session.printer);
    render::receipt(receipt, started.elapsed(), session.printer)?;
    render::github(&[receipt])?;
    Ok(Exit::Done)
}

/// Tells people of a tag that did not move.
pub(crate) fn held_back(receipt: &Receipt, printer: &Printer) {
    for tag in &receipt.tags {
        let Some(reason) = &tag.reason else { continue };
        let (name, repository) = (&tag.tag, &receipt.repository);
        printer.warn(&match tag.state {
            TagState::HeldBack => format!("`{name}` of `{repository}` stays where it is: {reason}"),
            _ => format!("`{name}` of `{repository}`: {reason}"),
        });
    }
}

fn on_one_registry(
    repositories: &[Repository],
    target: &Repository,
) -> Result<Vec<Repository>, Failure> {
    match repositories
        .iter()
        .find(|from| from.registry() != target.registry())
    {
        None => Ok(repositories.to_vec()),
        Some(other) => Err(Failure::usage(format!(
            "`{other}` is in another registry than `{target}`"
        ))
        .hint("blobs are mounted within one registry; leave --mount-from away")),
    }
}
