//! The quality gate: against the simulated server, and against one on loopback.

#[cfg(all(test, feature = "testing"))]
mod contract;
#[cfg(test)]
mod ensure;
#[cfg(test)]
mod follow;
#[cfg(all(test, feature = "testing"))]
mod http;
#[cfg(test)]
mod rules;

use std::sync::Mutex;
use std::time::Duration;

use health_checker::quality_gate::sim::SimSonar;
use health_checker::quality_gate::{
    Analysis, Comparator, Condition, FindingKind, GateEvent, GateOptions, GateReport, GateRequest,
    GateStatus, Level, Policy, ReportTask, Sonar, check_gate,
};

/// Names, which are all valid here.
pub(crate) fn name<N: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> N {
    text.parse().unwrap()
}

/// A report of the project `shop:users`.
pub(crate) fn report() -> ReportTask {
    name("projectKey=shop:users\nserverUrl=https://sonar.example.com\nceTaskId=T1\n")
}

pub(crate) fn condition(level: Level, metric: &str, limit: &str) -> Condition {
    let comparator = match metric {
        "coverage" | "new_coverage" => Comparator::Less,
        _ => Comparator::Greater,
    };
    Condition::new(level, name(metric), comparator, limit)
}

/// A gate with one condition that holds.
pub(crate) fn green() -> GateStatus {
    let coverage = condition(Level::Ok, "coverage", "80").actual("91.3");
    GateStatus::new(Level::Ok, vec![coverage])
}

/// A gate with one condition that does not hold.
pub(crate) fn red() -> GateStatus {
    let coverage = condition(Level::Error, "coverage", "80").actual("79.95");
    GateStatus::new(Level::Error, vec![coverage])
}

pub(crate) fn analysis(id: &str) -> Analysis {
    Analysis::new(
        name(id),
        Some("9ab01cd5e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6".to_owned()),
    )
}

/// A server with one analysis of `shop:users`, of which the gate says this.
pub(crate) fn server(gate: GateStatus) -> SimSonar {
    let sonar = SimSonar::new();
    sonar.add_success(&name("shop:users"), &name("T1"), analysis("A1"), gate);
    sonar
}

/// The outcome of a check and the events on the way.
pub(crate) async fn check(sonar: &dyn Sonar, policy: &Policy) -> (GateReport, Vec<GateEvent>) {
    let request = GateRequest::new(report());
    check_with(sonar, &request, policy, &GateOptions::default()).await
}

pub(crate) async fn check_with(
    sonar: &dyn Sonar,
    request: &GateRequest,
    policy: &Policy,
    options: &GateOptions,
) -> (GateReport, Vec<GateEvent>) {
    let events = Mutex::new(Vec::new());
    let observer = |event: GateEvent| events.lock().unwrap().push(event);
    let report = check_gate(sonar, request, policy, options, &observer).await;
    let events = events.into_inner().unwrap();
    (report, events)
}

pub(crate) fn kinds(report: &GateReport) -> Vec<FindingKind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
