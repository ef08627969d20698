//! Retention, changed with care.

use log_exporter::sim::{SimArchive, SourceFault};
use log_exporter::{
    GroupInfo, OnlyVerified, PlanRequest, RetentionAction, RetentionDays, Selection, find_groups,
    set_retention,
};

use crate::stage::{DAY, Stage, at, place};

async fn groups(stage: &Stage) -> Vec<GroupInfo> {
    let selection = [Selection::Group(place().group)];
    find_groups(&stage.logs, &selection, &stage.limit, 1, &|_| {})
        .await
        .unwrap()
}

pub(crate) async fn set(
    stage: &Stage,
    days: u32,
    verified: bool,
    dry_run: bool,
) -> RetentionAction {
    let only = verified.then_some(OnlyVerified {
        archive: &stage.archive,
        options: &stage.options,
    });
    let groups = groups(stage).await;
    let days = RetentionDays::try_from(days).unwrap();
    let changes = set_retention::<SimArchive>(
        &stage.logs,
        &groups,
        days,
        only,
        dry_run,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await
    .unwrap();
    changes[0].action.clone()
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing_and_a_second_run_neither() {
    let stage = Stage::empty();
    assert_eq!(
        set(&stage, 30, false, true).await,
        RetentionAction::WouldChange
    );
    assert_eq!(groups(&stage).await[0].retention_days, None);
    assert_eq!(
        set(&stage, 30, false, false).await,
        RetentionAction::Changed
    );
    assert_eq!(groups(&stage).await[0].retention_days, Some(30));
    assert_eq!(
        set(&stage, 30, false, false).await,
        RetentionAction::Unchanged
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_archived_for_good_is_not_let_go() {
    let stage = Stage::empty();
    stage.wait(20 * DAY).await;
    let held = set(&stage, 1, true, false).await;
    assert!(
        matches!(&held, RetentionAction::Held(reason) if reason.contains("last time")),
        "{held:?}"
    );
    // All hours since two weeks before the group was made, up to two weeks ago.
    let request =
        PlanRequest::new(vec![Selection::Group(place().group)]).from(Some(at("2026-09-01")));
    let plan = log_exporter::plan(
        &stage.logs,
        &stage.archive,
        &request,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await
    .unwrap();
    let report = log_exporter::export(
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
    // The hours of the last 14 days are not final, and one day would delete them.
    assert!(matches!(
        set(&stage, 1, true, false).await,
        RetentionAction::Held(_)
    ));
    assert_eq!(set(&stage, 30, true, false).await, RetentionAction::Changed);
}

#[tokio::test(start_paused = true)]
async fn longer_is_always_safe_and_a_refusal_names_the_permission() {
    let stage = Stage::empty();
    assert_eq!(set(&stage, 7, false, false).await, RetentionAction::Changed);
    assert_eq!(set(&stage, 14, true, false).await, RetentionAction::Changed);
    stage
        .logs
        .fail_next([SourceFault::Slow, SourceFault::Denied]);
    match set(&stage, 30, false, false).await {
        RetentionAction::Failed(reason) => {
            assert!(reason.contains("logs:PutRetentionPolicy"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
}
