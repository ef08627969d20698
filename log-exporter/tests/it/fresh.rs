//! An archive compared with its source, and whose groups a source has.

use async_trait::async_trait;
use log_exporter::sim::SimLogs;
use log_exporter::{
    Error, EventPage, Fault, Finding, GroupInfo, GroupPage, Home, LogGroup, LogSource, Millis,
    PageToken, Place, Span, Sweep, Unit, VerifyReport, VerifyRequest, Window, WindowState, export,
    verify, verify_units,
};

use crate::stage::{DAY, Stage, at, place};

fn elsewhere() -> Place {
    Place {
        region: "eu-west-1".parse().unwrap(),
        ..place()
    }
}

/// A source of another region that has a group of the same name.
fn other_region(stage: &Stage) -> SimLogs {
    let logs = SimLogs::new(stage.clock);
    logs.create_group(GroupInfo::new(elsewhere(), at("2026-10-01")));
    logs
}

async fn compared(stage: &Stage, logs: &SimLogs) -> VerifyReport {
    verify(
        &stage.archive,
        Some(logs),
        &VerifyRequest::new(vec![]),
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await
    .unwrap()
}

fn units(place: &Place) -> Vec<Unit> {
    let first = Window::containing(at("2026-11-01T08:00:00Z"));
    let hours = [first, first.next(), first.next().next()];
    let unit = |window: Window| Unit::new(place.clone(), window, Sweep::Base, window.end());
    hours.map(unit).into()
}

#[track_caller]
fn assert_not_compared(report: &VerifyReport, why: &str) {
    assert!(
        matches!(&report.findings[..], [Finding::NotCompared { reason, .. }] if reason.contains(why)),
        "{report:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_comparison_with_nothing_is_none() {
    let stage = Stage::new();
    stage.run_whole().await;
    assert_eq!(compared(&stage, &stage.logs).await.compared, 3);
    assert_not_compared(&compared(&stage, &other_region(&stage)).await, "eu-west-1");
    let nobody = SimLogs::new(stage.clock);
    assert_not_compared(&compared(&stage, &nobody).await, "no log group");
    stage.logs.delete_group(&place().group);
    assert_not_compared(&compared(&stage, &stage.logs).await, "not there any more");
}

#[tokio::test(start_paused = true)]
async fn what_retention_has_deleted_cannot_be_compared() {
    let stage = Stage::new();
    stage.run_whole().await;
    stage.wait(10 * DAY).await;
    let mut info = GroupInfo::new(place(), at("2026-10-01"));
    info.retention_days = Some(3);
    stage.logs.delete_group(&place().group);
    stage.logs.create_group(info);
    assert_not_compared(&compared(&stage, &stage.logs).await, "retention");
}

#[tokio::test(start_paused = true)]
async fn messages_are_compared_too() {
    let stage = Stage::new();
    stage.run_whole().await;
    let mut events = stage.logs.truth(&place().group);
    events.retain(|event| event.ingestion <= stage.clock.now().epoch());
    events[3].message.push('!');
    stage.logs.delete_group(&place().group);
    stage
        .logs
        .create_group(GroupInfo::new(place(), at("2026-10-01")));
    stage.logs.put(&place().group, events);
    let report = compared(&stage, &stage.logs).await;
    assert!(
        matches!(&report.findings[..], [Finding::Altered { events: 1, .. }]),
        "{report:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn units_are_verified_where_they_are_beside_the_same_group_of_another_region() {
    let stage = Stage::new();
    stage.run_whole().await;
    let other = other_region(&stage);
    let report = export(
        &other,
        &stage.archive,
        units(&elsewhere()),
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await;
    assert!(report.is_complete(), "{report:?}");
    let verified = verify_units(
        &stage.archive,
        &stage.logs,
        &units(&place()),
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await
    .unwrap();
    assert_eq!((verified.findings, verified.compared), (vec![], 3));
    // As a whole: the group that is seen is compared, and the other one is left out.
    let report = compared(&stage, &stage.logs).await;
    assert_eq!(
        (report.findings, report.groups, report.compared),
        (vec![], 2, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn windows_of_another_region_are_not_read_from_here() {
    let stage = Stage::new();
    let mut all = units(&elsewhere());
    all.extend(units(&place()));
    let report = export(
        &stage.logs,
        &stage.archive,
        all,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await;
    assert_eq!(report.count(WindowState::Failed), 3, "{report:?}");
    assert_eq!(report.count(WindowState::Written), 3, "{report:?}");
    assert_eq!(report.remaining, units(&elsewhere()));
    let failed = report
        .windows
        .iter()
        .find(|window| window.fault.is_some())
        .unwrap();
    assert_eq!(failed.fault, Some(Fault::Request));
    let reason = failed.reason.as_ref().unwrap();
    assert!(
        reason.contains("eu-west-1") && reason.contains("us-east-1"),
        "{reason}"
    );
    let keys = stage.archive.keys();
    assert!(
        keys.iter().all(|key| !key.contains("eu-west-1")),
        "{keys:?}"
    );
}

/// Lists its groups and finds none of them when they are read.
#[derive(Debug)]
struct Blind(SimLogs);

#[async_trait]
impl LogSource for Blind {
    async fn groups<'a>(
        &self,
        prefix: Option<&'a str>,
        token: Option<&'a PageToken>,
    ) -> Result<GroupPage, Error> {
        self.0.groups(prefix, token).await
    }

    async fn events<'a>(
        &self,
        group: &LogGroup,
        _span: Span,
        _token: Option<&'a PageToken>,
    ) -> Result<EventPage, Error> {
        Err(Error::GroupNotFound {
            group: group.clone(),
        })
    }

    async fn home(&self) -> Result<Option<Home>, Error> {
        self.0.home().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_is_only_gone_when_it_is_not_listed_either() {
    let stage = Stage::new();
    let run = async || {
        export(
            &Blind(stage.logs.clone()),
            &stage.archive,
            units(&place()),
            &stage.options,
            &stage.clock,
            &stage.limit,
            &|_| {},
        )
        .await
    };
    let report = run().await;
    assert_eq!(report.count(WindowState::Failed), 3, "{report:?}");
    assert_eq!(report.remaining.len(), 3);
    stage.logs.delete_group(&place().group);
    let report = run().await;
    assert_eq!(report.count(WindowState::GroupGone), 3, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_was_planned_by_a_clock_that_is_ahead_is_read_once() {
    let stage = Stage::new();
    let window = Window::containing(at("2026-11-01T08:00:00Z"));
    let run = async |window: Window, due: Millis| {
        let unit = Unit::new(place(), window, Sweep::Base, due);
        export(
            &stage.logs,
            &stage.archive,
            vec![unit],
            &stage.options,
            &stage.clock,
            &stage.limit,
            &|_| {},
        )
        .await
    };
    let ahead = stage.clock.now().plus(std::time::Duration::from_secs(600));
    let report = run(window, ahead).await;
    assert!(report.is_complete(), "{report:?}");
    let manifests = |hour: &str| {
        let mut keys = stage.archive.keys();
        keys.retain(|key| key.starts_with("manifests/") && key.contains(hour));
        keys.len()
    };
    assert_eq!(manifests("hour=08"), 1);
    // An hour that is not over yet is not read at all.
    let open = Window::containing(stage.clock.now());
    let report = run(open, open.start()).await;
    assert_eq!(report.windows[0].fault, Some(Fault::Request), "{report:?}");
    assert!(
        report.windows[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("not over"),
        "{report:?}"
    );
    assert_eq!(manifests("hour=12"), 0);
    // A due time before the hour's end does not count what was read before it.
    let report = run(window.next(), window.start()).await;
    assert_eq!(report.count(WindowState::Written), 1, "{report:?}");
}
