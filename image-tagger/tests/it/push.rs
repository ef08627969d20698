//! Pushes: order, repetition, moving tags, immutable tags, failures half-way.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use image_tagger::sim::{Fault, Operation, SimRegistry};
use image_tagger::{
    Ancestry, Error, Event, ImageSpec, PackedImage, PushOptions, PushRequest, Receipt, Reference,
    Registry, Repository, TagState, pack, plan, push,
};

/// Commits `a`, `b`, `c` in this order; of others nothing is known.
#[derive(Debug)]
struct Alphabet;

#[async_trait]
impl Ancestry for Alphabet {
    async fn is_ancestor(&self, ancestor: &str, of: &str) -> Option<bool> {
        let known = |name: &str| ["a", "b", "c"].contains(&name);
        (known(ancestor) && known(of)).then(|| ancestor <= of)
    }
}

fn image(revision: &str) -> PackedImage {
    let spec = ImageSpec::new()
        .file("app/main", true, format!("build {revision}"))
        .label("org.opencontainers.image.revision", revision);
    pack(&spec).unwrap()
}

fn repository() -> Repository {
    "registry.example/app".parse().unwrap()
}

fn request(revision: &str) -> PushRequest {
    PushRequest::new(
        repository(),
        vec![format!("sha-{revision}").parse().unwrap()],
    )
    .moving("latest".parse().unwrap())
}

fn options() -> PushOptions {
    PushOptions::default().ancestry(Arc::new(Alphabet))
}

async fn push_revision(registry: &SimRegistry, revision: &str) -> Receipt {
    push(
        registry,
        &image(revision),
        &request(revision),
        &options(),
        &|_| {},
    )
    .await
    .unwrap()
}

fn states(receipt: &Receipt) -> Vec<(String, TagState)> {
    receipt
        .tags
        .iter()
        .map(|tag| (tag.tag.to_string(), tag.state))
        .collect()
}

fn both(revision: &str, fixed: TagState, moving: TagState) -> Vec<(String, TagState)> {
    vec![
        (format!("sha-{revision}"), fixed),
        ("latest".to_owned(), moving),
    ]
}

async fn latest(registry: &SimRegistry) -> Option<image_tagger::Digest> {
    let reference: Reference = "latest".parse().unwrap();
    registry
        .manifest(&repository(), &reference)
        .await
        .unwrap()
        .map(|manifest| manifest.digest().clone())
}

#[tokio::test]
async fn a_push_is_told_in_order_and_the_moving_tag_is_last() {
    let registry = SimRegistry::new();
    let events = Mutex::new(Vec::new());
    let observer = |event: Event| {
        let text = serde_json::to_value(&event).unwrap();
        events.lock().unwrap().push(format!(
            "{} {}",
            text["event"].as_str().unwrap(),
            text["tag"].as_str().unwrap_or("")
        ));
    };
    push(&registry, &image("a"), &request("a"), &options(), &observer)
        .await
        .unwrap();
    let events: Vec<String> = events
        .into_inner()
        .unwrap()
        .iter()
        .map(|line| line.trim().to_owned())
        .collect();
    assert_eq!(
        events,
        [
            "planned",
            "blob-pushed",
            "blob-pushed",
            "manifest-verified",
            "tag-verified sha-a",
            "tag-verified latest"
        ]
    );
}

#[tokio::test]
async fn a_repeated_push_moves_nothing() {
    let registry = SimRegistry::new();
    let first = push_revision(&registry, "a").await;
    assert_eq!(states(&first), both("a", TagState::New, TagState::New));
    assert!(first.bytes_pushed > 0);
    let again = push_revision(&registry, "a").await;
    assert_eq!(
        states(&again),
        both("a", TagState::Unchanged, TagState::Unchanged)
    );
    assert_eq!((again.bytes_pushed, again.blobs_skipped), (0, 2));
    assert_eq!(
        registry.calls(Operation::PutManifest),
        2,
        "one a tag, the first one brings the manifest; none again"
    );
}

#[tokio::test]
async fn the_moving_tag_only_moves_forward() {
    let registry = SimRegistry::new();
    push_revision(&registry, "b").await;
    let newer = latest(&registry).await;
    let older = push_revision(&registry, "a").await;
    assert_eq!(states(&older), both("a", TagState::New, TagState::HeldBack));
    assert!(
        older.tags[1]
            .reason
            .as_deref()
            .unwrap()
            .contains("b, which follows a"),
        "{older:?}"
    );
    assert_eq!(latest(&registry).await, newer);

    let forward = push_revision(&registry, "c").await;
    assert_eq!(states(&forward), both("c", TagState::New, TagState::Moved));
    assert_eq!(forward.tags[1].previous, newer);

    let forced = options().force_moving(true);
    let receipt = push(&registry, &image("a"), &request("a"), &forced, &|_| {})
        .await
        .unwrap();
    assert_eq!(receipt.tags[1].state, TagState::Moved);
}

