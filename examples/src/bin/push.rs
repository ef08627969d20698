//! One image under several tags with one upload, into image layouts on disk.
//!
//! The image is packed from two files, pushed under a fixed and a moving tag, pushed once more, and followed by the image
//! of the next commit, which shares nothing but the repository. What is deployed is the pinned reference: a digest.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;

use image_tagger::{
    ImageSpec, OciLayout, PackedImage, PushOptions, PushRequest, Receipt, Reference, Repository,
    pack, push, verify,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let registry = OciLayout::new(folder.path());
    let repository: Repository = "registry.example/user-service".parse()?;

    for (turn, commit) in [
        ("first", "3f2c91d"),
        ("again", "3f2c91d"),
        ("next", "8d01a4e"),
    ] {
        let request = PushRequest::new(repository.clone(), vec![format!("sha-{commit}").parse()?])
            .moving("latest".parse()?);
        let receipt = push(
            &registry,
            &image(commit)?,
            &request,
            &PushOptions::default(),
            &|_| {},
        )
        .await?;
        println!("{turn}: {}", line(&receipt)?);
    }

    let latest = Reference::Tag("latest".parse()?);
    let digest = verify(&registry, &repository, &latest, None).await?;
    println!("latest is complete and is {}", digest.short());
    Ok(())
}

/// An image of a service at a commit; the same input makes the same digest, on any machine.
fn image(commit: &str) -> Result<PackedImage, image_tagger::Error> {
    pack(
        &ImageSpec::new()
            .file("app/server", true, format!("#!/bin/sh\necho {commit}\n"))
            .file("app/motd", false, "hello\n")
            .command(["/app/server"])
            .exposed_port(8080)
            .label("org.opencontainers.image.revision", commit),
    )
}

/// What a push did, on one line.
fn line(receipt: &Receipt) -> Result<String, serde_json::Error> {
    let mut tags = Vec::new();
    for tag in &receipt.tags {
        // The states read as they do in the receipt's JSON.
        let state = serde_json::to_value(tag.state)?;
        tags.push(format!(
            "{} {}",
            tag.tag,
            state.as_str().unwrap_or_default()
        ));
    }
    let uploaded = if receipt.bytes_pushed > 0 {
        "blobs uploaded"
    } else {
        "nothing uploaded"
    };
    Ok(format!(
        "{} ({}; {uploaded}, {} blobs there already)",
        receipt.pinned,
        tags.join(", "),
        receipt.blobs_skipped
    ))
}
