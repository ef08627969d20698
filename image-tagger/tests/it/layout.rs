//! Layouts on disk: what other tools read, and what goes wrong with files.

use image_tagger::{
    Error, ImageSpec, OciDirectory, OciLayout, PackedImage, PushOptions, PushRequest, Reference,
    Registry, RegistrySource, Repository, Source, inspect, pack, push, read_file, verify,
};

fn repository() -> Repository {
    "windlass.local/dev/app".parse().unwrap()
}

fn image(text: &str) -> PackedImage {
    let spec = ImageSpec::new()
        .file("app/config.toml", false, text)
        .label("org.opencontainers.image.revision", "3f2c91d0");
    pack(&spec).unwrap()
}

async fn pushed(
    root: &std::path::Path,
    text: &str,
    tags: &[&str],
) -> (OciLayout, image_tagger::Receipt) {
    let registry = OciLayout::new(root);
    let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let request = PushRequest::new(repository(), tags);
    let receipt = push(
        &registry,
        &image(text),
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .unwrap();
    (registry, receipt)
}

#[tokio::test]
async fn a_pushed_image_is_inspected_and_its_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, receipt) = pushed(folder.path(), "a = 1", &["v1"]).await;
    let reference = Reference::Digest(receipt.digest.clone());
    let found = inspect(&registry, &repository(), &reference)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.config.revision(), Some("3f2c91d0"));
    assert_eq!(found.digest, receipt.digest);
    let file = read_file(&registry, &repository(), &reference, "app/config.toml")
        .await
        .unwrap();
    assert_eq!(file.as_deref(), Some(&b"a = 1"[..]));
    assert_eq!(
        read_file(&registry, &repository(), &reference, "app/other")
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        verify(&registry, &repository(), &reference, Some(&receipt.digest))
            .await
            .unwrap(),
        receipt.digest
    );
}

#[tokio::test]
async fn a_lost_manifest_and_a_lost_blob_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, receipt) = pushed(folder.path(), "a = 1", &["v1"]).await;
    let layout = folder.path().join("windlass.local/dev/app/blobs/sha256");
    let manifest = registry
        .manifest(&repository(), &Reference::Digest(receipt.digest.clone()))
        .await
        .unwrap()
        .unwrap();
    std::fs::remove_file(layout.join(manifest.layers()[0].digest.hex())).unwrap();
    let reference: Reference = "v1".parse().unwrap();
    let error = verify(&registry, &repository(), &reference, None)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::MissingBlobs { digests, .. } if digests.len() == 1),
        "{error}"
    );
    std::fs::remove_file(layout.join(receipt.digest.hex())).unwrap();
    let error = verify(&registry, &repository(), &reference, None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ImageNotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_layer_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, receipt) = pushed(folder.path(), "a = 1", &["v1"]).await;
    let reference = Reference::Digest(receipt.digest.clone());
    let manifest = registry
        .manifest(&repository(), &reference)
        .await
        .unwrap()
        .unwrap();
    let path = folder
        .path()
        .join("windlass.local/dev/app/blobs/sha256")
        .join(manifest.layers()[0].digest.hex());
    std::fs::write(path, "damaged").unwrap();
    let error = read_file(&registry, &repository(), &reference, "app/config.toml")
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::DigestMismatch { size: 7, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_layout_is_a_source_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, receipt) = pushed(folder.path(), "a = 1", &["v1", "latest"]).await;
    let path = folder.path().join("windlass.local/dev/app");
    for reference in [Some("v1"), Some(receipt.digest.as_str()), None] {
        let source = OciDirectory::open(&path, reference).await.unwrap();
        assert_eq!(source.root().await.unwrap().digest(), &receipt.digest);
    }
    // Promotion: from one repository to another, the digest unchanged.
    let to: Repository = "windlass.local/staging/app".parse().unwrap();
    let source = RegistrySource::new(
        registry.clone(),
        repository(),
        Reference::Digest(receipt.digest.clone()),
    );
    let request = PushRequest::new(to.clone(), vec!["v1".parse().unwrap()]);
    let options = PushOptions::default().mount_from(vec![repository()]);
    let promoted = push(&registry, &source, &request, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(promoted.digest, receipt.digest);
    assert_eq!(
        (promoted.bytes_pushed, promoted.blobs_skipped),
        (0, 0),
        "all blobs are linked"
    );
    assert!(promoted.bytes_mounted > 0);
}

#[tokio::test]
async fn what_is_no_layout_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let problem = |error: Error| error.to_string();
    let missing = OciDirectory::open(&folder.path().join("none"), None)
        .await
        .unwrap_err();
    assert!(problem(missing).contains("no such folder"));
    let empty = OciDirectory::open(folder.path(), None).await.unwrap_err();
    assert!(problem(empty).contains("oci-layout"));
    pushed(folder.path(), "one", &["v1"]).await;
    pushed(folder.path(), "two", &["v2"]).await;
    let path = folder.path().join("windlass.local/dev/app");
    let several = problem(OciDirectory::open(&path, None).await.unwrap_err());
    assert!(
        several.contains("2 images") && several.contains("v1, v2"),
        "{several}"
    );
    let unknown = problem(OciDirectory::open(&path, Some("v3")).await.unwrap_err());
    assert!(unknown.contains("no image `v3`"), "{unknown}");
    std::fs::write(path.join("index.json"), "{").unwrap();
    assert!(matches!(
        OciDirectory::open(&path, None).await,
        Err(Error::Storage { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_of_one_layout_lose_no_tag() {
    let folder = tempfile::tempdir().unwrap();
    let mut pushes = tokio::task::JoinSet::new();
    for number in 0..12 {
        let root = folder.path().to_owned();
        pushes.spawn(async move {
            pushed(&root, &format!("n = {number}"), &[&format!("v{number}")])
                .await
                .1
                .digest
        });
    }
    let digests: std::collections::BTreeSet<_> = pushes.join_all().await.into_iter().collect();
    assert_eq!(digests.len(), 12);
    let registry = OciLayout::new(folder.path());
    assert_eq!(registry.tags(&repository()).await.unwrap().len(), 12);
}
