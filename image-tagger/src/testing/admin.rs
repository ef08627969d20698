//! The contract of [`RepositoryAdmin`], as checks that every implementation passes.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::retention::RetentionPolicy;
use crate::scan::ScanStatus;
use crate::{
    Created, DeleteOutcome, Descriptor, Digest, Error, ImageRecord, LifecyclePolicy, Manifest,
    MediaType, Repository, RepositoryAdmin, RepositoryOptions, Tag,
};

/// How images come into what is checked: its management only lists and deletes them.
#[async_trait]
pub trait PutImage: Debug + Send + Sync {
    /// Puts a manifest into a repository that exists, under its digest, and under a tag if one is given.
    async fn put_image(&self, repository: &Repository, manifest: &Manifest, tag: Option<&Tag>);
}

/// Runs every check of the contract, with repositories below `prefix` that do not exist so far. Images have layers that are
/// nowhere: only manifests are put.
///
/// # Panics
/// When the implementation breaks the contract; the message says where.
pub async fn repository_admin_contract(
    admin: &dyn RepositoryAdmin,
    put: &dyn PutImage,
    prefix: &Repository,
) {
    let repository = |name: &str| -> Repository {
        format!("{prefix}/{name}")
            .parse()
            .expect("a part is added to a path")
    };
    a_missing_repository_is_an_error(admin, &repository("missing")).await;
    a_repository_is_created_once(admin, &repository("created")).await;
    images_are_listed_with_tags_and_children(admin, put, &repository("images")).await;
    each_deletion_has_its_outcome(admin, put, &repository("deleted")).await;
    a_lifecycle_policy_is_put_again(admin, &repository("lifecycle")).await;
    what_was_not_scanned_is_not_clean(admin, put, &repository("scanned")).await;
}

async fn create(admin: &dyn RepositoryAdmin, repository: &Repository) -> Created {
    admin
        .create_repository(repository, &RepositoryOptions::default())
        .await
        .expect("a repository is created")
}

async fn a_missing_repository_is_an_error(admin: &dyn RepositoryAdmin, repository: &Repository) {
    let exists = admin.repository_exists(repository).await;
    assert!(!exists.expect("that can be told"), "{repository} exists");
    let digest = Digest::of(b"missing");
    let digests = std::slice::from_ref(&digest);
    let lifecycle = lifecycle();
    let errors = [
        admin.images(repository).await.map(|_| ()),
        admin.delete_images(repository, digests).await.map(|_| ()),
        admin.put_lifecycle_policy(repository, &lifecycle).await,
        admin.scan_findings(repository, &digest).await.map(|_| ()),
    ];
    for error in errors {
        assert!(
            matches!(&error, Err(Error::RepositoryNotFound { repository: named }) if named == repository),
            "{error:?}"
        );
    }
}

async fn a_repository_is_created_once(admin: &dyn RepositoryAdmin, repository: &Repository) {
    assert_eq!(create(admin, repository).await, Created::New);
    assert_eq!(create(admin, repository).await, Created::Existing);
    let other = RepositoryOptions::default().scan_on_push(false);
    let again = admin.create_repository(repository, &other).await;
    assert_eq!(
        again.expect("other settings are no error"),
        Created::Existing
    );
    let exists = admin.repository_exists(repository).await;
    assert!(exists.expect("that can be told"));
    let images = admin.images(repository).await.expect("it can be read");
    assert_eq!(images, [], "an empty repository is an empty list");
}

async fn images_are_listed_with_tags_and_children(
    admin: &dyn RepositoryAdmin,
    put: &dyn PutImage,
    repository: &Repository,
) {
    create(admin, repository).await;
    let (plain, child) = (image("plain"), image("child"));
    let index = index(&[&child]);
    put.put_image(repository, &child, None).await;
    put.put_image(repository, &index, Some(&tag("multi"))).await;
    put.put_image(repository, &plain, Some(&tag("v1"))).await;
    put.put_image(repository, &plain, Some(&tag("latest")))
        .await;
    let images = admin.images(repository).await.expect("it can be read");
    let mut sorted = images.clone();
    sorted.sort_by(|a, b| a.digest.cmp(&b.digest));
    assert_eq!(images, sorted, "the list is sorted by digest");
    assert_eq!(images.len(), 3, "the untagged one too: {images:?}");
    let found = |manifest: &Manifest| -> ImageRecord {
        images
            .iter()
            .find(|image| image.digest == *manifest.digest())
            .expect("what was put is listed")
            .clone()
    };
    assert_eq!(found(&plain).tags, [tag("latest"), tag("v1")]);
    assert_eq!(found(&child).tags, []);
    assert_eq!(found(&index).tags, [tag("multi")]);
    assert_eq!(
        found(&index).children,
        [child.digest().clone()],
        "an index lists its manifests"
    );
    assert_eq!(found(&plain).children, []);
}

