//! The contracts of [`Registry`] and [`RepositoryAdmin`](crate::RepositoryAdmin), as checks that every implementation passes.

mod admin;

use tokio::io::AsyncReadExt;

pub use self::admin::{PutImage, repository_admin_contract};
use crate::{
    BlobOutcome, Descriptor, Digest, Error, ImageSpec, Manifest, MediaType, PackedImage, Reference,
    Registry, Repository, Source, Tag, pack,
};

/// Runs every check of the contract on a registry, in repositories below `prefix` that are empty so far.
///
/// # Panics
/// When the implementation breaks the contract; the message says where.
pub async fn registry_contract(registry: &dyn Registry, prefix: &Repository) {
    let repository = |name: &str| -> Repository {
        format!("{prefix}/{name}")
            .parse()
            .expect("a part is added to a path")
    };
    reads_of_nothing_are_empty(registry, &repository("nothing")).await;
    blobs_are_what_their_digests_say(registry, &repository("blobs")).await;
    blobs_are_mounted_or_uploaded(registry, &repository("from"), &repository("into")).await;
    manifests_need_their_blobs(registry, &repository("order")).await;
    manifests_are_kept_byte_for_byte(registry, &repository("bytes")).await;
    tags_move_and_are_listed(registry, &repository("tags")).await;
    indexes_need_their_manifests(registry, &repository("index")).await;
    what_is_attached_is_listed(registry, &repository("attached")).await;
    what_is_resolved_is_what_is_there(registry, &repository("resolved")).await;
}

async fn reads_of_nothing_are_empty(registry: &dyn Registry, repository: &Repository) {
    let digest = Digest::of(b"nothing");
    for reference in [Reference::Tag(tag("v1")), Reference::Digest(digest.clone())] {
        let found = registry
            .manifest(repository, &reference)
            .await
            .expect("a missing manifest is no error");
        assert_eq!(found, None);
    }
    assert_eq!(
        registry
            .blob_size(repository, &digest)
            .await
            .expect("a missing blob is no error"),
        None
    );
    assert!(
        registry
            .blob(repository, &digest)
            .await
            .expect("a missing blob is no error")
            .is_none()
    );
    assert_eq!(
        registry
            .tags(repository)
            .await
            .expect("an empty repository is no error"),
        []
    );
}

async fn blobs_are_what_their_digests_say(registry: &dyn Registry, repository: &Repository) {
    // Longer than any chunk that an implementation may copy by.
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let blob = descriptor(&bytes);
    let wrong = b"other bytes of another length".to_vec();
    let refused = registry.put_blob(repository, &blob, &wrong, None).await;
    assert!(
        matches!(refused, Err(Error::DigestMismatch { .. })),
        "{refused:?}"
    );
    assert_eq!(
        registry
            .blob_size(repository, &blob.digest)
            .await
            .expect("readable"),
        None,
        "nothing is left behind"
    );

    let put = registry
        .put_blob(repository, &blob, &bytes, None)
        .await
        .expect("a blob is put");
    assert_eq!(
        put,
        BlobOutcome::Uploaded {
            bytes: bytes.len() as u64
        }
    );
    assert_eq!(
        registry
            .blob_size(repository, &blob.digest)
            .await
            .expect("readable"),
        Some(bytes.len() as u64)
    );
    let again = registry
        .put_blob(repository, &blob, &bytes, None)
        .await
        .expect("a put is repeated");
    assert_eq!(again, BlobOutcome::Present);

    let mut read = Vec::new();
    let mut reader = registry
        .blob(repository, &blob.digest)
        .await
        .expect("readable")
        .expect("it was put");
    reader
        .read_to_end(&mut read)
        .await
        .expect("it is read to its end");
    assert_eq!(read, bytes);
}

