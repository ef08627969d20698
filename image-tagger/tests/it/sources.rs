//! Images from archives, and what is attached to them.

use std::fs;
use std::path::{Path, PathBuf};

use image_tagger::sim::SimRegistry;
use image_tagger::{
    Descriptor, Digest, Error, Manifest, MediaType, OciLayout, PushOptions, PushRequest, Reference,
    Registry, Repository, SourceName, Tag, push,
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{image, layout};

fn tar(folder: &Path, target: &Path, names: &[&str]) {
    let mut archive = tar::Builder::new(fs::File::create(target).unwrap());
    for name in names {
        let path = folder.join(name);
        if path.is_dir() {
            archive.append_dir_all(name, path).unwrap();
        } else {
            archive.append_path_with_name(path, name).unwrap();
        }
    }
    archive.finish().unwrap();
}

async fn oci_archive(folder: &TempDir) -> (PathBuf, Digest) {
    let digest = layout(&folder.path().join("layout"), "v1").await;
    let file = folder.path().join("image.tar");
    tar(
        &folder.path().join("layout"),
        &file,
        &["oci-layout", "index.json", "blobs"],
    );
    (file, digest)
}

async fn pushed(source: &str) -> Result<Digest, Error> {
    let source = source.parse::<SourceName>().unwrap().open().await?;
    let repository: Repository = "registry.example/app".parse().unwrap();
    let request = PushRequest::new(repository, vec!["v1".parse().unwrap()]);
    let registry = SimRegistry::new();
    push(
        &registry,
        &source,
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .map(|receipt| receipt.digest)
}

#[tokio::test]
async fn an_archive_of_a_layout_keeps_its_digest_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let (file, digest) = oci_archive(&folder).await;
    let name = format!("oci-archive:{}", file.display());
    assert_eq!(pushed(&name).await.unwrap(), digest);
    assert_eq!(pushed(&format!("{name}:v1")).await.unwrap(), digest);

    let packed = folder.path().join("image.tar.gz");
    let mut encoder = flate2::write::GzEncoder::new(
        fs::File::create(&packed).unwrap(),
        flate2::Compression::fast(),
    );
    std::io::copy(&mut fs::File::open(&file).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    let name = format!("oci-archive:{}", packed.display());
    assert_eq!(pushed(&name).await.unwrap(), digest);
}

#[tokio::test]
async fn a_cut_archive_is_named_wherever_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = oci_archive(&folder).await;
    let whole = fs::read(&file).unwrap();
    // The last 1,024 bytes of an archive are only its end mark.
    for length in (1..whole.len() - 1024).step_by(301) {
        fs::write(&file, &whole[..length]).unwrap();
        let error = pushed(&format!("oci-archive:{}", file.display()))
            .await
            .expect_err("it is cut");
        assert!(
            matches!(error, Error::InvalidSource { .. }),
            "{length}: {error:?}"
        );
        assert!(error.to_string().contains("image.tar"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_archive_says_what_to_write_instead() {
    let folder = tempfile::tempdir().unwrap();
    layout(&folder.path().join("layout"), "v1").await;
    let text = folder.path().join("text");
    fs::write(&text, "not an archive").unwrap();
    let (file, _) = oci_archive(&folder).await;
    for (source, part) in [
        (
            format!("oci-archive:{}/missing.tar", folder.path().display()),
            "no such file",
        ),
        (
            format!("oci-archive:{}/layout", folder.path().display()),
            "oci:DIR",
        ),
        (format!("oci-archive:{}", text.display()), "text"),
        (
            format!("docker-archive:{}", file.display()),
            "oci-archive:FILE",
        ),
        (format!("oci-archive:{}:v2", file.display()), "v1"),
    ] {
        let error = pushed(&source).await.unwrap_err().to_string();
        assert!(error.contains(part), "{source}: {error}");
    }
}

/// What `docker save` wrote before Docker 25: a layer twice, the second time as a link.
fn docker_archive(folder: &Path, layer: &[u8], promised: &[u8]) -> PathBuf {
    let work = folder.join("saved");
    fs::create_dir_all(work.join("aaa")).unwrap();
    fs::write(work.join("aaa/layer.tar"), layer).unwrap();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {}},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(promised), Digest::of(promised)]},
    });
    fs::write(work.join("config.json"), config.to_string()).unwrap();
    let list = json!([{
        "Config": "config.json",
        "RepoTags": ["user-service:1.4"],
        "Layers": ["aaa/layer.tar", "bbb/layer.tar"],
    }]);
    fs::write(work.join("manifest.json"), list.to_string()).unwrap();
    let file = folder.join("saved.tar");
    let mut archive = tar::Builder::new(fs::File::create(&file).unwrap());
    for name in ["manifest.json", "config.json", "aaa/layer.tar"] {
        archive
            .append_path_with_name(work.join(name), name)
            .unwrap();
    }
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    archive
        .append_link(&mut link, "bbb/layer.tar", "../aaa/layer.tar")
        .unwrap();
    archive.finish().unwrap();
    file
}

