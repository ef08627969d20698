//! What a snapshot amounts to.

use super::{
    Deployment, Expected, GroupTarget, Past, Role, Rollout, Snapshot, TargetGroup, TargetHealth,
    Task,
};
use crate::text;

/// The most characters of a reason from outside.
const LONGEST: usize = 200;

/// Where a deployment stands. Reasons are fragments that complete a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Its tasks, and no others, are the ones that requests reach.
    Ready {
        /// What people should know all the same.
        note: Option<String>,
    },
    /// Not yet.
    NotYet {
        /// What is missing.
        reason: String,
        /// Whether something is known to be wrong, and not only unfinished.
        is_bad: bool,
    },
    /// It is over, and not well.
    Failed {
        /// What happened.
        reason: String,
    },
    /// Another deployment took its place.
    Superseded {
        /// Which one.
        reason: String,
    },
    /// It cannot be told, however long one waits.
    Unknown {
        /// Why not.
        reason: String,
    },
}

fn not_yet(reason: impl Into<String>) -> Standing {
    Standing::NotYet {
        reason: reason.into(),
        is_bad: false,
    }
}

fn bad(reason: impl Into<String>) -> Standing {
    Standing::NotYet {
        reason: reason.into(),
        is_bad: true,
    }
}

/// Judges a snapshot: do requests reach the tasks of the expected deployment, and no others?
///
/// Where the deployment was there at an earlier look and is gone, another took its place.
pub fn judge(snapshot: &Snapshot, expected: &Expected, past: &Past) -> Standing {
    let primary = snapshot
        .deployments
        .iter()
        .find(|deployment| deployment.role == Role::Primary);
    let Some(primary) = primary else {
        return not_yet("is not to be seen: the service has no primary deployment");
    };
    let Some(ours) = ours(snapshot, expected) else {
        return match past.deployment() {
            Some(ours) => replaced(ours, primary, past),
            None => not_yet(format!(
                "is not there; the primary deployment is {} of {}",
                primary.id,
                short(&primary.task_definition)
            )),
        };
    };
    let standing = rollout(snapshot, ours, primary, past);
    standing.unwrap_or_else(|| traffic(snapshot, ours))
}

/// The expected deployment. One task definition may have several: then the primary one.
pub(super) fn ours<'a>(snapshot: &'a Snapshot, expected: &Expected) -> Option<&'a Deployment> {
    let mut found: Vec<&Deployment> = snapshot
        .deployments
        .iter()
        .filter(|deployment| expected.is(deployment))
        .collect();
    found.sort_by_key(|deployment| deployment.role != Role::Primary);
    found.first().copied()
}

/// Another deployment is the primary one: the next, or one that takes this one back.
fn replaced(ours: &Deployment, primary: &Deployment, past: &Past) -> Standing {
    if past.is_return(ours, primary) {
        return Standing::Failed {
            reason: format!(
                "was rolled back: {} of {} serves in its place",
                primary.id,
                short(&primary.task_definition)
            ),
        };
    }
    Standing::Superseded {
        reason: format!(
            "is not the primary deployment any more: {} of {} took its place",
            primary.id,
            short(&primary.task_definition)
        ),
    }
}

/// What stands in the way before the load balancer is looked at.
fn rollout(
    snapshot: &Snapshot,
    ours: &Deployment,
    primary: &Deployment,
    past: &Past,
) -> Option<Standing> {
    let why = ours
        .rollout_reason
        .as_deref()
        .map(|reason| format!(": {}", text::clean(reason, LONGEST)))
        .unwrap_or_default();
    if ours.rollout == Some(Rollout::Failed) {
        let back = match primary.id == ours.id {
            true => String::new(),
            false => format!("; {} serves in its place", short(&primary.task_definition)),
        };
        return Some(Standing::Failed {
            reason: format!("failed{why}{back}"),
        });
    }
    if ours.id != primary.id {
        return Some(replaced(ours, primary, past));
    }
    let count = format!("{} of {} tasks run", ours.running, ours.desired);
    match ours.rollout {
        None => {
            return Some(Standing::Unknown {
                reason: "has no rollout state: the service is deployed by another controller than ECS itself"
                    .to_owned(),
            });
        }
        Some(Rollout::Completed) => {}
        Some(_) => return Some(not_yet(format!("is in progress, {count}{why}"))),
    }
    if ours.desired == 0 {
        return Some(Standing::Failed {
            reason: "is to have no tasks: nothing serves".to_owned(),
        });
    }
    if ours.running != ours.desired {
        return Some(not_yet(format!("is complete, but {count}")));
    }
    let older = snapshot
        .deployments
        .iter()
        .find(|deployment| deployment.id != ours.id && deployment.running > 0);
    older.map(|older| {
        not_yet(format!(
            "is complete, but {} of {} still has {} running",
            older.id,
            short(&older.task_definition),
            older.running
        ))
    })
}

