//! Manifests that are lost or damaged, groups that are refused, and time that is gone.

use log_exporter::sim::{ArchiveFault, SourceFault};
use log_exporter::{
    Error, Event, Fault, Finding, GroupInfo, Millis, Plan, PlanRequest, RetentionAction, Selection,
    Span, VerifyRequest, WindowState, cat, export, plan,
};

use crate::stage::{DAY, HOUR, Stage, at, event, place};

fn key(stage: &Stage, contains: &str) -> String {
    let keys = stage.archive.keys();
    keys.into_iter().find(|key| key.contains(contains)).unwrap()
}

async fn planned(stage: &Stage, request: &PlanRequest) -> Result<Plan, Error> {
    plan(
        &stage.logs,
        &stage.archive,
        request,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await
}

#[tokio::test(start_paused = true)]
async fn a_damaged_manifest_fails_its_hour_alone_when_the_checkpoint_is_lost() {
    for no_checkpoint in [true, false] {
        let mut stage = Stage::new();
        stage.run_whole().await;
        stage.wait(30 * HOUR).await;
        stage.archive.place(&key(&stage, "hour=09/00000.json"), "{");
        stage.archive.remove(&key(&stage, "checkpoints/"));
        stage.options = stage.options.checkpoint(!no_checkpoint);
        let plan = planned(&stage, &stage.request()).await.unwrap();
        assert_eq!(plan.units.len(), 3);
        assert!(
            plan.warnings.iter().any(|text| text.contains("hour=09")),
            "{:?}",
            plan.warnings
        );
        for _ in 0..2 {
            let report = stage.run().await;
            let failed: Vec<_> = report
                .windows
                .iter()
                .filter(|window| window.state == WindowState::Failed)
                .collect();
            assert!(
                matches!(&failed[..], [one] if one.fault == Some(Fault::Archive)
                    && one.unit.window.hour() == "09"),
                "{report:?}"
            );
            assert!(report.stopped.is_none());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_whose_manifests_were_deleted_is_read_again() {
    let stage = Stage::new();
    stage.run_whole().await;
    stage.wait(30 * HOUR).await;
    stage.run_whole().await;
    stage.archive.remove(&key(&stage, "hour=09/00000.json"));
    stage.wait(15 * DAY).await;
    let report = stage.run().await;
    let reason = report.windows[1].reason.as_ref().unwrap();
    assert!(reason.contains("delete those too"), "{reason}");
    stage.archive.remove(&key(&stage, "hour=09/00001.json"));
    let plan = planned(&stage, &stage.request()).await.unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|text| text.contains("no manifest any more")),
        "{:?}",
        plan.warnings
    );
    assert_eq!(plan.units.len(), 1);
    stage.run_whole().await;
    stage.assert_exact().await;
    assert_eq!(stage.verify(VerifyRequest::new(vec![])).await.findings, []);
}

#[tokio::test(start_paused = true)]
async fn a_begun_hour_that_the_checkpoint_does_not_know_is_not_forgotten() {
    let stage = Stage::new();
    stage.run_whole().await;
    // A checkpoint that was made anew and has the last hour alone.
    let checkpoint = key(&stage, "checkpoints/");
    let content = stage.archive.content(&checkpoint).unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&content).unwrap();
    let windows = document["windows"].as_object_mut().unwrap();
    let first = windows.keys().next().unwrap().clone();
    windows.remove(&first);
    document.as_object_mut().unwrap().remove("sha256");
    stage.archive.place(&checkpoint, document.to_string());
    stage.wait(40 * DAY).await;
    let all = PlanRequest::new(vec![Selection::Group(place().group)]);
    let plan = planned(&stage, &all).await.unwrap();
    assert_eq!(plan.units[0].window.hour(), "08");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_with_a_flipped_bit_is_none() {
    let stage = Stage::new();
    stage.run_whole().await;
    let checkpoint = key(&stage, "checkpoints/");
    let size = stage.archive.content(&checkpoint).unwrap().len();
    stage.wait(30 * HOUR).await;
    for at in 0..size {
        stage.archive.flip(&checkpoint, at);
        assert_eq!(
            planned(&stage, &stage.request()).await.unwrap().units.len(),
            3,
            "{at}"
        );
        assert_eq!(
            stage.verify(VerifyRequest::new(vec![])).await.findings,
            [],
            "{at}"
        );
        stage.archive.flip(&checkpoint, at);
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_may_not_be_read_stops_no_other_one() {
    let stage = Stage::new();
    let mut other = place();
    other.group = "/ecs/worker".parse().unwrap();
    stage
        .logs
        .create_group(GroupInfo::new(other.clone(), at("2026-10-01")));
    let time = at("2026-11-01T08:00:00Z").epoch();
    stage.logs.put(&other.group, [event(time, 10, "w", "1")]);
    let mut request = stage.request();
    request.groups.push(Selection::Group(other.group.clone()));
    let plan = planned(&stage, &request).await.unwrap();
    assert_eq!(plan.units.len(), 6);
    stage.logs.fail_next([SourceFault::Denied]);
    let report = export(
        &stage.logs,
        &stage.archive,
        plan.units,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await;
    assert!(report.stopped.is_none(), "{report:?}");
    assert_eq!(
        (
            report.count(WindowState::Failed),
            report.count(WindowState::Written)
        ),
        (3, 3),
        "{report:?}"
    );
    for window in &report.windows {
        let is_other = window.unit.place == other;
        assert_eq!(window.state == WindowState::Written, is_other);
        if !is_other {
            assert_eq!(window.fault, Some(Fault::Credentials));
            let reason = window.reason.as_ref().unwrap();
            assert!(reason.contains("logs:FilterLogEvents"), "{reason}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_may_not_be_written_stops_the_run() {
    let stage = Stage::new();
    let plan = planned(&stage, &stage.request()).await.unwrap();
    stage.archive.fail_next([ArchiveFault::Denied]);
    let report = export(
        &stage.logs,
        &stage.archive,
        plan.units,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await;
    assert!(
        matches!(report.stopped, Some(Error::Denied { .. })),
        "{report:?}"
    );
    assert_eq!(report.remaining.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_hour_that_is_first_read_after_its_retention_is_not_whole() {
    let stage = Stage::empty();
    let mut info = GroupInfo::new(place(), at("2026-10-01"));
    info.retention_days = Some(30);
    stage.logs.create_group(info);
    let time = at("2026-11-01T08:00:00Z").epoch();
    stage.logs.put(&place().group, [event(time, 10, "a", "1")]);
    stage.wait(31 * DAY).await;
    let report = stage.run().await;
    assert_eq!(report.windows.len(), 3);
    assert!(!report.is_complete());
    let reason = report.windows[1].reason.as_ref().unwrap();
    assert!(reason.contains("retention"), "{reason}");
    let verified = stage.verify(VerifyRequest::new(vec![])).await;
    assert_eq!((verified.windows, verified.final_windows), (3, 0));
    let truncated = |finding: &&Finding| matches!(finding, Finding::Truncated { .. });
    assert_eq!(verified.findings.iter().filter(truncated).count(), 3);
    // It does not get better, and is not tried again.
    assert_eq!(stage.run().await.windows.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_groups_that_does_not_end_is_an_error_and_a_token_twice_is_none() {
    let stage = Stage::empty();
    for n in 0..120 {
        let mut place = place();
        place.group = format!("/app/{n:03}").parse().unwrap();
        stage
            .logs
            .create_group(GroupInfo::new(place, at("2026-11-01")));
    }
    let request = PlanRequest::new(vec![Selection::Prefix("/app/".to_owned())])
        .from(Some(at("2026-11-01T10:00:00Z")));
    stage.logs.fail_next([SourceFault::Slow]);
    stage.logs.fail_next([SourceFault::SameToken; 3]);
    assert_eq!(planned(&stage, &request).await.unwrap().groups.len(), 120);
    stage.logs.fail_next([SourceFault::Slow]);
    stage.logs.fail_next([SourceFault::SameToken; 60]);
    let error = planned(&stage, &request).await.unwrap_err();
    assert!(matches!(error, Error::NoProgress { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_time_in_which_there_can_be_nothing_is_refused() {
    let stage = Stage::new();
    let request = || PlanRequest::new(vec![Selection::Group(place().group)]);
    for (request, says) in [
        (request().to(Some(at("2020-01-01"))), "2020-01-01"),
        (request().from(Some(at("2030-01-01"))), "2030-01-01"),
    ] {
        let error = planned(&stage, &request).await.unwrap_err();
        assert!(
            error.is_usage() && error.to_string().contains(says),
            "{error}"
        );
    }
    let early = request()
        .from(Some(at("2020-01-01")))
        .to(Some(at("2020-02-01")));
    let plan = planned(&stage, &early).await.unwrap();
    assert!(
        plan.warnings.iter().any(|text| text.contains("was made")),
        "{:?}",
        plan.warnings
    );
}

#[tokio::test(start_paused = true)]
async fn reading_back_says_what_is_not_there() {
    let stage = Stage::new();
    stage.run_whole().await;
    let warnings = async |from: Millis, to: Millis| {
        let heard = std::sync::Mutex::new(Vec::new());
        let observer = |event: Event| {
            if let Event::Warning { text } = event {
                heard.lock().unwrap().push(text);
            }
        };
        let span = Span::new(from, to).unwrap();
        cat(
            &stage.archive,
            &place(),
            span,
            &stage.options,
            &observer,
            &mut |_| Ok(()),
        )
        .await
        .unwrap();
        heard.into_inner().unwrap()
    };
    let (start, end) = (Millis::default(), Millis::from_epoch(i64::MAX));
    assert_eq!(warnings(start, end).await, [""; 0]);
    let early = warnings(at("2026-11-01T06:00:00Z"), end).await;
    assert!(
        matches!(&early[..], [one] if one.contains("2026-11-01T06:00:00Z")),
        "{early:?}"
    );
    // At the end, where only the checkpoint knows of it.
    stage.archive.remove(&key(&stage, "hour=10/00000.json"));
    let lost = warnings(start, end).await;
    assert!(
        matches!(&lost[..], [one] if one.contains("2026-11-01T10:00:00Z")),
        "{lost:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_retention_that_cannot_be_verified_says_which_can() {
    let stage = Stage::empty();
    stage.wait(20 * DAY).await;
    let request =
        PlanRequest::new(vec![Selection::Group(place().group)]).from(Some(at("2026-09-01")));
    let plan = planned(&stage, &request).await.unwrap();
    let report = export(
        &stage.logs,
        &stage.archive,
        plan.units,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await;
    assert!(report.is_complete());
    let action = crate::retention::set(&stage, 7, true, false).await;
    match action {
        RetentionAction::Held(reason) => {
            assert!(
                reason.contains("7 days") && reason.contains("30 days are the least"),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
}
