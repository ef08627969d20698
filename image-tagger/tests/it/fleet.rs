//! Several pushes: in one run, and at the same time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use image_tagger::sim::{Operation, SimRegistry};
use image_tagger::{
    Ancestry, FleetItem, FleetOptions, ImageSpec, Observer, PackedImage, PushOptions, PushRequest,
    Reference, Registry, Repository, TagState, pack, push, push_all,
};

use crate::support::image;

fn repository(name: &str) -> Repository {
    format!("registry.example/{name}").parse().unwrap()
}

fn request(name: &str) -> PushRequest {
    PushRequest::new(repository(name), vec!["sha-1".parse().unwrap()])
        .moving("latest".parse().unwrap())
}

async fn push_fleet(
    registry: &SimRegistry,
    images: &[(&str, PackedImage)],
) -> Vec<Result<image_tagger::Receipt, image_tagger::Error>> {
    let items: Vec<FleetItem<'_>> = images
        .iter()
        .map(|(name, image)| FleetItem::new(image, request(name)))
        .collect();
    let quiet = |_| {};
    let observers: Vec<&dyn Observer> = items.iter().map(|_| &quiet as &dyn Observer).collect();
    push_all(registry, &items, &FleetOptions::default(), &observers).await
}

#[tokio::test]
async fn what_images_share_is_uploaded_once_and_mounted() {
    let registry = SimRegistry::new();
    let images: Vec<(&str, PackedImage)> = ["a", "b", "c"]
        .map(|name| (name, image("the same in all")))
        .into();
    let receipts: Vec<_> = push_fleet(&registry, &images)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let order: Vec<&str> = receipts.iter().map(|r| r.repository.path()).collect();
    assert_eq!(
        order,
        ["a", "b", "c"],
        "in the order in which they were given"
    );
    let pushed: Vec<u64> = receipts.iter().map(|r| r.bytes_pushed).collect();
    assert_eq!(
        pushed.iter().filter(|bytes| **bytes > 0).count(),
        1,
        "{pushed:?}"
    );
    let size = pushed.iter().max().unwrap();
    let mounted: u64 = receipts.iter().map(|r| r.bytes_mounted).sum();
    assert_eq!(mounted, size * 2);
}

#[tokio::test]
async fn where_mounts_are_refused_each_gets_its_own_bytes() {
    let registry = SimRegistry::new();
    registry.refuse_mounts();
    let images: Vec<(&str, PackedImage)> = ["a", "b"].map(|name| (name, image("same"))).into();
    for receipt in push_fleet(&registry, &images).await {
        let receipt = receipt.unwrap();
        assert!(receipt.bytes_pushed > 0 && receipt.bytes_mounted == 0);
    }
}

#[tokio::test]
async fn one_that_fails_does_not_keep_the_others() {
    let registry = SimRegistry::new();
    registry.fail_next(Operation::PutManifest, image_tagger::sim::Fault::Denied);
    let images: Vec<(&str, PackedImage)> = ["a", "b", "c"].map(|name| (name, image("same"))).into();
    let ended = push_fleet(&registry, &images).await;
    assert_eq!(ended.iter().filter(|one| one.is_ok()).count(), 2);
    assert_eq!(ended.len(), 3);
}

/// Commits that are numbers: the greater follows the lesser.
#[derive(Debug)]
struct Numbers;

#[async_trait]
impl Ancestry for Numbers {
    async fn is_ancestor(&self, ancestor: &str, of: &str) -> Option<bool> {
        Some(ancestor.parse::<u32>().ok()? <= of.parse::<u32>().ok()?)
    }
}

fn build(commit: u32) -> PackedImage {
    let spec = ImageSpec::new()
        .file("app/content", false, format!("build of {commit}"))
        .label("org.opencontainers.image.revision", commit.to_string());
    pack(&spec).unwrap()
}

/// A registry whose calls take their time, each pusher's its own.
#[derive(Debug)]
struct Slow {
    inner: SimRegistry,
    /// Milliseconds of each call in turn.
    waits: std::sync::Mutex<Vec<u64>>,
}