/// Whether the target groups send requests to our tasks, and to no others.
fn traffic(snapshot: &Snapshot, ours: &Deployment) -> Standing {
    let tasks: Vec<&Task> = snapshot
        .tasks
        .iter()
        .filter(|task| task.deployment.as_deref() == Some(ours.id.as_str()))
        .collect();
    if tasks.len() < usize::try_from(ours.running).unwrap_or(usize::MAX) {
        return not_yet(format!(
            "is complete, but only {} of its {} tasks can be seen",
            tasks.len(),
            ours.running
        ));
    }
    // The scheduler is about to replace it, whatever a load balancer still finds.
    if let Some(task) = tasks.iter().find(|task| task.is_unhealthy) {
        return bad(format!(
            "has a task whose own container health checks fail: {}",
            text::clean(&task.id, 60)
        ));
    }
    let mut groups = snapshot.target_groups.iter();
    match groups.find_map(|group| within(group, &tasks)) {
        Some(standing) => standing,
        None if snapshot.target_groups.is_empty() => Standing::Ready {
            note: Some(
                "has no load balancer: whether requests reach its tasks is for the probes to say"
                    .to_owned(),
            ),
        },
        None => Standing::Ready { note: None },
    }
}

/// What is wrong with one target group.
fn within(group: &TargetGroup, tasks: &[&Task]) -> Option<Standing> {
    let name = text::clean(&group.name, 60);
    let live: Vec<&GroupTarget> = group
        .targets
        .iter()
        .filter(|target| target.health != TargetHealth::Draining)
        .collect();
    if live.is_empty() {
        return Some(bad(format!("has no targets in the target group {name}")));
    }
    let is_ours = |target: &GroupTarget| {
        let fits = group.port.is_none() || target.port.is_none() || group.port == target.port;
        fits && target
            .address()
            .is_some_and(|address| tasks.iter().any(|task| task.addresses.contains(&address)))
    };
    if live
        .iter()
        .all(|target| target.health == TargetHealth::Unused)
    {
        return Some(bad(format!(
            "is registered with the target group {name}, but no load balancer uses it{}",
            because(live[0])
        )));
    }
    if let Some(target) = live.iter().find(|target| target.address().is_none()) {
        return Some(Standing::Unknown {
            reason: format!(
                "cannot be told apart in the target group {name}: its target `{}` is no task's own address; that takes tasks \
                 with `awsvpc` networks",
                text::clean(&target.id, 60)
            ),
        });
    }
    if live
        .iter()
        .any(|target| target.health == TargetHealth::Unavailable)
    {
        return Some(Standing::Unknown {
            reason: format!("is not checked by the target group {name}: its health is unavailable"),
        });
    }
    let healthy = live
        .iter()
        .filter(|target| target.health == TargetHealth::Healthy);
    if healthy.clone().next().is_none() {
        return Some(fails_open(&name, &live));
    }
    if let Some(stranger) = healthy.clone().find(|target| !is_ours(target)) {
        return Some(bad(format!(
            "shares the target group {name} with {}, which is none of its tasks",
            place(stranger)
        )));
    }
    tasks.iter().find_map(|task| {
        let target = live.iter().find(|target| {
            is_ours(target)
                && target
                    .address()
                    .is_some_and(|ip| task.addresses.contains(&ip))
        });
        match target {
            Some(target) if target.health == TargetHealth::Healthy => None,
            Some(target) => Some(Standing::NotYet {
                reason: format!(
                    "has a task that the target group {name} finds {}: {}{}",
                    target.health.as_str(),
                    place(target),
                    because(target)
                ),
                is_bad: target.health == TargetHealth::Unhealthy,
            }),
            None => Some(not_yet(format!(
                "has a task that is not in the target group {name}: {}",
                text::clean(&task.id, 60)
            ))),
        }
    })
}

/// A group without a healthy target sends requests to all of them: an answer proves nothing.
fn fails_open(name: &str, live: &[&GroupTarget]) -> Standing {
    let example = live
        .iter()
        .find(|target| target.health == TargetHealth::Unhealthy);
    match example {
        Some(target) => bad(format!(
            "has no healthy target in the target group {name}, which therefore fails open and sends requests to all of them: \
             {} is unhealthy{}",
            place(target),
            because(target)
        )),
        None => not_yet(format!(
            "has no healthy target in the target group {name} yet, which therefore fails open"
        )),
    }
}

fn place(target: &GroupTarget) -> String {
    let id = text::clean(&target.id, 60);
    match target.port {
        Some(port) => format!("{id}:{port}"),
        None => id,
    }
}

