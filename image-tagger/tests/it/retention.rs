//! What a retention plan keeps and deletes, and what applying it does.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Mutex;

use futures_util::FutureExt;
use image_tagger::retention::{
    Action, InUse, Outcome, Reason, RetentionEvent, RetentionPlan, RetentionPolicy,
    RetentionReceipt, UsedName, Warning, apply, decide, plan,
};
use image_tagger::sim::{AdminFault, AdminOperation, SimAdmin};
use image_tagger::{Digest, Error, ImageRecord, Repository, RepositoryAdmin};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn repository() -> Repository {
    "registry.example/dev/app".parse().unwrap()
}

fn now() -> Timestamp {
    "2026-03-31T12:00:00Z".parse().unwrap()
}

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// An image of this name that was pushed some days ago, with tags that are separated by blanks.
fn image(name: &str, days: i64, tags: &str) -> ImageRecord {
    ImageRecord::new(digest(name))
        .tags(tags.split_whitespace().map(|tag| tag.parse().unwrap()))
        .pushed_at(now() - SignedDuration::from_hours(24 * days))
        .size(100)
}

/// Keeps the last two tagged ones, untagged ones for 30 days, and `latest`.
fn policy() -> RetentionPolicy {
    RetentionPolicy::default()
        .keep_last(number(2))
        .untagged_days(number(30))
}

fn used(texts: &[&str]) -> InUse {
    texts.iter().fold(InUse::new(), |in_use, text| {
        in_use.image(text.parse::<UsedName>().unwrap(), Some("service web"))
    })
}

fn decided(images: Vec<ImageRecord>, in_use: &InUse) -> RetentionPlan {
    decide(&repository(), images, &policy(), in_use, now())
}

/// The reasons of an image, as people read them.
fn why(plan: &RetentionPlan, name: &str) -> (Action, Vec<String>) {
    let planned = plan.image(&digest(name)).unwrap();
    let reasons = planned.reasons.iter().map(ToString::to_string);
    (planned.action, reasons.collect())
}

fn deleted(plan: &RetentionPlan) -> Vec<Digest> {
    plan.deletions.clone()
}

#[test]
fn the_last_tagged_images_stay_and_the_others_go() {
    let plan = decided(
        vec![
            image("a", 1, "v4"),
            image("b", 50, "v2 stable"),
            image("c", 2, "v3"),
            image("d", 90, "latest"),
            image("e", 60, "v1"),
        ],
        &InUse::new(),
    );
    assert_eq!(deleted(&plan), [digest("b"), digest("e")]);
    assert_eq!(plan.bytes, 200);
    assert_eq!(
        why(&plan, "a"),
        (Action::Keep, vec!["one of the last 2 tagged images".into()])
    );
    assert_eq!(
        why(&plan, "d"),
        (Action::Keep, vec!["has the protected tag `latest`".into()])
    );
    assert_eq!(
        why(&plan, "e"),
        (
            Action::Delete,
            vec!["tagged, and not one of the last 2 tagged images".into()]
        )
    );
    assert_eq!(plan.warnings, [Warning::NothingInUse]);
    let order: Vec<&Digest> = plan
        .images
        .iter()
        .map(|image| &image.image.digest)
        .collect();
    let expected = ["a", "c", "b", "e", "d"].map(digest);
    assert_eq!(
        order,
        expected.iter().collect::<Vec<_>>(),
        "the newest first"
    );
}

#[test]
fn untagged_images_go_when_they_are_older_than_the_window_and_not_before() {
    let at_the_limit = image("limit", 30, "");
    let mut past_it = image("past", 30, "");
    past_it.pushed_at = past_it
        .pushed_at
        .map(|at| at - SignedDuration::from_secs(1));
    let mut unknown = image("unknown", 99, "");
    unknown.pushed_at = None;
    let mut future = image("future", 0, "");
    future.pushed_at = Some(now() + SignedDuration::from_hours(1));
    let plan = decided(vec![at_the_limit, past_it, unknown, future], &used(&[]));
    assert_eq!(deleted(&plan), [digest("past")]);
    assert_eq!(
        why(&plan, "past").1,
        ["untagged, pushed 30 days ago, kept for 30 days"]
    );
    assert_eq!(
        why(&plan, "limit").1,
        ["untagged, pushed 30 days ago, kept for 30 days"]
    );
    assert_eq!(why(&plan, "unknown").1, ["its age is not known"]);
    assert_eq!(
        why(&plan, "future").1,
        ["untagged, pushed 0 days ago, kept for 30 days"]
    );
}

