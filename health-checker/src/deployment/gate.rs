//! Looking until a deployment serves or the time is up.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::judge::ours;
use super::{
    DeploymentReport, DeploymentVerdict, DeploymentView, Expected, Past, ServiceRef, Snapshot,
    Standing, ViewError, judge,
};
use crate::event::{Event, Observer};
use crate::text;

/// How often and how long is looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateOptions {
    interval: Duration,
    timeout: Duration,
}

impl Default for GateOptions {
    /// Every 5 s, for 10 minutes.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(600),
        }
    }
}

impl GateOptions {
    /// The time from one look to the next; below 100 ms counts as 100 ms.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(100));
        self
    }

    /// When a verdict is given, however far things have come.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Looks at one deployment.
#[derive(Debug)]
pub struct Gate<'a> {
    view: &'a dyn DeploymentView,
    service: &'a ServiceRef,
    expected: Expected,
    options: GateOptions,
    past: Past,
    looks: u32,
}

impl<'a> Gate<'a> {
    /// A gate that has not looked yet.
    pub fn new(
        view: &'a dyn DeploymentView,
        service: &'a ServiceRef,
        expected: Expected,
        options: GateOptions,
    ) -> Self {
        Self {
            view,
            service,
            expected,
            options,
            past: Past::default(),
            looks: 0,
        }
    }

    /// Looks until the deployment serves, cannot serve any more, or the time is up.
    ///
    /// A look that could not be had is tried again; one that is refused ends it. Dropping the future ends the look that is
    /// under way.
    pub async fn wait(&mut self, observer: &dyn Observer) -> DeploymentReport {
        let unseen = "was not seen: there was no time for a look";
        self.look(self.options.timeout, unseen, observer).await
    }

    /// Looks again, for as long as `left`, after the service has been probed: a deployment that was rolled back or
    /// replaced in the meantime does not serve. One that only grew, or a look that could not be had, is looked at further.
    pub async fn confirm(&mut self, left: Duration, observer: &dyn Observer) -> DeploymentReport {
        let unseen = "could not be looked at once more in time";
        self.look(left, unseen, observer).await
    }

    async fn look(
        &mut self,
        time: Duration,
        unseen: &str,
        observer: &dyn Observer,
    ) -> DeploymentReport {
        let began = Instant::now();
        let day = Duration::from_secs(24 * 3600);
        let deadline = began.checked_add(time.min(day * 365)).unwrap_or(began);
        let mut last = Standing::NotYet {
            reason: unseen.to_owned(),
            is_bad: false,
        };
        let mut trouble = None;
        loop {
            let looked_at = Instant::now();
            match timeout_at(deadline, self.view.look(self.service)).await {
                Err(_) => break,
                Ok(Ok(snapshot)) => {
                    trouble = None;
                    last = self.take(&snapshot);
                    self.say(&last, observer);
                    if !matches!(last, Standing::NotYet { .. }) {
                        break;
                    }
                }
                Ok(Err(error)) => {
                    self.looks += 1;
                    let is_transient = error.is_transient();
                    trouble = Some(error);
                    if !is_transient {
                        break;
                    }
                }
            }
            let next = looked_at
                .checked_add(self.options.interval)
                .unwrap_or(deadline);
            if next >= deadline {
                sleep_until(deadline).await;
                break;
            }
            sleep_until(next).await;
        }
        let report = self.report(last, trouble, began);
        finished(&report, observer);
        report
    }

    fn take(&mut self, snapshot: &Snapshot) -> Standing {
        self.looks += 1;
        let standing = judge(snapshot, &self.expected, &self.past);
        if let Some(deployment) = ours(snapshot, &self.expected) {
            self.past.take(snapshot, deployment);
            // Whatever was asked for, from now on it is this one.
            self.expected = Expected::Deployment(deployment.id.clone());
        }
        standing
    }

    fn say(&self, standing: &Standing, observer: &dyn Observer) {
        let reason = match standing {
            Standing::Ready { .. } => None,
            Standing::NotYet { reason, .. }
            | Standing::Failed { reason }
            | Standing::Superseded { reason }
            | Standing::Unknown { reason } => Some(reason.clone()),
        };
        let seen = self.past.deployment();
        observer.observe(Event::DeploymentSeen {
            service: self.service.service().to_owned(),
            deployment: seen.map(|deployment| deployment.id.clone()),
            look: self.looks,
            running: seen.map(|deployment| deployment.running),
            desired: seen.map(|deployment| deployment.desired),
            objection: reason,
        });
    }