#[tokio::test]
async fn what_docker_save_wrote_becomes_the_same_image_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let layer = vec![7; 100_000];
    let file = docker_archive(folder.path(), &layer, &layer);
    let name = format!("docker-archive:{}", file.display());
    let digest = pushed(&name).await.unwrap();
    assert_eq!(pushed(&name).await.unwrap(), digest);
    for reference in ["user-service:1.4", "other:1"] {
        let named = pushed(&format!("{name}:{reference}")).await;
        assert_eq!(named.is_ok(), reference != "other:1", "{named:?}");
    }
}

#[tokio::test]
async fn a_layer_that_is_not_what_its_configuration_says_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = docker_archive(folder.path(), b"damaged", b"whole");
    let error = pushed(&format!("docker-archive:{}", file.display()))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
}

#[tokio::test]
async fn a_damaged_blob_is_found_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layout");
    layout(&path, "v1").await;
    let blobs = path.join("blobs/sha256");
    let mut sizes: Vec<(u64, PathBuf)> = fs::read_dir(&blobs)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.metadata().unwrap().len(), entry.path()))
        .collect();
    sizes.sort();
    // The smallest file is the layer, since it is packed: damage it without changing its length.
    let damaged = sizes
        .iter()
        .map(|(_, path)| path)
        .find(|path| fs::read(path).unwrap().starts_with(&[0x1f, 0x8b]))
        .unwrap();
    let mut bytes = fs::read(damaged).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(damaged, bytes).unwrap();

    let source: SourceName = format!("oci:{}", path.display()).parse().unwrap();
    let registry = SimRegistry::new();
    let request = PushRequest::new(
        "registry.example/app".parse().unwrap(),
        vec!["v1".parse().unwrap()],
    );
    let source = source.open().await.unwrap();
    let error = push(
        &registry,
        &source,
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    assert_eq!(registry.calls(image_tagger::sim::Operation::PutBlob), 0);
}

/// A signature with a `subject`, an attestation of it, and one that cosign attaches by tag.
async fn attach(
    registry: &dyn Registry,
    repository: &Repository,
    subject: &Manifest,
) -> [Digest; 3] {
    let empty = b"{}".to_vec();
    let config = Descriptor::new(
        MediaType::new("application/vnd.oci.empty.v1+json"),
        Digest::of(&empty),
        2,
    );
    registry
        .put_blob(repository, &config, &empty, None)
        .await
        .unwrap();
    let artifact = |kind: &str, subject: Option<&Manifest>| {
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "artifactType": kind,
            "config": config,
            "layers": [config],
        });
        if let Some(subject) = subject {
            document["subject"] = serde_json::to_value(subject.descriptor()).unwrap();
        }
        Manifest::new(document.to_string().into_bytes(), None).unwrap()
    };
    let sbom = artifact("application/spdx+json", Some(subject));
    let signature = artifact("application/vnd.example.signature", Some(&sbom));
    let by_tag = artifact("application/vnd.dev.cosign.simplesigning.v1+json", None);
    let tag: Tag = format!("sha256-{}.sig", subject.digest().hex())
        .parse()
        .unwrap();
    for (manifest, reference) in [
        (&sbom, Reference::Digest(sbom.digest().clone())),
        (&signature, Reference::Digest(signature.digest().clone())),
        (&by_tag, Reference::Tag(tag)),
    ] {
        registry
            .put_manifest(repository, &reference, manifest)
            .await
            .unwrap();
    }
    [
        sbom.digest().clone(),
        signature.digest().clone(),
        by_tag.digest().clone(),
    ]
}

