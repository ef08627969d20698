//! What the collector of orphans leaves alone.

use std::time::Duration;

use log_exporter::sim::ArchiveFault;
use log_exporter::{Error, Finding, ORPHAN_AGE, Orphan, VerifyReport, VerifyRequest, verify};

use crate::stage::{DAY, HOUR, Stage, at};

/// An archive of three hours, each read twice, that is older than any orphan has to be.
async fn exported() -> Stage {
    let stage = Stage::new();
    stage.run_whole().await;
    stage.wait(30 * HOUR).await;
    stage.run_whole().await;
    stage.wait(2 * DAY).await;
    stage
}

fn request() -> VerifyRequest {
    VerifyRequest::new(vec![])
        .orphans(true)
        .delete_after(Some(ORPHAN_AGE))
}

async fn collect(stage: &Stage, request: VerifyRequest) -> Result<VerifyReport, Error> {
    verify(
        &stage.archive,
        None,
        &request,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await
}

fn keys(stage: &Stage, contains: &str) -> Vec<String> {
    let mut keys = stage.archive.keys();
    keys.retain(|key| key.contains(contains));
    keys
}

fn parts(stage: &Stage) -> Vec<String> {
    let mut keys = stage.archive.keys();
    keys.retain(|key| key.starts_with("events/"));
    keys
}

fn is_of_nine(orphan: &Orphan) -> bool {
    orphan.key.contains("hour=09") && orphan.kept.is_some() && !orphan.deleted
}

#[tokio::test(start_paused = true)]
async fn parts_stay_whose_manifest_is_damaged_inside_of_the_span_or_outside() {
    let stage = exported().await;
    let before = parts(&stage);
    for damaged in keys(&stage, "hour=08/00001.json") {
        stage.archive.place(&damaged, "{");
    }
    for from in [None, Some(at("2026-11-01T09:00:00Z"))] {
        let report = collect(&stage, request().between(from, None))
            .await
            .unwrap();
        assert_eq!(parts(&stage), before);
        assert!(
            matches!(&report.findings[..], [Finding::DamagedManifest { key, .. }] if key.contains("hour=08")),
            "{report:?}"
        );
        assert_eq!(report.orphans, []);
    }
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_cannot_be_read_is_left_alone() {
    let mut ended = false;
    for requests in 0..80 {
        let stage = exported().await;
        let named = parts(&stage);
        let orphan = named[0].replace("base-", "base-0");
        stage.archive.place(&orphan, "x");
        stage.wait(2 * DAY).await;
        stage.archive.fail_next(vec![ArchiveFault::Slow; requests]);
        stage.archive.fail_next([ArchiveFault::Denied]);
        let only_hour_ten = request().between(Some(at("2026-11-01T10:00:00Z")), None);
        let result = collect(&stage, only_hour_ten).await;
        stage.archive.heal();
        ended |= result.is_ok();
        assert!(
            named
                .iter()
                .all(|part| stage.archive.content(part).is_some()),
            "after {requests} requests"
        );
    }
    assert!(ended, "each was cut off");
}

#[tokio::test(start_paused = true)]
async fn parts_of_an_hour_without_manifests_are_all_that_is_left_of_it() {
    for checkpoint in [true, false] {
        let stage = exported().await;
        let before = parts(&stage);
        for key in keys(&stage, "hour=09/0000") {
            stage.archive.remove(&key);
        }
        if !checkpoint {
            keys(&stage, "checkpoints/")
                .iter()
                .for_each(|key| stage.archive.remove(key));
        }
        let report = collect(&stage, request()).await.unwrap();
        assert!(
            matches!(&report.findings[..], [Finding::MissingWindow { window, .. }] if window.hour() == "09"),
            "{report:?}"
        );
        assert_eq!(parts(&stage), before);
        assert!(
            !report.orphans.is_empty() && report.orphans.iter().all(is_of_nine),
            "{report:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_archive_without_manifests_has_no_orphans_that_could_be_told() {
    let stage = exported().await;
    let before = parts(&stage);
    keys(&stage, "manifests/")
        .iter()
        .for_each(|key| stage.archive.remove(key));
    let refused = collect(&stage, request()).await.unwrap_err();
    assert!(
        refused.is_usage() && refused.to_string().contains("no manifest"),
        "{refused}"
    );
    assert_eq!(parts(&stage), before);
    // The checkpoint still knows what there was.
    let report = collect(&stage, VerifyRequest::new(vec![])).await.unwrap();
    assert_eq!(report.findings.len(), 3, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_manifest_of_an_hour_and_the_hours_at_the_ends_are_missed() {
    let stage = exported().await;
    let before = parts(&stage);
    let last = keys(&stage, "hour=09/00001.json");
    let content = stage.archive.content(&last[0]).unwrap();
    stage.archive.remove(&last[0]);
    let report = collect(&stage, request()).await.unwrap();
    assert!(
        matches!(&report.findings[..], [Finding::LostManifest { window, .. }] if window.hour() == "09"),
        "{report:?}"
    );
    assert_eq!(parts(&stage), before);
    assert!(!report.orphans.is_empty() && report.orphans.iter().all(is_of_nine));
    stage.archive.place(&last[0], content);
    for hour in ["hour=08/0000", "hour=10/0000"] {
        keys(&stage, hour)
            .iter()
            .for_each(|key| stage.archive.remove(key));
    }
    let report = collect(&stage, request()).await.unwrap();
    let missing = |finding: &Finding| matches!(finding, Finding::MissingWindow { .. });
    assert!(
        report.findings.len() == 2 && report.findings.iter().all(missing),
        "{report:?}"
    );
    assert_eq!(parts(&stage), before);
    // Who names a time means that time.
    let nine = (at("2026-11-01T09:00:00Z"), at("2026-11-01T10:00:00Z"));
    let asked = request().between(Some(nine.0), Some(nine.1));
    assert_eq!(collect(&stage, asked).await.unwrap().findings, []);
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_while_a_slow_verification_goes_on_stays() {
    let stage = exported().await;
    let mut taken = Vec::new();
    for key in keys(&stage, "hour=10/") {
        taken.push((key.clone(), stage.archive.content(&key).unwrap()));
        stage.archive.remove(&key);
    }
    keys(&stage, "checkpoints/")
        .iter()
        .for_each(|key| stage.archive.remove(key));
    let orphan = keys(&stage, "hour=08/base-")[0].replace("base-", "base-0");
    stage.archive.place(&orphan, "x");
    let part = orphan.replace("base-0", "base-1");
    stage.wait(2 * DAY).await;
    stage.archive.pace(Duration::from_secs(4 * 3600));
    let started = stage.clock.now();
    // Another worker writes an hour when the manifests have been listed.
    let other = async {
        stage.wait(10 * HOUR).await;
        for (key, content) in &taken {
            stage.archive.place(key, content.clone());
        }
        // And a part whose manifest is still to come.
        stage.archive.place(&part, "x");
    };
    let (report, ()) = tokio::join!(collect(&stage, request()), other);
    let report = report.unwrap();
    assert!(
        stage.clock.now() > started.plus(2 * ORPHAN_AGE),
        "it was quick"
    );
    assert!(
        taken
            .iter()
            .all(|(key, _)| stage.archive.content(key).is_some()),
        "{report:?}"
    );
    assert_eq!(stage.archive.content(&orphan), None, "{report:?}");
    assert!(stage.archive.content(&part).is_some(), "{report:?}");
    stage.archive.pace(Duration::ZERO);
    stage.assert_exact().await;
}
