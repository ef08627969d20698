//! Images to push.

use std::path::Path;

use image_tagger::{
    Digest, ImageSpec, OciLayout, PackedImage, PushOptions, PushRequest, pack, push,
};

/// An image with this content in it.
pub(crate) fn image(content: &str) -> PackedImage {
    pack(&ImageSpec::new().file("app/content", false, content)).unwrap()
}

/// Writes an image layout with one image, as a build would, and returns the image's digest.
pub(crate) async fn layout(folder: &Path, tag: &str) -> Digest {
    let name = folder.file_name().unwrap().to_str().unwrap();
    // A layout registry keeps each repository in a folder of its own: make one, and put it where it is wanted.
    let scratch = tempfile::tempdir().unwrap();
    let layouts = OciLayout::new(scratch.path());
    let repository = format!("build.example/{name}").parse().unwrap();
    let request = PushRequest::new(repository, vec![tag.parse().unwrap()]);
    let options = PushOptions::default();
    let receipt = push(&layouts, &image(name), &request, &options, &|_| {})
        .await
        .unwrap();
    copy(&scratch.path().join("build.example").join(name), folder);
    receipt.digest
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