    fn report(
        &self,
        standing: Standing,
        trouble: Option<ViewError>,
        began: Instant,
    ) -> DeploymentReport {
        let hint = trouble.as_ref().and_then(ViewError::hint);
        let (verdict, reason, note) = match (trouble, standing) {
            (Some(error @ ViewError::NotFound { .. }), _) => {
                (DeploymentVerdict::NotFound, Some(error.to_string()), None)
            }
            (Some(error), _) => (
                DeploymentVerdict::Unknown,
                Some(format!("could not be looked at: {}", text::chain(&error))),
                None,
            ),
            (None, Standing::Ready { note }) => (DeploymentVerdict::Serving, None, note),
            (None, Standing::NotYet { reason, is_bad }) => (
                match is_bad {
                    true => DeploymentVerdict::NotServing,
                    false => DeploymentVerdict::TimedOut,
                },
                Some(reason),
                None,
            ),
            (None, Standing::Failed { reason }) => (DeploymentVerdict::Failed, Some(reason), None),
            (None, Standing::Superseded { reason }) => {
                (DeploymentVerdict::Superseded, Some(reason), None)
            }
            (None, Standing::Unknown { reason }) => {
                (DeploymentVerdict::Unknown, Some(reason), None)
            }
        };
        let seen = self.past.deployment();
        DeploymentReport {
            cluster: self.service.cluster().to_owned(),
            service: self.service.service().to_owned(),
            deployment: seen.map(|deployment| deployment.id.clone()),
            task_definition: seen.map(|deployment| deployment.task_definition.clone()),
            verdict,
            reason,
            hint,
            note,
            running: seen.map(|deployment| deployment.running),
            desired: seen.map(|deployment| deployment.desired),
            looks: self.looks,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn finished(report: &DeploymentReport, observer: &dyn Observer) {
    observer.observe(Event::DeploymentFinished {
        service: report.service.clone(),
        deployment: report.deployment.clone(),
        verdict: report.verdict,
        reason: report.reason.clone(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{RolloutFault, SimRollout};

    const SECOND: Duration = Duration::from_secs(1);

    fn service() -> ServiceRef {
        ServiceRef::new("dev", "web").unwrap()
    }

    async fn wait(view: &SimRollout, expected: Expected) -> (DeploymentReport, Duration) {
        let (service, began) = (service(), Instant::now());
        let options = GateOptions::default().interval(SECOND).timeout(60 * SECOND);
        let mut gate = Gate::new(view, &service, expected, options);
        (gate.wait(&|_: Event| {}).await, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_rollout_serves_when_its_tasks_are_the_ones_that_are_reached() {
        let view = SimRollout::new(service(), 3);
        let (report, took) = wait(&view, Expected::Primary).await;
        assert_eq!(report.verdict, DeploymentVerdict::Serving, "{report:?}");
        assert_eq!((report.running, report.desired), (Some(3), Some(3)));
        assert!(took >= 3 * SimRollout::STEP, "{took:?}");
        assert_eq!(report.deployment.as_deref(), Some(SimRollout::NEW));
    }

    #[tokio::test(start_paused = true)]
    async fn each_way_to_fail_has_its_verdict() {
        let new = || Expected::Deployment(SimRollout::NEW.to_owned());
        for (fault, verdict, part) in [
            (
                RolloutFault::RolledBack,
                DeploymentVerdict::Failed,
                "serves in its place",
            ),
            (
                RolloutFault::Superseded,
                DeploymentVerdict::Superseded,
                "took its place",
            ),
            (
                RolloutFault::FailsOpen,
                DeploymentVerdict::NotServing,
                "fails open",
            ),
            (
                RolloutFault::StrangerServes,
                DeploymentVerdict::NotServing,
                "none of its tasks",
            ),
            (
                RolloutFault::NeverEnds,
                DeploymentVerdict::TimedOut,
                "is in progress",
            ),
            (
                RolloutFault::Denied,
                DeploymentVerdict::Unknown,
                "not allowed to",
            ),
            (
                RolloutFault::Unreachable,
                DeploymentVerdict::Unknown,
                "could not",
            ),
        ] {
            let view = SimRollout::new(service(), 2).fault(fault);
            let (report, took) = wait(&view, new()).await;
            let reason = report.reason.clone().unwrap();
            assert!(
                report.verdict == verdict && reason.contains(part),
                "{fault:?}: {report:?}"
            );
            assert!(took <= 60 * SECOND, "{took:?}");
        }
        let elsewhere = SimRollout::new(ServiceRef::new("dev", "other").unwrap(), 2);
        let (report, took) = wait(&elsewhere, new()).await;
        assert_eq!(report.verdict, DeploymentVerdict::NotFound);
        assert_eq!(took, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_looked_for_is_the_one_that_was_first_seen() {
        let view = SimRollout::new(service(), 2).fault(RolloutFault::Superseded);
        let (report, _) = wait(&view, Expected::Primary).await;
        assert_eq!(report.verdict, DeploymentVerdict::Superseded);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rollback_after_it_served_is_noticed_by_the_last_look() {
        let (view, service) = (
            SimRollout::new(service(), 2).fault(RolloutFault::RolledBackLate),
            service(),
        );
        let options = GateOptions::default().timeout(60 * SECOND);
        let mut gate = Gate::new(&view, &service, Expected::Primary, options);
        let served = gate.wait(&|_: Event| {}).await;
        assert_eq!(served.verdict, DeploymentVerdict::Serving, "{served:?}");
        tokio::time::sleep(120 * SECOND).await;
        let after = gate.confirm(7 * SECOND, &|_: Event| {}).await;
        assert_eq!(after.verdict, DeploymentVerdict::Failed, "{after:?}");
    }

    /// Never answers.
    #[derive(Debug)]
    struct Hung;

    #[async_trait::async_trait]
    impl DeploymentView for Hung {
        async fn look(&self, _: &ServiceRef) -> Result<Snapshot, ViewError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_holds_with_a_cluster_that_does_not_answer() {
        let (service, began) = (service(), Instant::now());
        let options = GateOptions::default().timeout(7 * SECOND);
        let mut gate = Gate::new(&Hung, &service, Expected::Primary, options);
        let report = gate.wait(&|_: Event| {}).await;
        assert_eq!(report.verdict, DeploymentVerdict::TimedOut);
        assert_eq!(began.elapsed(), 7 * SECOND);
        let report = gate.confirm(7 * SECOND, &|_: Event| {}).await;
        assert_eq!(report.verdict, DeploymentVerdict::TimedOut);
    }

    /// Each look shows what is next; the last one stays.
    #[derive(Debug)]
    struct Course(std::sync::Mutex<Vec<Option<Snapshot>>>);

    #[async_trait::async_trait]
    impl DeploymentView for Course {
        async fn look(&self, _: &ServiceRef) -> Result<Snapshot, ViewError> {
            let mut left = self.0.lock().unwrap();
            let next = match left.len() {
                1 => left[0].clone(),
                _ => left.remove(0),
            };
            next.ok_or_else(|| ViewError::Unreachable {
                operation: "describe services",
                source: "connection refused".into(),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_grows_between_the_looks_is_looked_at_until_it_has_grown() {
        let rollout = |desired: u32, running: u32| {
            let definition = "arn:aws:ecs:eu-west-1:1:task-definition/web:2";
            let primary = crate::deployment::Role::Primary;
            let deployment = crate::deployment::Deployment::new("ecs-svc/2", definition, primary);
            let task = |n: u32| {
                let id = format!("t{n}");
                crate::deployment::Task::new(&id, Some("ecs-svc/2"), Vec::new())
            };
            Some(Snapshot {
                deployments: vec![deployment.tasks(desired, running)],
                tasks: (0..running).map(task).collect(),
                ..Snapshot::default()
            })
        };
        let looks = || vec![rollout(2, 2), rollout(3, 2), None, rollout(3, 3)];
        let service = service();
        let mut verdicts = Vec::new();
        for left in [5 * SECOND, SECOND] {
            let view = Course(looks().into());
            let options = GateOptions::default().interval(SECOND).timeout(60 * SECOND);
            let mut gate = Gate::new(&view, &service, Expected::Primary, options);
            let before = gate.wait(&|_: Event| {}).await;
            assert_eq!(before.verdict, DeploymentVerdict::Serving, "{before:?}");
            let began = Instant::now();
            let after = gate.confirm(left, &|_: Event| {}).await;
            assert!(began.elapsed() <= left, "{after:?}");
            verdicts.push((after.verdict, after.looks));
        }
        assert_eq!(
            verdicts,
            [
                (DeploymentVerdict::Serving, 4),
                (DeploymentVerdict::TimedOut, 2)
            ]
        );
    }
}
