//! `image-tagger promote`.

use std::sync::Arc;
use std::time::Instant;

use image_tagger::{PushRequest, Reference, RegistrySource};
use windlass_cli::{Exit, Failure, Rows};

use crate::args::{PromoteArgs, RegistryArgs};
use crate::progress::Progress;
use crate::run::Session;
use crate::{admin, failures, push};

pub(crate) async fn run(
    args: &PromoteArgs,
    hosts: &RegistryArgs,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let (registry, image) = (&session.registry, &args.image);
    let mut tags = args.tags.clone();
    if tags.is_empty() && args.moves.moving.is_none() {
        match &image.reference {
            Reference::Tag(tag) => tags.push(tag.clone()),
            Reference::Digest(_) => {
                return Err(
                    Failure::usage(format!("`{image}` names no tag to take along"))
                        .hint("say with --tag what names the image in its new place"),
                );
            }
        }
    }
    let mut request = PushRequest::new(args.target.clone(), tags);
    request.moving.clone_from(&args.moves.moving);
    let options = push::options(&args.moves, session.printer).attachments(!args.no_attachments);
    if args.moves.dry_run {
        let source =
            RegistrySource::new(registry, image.repository.clone(), image.reference.clone());
        let from = Vec::from_iter(
            (image.repository.registry() == args.target.registry())
                .then(|| image.repository.clone()),
        );
        return push::dry_run(&source, &request, &options.mount_from(from), session).await;
    }
    admin::ensure(
        &[&args.target],
        args.create_repository,
        hosts,
        session.printer,
    )
    .await?;
    let started = Instant::now();
    let rows = Arc::new(Rows::new(session.printer, [args.target.path()]));
    let progress = Progress::new(args.target.path(), &rows, session.log.as_ref());
    let promoted = image_tagger::promote(
        registry,
        &image.repository,
        &image.reference,
        registry,
        &request,
        &options,
        &progress,
    )
    .await;
    progress.finish(if promoted.is_ok() {
        "promoted"
    } else {
        "failed"
    });
    rows.close();
    let receipt = promoted.map_err(|error| failures::absent(&error))?;
    push::ended(&receipt, started, session)
}
