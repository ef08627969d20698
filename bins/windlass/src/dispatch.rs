//! `windlass dispatch`: what another repository's pipeline asks for in a `repository_dispatch`.

mod payload;

use std::io::Read;
use std::path::Path;

use windlass_cli::Failure;

use crate::checkout::Checkout;
use crate::choice::{Order, WantedImage};
use crate::outcome::Commit;

pub(crate) use self::payload::Payload;

/// More than any event has: GitHub takes client payloads of up to 64 kB.
const CAP: u64 = 1024 * 1024;

/// Reads a payload from a file, or from stdin for `-`.
pub(crate) fn read(file: &Path) -> Result<Payload, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(CAP + 1)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(CAP + 1).read_to_string(&mut text))
    };
    let place = if file == Path::new("-") {
        "stdin".to_owned()
    } else {
        format!("`{}`", file.display())
    };
    let length = read.map_err(|error| {
        Failure::usage(format!("cannot read the payload from {place}"))
            .caused_by(&error)
            .hint("in GitHub Actions the whole event is in the file that GITHUB_EVENT_PATH names")
    })?;
    if length as u64 > CAP {
        return Err(
            Failure::usage(format!("the payload from {place} is longer than 1 MiB"))
                .hint("give the event's client_payload, or the event itself"),
        );
    }
    Payload::parse(&text).map_err(|problem| {
        Failure::usage(format!("the payload from {place} {problem}")).hint(payload::SHAPE)
    })
}

/// The commit that is asked for, as the repository knows it and as the pull request tells it.
pub(crate) fn commit(checkout: &Checkout, payload: &Payload) -> Result<Commit, Failure> {
    let sha = &payload.commit_sha;
    let missing = || {
        Failure::usage(format!("the payload's commit_sha `{sha}` is not in the repository `{}`", checkout.root().display()))
            .hint(
                "check out the repository that was built, with all of its history (fetch-depth: 0), or name its checkout \
                 with --repo",
            )
    };
    let id = checkout.resolve(sha).map_err(|_| missing())?;
    // A branch may have a name that looks like a commit's.
    if !id.as_str().starts_with(sha.as_str()) {
        return Err(missing());
    }
    let info = checkout.info(&id).map_err(|_| missing())?;
    Ok(Commit {
        id,
        title: payload.pr_title.clone().unwrap_or(info.title),
        author: payload.pr_author.clone().unwrap_or(info.author),
        url: payload.pr_url.clone(),
    })
}

/// What the payload asks for.
pub(crate) fn order(payload: &Payload, commit: &Commit) -> Order {
    Order {
        services: payload.services.clone(),
        image: WantedImage::Commit(commit.id.clone()),
        why: "asked for by a dispatch".to_owned(),
    }
}