#[test]
fn what_is_used_stays_by_digest_by_tag_and_by_pin() {
    let images = || {
        vec![
            image("new1", 1, "n1"),
            image("new2", 2, "n2"),
            image("digest", 90, "d"),
            image("tag", 91, "t"),
            image("pin", 92, "p"),
            image("back", 93, "b"),
            image("none", 94, "x"),
        ]
    };
    let pin = format!("{}:moved@{}", repository(), digest("pin"));
    let in_use = used(&[
        &digest("digest").to_string(),
        &format!("{}:t", repository()),
        &pin,
    ])
    .rollback_target("b".parse().unwrap(), Some("revision 7"));
    let plan = decided(images(), &in_use);
    assert_eq!(deleted(&plan), [digest("none")]);
    assert_eq!(plan.warnings, []);
    assert_eq!(
        why(&plan, "pin").1,
        [format!("in use by service web as `{pin}`")]
    );
    assert_eq!(
        why(&plan, "back").1,
        ["a rollback target by revision 7 as `b`"]
    );
}

#[test]
fn a_used_image_that_is_not_there_is_told_and_those_of_other_repositories_are_not() {
    let gone = format!("{}@{}", repository(), digest("gone"));
    let in_use = used(&[
        &gone,
        &gone,
        "v9",
        "registry.example/dev/other:v1",
        "nginx:1.27",
    ]);
    let plan = decided(vec![image("a", 1, "v1")], &in_use);
    let warnings: Vec<String> = plan.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            format!("`{gone}` is in use by service web and is not in the repository"),
            "`v9` is in use by service web and is not in the repository".to_owned(),
        ]
    );
}

#[test]
fn an_index_in_use_keeps_its_manifests_with_their_attestations() {
    let images = vec![
        image("index", 90, "old").children([digest("arm"), digest("amd")]),
        image("arm", 90, ""),
        image("amd", 90, ""),
        image("sbom", 90, "").subject(digest("amd")),
        image("signature", 90, "").subject(digest("sbom")),
        image("n1", 1, "n1"),
        image("n2", 1, "n2"),
    ];
    let plan = decided(images, &used(&["old"]));
    assert_eq!(deleted(&plan), []);
    let index = digest("index");
    assert_eq!(
        why(&plan, "arm").1,
        [format!("part of the index `{index}`")]
    );
    assert_eq!(
        why(&plan, "sbom").1,
        [format!(
            "belongs to `{}` (signature, SBOM or attestation)",
            digest("amd")
        )]
    );
}

#[test]
fn a_manifest_in_use_keeps_the_indexes_that_list_it() {
    let images = vec![
        image("index", 90, "old").children([digest("arm"), digest("amd")]),
        image("arm", 90, ""),
        image("amd", 90, ""),
        image("n1", 1, "n1"),
        image("n2", 1, "n2"),
    ];
    let plan = decided(images, &used(&[digest("amd").as_str()]));
    assert_eq!(deleted(&plan), []);
    assert!(
        matches!(&plan.image(&digest("index")).unwrap().reasons[..], [Reason::ListsUsed { digest: amd }] if *amd == digest("amd")),
    );
}