async fn each_deletion_has_its_outcome(
    admin: &dyn RepositoryAdmin,
    put: &dyn PutImage,
    repository: &Repository,
) {
    create(admin, repository).await;
    let (tagged, untagged, left) = (image("tagged"), image("untagged"), image("left"));
    put.put_image(repository, &tagged, Some(&tag("v1"))).await;
    put.put_image(repository, &untagged, None).await;
    put.put_image(repository, &left, Some(&tag("v2"))).await;
    let none = admin.delete_images(repository, &[]).await;
    assert_eq!(none.expect("nothing to do is no error"), []);

    let missing = Digest::of(b"missing");
    let asked = [
        tagged.digest().clone(),
        missing.clone(),
        untagged.digest().clone(),
    ];
    let outcomes = admin.delete_images(repository, &asked).await;
    assert_eq!(
        outcomes.expect("they can be deleted"),
        [
            DeleteOutcome::Deleted,
            DeleteOutcome::NotFound,
            DeleteOutcome::Deleted
        ],
        "each has its outcome, in the order asked"
    );
    let images = admin.images(repository).await.expect("it can be read");
    let digests: Vec<&Digest> = images.iter().map(|image| &image.digest).collect();
    assert_eq!(digests, [left.digest()], "the others are gone, this is not");
    let again = admin.delete_images(repository, &asked).await;
    let again = again.expect("a deletion may be repeated");
    assert_eq!(again, vec![DeleteOutcome::NotFound; 3]);

    // More than one call of any registry's API takes, with the one that exists at the very end.
    let mut many: Vec<Digest> = (0..250_u32)
        .map(|number| Digest::of(&number.to_le_bytes()))
        .collect();
    many.push(left.digest().clone());
    let outcomes = admin.delete_images(repository, &many).await;
    let outcomes = outcomes.expect("they can be asked for");
    assert_eq!(outcomes.len(), 251);
    assert_eq!(outcomes[250], DeleteOutcome::Deleted);
    assert!(
        outcomes[..250]
            .iter()
            .all(|outcome| *outcome == DeleteOutcome::NotFound)
    );
}

async fn a_lifecycle_policy_is_put_again(admin: &dyn RepositoryAdmin, repository: &Repository) {
    create(admin, repository).await;
    for _ in 0..2 {
        admin
            .put_lifecycle_policy(repository, &lifecycle())
            .await
            .expect("a policy is put");
    }
}

async fn what_was_not_scanned_is_not_clean(
    admin: &dyn RepositoryAdmin,
    put: &dyn PutImage,
    repository: &Repository,
) {
    create(admin, repository).await;
    let image = image("scanned");
    let missing = admin.scan_findings(repository, image.digest()).await;
    assert!(
        matches!(missing, Err(Error::ImageNotFound { .. })),
        "{missing:?}"
    );
    put.put_image(repository, &image, None).await;
    let report = admin.scan_findings(repository, image.digest()).await;
    let report = report.expect("the image is there");
    assert_eq!(&report.digest, image.digest());
    assert!(
        matches!(report.status, ScanStatus::Missing | ScanStatus::InProgress),
        "{report:?}"
    );
    assert_eq!(report.findings, []);
}

fn lifecycle() -> LifecyclePolicy {
    LifecyclePolicy::for_retention(&RetentionPolicy::default()).expect("it is within the limits")
}

fn image(name: &str) -> Manifest {
    let blob = |kind: &str, bytes: &[u8]| {
        Descriptor::new(MediaType::new(kind), Digest::of(bytes), bytes.len() as u64)
    };
    manifest(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": blob(MediaType::OCI_CONFIG, name.as_bytes()),
        "layers": [blob(MediaType::OCI_LAYER_GZIP, name.as_bytes())],
    }))
}

fn index(children: &[&Manifest]) -> Manifest {
    let children: Vec<Descriptor> = children.iter().map(|child| child.descriptor()).collect();
    manifest(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": children,
    }))
}

fn manifest(value: &serde_json::Value) -> Manifest {
    Manifest::new(value.to_string().into_bytes(), None).expect("it is a manifest")
}

fn tag(name: &str) -> Tag {
    name.parse().expect("a valid tag")
}
