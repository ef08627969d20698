//! `image-tagger verify`.

use image_tagger::{Digest, PinnedImage};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, GithubActions};

use crate::args::VerifyArgs;
use crate::failures;
use crate::run::Session;

#[derive(Debug, Serialize)]
struct Verified<'a> {
    image: String,
    digest: &'a Digest,
    pinned: &'a PinnedImage,
    verified: bool,
}

pub(crate) async fn run(args: &VerifyArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let image = &args.image;
    let digest = image_tagger::verify(
        &session.registry,
        &image.repository,
        &image.reference,
        args.digest.as_ref(),
    )
    .await
    .map_err(|error| failures::verdict(&error))?;
    let pinned = PinnedImage::new(image.repository.clone(), None, digest.clone());
    if session.printer.format() == Format::Json {
        session.printer.json(&Verified {
            image: image.to_string(),
            digest: &digest,
            pinned: &pinned,
            verified: true,
        })?;
    } else {
        session.printer.line(&format!(
            "verified: {image} is there with all its parts, {pinned}"
        ))?;
    }
    GithubActions::from_env().outputs(&[
        ("digest", digest.to_string()),
        ("pinned", pinned.to_string()),
    ])?;
    Ok(Exit::Done)
}