#[test]
fn indexes_go_before_what_they_list_and_images_before_their_signatures() {
    let images = vec![
        image("a-child", 40, ""),
        image("sig", 35, "").subject(digest("index")),
        image("index", 90, "old").children([digest("a-child"), digest("inner")]),
        image("inner", 80, "").children([digest("deep")]),
        image("deep", 40, ""),
        image("young-child", 3, ""),
        image("n1", 1, "n1"),
        image("n2", 1, "n2"),
    ];
    let plan = decided(images, &used(&["n1"]));
    let expected = ["index", "sig", "a-child", "inner", "deep"].map(digest);
    assert_eq!(deleted(&plan), expected);
    assert_eq!(
        why(&plan, "sig").1,
        [format!(
            "belongs to `{}`, which is deleted",
            digest("index")
        )]
    );
}

#[test]
fn signatures_on_tags_follow_their_image_and_are_not_counted() {
    let signature = |of: &str, days| {
        image(
            &format!("sig-{of}"),
            days,
            &format!("sha256-{}.sig", digest(of).hex()),
        )
    };
    let images = vec![
        image("a", 5, "v2"),
        image("b", 6, "v1"),
        image("c", 7, "v0"),
        signature("a", 1),
        signature("b", 1),
        signature("c", 1),
        signature("gone", 31),
        signature("gone-lately", 29),
    ];
    let plan = decided(images, &used(&["v2"]));
    let expected = ["c", "sig-c", "sig-gone"].map(digest);
    assert_eq!(
        deleted(&plan).iter().collect::<BTreeSet<_>>(),
        expected.iter().collect()
    );
    assert_eq!(
        why(&plan, "sig-gone").1,
        [format!(
            "belongs to `{}`, which is not in the repository, pushed 31 days ago, kept for 30 days",
            digest("gone")
        )]
    );
}

#[test]
fn two_records_of_one_image_are_one_with_the_tags_of_both() {
    let listed = vec![
        image("a", 1, "v1"),
        image("a", 1, "v2"),
        image("b", 2, "v0"),
    ];
    let plan = decided(listed, &used(&["v1"]));
    assert_eq!(plan.images.len(), 2);
    let tags: Vec<&str> = plan.images[0]
        .image
        .tags
        .iter()
        .map(|t| t.as_str())
        .collect();
    assert_eq!(tags, ["v1", "v2"]);
}

#[test]
fn a_plan_serialises_with_its_reasons() {
    let plan = decided(vec![image("a", 1, "v1")], &used(&["v1"]));
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["repository"], "registry.example/dev/app");
    assert_eq!(json["now"], "2026-03-31T12:00:00Z");
    assert_eq!(json["images"][0]["action"], "keep");
    assert_eq!(json["images"][0]["digest"], digest("a").as_str());
    assert_eq!(
        json["images"][0]["reasons"],
        serde_json::json!([
            {"reason": "used", "role": "in-use", "image": "v1", "by": "service web"},
            {"reason": "last", "keep": 2},
        ])
    );
}

// Applying.

fn admin_with(images: &[ImageRecord]) -> SimAdmin {
    let admin = SimAdmin::new();
    for image in images {
        admin.add_image(&repository(), image.clone());
    }
    admin
}

fn stale() -> Vec<ImageRecord> {
    vec![
        image("n1", 1, "n1"),
        image("n2", 2, "n2"),
        image("index", 90, "old").children([digest("child")]),
        image("child", 90, ""),
        image("plain", 91, "older"),
        image("sig", 91, "").subject(digest("plain")),
    ]
}

async fn planned(admin: &SimAdmin) -> RetentionPlan {
    plan(admin, &repository(), &policy(), &used(&["n1"]), now())
        .await
        .unwrap()
}

async fn applied(admin: &SimAdmin, plan: &RetentionPlan) -> RetentionReceipt {
    apply(admin, plan, &used(&["n1"]), &|_| {}).await.unwrap()
}

fn outcome(receipt: &RetentionReceipt, name: &str) -> Outcome {
    let found = receipt.images.iter().find(|i| i.digest == digest(name));
    found.unwrap().outcome.clone()
}

