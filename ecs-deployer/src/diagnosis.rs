//! Why tasks stopped, in a sentence.

use std::collections::BTreeMap;

use crate::{ServiceEvent, ServiceName, StopCode, StoppedTask};

/// What a stopped task says about its deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: scaling, a person, or a host stopped it.
    Harmless,
    /// Something is wrong that may pass: a registry that limits its rate, an interface that was not there in time.
    Transient,
    /// Something is wrong with what is deployed.
    Permanent,
}

/// What trouble that may pass calls itself, in lower case. It buys patience, never a success.
const PASSING: [&str; 12] = [
    "timeout",
    "timed out",
    "toomanyrequests",
    "too many requests",
    "rate exceeded",
    "throttl",
    "connection reset",
    "connection refused",
    "temporarily",
    "capacity is unavailable",
    "internalerror",
    "internal server error",
];

/// What a stopped task says about its deployment.
///
/// ECS gives failed health checks the same code as scaling, so the texts tell these two apart: `Scaling activity initiated
/// by …` is normal.
pub(crate) fn kind(task: &StoppedTask) -> Kind {
    match &task.stop_code {
        StopCode::TaskFailedToStart if may_pass(task) => Kind::Transient,
        StopCode::TaskFailedToStart | StopCode::EssentialContainerExited => Kind::Permanent,
        StopCode::ServiceSchedulerInitiated
            if task.reason.starts_with("Scaling activity initiated by") =>
        {
            Kind::Harmless
        }
        StopCode::ServiceSchedulerInitiated => Kind::Permanent,
        StopCode::UserInitiated
        | StopCode::SpotInterruption
        | StopCode::TerminationNotice
        | StopCode::InfrastructureHealth => Kind::Harmless,
        // Without a code, a container that never ran or exited with an error tells.
        StopCode::Other(_) => {
            let exited = task
                .containers
                .iter()
                .any(|container| container.exit_code.is_some_and(|code| code != 0));
            if exited || task.reason.contains("Error:") {
                Kind::Permanent
            } else {
                Kind::Harmless
            }
        }
    }
}

/// Whether a task stopped because something is wrong.
fn is_failure(task: &StoppedTask) -> bool {
    kind(task) != Kind::Harmless
}

fn may_pass(task: &StoppedTask) -> bool {
    let text = task.reason.to_lowercase();
    PASSING.iter().any(|sign| text.contains(sign))
}

/// Why a task failed, in a few words. `events` are the service's, which say what a load balancer saw.
pub(crate) fn cause(task: &StoppedTask, events: &[ServiceEvent]) -> String {
    let own_reason = |reason: &Option<String>| reason.as_deref().map(one_line).unwrap_or_default();
    match &task.stop_code {
        StopCode::ServiceSchedulerInitiated => {
            let seen = events
                .iter()
                .filter(|event| event.message.contains(task.task.as_str()))
                .find_map(|event| {
                    event
                        .message
                        .split_once("due to (reason ")
                        .map(|(_, reason)| reason)
                })
                .map(|reason| reason.trim_end_matches('.').trim_end_matches(')'));
            match seen {
                Some(seen) => format!("failed its load balancer health checks: {}", one_line(seen)),
                None => one_line(&task.reason),
            }
        }
        StopCode::TaskFailedToStart => {
            let container = task
                .containers
                .iter()
                .find(|container| container.reason.is_some());
            match container {
                Some(container) => format!(
                    "container `{}` did not start: {}",
                    container.name,
                    one_line(&task.reason)
                ),
                None => format!("did not start: {}", one_line(&task.reason)),
            }
        }
        _ => {
            let worst = task
                .containers
                .iter()
                .find(|container| container.exit_code.is_some_and(|code| code != 0))
                .or_else(|| task.containers.first());
            match worst {
                Some(container) => {
                    let exit = match container.exit_code {
                        Some(code) => format!("exited with exit code {code}"),
                        None => "never ran".to_owned(),
                    };
                    let reason = own_reason(&container.reason);
                    let detail = if reason.is_empty() {
                        String::new()
                    } else {
                        format!(" ({reason})")
                    };
                    format!("container `{}` {exit}{detail}", container.name)
                }
                None => one_line(&task.reason),
            }
        }
    }
}