async fn blobs_are_mounted_or_uploaded(
    registry: &dyn Registry,
    from: &Repository,
    into: &Repository,
) {
    let bytes = b"shared".to_vec();
    let blob = descriptor(&bytes);
    registry
        .put_blob(from, &blob, &bytes, None)
        .await
        .expect("a blob is put");
    // Whether a registry mounts is its own business; that the blob is there afterwards is the contract.
    let outcome = registry
        .put_blob(into, &blob, &bytes, Some(from))
        .await
        .expect("a blob is mounted or put");
    assert!(
        matches!(outcome, BlobOutcome::Mounted | BlobOutcome::Uploaded { .. }),
        "{outcome:?}"
    );
    assert_eq!(
        registry
            .blob_size(into, &blob.digest)
            .await
            .expect("readable"),
        Some(6)
    );

    let other = b"only here".to_vec();
    let blob = descriptor(&other);
    let outcome = registry
        .put_blob(into, &blob, &other, Some(from))
        .await
        .expect("what cannot be mounted is put");
    assert_eq!(outcome, BlobOutcome::Uploaded { bytes: 9 });
}

async fn manifests_need_their_blobs(registry: &dyn Registry, repository: &Repository) {
    let image = image("order");
    let manifest = image.root().await.expect("a packed image is whole");
    let refused = registry
        .put_manifest(repository, &Reference::Tag(tag("v1")), &manifest)
        .await;
    let Err(Error::MissingBlobs { digests, .. }) = refused else {
        panic!("a hole was accepted: {refused:?}")
    };
    assert!(!digests.is_empty());
    let found = registry
        .manifest(repository, &Reference::Tag(tag("v1")))
        .await
        .expect("readable");
    assert_eq!(found, None, "nothing is left behind");
}

async fn manifests_are_kept_byte_for_byte(registry: &dyn Registry, repository: &Repository) {
    let image = image("bytes");
    let manifest = image.root().await.expect("a packed image is whole");
    put_blobs(registry, repository, &image, &manifest).await;
    let by_digest = Reference::Digest(manifest.digest().clone());
    let other = Reference::Digest(Digest::of(b"other"));
    let refused = registry.put_manifest(repository, &other, &manifest).await;
    assert!(
        refused.is_err(),
        "a manifest under another's digest was accepted"
    );
    registry
        .put_manifest(repository, &by_digest, &manifest)
        .await
        .expect("by its own digest");
    let found = registry
        .manifest(repository, &by_digest)
        .await
        .expect("readable")
        .expect("it was put");
    assert_eq!(found.bytes(), manifest.bytes());
    assert_eq!(found.media_type(), manifest.media_type());
    assert_eq!(
        registry.tags(repository).await.expect("readable"),
        [],
        "a digest is no tag"
    );
}

async fn tags_move_and_are_listed(registry: &dyn Registry, repository: &Repository) {
    let mut digests = Vec::new();
    for (content, name) in [
        ("one", "latest"),
        ("two", "latest"),
        ("two", "latest"),
        ("two", "v2"),
    ] {
        let image = image(content);
        let manifest = image.root().await.expect("a packed image is whole");
        put_blobs(registry, repository, &image, &manifest).await;
        let reference = Reference::Tag(tag(name));
        registry
            .put_manifest(repository, &reference, &manifest)
            .await
            .expect("a tag is put");
        let found = registry
            .manifest(repository, &reference)
            .await
            .expect("readable")
            .expect("it was put");
        assert_eq!(
            found.digest(),
            manifest.digest(),
            "a tag names what was put last"
        );
        digests.push(manifest.digest().clone());
    }
    assert_eq!(
        registry.tags(repository).await.expect("readable"),
        [tag("latest"), tag("v2")]
    );
    let first = Reference::Digest(digests.swap_remove(0));
    assert!(
        registry
            .manifest(repository, &first)
            .await
            .expect("readable")
            .is_some(),
        "a moved tag removes no image"
    );
}