#[tokio::test]
async fn a_plan_is_applied_and_a_second_time_does_nothing() {
    let admin = admin_with(&stale());
    let plan = planned(&admin).await;
    assert_eq!(plan.deletions.len(), 4);
    let events = Mutex::new(Vec::new());
    let receipt = apply(&admin, &plan, &used(&["n1"]), &|event| {
        events.lock().unwrap().push(event);
    })
    .await
    .unwrap();
    assert!(receipt.is_complete());
    assert_eq!((receipt.deleted(), receipt.bytes), (4, 400));
    let events = events.into_inner().unwrap();
    assert_eq!(
        events[0],
        RetentionEvent::Checked {
            deletions: 4,
            skipped: 0
        }
    );
    assert_eq!(events.len(), 5);
    let left = admin.images(&repository()).await.unwrap();
    assert_eq!(left.len(), 2);

    let again = applied(&admin, &plan).await;
    assert!(again.is_complete());
    assert!(
        again
            .images
            .iter()
            .all(|i| i.outcome == Outcome::AlreadyGone)
    );
    assert_eq!(again.bytes, 0);
    assert_eq!(planned(&admin).await.deletions, []);
}

#[tokio::test]
async fn an_image_that_got_a_tag_meanwhile_stays_with_what_belongs_to_it() {
    let admin = admin_with(&stale());
    let plan = planned(&admin).await;
    admin.add_image(
        &repository(),
        image("index", 90, "old rescued").children([digest("child")]),
    );
    admin.add_image(
        &repository(),
        image("sig", 91, "found").subject(digest("plain")),
    );
    let receipt = applied(&admin, &plan).await;
    assert_eq!(receipt.deleted(), 0);
    let Outcome::Skipped { reasons } = outcome(&receipt, "index") else {
        panic!("{receipt:?}")
    };
    assert_eq!(
        reasons[0].to_string(),
        "tagged since the plan was made: `old`, `rescued`"
    );
    assert!(matches!(
        outcome(&receipt, "child"),
        Outcome::Skipped { .. }
    ));
    // What a kept signature is about stays too.
    assert!(matches!(
        outcome(&receipt, "plain"),
        Outcome::Skipped { .. }
    ));
    assert!(receipt.is_complete(), "a reason to keep is no failure");
}

#[tokio::test]
async fn an_image_that_came_into_use_meanwhile_stays() {
    let admin = admin_with(&stale());
    let plan = planned(&admin).await;
    let in_use = used(&["n1", digest("child").as_str()]);
    let receipt = apply(&admin, &plan, &in_use, &|_| {}).await.unwrap();
    assert!(matches!(
        outcome(&receipt, "index"),
        Outcome::Skipped { .. }
    ));
    assert!(matches!(
        outcome(&receipt, "child"),
        Outcome::Skipped { .. }
    ));
    assert_eq!(outcome(&receipt, "plain"), Outcome::Deleted);
}

#[tokio::test]
async fn only_what_the_plan_says_is_deleted() {
    let admin = admin_with(&stale());
    let plan = planned(&admin).await;
    // Two newer images: the fresh decision would delete these as well.
    admin.add_image(&repository(), image("m1", 0, "m1"));
    admin.add_image(&repository(), image("m2", 0, "m2"));
    let receipt = applied(&admin, &plan).await;
    assert_eq!(receipt.deleted(), 4);
    let left = admin.images(&repository()).await.unwrap();
    assert!(left.iter().any(|image| image.digest == digest("n2")));
}

#[tokio::test]
async fn an_index_that_came_meanwhile_blocks_what_it_lists() {
    let admin = admin_with(&stale());
    let plan = planned(&admin).await;
    // Old and untagged: the fresh decision deletes it, the plan does not.
    admin.add_image(
        &repository(),
        image("late", 95, "").children([digest("plain")]),
    );
    let receipt = applied(&admin, &plan).await;
    let by = digest("late");
    assert_eq!(outcome(&receipt, "plain"), Outcome::Blocked { by });
    let by = digest("plain");
    assert_eq!(outcome(&receipt, "sig"), Outcome::Blocked { by });
    assert_eq!(outcome(&receipt, "child"), Outcome::Deleted);
    assert!(!receipt.is_complete());
}