/// All causes of a service's failed tasks in one sentence, the most frequent first; `None` without a failed task.
pub(crate) fn sentence(
    service: &ServiceName,
    tasks: &[StoppedTask],
    events: &[ServiceEvent],
) -> Option<String> {
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks.iter().filter(|task| is_failure(task)) {
        *causes.entry(cause(task, events)).or_default() += 1;
    }
    let mut causes: Vec<(String, usize)> = causes.into_iter().collect();
    causes.sort_by(|(a, x), (b, y)| (y, a).cmp(&(x, b)));
    let (first, count) = causes.first()?;
    let tasks = if *count == 1 {
        "1 task".to_owned()
    } else {
        format!("{count} tasks")
    };
    let more: usize = causes.iter().skip(1).map(|(_, count)| count).sum();
    let more = if more == 0 {
        String::new()
    } else {
        format!(", and {more} more failed otherwise")
    };
    Some(format!("{service}: {first} ({tasks}{more})"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoppedContainer;

    fn stopped(id: &str, code: StopCode, reason: &str, exit_code: Option<i64>) -> StoppedTask {
        let containers = vec![StoppedContainer::new(
            "app".parse().unwrap(),
            exit_code,
            None,
        )];
        StoppedTask::new(id.parse().unwrap(), code, reason, containers)
    }

    #[test]
    fn scaling_is_no_failure_and_failed_checks_are() {
        let scaled = stopped(
            "1",
            StopCode::ServiceSchedulerInitiated,
            "Scaling activity initiated by (deployment ecs-svc/1)",
            Some(143),
        );
        let unhealthy = stopped(
            "2",
            StopCode::ServiceSchedulerInitiated,
            "Task failed ELB health checks in (target-group x)",
            None,
        );
        assert!(!is_failure(&scaled));
        assert!(is_failure(&unhealthy));
        assert!(!is_failure(&stopped(
            "3",
            StopCode::UserInitiated,
            "stopped by hand",
            Some(137)
        )));
        assert!(is_failure(&stopped(
            "4",
            StopCode::EssentialContainerExited,
            "Essential container in task exited",
            Some(0)
        )));
    }

    #[test]
    fn equal_causes_are_one_and_the_most_frequent_leads() {
        let tasks = [
            stopped(
                "1",
                StopCode::EssentialContainerExited,
                "Essential container in task exited",
                Some(3),
            ),
            stopped(
                "2",
                StopCode::TaskFailedToStart,
                "CannotPullContainerError: x:\n not found",
                None,
            ),
            stopped(
                "3",
                StopCode::EssentialContainerExited,
                "Essential container in task exited",
                Some(3),
            ),
        ];
        let text = sentence(&"user-service".parse().unwrap(), &tasks, &[]).unwrap();
        assert_eq!(
            text,
            "user-service: container `app` exited with exit code 3 (2 tasks, and 1 more failed otherwise)"
        );
    }

    #[test]
    fn what_the_load_balancer_saw_is_told() {
        let task = stopped(
            "abc",
            StopCode::ServiceSchedulerInitiated,
            "Task failed ELB health checks in (target-group x)",
            None,
        );
        let event = ServiceEvent::new(
            "1",
            "(service s) (task abc) (port 8080) is unhealthy in (target-group x) due to (reason Health checks failed with these codes: [503]).",
        );
        assert_eq!(
            cause(&task, &[event]),
            "failed its load balancer health checks: Health checks failed with these codes: [503]"
        );
    }

    #[test]
    fn exit_code_null_means_that_it_never_ran() {
        let task = stopped("1", StopCode::EssentialContainerExited, "x", None);
        assert_eq!(cause(&task, &[]), "container `app` never ran");
    }
}