async fn indexes_need_their_manifests(registry: &dyn Registry, repository: &Repository) {
    let image = image("platform");
    let child = image.root().await.expect("a packed image is whole");
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [child.descriptor()],
    });
    let index = Manifest::new(index.to_string().into_bytes(), None).expect("it is an index");
    let reference = Reference::Tag(tag("multi"));
    let refused = registry.put_manifest(repository, &reference, &index).await;
    assert!(refused.is_err(), "an index with a hole was accepted");
    put_blobs(registry, repository, &image, &child).await;
    let by_digest = Reference::Digest(child.digest().clone());
    registry
        .put_manifest(repository, &by_digest, &child)
        .await
        .expect("a child is put by its digest");
    registry
        .put_manifest(repository, &reference, &index)
        .await
        .expect("then the index");
    let found = registry
        .manifest(repository, &reference)
        .await
        .expect("readable")
        .expect("it was put");
    assert!(found.media_type().is_index());
    assert_eq!(found.digest(), index.digest());
}

async fn what_is_attached_is_listed(registry: &dyn Registry, repository: &Repository) {
    let image = image("attached");
    let root = image.root().await.expect("a packed image is whole");
    put_blobs(registry, repository, &image, &root).await;
    registry
        .put_manifest(repository, &Reference::Tag(tag("v1")), &root)
        .await
        .expect("an image is put");
    let listed = async || {
        registry
            .referrers(repository, root.digest())
            .await
            .expect("readable")
    };
    assert_eq!(listed().await, [], "nothing is attached so far");

    let mut expected = Vec::new();
    for kind in [
        "application/vnd.example.sbom",
        "application/vnd.example.sig",
    ] {
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "artifactType": kind,
            "config": root.config(),
            "layers": [root.config()],
            "subject": root.descriptor(),
        });
        let manifest =
            Manifest::new(manifest.to_string().into_bytes(), None).expect("it is a manifest");
        let by_digest = Reference::Digest(manifest.digest().clone());
        for _ in 0..2 {
            registry
                .put_manifest(repository, &by_digest, &manifest)
                .await
                .expect("an attachment is put, and again");
        }
        expected.push((manifest.digest().clone(), Some(MediaType::new(kind))));
    }
    expected.sort_unstable();
    let found: Vec<_> = listed()
        .await
        .into_iter()
        .map(|entry| (entry.digest, entry.artifact_type))
        .collect();
    assert_eq!(found, expected, "each once, sorted, with its type");
}

async fn what_is_resolved_is_what_is_there(registry: &dyn Registry, repository: &Repository) {
    let v1 = Reference::Tag(tag("v1"));
    assert!(registry.is_empty(repository).await.expect("readable"));
    assert_eq!(
        registry.resolve(repository, &v1).await.expect("readable"),
        None
    );
    let image = image("resolved");
    let root = image.root().await.expect("a packed image is whole");
    put_blobs(registry, repository, &image, &root).await;
    registry
        .put_manifest(repository, &v1, &root)
        .await
        .expect("an image is put");
    assert!(!registry.is_empty(repository).await.expect("readable"));
    for reference in [v1, Reference::Digest(root.digest().clone())] {
        let found = registry.resolve(repository, &reference).await;
        assert_eq!(found.expect("readable"), Some(root.descriptor()));
    }
}

async fn put_blobs(
    registry: &dyn Registry,
    repository: &Repository,
    image: &PackedImage,
    manifest: &Manifest,
) {
    for blob in manifest.blobs() {
        let mut bytes = Vec::new();
        let mut reader = image.blob(blob).await.expect("a packed image is whole");
        reader
            .read_to_end(&mut bytes)
            .await
            .expect("a packed image is whole");
        registry
            .put_blob(repository, blob, &bytes, None)
            .await
            .expect("a blob is put");
    }
}

fn image(content: &str) -> PackedImage {
    pack(&ImageSpec::new().file("app/content", false, content)).expect("a valid spec")
}

fn descriptor(bytes: &[u8]) -> Descriptor {
    Descriptor::new(
        MediaType::new(MediaType::OCI_LAYER_GZIP),
        Digest::of(bytes),
        bytes.len() as u64,
    )
}

fn tag(name: &str) -> Tag {
    name.parse().expect("a valid tag")
}