#[tokio::test]
async fn what_hangs_on_an_image_that_was_not_deleted_stays() {
    let admin = admin_with(&stale());
    let plan = planned(&admin).await;
    admin.refuse_deletion(&repository(), &digest("index"), "KmsError", "no key");
    admin.refuse_deletion(&repository(), &digest("plain"), "KmsError", "no key");
    let receipt = applied(&admin, &plan).await;
    let message = "KmsError: no key".to_owned();
    assert_eq!(outcome(&receipt, "index"), Outcome::Failed { message });
    let by = digest("index");
    assert_eq!(outcome(&receipt, "child"), Outcome::Blocked { by });
    let by = digest("plain");
    assert_eq!(
        outcome(&receipt, "sig"),
        Outcome::Blocked { by },
        "an image keeps its signature"
    );
    assert!(!receipt.is_complete());
}

#[tokio::test]
async fn a_first_call_that_fails_is_an_error_and_a_later_one_is_in_the_receipt() {
    let admin = admin_with(&stale());
    let plan = planned(&admin).await;
    admin.fail_next(AdminOperation::DeleteImages, AdminFault::Denied);
    let denied = apply(&admin, &plan, &used(&["n1"]), &|_| {}).await;
    assert!(
        matches!(denied, Err(Error::ActionDenied { .. })),
        "{denied:?}"
    );
    admin.fail_next(AdminOperation::Images, AdminFault::Throttled);
    let throttled = apply(&admin, &plan, &used(&["n1"]), &|_| {}).await;
    assert!(
        matches!(throttled, Err(Error::Unreachable { .. })),
        "{throttled:?}"
    );
    assert_eq!(admin.images(&repository()).await.unwrap().len(), 6);

    let deep = vec![
        image("n1", 1, "n1"),
        image("n2", 2, "n2"),
        image("a", 90, "old").children([digest("b")]),
        image("b", 90, "").children([digest("c")]),
        image("c", 90, ""),
    ];
    let admin = admin_with(&deep);
    let plan = planned(&admin).await;
    let calls = Mutex::new(0);
    let receipt = apply(&admin, &plan, &used(&["n1"]), &|event| {
        if matches!(event, RetentionEvent::Image(_)) && *calls.lock().unwrap() == 0 {
            *calls.lock().unwrap() += 1;
            admin.fail_next(AdminOperation::DeleteImages, AdminFault::LostAnswer);
        }
    })
    .await
    .unwrap();
    assert_eq!(outcome(&receipt, "a"), Outcome::Deleted);
    assert!(
        matches!(outcome(&receipt, "b"), Outcome::Unknown { message } if message.contains("connection was reset")),
        "{receipt:?}"
    );
    assert_eq!(outcome(&receipt, "c"), Outcome::NotTried);
    assert!(!receipt.is_complete());
    let again = applied(&admin, &plan).await;
    assert!(again.is_complete(), "a rerun ends right: {again:?}");
    assert_eq!(outcome(&again, "b"), Outcome::AlreadyGone);
    assert_eq!(outcome(&again, "c"), Outcome::Deleted);
}

#[tokio::test]
async fn what_goes_between_the_look_and_the_call_is_told_even_if_a_later_call_fails() {
    let admin = admin_with(&[
        image("n1", 1, "n1"),
        image("n2", 2, "n2"),
        image("a", 90, "old").children([digest("b")]),
        image("b", 90, ""),
    ]);
    let plan = planned(&admin).await;
    let receipt = apply(&admin, &plan, &used(&["n1"]), &|event| match event {
        RetentionEvent::Checked { .. } => {
            let (repository, gone) = (repository(), [digest("a")]);
            let other = admin.delete_images(&repository, &gone);
            other.now_or_never().unwrap().unwrap();
        }
        _ if admin.calls(AdminOperation::DeleteImages) == 2 => {
            admin.fail_next(AdminOperation::DeleteImages, AdminFault::Denied);
        }
        _ => {}
    })
    .await
    .unwrap();
    assert_eq!(outcome(&receipt, "a"), Outcome::AlreadyGone);
    assert!(
        matches!(outcome(&receipt, "b"), Outcome::Unknown { message } if message.contains("AccessDenied")),
        "{receipt:?}"
    );
}

