//! What comes late, and what does not come twice.

use log_exporter::{GroupInfo, LogSource, Sweep, WindowState};

use crate::stage::{DAY, HOUR, Stage, at, event, formats, place};

#[tokio::test(start_paused = true)]
async fn late_events_are_found_by_each_reading_up_to_two_weeks() {
    let stage = Stage::new();
    let first = stage.run_whole().await;
    assert_eq!(first.count(WindowState::Written), 3);
    stage.assert_exact().await;
    let mut found = Vec::new();
    for wait in [30 * 60_000, 24 * HOUR, 14 * DAY] {
        stage.wait(wait).await;
        found.push(stage.run_whole().await.events);
        stage.assert_exact().await;
    }
    assert_eq!(found.iter().sum::<u64>(), 4);
    assert_eq!(
        stage.run_whole().await.windows.len(),
        0,
        "all has been read for the last time"
    );
    let keys = stage.archive.keys();
    let count = |name: &str| keys.iter().filter(|key| key.contains(name)).count();
    assert!(
        count("/late-24h-") > 0 && count("/late-14d-") > 0,
        "{keys:#?}"
    );
    assert!(count("/manifests/") == 0 && keys.iter().any(|key| key.starts_with("manifests/")));
}

#[tokio::test(start_paused = true)]
async fn a_window_without_news_is_committed_without_a_part() {
    let stage = Stage::empty();
    let time = at("2026-11-01T08:10:00Z").epoch();
    stage.logs.put(&place().group, [event(time, 10, "a", "1")]);
    stage.run_whole().await;
    stage.wait(2 * DAY).await;
    let again = stage.run_whole().await;
    assert_eq!(again.count(WindowState::NothingNew), 3);
    assert!(
        again
            .windows
            .iter()
            .all(|window| window.unit.sweep == Sweep::Day)
    );
    let parts = stage.archive.keys();
    let parts = parts.iter().filter(|key| key.starts_with("events/"));
    assert_eq!(parts.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_content_has_the_same_bytes() {
    for format in formats() {
        let parts = async |parallel: usize, page: usize, memory: usize| {
            let mut stage = Stage::of(format);
            stage.options = stage.options.max_parallel(parallel).memory(memory);
            stage.logs.page_events(page);
            stage.run_whole().await;
            let mut keys = stage.archive.keys();
            keys.retain(|key| key.contains("/base-"));
            keys
        };
        let first = parts(1, 3, 1 << 20).await;
        // Their names are of their content.
        assert!(first.len() > 6);
        assert_eq!(first, parts(3, 1000, 0).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_is_not_read_before_it_closes() {
    let stage = Stage::empty();
    let request = stage
        .request()
        .from(Some(at("2026-11-01T10:00:00Z")))
        .to(None);
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
    let windows: Vec<String> = plan
        .units
        .iter()
        .map(|unit| unit.window.to_string())
        .collect();
    // Noon: the hour from eleven has ended, and closes in a quarter of an hour.
    assert_eq!((windows, plan.open), (vec!["2026-11-01T10".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_deleted_meanwhile_keeps_what_was_read() {
    let stage = Stage::new();
    // Groups are listed, and one page of the first window is read.
    stage.logs.delete_group_after(&place().group, 2);
    let truth = stage.logs.truth(&place().group);
    let report = stage.run().await;
    assert!(!report.is_complete());
    assert_eq!(report.count(WindowState::GroupGone), 3, "{report:?}");
    assert_eq!(report.remaining, []);
    let archived = stage.archived().await;
    assert_eq!(archived.len(), 4);
    assert!(archived.iter().all(|event| truth.contains(event)));
    let findings = stage
        .verify(log_exporter::VerifyRequest::new(vec![]))
        .await
        .findings;
    assert!(
        matches!(
            &findings[..],
            [
                log_exporter::Finding::NotCompared { .. },
                log_exporter::Finding::Truncated { .. }
            ]
        ),
        "{findings:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn groups_are_found_by_prefix_over_pages_and_one_of_class_delivery_is_left_out() {
    let stage = Stage::empty();
    for n in 0..120 {
        let mut place = place();
        place.group = format!("/app/{n:03}").parse().unwrap();
        let mut info = GroupInfo::new(place, at("2026-11-01"));
        if n == 7 {
            info.class = log_exporter::GroupClass::Delivery;
        }
        stage.logs.create_group(info);
    }
    assert_eq!(
        stage.logs.groups(None, None).await.unwrap().groups.len(),
        50
    );
    let request = log_exporter::PlanRequest::new(vec![
        log_exporter::Selection::Prefix("/app/".to_owned()),
        log_exporter::Selection::Group("/app/001".parse().unwrap()),
    ])
    .from(Some(at("2026-11-01T10:00:00Z")))
    .to(Some(at("2026-11-01T11:00:00Z")));
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
    assert_eq!((plan.groups.len(), plan.units.len()), (119, 119));
    assert!(plan.warnings[0].contains("DELIVERY"));
}