impl Slow {
    async fn wait(&self) {
        let wait = {
            let mut waits = self.waits.lock().unwrap();
            waits.rotate_left(1);
            waits[0]
        };
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

#[async_trait]
impl Registry for Slow {
    async fn manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Option<image_tagger::Manifest>, image_tagger::Error> {
        self.wait().await;
        let found = self.inner.manifest(repository, reference).await;
        self.wait().await;
        found
    }

    async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        manifest: &image_tagger::Manifest,
    ) -> Result<(), image_tagger::Error> {
        self.wait().await;
        let put = self
            .inner
            .put_manifest(repository, reference, manifest)
            .await;
        self.wait().await;
        put
    }

    async fn blob_size(
        &self,
        repository: &Repository,
        digest: &image_tagger::Digest,
    ) -> Result<Option<u64>, image_tagger::Error> {
        self.inner.blob_size(repository, digest).await
    }

    async fn put_blob(
        &self,
        repository: &Repository,
        blob: &image_tagger::Descriptor,
        content: &dyn image_tagger::Content,
        mount_from: Option<&Repository>,
    ) -> Result<image_tagger::BlobOutcome, image_tagger::Error> {
        self.wait().await;
        self.inner
            .put_blob(repository, blob, content, mount_from)
            .await
    }

    async fn blob(
        &self,
        repository: &Repository,
        digest: &image_tagger::Digest,
    ) -> Result<Option<image_tagger::BlobReader>, image_tagger::Error> {
        self.inner.blob(repository, digest).await
    }

    async fn tags(
        &self,
        repository: &Repository,
    ) -> Result<Vec<image_tagger::Tag>, image_tagger::Error> {
        self.wait().await;
        self.inner.tags(repository).await
    }

    async fn referrers(
        &self,
        repository: &Repository,
        subject: &image_tagger::Digest,
    ) -> Result<Vec<image_tagger::Descriptor>, image_tagger::Error> {
        self.inner.referrers(repository, subject).await
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn of_concurrent_pushes_the_moving_tag_ends_on_the_newest_whatever_the_order(
        older in proptest::collection::vec(0_u64..100, 1..12),
        newer in proptest::collection::vec(0_u64..100, 1..12),
        starts in (0_u64..600, 0_u64..600),
        was_there in proptest::bool::ANY,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let sim = SimRegistry::new();
            let options = PushOptions::default().ancestry(Arc::new(Numbers));
            if was_there {
                push(&sim, &build(0), &request("app"), &options, &|_| {}).await.unwrap();
            }
            let pusher = async |commit: u32, waits: Vec<u64>, start: u64| {
                let registry = Slow { inner: sim.clone(), waits: waits.into() };
                tokio::time::sleep(Duration::from_millis(start)).await;
                let mut request = request("app");
                request.tags = vec![format!("sha-{commit}").parse().unwrap()];
                push(&registry, &build(commit), &request, &options, &|_| {}).await.unwrap()
            };
            let (first, second) = tokio::join!(
                pusher(1, older, starts.0),
                pusher(2, newer, starts.1),
            );
            let latest = sim
                .resolve(&repository("app"), &"latest".parse().unwrap())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(latest.digest, second.digest, "the older one reported {first:?}");
            assert_ne!(second.tags[1].state, TagState::HeldBack);
        });
    }
}

/// A history that knows nothing, as that of a shallow clone.
#[derive(Debug)]
struct Cut;

#[async_trait]
impl Ancestry for Cut {
    async fn is_ancestor(&self, _ancestor: &str, _of: &str) -> Option<bool> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_order_cannot_be_told_the_receipt_says_so() {
    let registry = SimRegistry::new();
    let known = PushOptions::default().ancestry(Arc::new(Numbers));
    let cut = PushOptions::default().ancestry(Arc::new(Cut));
    let unlabelled = image("no label");
    let newer = build(2);
    push(&registry, &newer, &request("app"), &known, &|_| {})
        .await
        .unwrap();
    let cases: [(&PackedImage, &PushOptions, &str); 3] = [
        (&build(1), &cut, "shallow clone"),
        (&unlabelled, &known, "no label"),
        (&newer, &known, "does not say its commit"),
    ];
    for (image, options, why) in cases {
        let receipt = push(&registry, image, &request("app"), options, &|_| {})
            .await
            .unwrap();
        let latest = &receipt.tags[1];
        assert_eq!(latest.state, TagState::Moved);
        let reason = latest.reason.as_deref().unwrap();
        assert!(reason.contains(why), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_image_under_the_moving_tag_is_replaced() {
    let registry = SimRegistry::new();
    let options = PushOptions::default().ancestry(Arc::new(Numbers));
    let old = build(1);
    push(&registry, &old, &request("app"), &options, &|_| {})
        .await
        .unwrap();
    let latest = "latest".parse().unwrap();
    let root = registry.manifest(&repository("app"), &latest).await;
    let config = root.unwrap().unwrap().config().unwrap().digest.clone();
    registry.lose_blob(&repository("app"), &config);
    let receipt = push(&registry, &build(2), &request("app"), &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(receipt.tags[1].state, TagState::Moved);
}