#[tokio::test]
async fn a_missing_repository_is_an_error() {
    let missing = plan(
        &SimAdmin::new(),
        &repository(),
        &policy(),
        &InUse::new(),
        now(),
    )
    .await;
    assert!(
        matches!(missing, Err(Error::RepositoryNotFound { .. })),
        "{missing:?}"
    );
}

// Properties.

const TAGS: [&str; 6] = ["latest", "v1", "v2", "v3", "v4", "v5"];

/// A repository as one could be: what an image lists or is about came before it, as digests have it.
fn repositories() -> impl Strategy<Value = Vec<ImageRecord>> {
    let one = (
        prop::option::weighted(0.9, 0_i64..60),
        prop::option::of(any::<prop::sample::Index>()),
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        prop::option::weighted(0.3, any::<prop::sample::Index>()),
        0_u8..4,
    );
    prop::collection::vec(one, 0..14).prop_map(|specs| {
        let mut images: Vec<ImageRecord> = Vec::new();
        for (place, (days, tag, children, subject, kind)) in specs.into_iter().enumerate() {
            let mut image = image(&place.to_string(), days.unwrap_or(0), "");
            if days.is_none() {
                image.pushed_at = None;
            }
            if let Some(tag) = tag {
                let tag = tag.get(&TAGS).parse().unwrap();
                for other in &mut images {
                    other.tags.retain(|other| *other != tag);
                }
                image.tags = vec![tag];
            }
            if kind == 0 && place > 0 {
                let children = children
                    .iter()
                    .map(|at| images[at.index(place)].digest.clone());
                image.children = children.collect();
            }
            if place > 0 {
                image.subject = subject.map(|at| images[at.index(place)].digest.clone());
            }
            images.push(image);
        }
        images
    })
}

/// What is used: by digest or by tag.
fn uses() -> impl Strategy<Value = InUse> {
    let name = prop_oneof![
        (0_usize..14).prop_map(|place| digest(&place.to_string()).to_string()),
        prop::sample::select(&TAGS[..]).prop_map(str::to_owned),
    ];
    prop::collection::vec((name, any::<bool>()), 0..4).prop_map(|names| {
        names
            .into_iter()
            .fold(InUse::new(), |in_use, (name, back)| {
                let name = name.parse().unwrap();
                if back {
                    in_use.rollback_target(name, None)
                } else {
                    in_use.image(name, None)
                }
            })
    })
}

fn find<'a>(images: &'a [ImageRecord], digest: &Digest) -> Option<&'a ImageRecord> {
    images.iter().find(|image| image.digest == *digest)
}

/// All that must stay with an image: what it lists, what is about it, and so on.
fn reachable(images: &[ImageRecord], from: &Digest, seen: &mut BTreeSet<Digest>) {
    if !seen.insert(from.clone()) {
        return;
    }
    for child in find(images, from).into_iter().flat_map(|i| &i.children) {
        reachable(images, child, seen);
    }
    for other in images {
        if other.subject.as_ref() == Some(from) {
            reachable(images, &other.digest, seen);
        }
    }
}