fn because(target: &GroupTarget) -> String {
    target
        .reason
        .as_deref()
        .map(|reason| format!(" ({})", text::clean(reason, LONGEST)))
        .unwrap_or_default()
}

/// `family:revision` of a task definition's ARN.
pub(super) fn short(arn: &str) -> String {
    text::clean(arn.rsplit('/').next().unwrap_or(arn), 120)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "arn:aws:ecs:eu-west-1:1:task-definition/web:2";
    const OLD: &str = "arn:aws:ecs:eu-west-1:1:task-definition/web:1";

    fn target(ip: &str, health: TargetHealth) -> GroupTarget {
        GroupTarget::new(ip, Some(8080), health, None)
    }

    /// Two tasks of the new deployment, complete and healthy.
    fn good() -> Snapshot {
        let task = |n: u8| {
            Task::new(
                &format!("t{n}"),
                Some("ecs-svc/2"),
                vec![[10, 0, 0, n].into()],
            )
        };
        Snapshot {
            deployments: vec![Deployment::new("ecs-svc/2", NEW, Role::Primary).tasks(2, 2)],
            tasks: vec![task(1), task(2)],
            target_groups: vec![TargetGroup::new(
                "web",
                Some(8080),
                vec![
                    target("10.0.0.1", TargetHealth::Healthy),
                    target("10.0.0.2", TargetHealth::Healthy),
                ],
            )],
        }
    }

    fn of(snapshot: &Snapshot) -> Standing {
        judge(
            snapshot,
            &Expected::Deployment("ecs-svc/2".to_owned()),
            &Past::default(),
        )
    }

    /// A word for the standing, and its reason.
    fn words(standing: &Standing) -> (&'static str, String) {
        match standing {
            Standing::Ready { note } => ("ready", note.clone().unwrap_or_default()),
            Standing::NotYet { reason, is_bad } => {
                (if *is_bad { "bad" } else { "not yet" }, reason.clone())
            }
            Standing::Failed { reason } => ("failed", reason.clone()),
            Standing::Superseded { reason } => ("superseded", reason.clone()),
            Standing::Unknown { reason } => ("unknown", reason.clone()),
        }
    }

    type Change = fn(&mut Snapshot);

    #[test]
    fn each_thing_that_stands_in_the_way_is_told() {
        let cases: Vec<(Change, &str, &str)> = vec![
            (|_| {}, "ready", ""),
            (|s| s.target_groups.clear(), "ready", "has no load balancer"),
            (
                |s| s.deployments.clear(),
                "not yet",
                "no primary deployment",
            ),
            (
                |s| s.deployments[0].id = "ecs-svc/3".to_owned(),
                "not yet",
                "is not there; the primary deployment is ecs-svc/3 of web:2",
            ),
            (
                |s| s.deployments[0].rollout = Some(Rollout::InProgress),
                "not yet",
                "is in progress, 2 of 2 tasks run",
            ),
            (
                |s| {
                    s.deployments[0].rollout = Some(Rollout::Failed);
                    s.deployments[0].rollout_reason = Some("tasks failed to start".to_owned());
                },
                "failed",
                "failed: tasks failed to start",
            ),
            (
                |s| s.deployments[0].rollout = None,
                "unknown",
                "another controller",
            ),
            (
                |s| s.deployments[0] = s.deployments[0].clone().tasks(0, 0),
                "failed",
                "is to have no tasks",
            ),
            (
                |s| s.deployments[0].running = 1,
                "not yet",
                "is complete, but 1 of 2 tasks run",
            ),
            (
                |s| {
                    s.deployments
                        .push(Deployment::new("ecs-svc/1", OLD, Role::Active).tasks(2, 1))
                },
                "not yet",
                "ecs-svc/1 of web:1 still has 1 running",
            ),
            (
                |s| {
                    s.deployments[0].role = Role::Active;
                    s.deployments
                        .push(Deployment::new("ecs-svc/3", OLD, Role::Primary).tasks(2, 2));
                },
                "failed",
                "was rolled back: ecs-svc/3 of web:1 serves in its place",
            ),
            (
                |s| {
                    s.deployments[0].role = Role::Active;
                    let next = NEW.replace(":2", ":3");
                    s.deployments
                        .push(Deployment::new("ecs-svc/3", &next, Role::Primary).tasks(2, 2));
                },
                "superseded",
                "ecs-svc/3 of web:3 took its place",
            ),
            (
                |s| {
                    s.deployments[0].role = Role::Active;
                    s.deployments[0].rollout = Some(Rollout::Failed);
                    s.deployments
                        .push(Deployment::new("ecs-svc/3", OLD, Role::Primary).tasks(2, 2));
                },
                "failed",
                "web:1 serves in its place",
            ),
            (
                |s| _ = s.tasks.pop(),
                "not yet",
                "only 1 of its 2 tasks can be seen",
            ),
            (
                |s| s.tasks[1].is_unhealthy = true,
                "bad",
                "a task whose own container health checks fail: t2",
            ),
            (
                |s| {
                    s.tasks[1].is_unhealthy = true;
                    s.target_groups.clear();
                },
                "bad",
                "container health checks fail",
            ),
            (
                |s| {
                    s.tasks
                        .push(Task::new("t9", Some("ecs-svc/1"), vec![]).unhealthy(true))
                },
                "ready",
                "",
            ),
            (
                |s| s.target_groups[0].targets.clear(),
                "bad",
                "has no targets",
            ),
            (
                |s| {
                    s.target_groups[0]
                        .targets
                        .iter_mut()
                        .for_each(|t| t.health = TargetHealth::Unused)
                },
                "bad",
                "no load balancer uses it",
            ),
            (
                |s| {
                    for target in &mut s.target_groups[0].targets {
                        target.health = TargetHealth::Unhealthy;
                        target.reason = Some("Target.Timeout".to_owned());
                    }
                },
                "bad",
                "fails open and sends requests to all of them: 10.0.0.1:8080 is unhealthy (Target.Timeout)",
            ),
            (
                |s| {
                    s.target_groups[0]
                        .targets
                        .iter_mut()
                        .for_each(|t| t.health = TargetHealth::Initial)
                },
                "not yet",
                "fails open",
            ),
            (
                |s| s.target_groups[0].targets[1].health = TargetHealth::Unhealthy,
                "bad",
                "a task that the target group web finds unhealthy: 10.0.0.2:8080",
            ),
            (
                |s| s.target_groups[0].targets[1].health = TargetHealth::Initial,
                "not yet",
                "finds initial",
            ),
            (
                |s| _ = s.target_groups[0].targets.pop(),
                "not yet",
                "is not in the target group web: t2",
            ),
            (
                |s| {
                    s.target_groups[0]
                        .targets
                        .push(target("10.0.0.9", TargetHealth::Healthy))
                },
                "bad",
                "with 10.0.0.9:8080, which is none of its tasks",
            ),
            (
                |s| {
                    s.target_groups[0]
                        .targets
                        .push(target("10.0.0.9", TargetHealth::Draining))
                },
                "ready",
                "",
            ),
            (
                |s| s.target_groups[0].targets[0].port = Some(9090),
                "bad",
                "with 10.0.0.1:9090",
            ),
            (
                |s| s.target_groups[0].targets[0].id = "i-0abc".to_owned(),
                "unknown",
                "`i-0abc` is no task's own address",
            ),
            (
                |s| s.target_groups[0].targets[0].health = TargetHealth::Unavailable,
                "unknown",
                "unavailable",
            ),
        ];
        for (place, (change, word, part)) in cases.into_iter().enumerate() {
            let mut snapshot = good();
            change(&mut snapshot);
            let (found, reason) = words(&of(&snapshot));
            assert!(
                found == word && reason.contains(part),
                "case {place}: {found}: {reason}"
            );
        }
    }

    #[test]
    fn a_deployment_that_was_there_and_is_gone_was_superseded_or_rolled_back() {
        let expected = Expected::Deployment("ecs-svc/2".to_owned());
        let mut past = Past::default();
        past.take(&good(), &good().deployments[0]);
        for (revision, word, part) in [
            (3, "superseded", "ecs-svc/3 of web:3 took its place"),
            (2, "superseded", "ecs-svc/3 of web:2 took its place"),
            (1, "failed", "was rolled back: ecs-svc/3 of web:1"),
        ] {
            let mut snapshot = good();
            snapshot.deployments[0].id = "ecs-svc/3".to_owned();
            snapshot.deployments[0].task_definition = NEW.replace(":2", &format!(":{revision}"));
            let (found, reason) = words(&judge(&snapshot, &expected, &past));
            assert!(found == word && reason.contains(part), "{found}: {reason}");
            let never_seen = judge(&snapshot, &expected, &Past::default());
            assert_eq!(words(&never_seen).0, "not yet");
        }
    }

    #[test]
    fn of_several_deployments_of_one_task_definition_the_primary_counts() {
        let mut snapshot = good();
        snapshot
            .deployments
            .insert(0, Deployment::new("ecs-svc/1", NEW, Role::Active));
        let expected: Expected = "web:2".parse().unwrap();
        assert_eq!(
            words(&judge(&snapshot, &expected, &Past::default())).0,
            "ready"
        );
    }
}