async fn promoted(
    registry: &dyn Registry,
    attachments: bool,
) -> (image_tagger::Receipt, Vec<Digest>) {
    let from: Repository = "registry.example/dev/app".parse().unwrap();
    let to: Repository = "registry.example/prod/app".parse().unwrap();
    let tag: Tag = "v1".parse().unwrap();
    let request = PushRequest::new(from.clone(), vec![tag.clone()]);
    push(
        registry,
        &image("app"),
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .unwrap();
    let reference = Reference::Tag(tag.clone());
    let root = registry.manifest(&from, &reference).await.unwrap().unwrap();
    let attached = attach(registry, &from, &root).await;

    let request = PushRequest::new(to.clone(), vec![tag]);
    let options = PushOptions::default().attachments(attachments);
    let receipt = image_tagger::promote(
        registry,
        &from,
        &reference,
        registry,
        &request,
        &options,
        &|_| {},
    )
    .await
    .unwrap();
    assert_eq!(&receipt.digest, root.digest(), "the digest is the same");
    assert_eq!(receipt.bytes_pushed, 0, "within a registry no byte travels");
    let mut found = Vec::new();
    for digest in &attached {
        let by_digest = Reference::Digest(digest.clone());
        if let Some(manifest) = registry.manifest(&to, &by_digest).await.unwrap() {
            found.push(digest.clone());
            if let Some(subject) = manifest.subject() {
                let listed = registry.referrers(&to, &subject.digest).await.unwrap();
                assert!(listed.iter().any(|entry| entry.digest == *digest));
            }
        }
    }
    if attachments {
        assert_eq!(found, attached);
    }
    (receipt, found)
}

#[tokio::test]
async fn a_promotion_takes_along_what_is_attached_and_what_is_attached_to_that() {
    let folder = tempfile::tempdir().unwrap();
    let registries: [&dyn Registry; 2] = [
        &SimRegistry::new(),
        &OciLayout::new(folder.path().join("registry")),
    ];
    for registry in registries {
        let (receipt, found) = promoted(registry, true).await;
        assert_eq!(receipt.attachments.len(), found.len());
    }
    let (receipt, found) = promoted(&SimRegistry::new(), false).await;
    assert!(receipt.attachments.is_empty() && found.is_empty());
}

#[tokio::test]
async fn a_layout_with_attachments_still_holds_one_image_and_gives_them_along() {
    let folder = tempfile::tempdir().unwrap();
    let layouts = OciLayout::new(folder.path());
    let repository: Repository = "a.example/app".parse().unwrap();
    let request = PushRequest::new(repository.clone(), vec!["v1".parse().unwrap()]);
    push(
        &layouts,
        &image("app"),
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .unwrap();
    let root = layouts
        .manifest(&repository, &"v1".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let attached = attach(&layouts, &repository, &root).await;

    let source: SourceName = format!("oci:{}/a.example/app", folder.path().display())
        .parse()
        .unwrap();
    let source = source.open().await.unwrap();
    let registry = SimRegistry::new();
    let options = PushOptions::default().attachments(true);
    let receipt = push(&registry, &source, &request, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(&receipt.digest, root.digest());
    let mut brought = receipt.attachments;
    brought.sort_unstable();
    let mut attached = attached.to_vec();
    attached.sort_unstable();
    assert_eq!(brought, attached);
}