proptest! {
    #[test]
    fn nothing_in_use_or_reachable_from_it_is_deleted(images in repositories(), in_use in uses()) {
        let plan = decided(images.clone(), &in_use);
        let mut must_stay = BTreeSet::new();
        for used in in_use.images() {
            for image in &images {
                let name = used.image.as_str();
                if image.digest.as_str() == name || image.tags.iter().any(|tag| tag.as_str() == name) {
                    reachable(&images, &image.digest, &mut must_stay);
                }
            }
        }
        for digest in &plan.deletions {
            prop_assert!(!must_stay.contains(digest), "{}", digest);
        }
    }

    #[test]
    fn whatever_stays_is_whole(images in repositories(), in_use in uses()) {
        let plan = decided(images, &in_use);
        let gone: BTreeSet<&Digest> = plan.deletions.iter().collect();
        for kept in plan.kept() {
            prop_assert!(!kept.reasons.is_empty());
            prop_assert!(kept.image.children.iter().all(|child| !gone.contains(child)));
            prop_assert!(kept.image.subject.iter().all(|subject| !gone.contains(subject)));
        }
        for deleted in plan.deleted() {
            prop_assert_eq!(deleted.reasons.len(), 1);
            prop_assert!(deleted.image.pushed_at.is_some(), "of unknown age");
            prop_assert!(deleted.image.tags.iter().all(|tag| tag.as_str() != "latest"));
            // Nothing untagged goes before its time, unless it goes with what it is about.
            let alone = deleted.image.subject.as_ref().is_none_or(|subject| !gone.contains(subject));
            if deleted.image.tags.is_empty() && alone {
                let age = now().duration_since(deleted.image.pushed_at.unwrap());
                prop_assert!(age > SignedDuration::from_hours(24 * 30));
            }
        }
    }

    #[test]
    fn the_last_tagged_images_are_all_there(images in repositories()) {
        let plan = decided(images.clone(), &InUse::new());
        let is_tagged = |image: &ImageRecord| {
            let follows = image.subject.as_ref().is_some_and(|s| find(&images, s).is_some());
            !image.tags.is_empty() && image.pushed_at.is_some() && !follows
        };
        let tagged = images.iter().filter(|image| is_tagged(image)).count();
        let kept = plan.kept().filter(|planned| is_tagged(&planned.image)).count();
        prop_assert!(kept >= tagged.min(2));
        let newest = |planned: &&image_tagger::retention::PlannedImage| is_tagged(&planned.image);
        for planned in plan.images.iter().filter(newest).take(2) {
            prop_assert_eq!(planned.action, Action::Keep);
        }
    }

    #[test]
    fn the_order_of_deletions_breaks_nothing(images in repositories(), in_use in uses()) {
        let plan = decided(images.clone(), &in_use);
        let place = |digest: &Digest| plan.deletions.iter().position(|other| other == digest);
        // An index that is about something may have to go before it, for it may list it.
        let is_plain = images.iter().all(|image| image.children.is_empty() || image.subject.is_none());
        for (at, digest) in plan.deletions.iter().enumerate() {
            let image = find(&images, digest).unwrap();
            for child in &image.children {
                prop_assert!(place(child).is_none_or(|child| child > at));
            }
            if let Some(subject) = image.subject.as_ref().and_then(place).filter(|_| is_plain) {
                prop_assert!(subject < at);
            }
        }
    }

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_its_input(
        (images, shuffled) in repositories()
            .prop_flat_map(|images| (Just(images.clone()), Just(images).prop_shuffle())),
        in_use in uses(),
    ) {
        prop_assert_eq!(decided(images, &in_use), decided(shuffled, &in_use));
    }

    #[test]
    fn applying_ends_complete_and_leaves_nothing_to_do(images in repositories(), in_use in uses()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let admin = admin_with(&images);
            admin.add_image(&repository(), image("anchor", 1, "anchor"));
            let first = plan(&admin, &repository(), &policy(), &in_use, now()).await.unwrap();
            // The simulator refuses what an index still lists, so this shows the rounds as well.
            let receipt = apply(&admin, &first, &in_use, &|_| {}).await.unwrap();
            prop_assert!(receipt.is_complete(), "{:?}", receipt);
            prop_assert_eq!(receipt.deleted(), first.deletions.len());
            let left = admin.images(&repository()).await.unwrap();
            prop_assert_eq!(left.len(), first.kept().count());
            let second = plan(&admin, &repository(), &policy(), &in_use, now()).await.unwrap();
            prop_assert_eq!(second.deletions, Vec::<Digest>::new());
            Ok(())
        })?;
    }
}
