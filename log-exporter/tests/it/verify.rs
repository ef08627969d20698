//! What verification finds.

use std::time::Duration;

use log_exporter::{Finding, VerifyRequest};

use crate::stage::{DAY, HOUR, Stage, at, event, place};

async fn exported() -> Stage {
    let stage = Stage::new();
    stage.run_whole().await;
    stage
}

fn key(stage: &Stage, contains: &str) -> String {
    let keys = stage.archive.keys();
    keys.into_iter().find(|key| key.contains(contains)).unwrap()
}

async fn findings(stage: &Stage) -> Vec<Finding> {
    stage.verify(VerifyRequest::new(vec![])).await.findings
}

#[tokio::test(start_paused = true)]
async fn a_whole_archive_has_no_findings() {
    let stage = exported().await;
    let report = stage.verify(VerifyRequest::new(vec![]).orphans(true)).await;
    assert_eq!((report.findings, report.orphans), (vec![], vec![]));
    assert_eq!(
        (report.windows, report.final_windows, report.events),
        (3, 0, 24)
    );
}

#[tokio::test(start_paused = true)]
async fn each_flipped_bit_of_a_part_is_found() {
    let stage = exported().await;
    let key = key(&stage, "hour=09/base-");
    let size = stage.archive.content(&key).unwrap().len();
    for at in 0..size {
        stage.archive.flip(&key, at);
        let found = findings(&stage).await;
        assert!(
            matches!(&found[..], [Finding::DamagedPart { key: found, .. }] if *found == key),
            "{at}: {found:?}"
        );
        stage.archive.flip(&key, at);
    }
    assert_eq!(findings(&stage).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_missing_part_a_missing_window_and_a_missing_manifest_are_found() {
    let stage = exported().await;
    let part = key(&stage, "hour=09/base-");
    let content = stage.archive.content(&part).unwrap();
    stage.archive.remove(&part);
    assert_eq!(
        findings(&stage).await,
        [Finding::MissingPart { key: part.clone() }]
    );
    let quick = stage.verify(VerifyRequest::new(vec![]).quick(true)).await;
    assert_eq!(quick.findings.len(), 1);
    stage.archive.place(&part, content);
    stage.archive.remove(&key(&stage, "hour=09/00000.json"));
    let found = findings(&stage).await;
    assert!(
        matches!(&found[..], [Finding::MissingWindow { window, .. }] if window.hour() == "09"),
        "{found:?}"
    );
    // At the ends it is missing only to who asks for it.
    let asked = VerifyRequest::new(vec![]).between(
        Some(at("2026-11-01T07:00:00Z")),
        Some(at("2026-11-01T12:00:00Z")),
    );
    assert_eq!(stage.verify(asked).await.findings.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_lies_is_found() {
    let stage = exported().await;
    let key = key(&stage, "hour=08/00000.json");
    let content = stage.archive.content(&key).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&content).unwrap();
    manifest["events"] = (manifest["events"].as_u64().unwrap() + 1).into();
    stage.archive.place(&key, manifest.to_string());
    let found = findings(&stage).await;
    assert!(
        matches!(&found[..], [Finding::DamagedManifest { .. }]),
        "{found:?}"
    );
    stage.archive.place(&key, "{");
    let found = findings(&stage).await;
    assert!(
        matches!(&found[..], [Finding::DamagedManifest { .. }]),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fresh_read_tells_what_is_lost_from_what_is_late() {
    let stage = exported().await;
    let time = at("2026-11-01T08:30:00Z").epoch();
    stage.logs.put(
        &place().group,
        [event(time, 5, "a", "was-there-all-the-time")],
    );
    stage.wait(2 * DAY).await;
    let report = stage.verify(VerifyRequest::new(vec![])).await;
    assert!(
        matches!(&report.findings[..], [Finding::Lost { events: 1, .. }]),
        "{:?}",
        report.findings
    );
    assert_eq!(report.late, 2);
    // The next reading has both.
    stage.run_whole().await;
    assert_eq!(findings(&stage).await, []);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_there_twice_is_found() {
    let stage = exported().await;
    stage.wait(30 * HOUR).await;
    stage.run_whole().await;
    let first = key(&stage, "hour=08/00000.json");
    let second = first.replace("00000.json", "00001.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&stage.archive.content(&first).unwrap()).unwrap();
    manifest["sequence"] = 1.into();
    stage.archive.place(&second, manifest.to_string());
    let found = findings(&stage).await;
    assert!(
        matches!(
            &found[..],
            [
                Finding::Duplicates { events: 8, .. },
                // It is in the place of another one.
                Finding::LostManifest { .. }
            ]
        ),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn orphans_are_listed_and_go_when_they_are_a_day_old() {
    let stage = exported().await;
    let orphan = key(&stage, "hour=08/base-").replace("base-", "base-0");
    stage.archive.place(&orphan, "x");
    let all = VerifyRequest::new(vec![]).orphans(true);
    let found = stage.verify(all.clone()).await.orphans;
    assert_eq!((found.len(), &found[0].key), (1, &orphan));
    assert!(!found[0].collectable && !found[0].deleted);
    let delete = all.delete_after(Some(log_exporter::ORPHAN_AGE));
    assert!(!stage.verify(delete.clone()).await.orphans[0].deleted);
    stage.wait(DAY).await;
    let before = stage.archive.keys().len();
    assert!(stage.verify(delete.clone()).await.orphans[0].deleted);
    assert_eq!(stage.archive.keys().len(), before - 1);
    let young = delete.delete_after(Some(Duration::from_secs(60)));
    let refused = log_exporter::verify(
        &stage.archive,
        None,
        &young,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await;
    assert!(refused.is_err());
}