#[tokio::test]
async fn a_commit_of_unknown_ancestry_moves_the_tag() {
    let registry = SimRegistry::new();
    push_revision(&registry, "b").await;
    let receipt = push_revision(&registry, "x").await;
    assert_eq!(receipt.tags[1].state, TagState::Moved);
}

#[tokio::test]
async fn an_immutable_tag_takes_the_same_image_and_no_other() {
    let registry = SimRegistry::new();
    registry.immutable_except(["latest".parse().unwrap()]);
    push_revision(&registry, "a").await;
    let again = push_revision(&registry, "a").await;
    assert_eq!(again.tags[0].state, TagState::Unchanged);
    let refused = push(&registry, &image("b"), &request("a"), &options(), &|_| {})
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::ImmutableTag { .. }), "{refused}");
    assert!(refused.is_usage() && refused.hint().is_some());
}

#[tokio::test]
async fn a_push_that_fails_anywhere_can_be_repeated() {
    for operation in [
        Operation::Manifest,
        Operation::PutManifest,
        Operation::PutBlob,
    ] {
        for fault in [Fault::Unreachable, Fault::LostAnswer] {
            let registry = SimRegistry::new();
            registry.fail_next(operation, fault);
            let error = push(&registry, &image("a"), &request("a"), &options(), &|_| {})
                .await
                .unwrap_err();
            assert!(
                matches!(error, Error::Unreachable { .. }),
                "{operation:?} {fault:?}: {error}"
            );
            let receipt = push_revision(&registry, "a").await;
            assert_eq!(
                latest(&registry).await.as_ref(),
                Some(&receipt.digest),
                "{operation:?} {fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn no_tag_is_put_when_a_blob_fails() {
    let registry = SimRegistry::new();
    registry.fail_next(Operation::PutBlob, Fault::Unreachable);
    assert!(
        push(&registry, &image("a"), &request("a"), &options(), &|_| {})
            .await
            .is_err()
    );
    assert_eq!(registry.tags(&repository()).await.unwrap(), []);
}

#[tokio::test]
async fn a_plan_tells_the_bytes_and_changes_nothing() {
    let registry = SimRegistry::new();
    let planned = plan(&registry, &image("a"), &request("a"), &options())
        .await
        .unwrap();
    assert_eq!(
        registry.calls(Operation::PutBlob) + registry.calls(Operation::PutManifest),
        0
    );
    let receipt = push_revision(&registry, "a").await;
    assert_eq!(planned.bytes_to_push, receipt.bytes_pushed);
    assert_eq!(planned.digest, receipt.digest);
    let again = plan(&registry, &image("a"), &request("a"), &options())
        .await
        .unwrap();
    assert_eq!(again.bytes_to_push, 0);
    assert!(
        again
            .tags
            .iter()
            .all(|tag| tag.state == TagState::Unchanged)
    );
}

#[tokio::test]
async fn shared_blobs_are_mounted() {
    let registry = SimRegistry::new();
    push_revision(&registry, "a").await;
    let other: Repository = "registry.example/other".parse().unwrap();
    let request = PushRequest::new(other, vec!["v1".parse().unwrap()]);
    let options = PushOptions::default().mount_from(vec![repository()]);
    let receipt = push(&registry, &image("a"), &request, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(receipt.bytes_pushed, 0);
    assert!(receipt.bytes_mounted > 0);
}

#[test]
fn the_receipt_has_the_documented_form() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let receipt = runtime.block_on(push_revision(&SimRegistry::new(), "a"));
    let json = serde_json::to_value(&receipt).unwrap();
    let keys: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for key in [
        "repository",
        "digest",
        "tags",
        "pinned",
        "bytes_pushed",
        "bytes_mounted",
        "blobs_skipped",
        "requests",
        "retries",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!(
        json["pinned"],
        format!("registry.example/app@{}", receipt.digest)
    );
    assert_eq!(json["tags"][0]["previous"], serde_json::Value::Null);
    assert_eq!(json["tags"][0]["state"], "new");
}
