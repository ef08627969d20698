//! `image-tagger retag`.

use std::time::Instant;

use image_tagger::{PushRequest, RegistrySource};
use windlass_cli::{Exit, Failure};

use crate::args::RetagArgs;
use crate::run::Session;
use crate::{failures, push};

pub(crate) async fn run(args: &RetagArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let (registry, image) = (&session.registry, &args.image);
    if args.dry_run {
        let source =
            RegistrySource::new(registry, image.repository.clone(), image.reference.clone());
        let request = PushRequest::new(image.repository.clone(), args.tags.clone());
        let options = image_tagger::PushOptions::default();
        return push::dry_run(&source, &request, &options, session).await;
    }
    let started = Instant::now();
    let observer = |event| {
        if let Some(log) = &session.log {
            log.write(&event);
        }
    };
    let receipt = image_tagger::retag(
        registry,
        &image.repository,
        &image.reference,
        &args.tags,
        &observer,
    )
    .await
    .map_err(|error| failures::absent(&error))?;
    push::ended(&receipt, started, session)
}
