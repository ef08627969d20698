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

#[cfg(unix)]
#[tokio::test]
async fn others_may_read_what_was_written() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    // What the umask of this process leaves of a plain file.
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let (_, receipt) = pushed(folder.path(), "a", &["v1"]).await;
    let layout = folder.path().join(repository().as_str());
    let manifest = layout.join("blobs/sha256").join(receipt.digest.hex());
    let config = image("a").root().await.unwrap();
    let config = layout
        .join("blobs/sha256")
        .join(config.config().unwrap().digest.hex());
    for path in [layout.join("index.json"), manifest, config] {
        assert_eq!(mode(&path), mode(&plain), "{}", path.display());
    }
}

#[tokio::test]
async fn what_other_tools_wrote_into_the_index_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (_, receipt) = pushed(folder.path(), "a", &["v1"]).await;
    let index = folder.path().join(repository().as_str()).join("index.json");
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    json["manifests"][0]["artifactType"] = "application/x".into();
    json["manifests"][0]["platform"] =
        serde_json::json!({"os": "linux", "architecture": "arm", "variant": "v7"});
    json["vendor"] = "kept".into();
    std::fs::write(&index, json.to_string()).unwrap();

    pushed(folder.path(), "b", &["v2"]).await;
    let found: serde_json::Value = serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    assert_eq!(found["vendor"], "kept");
    assert_eq!(found["manifests"][0], json["manifests"][0]);
    assert_eq!(
        found["manifests"][0]["digest"],
        receipt.digest.as_str(),
        "sorted by tag"
    );
}

/// The path, kind and content (or target) of what a layer holds.
type Entries<'a> = &'a [(&'a str, tar::EntryType, &'a str)];

/// Puts an image of these layers, the lowest first, each a list of entries, under the tag `v1`.
async fn layered(registry: &OciLayout, layers: &[Entries<'_>]) -> Reference {
    let mut descriptors = Vec::new();
    for entries in layers {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, kind, text) in *entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            if kind.is_symlink() {
                header.set_size(0);
                archive.append_link(&mut header, path, text).unwrap();
            } else {
                header.set_size(text.len() as u64);
                archive
                    .append_data(&mut header, path, text.as_bytes())
                    .unwrap();
            }
        }
        let bytes = archive.into_inner().unwrap();
        let layer = image_tagger::Descriptor::new(
            image_tagger::MediaType::new("application/vnd.oci.image.layer.v1.tar"),
            image_tagger::Digest::of(&bytes),
            bytes.len() as u64,
        );
        registry
            .put_blob(&repository(), &layer, &bytes, None)
            .await
            .unwrap();
        descriptors.push(layer);
    }
    let manifest = serde_json::json!({"schemaVersion": 2, "layers": descriptors}).to_string();
    let manifest = image_tagger::Manifest::new(manifest.into_bytes(), None).unwrap();
    let reference = Reference::Tag("v1".parse().unwrap());
    registry
        .put_manifest(&repository(), &reference, &manifest)
        .await
        .unwrap();
    reference
}

#[tokio::test]
async fn a_file_is_read_as_a_container_would_see_it() {
    use tar::EntryType::{Directory, Regular};
    let base: Entries<'_> = &[("etc/a/conf", Regular, "old")];
    let cases: &[(&str, Entries<'_>, Option<&str>)] = &[
        ("nothing above", &[("etc/b", Regular, "x")], Some("old")),
        ("replaced", &[("etc/a/conf", Regular, "new")], Some("new")),
        (
            "twice in one layer",
            &[
                ("etc/a/conf", Regular, "first"),
                ("etc/a/conf", Regular, "last"),
            ],
            Some("last"),
        ),
        ("removed", &[("etc/a/.wh.conf", Regular, "")], None),
        ("folder removed", &[("etc/.wh.a", Regular, "")], None),
        (
            "folder emptied",
            &[("etc/a/.wh..wh..opq", Regular, "")],
            None,
        ),
        (
            "folder emptied and filled again",
            &[
                ("etc/a/conf", Regular, "new"),
                ("etc/a/.wh..wh..opq", Regular, ""),
            ],
            Some("new"),
        ),
        (
            "replaced by a folder",
            &[("etc/a/conf/", Directory, "")],
            None,
        ),
        (
            "folder replaced by a file",
            &[("etc/a", Regular, "x")],
            None,
        ),
        (
            "folder said again",
            &[("etc/a/", Directory, "")],
            Some("old"),
        ),
    ];
    for (name, above, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let registry = OciLayout::new(folder.path());
        let reference = layered(&registry, &[base, above]).await;
        for path in ["etc/a/conf", "/etc/a/conf", "./etc/a/conf"] {
            let found = read_file(&registry, &repository(), &reference, path)
                .await
                .unwrap();
            assert_eq!(
                found.as_deref(),
                expected.map(str::as_bytes),
                "{name}: {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_link_is_not_taken_for_the_file_below() {
    let folder = tempfile::tempdir().unwrap();
    let registry = OciLayout::new(folder.path());
    let below: Entries<'_> = &[("conf", tar::EntryType::Regular, "old")];
    let above: Entries<'_> = &[("conf", tar::EntryType::Symlink, "elsewhere")];
    let reference = layered(&registry, &[below, above]).await;
    let found = read_file(&registry, &repository(), &reference, "conf").await;
    assert!(
        matches!(found, Err(Error::UnreadableFile { .. })),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_file_of_a_mebibyte_is_read_and_one_byte_more_is_refused() {
    for (length, is_read) in [(1024 * 1024, true), (1024 * 1024 + 1, false)] {
        let folder = tempfile::tempdir().unwrap();
        let registry = OciLayout::new(folder.path());
        let text = "x".repeat(length);
        let layer: Entries<'_> = &[("file", tar::EntryType::Regular, &text)];
        let reference = layered(&registry, &[layer]).await;
        let found = read_file(&registry, &repository(), &reference, "file").await;
        assert_eq!(found.is_ok(), is_read, "{length}");
    }
}
