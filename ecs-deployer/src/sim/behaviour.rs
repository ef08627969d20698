//! How played tasks behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::seconds;
use super::{Observation, TaskHealth, TaskLaunch, Timings};
use crate::{StopCode, StoppedContainer};

/// How the tasks of an image behave. In a file each has its `kind`, and durations are seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
#[non_exhaustive]
pub enum Behaviour {
    /// They start and stay healthy.
    Healthy,
    /// Their image is not in the registry.
    MissingImage,
    /// A secret of theirs cannot be fetched.
    MissingSecret,
    /// Their container cannot be started: its command is not in the image.
    CannotStart,
    /// Their container exits before it is RUNNING.
    CrashAtStart {
        /// The exit code.
        exit_code: i64,
    },
    /// Their container exits after it ran for a while.
    CrashAfter {
        /// How long it runs.
        #[serde(with = "seconds")]
        running: Duration,
        /// The exit code.
        exit_code: i64,
    },
    /// Their container is killed for want of memory after it ran for a while.
    OutOfMemory {
        /// How long it runs.
        #[serde(with = "seconds")]
        running: Duration,
    },
    /// They run, and their load balancer's health checks fail.
    Unhealthy {
        /// What the load balancer says.
        reason: String,
    },
    /// They run, and their container's own health check fails.
    UnhealthyContainer,
    /// They are healthy at first, and fail their load balancer's health checks after a while.
    UnhealthyAfter {
        /// How long they are healthy.
        #[serde(with = "seconds")]
        running: Duration,
        /// What the load balancer says.
        reason: String,
    },
    /// They take this long to be healthy after they run.
    SlowStart {
        /// How long.
        #[serde(with = "seconds")]
        warm_up: Duration,
    },
    /// They do their work and exit with 0, as a migration does.
    Completes {
        /// How long it takes.
        #[serde(with = "seconds")]
        running: Duration,
    },
    /// The first tasks behave in another way, and all others are healthy.
    AtFirst {
        /// How many.
        tasks: u32,
        /// What the first ones do.
        part: Box<Self>,
    },
}

impl Behaviour {
    /// How a task of this behaviour is at an age.
    pub(super) fn play(
        &self,
        launch: &TaskLaunch,
        age: Duration,
        timings: &Timings,
    ) -> Observation {
        let exited = "Essential container in task exited";
        if *self == Self::MissingImage {
            if age < timings.pull_failure {
                return Observation::Pending;
            }
            let image = launch
                .images
                .first()
                .map(|(_, image)| image.as_str())
                .unwrap_or_default();
            let reason = format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: not found"
            );
            return stopped(
                launch,
                StopCode::TaskFailedToStart,
                &reason,
                None,
                Some(&reason),
            );
        }
        if age < timings.start {
            return Observation::Pending;
        }
        let running = age - timings.start;
        let runs = |health| Observation::Running { health };
        let checked = || {
            runs(if running < timings.checks {
                TaskHealth::Unknown
            } else {
                TaskHealth::Healthy
            })
        };
        let exit = |code| {
            stopped(
                launch,
                StopCode::EssentialContainerExited,
                exited,
                Some(code),
                None,
            )
        };
        match self {
            Self::Healthy | Self::AtFirst { .. } | Self::MissingImage => checked(),
            Self::MissingSecret => {
                let reason = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed";
                stopped(launch, StopCode::TaskFailedToStart, reason, None, None)
            }
            Self::CannotStart => {
                let reason = "CannotStartContainerError: failed to create task for container: exec: not found";
                stopped(
                    launch,
                    StopCode::TaskFailedToStart,
                    reason,
                    None,
                    Some(reason),
                )
            }
            Self::CrashAtStart { exit_code } => exit(*exit_code),
            Self::CrashAfter {
                running: limit,
                exit_code,
            } if running >= *limit => exit(*exit_code),
            Self::Completes { running: limit } if running >= *limit => exit(0),
            Self::OutOfMemory { running: limit } if running >= *limit => {
                let reason = "OutOfMemoryError: Container killed due to memory usage";
                stopped(
                    launch,
                    StopCode::EssentialContainerExited,
                    exited,
                    Some(137),
                    Some(reason),
                )
            }
            Self::CrashAfter { .. } | Self::OutOfMemory { .. } | Self::Completes { .. } => {
                checked()
            }
            Self::Unhealthy { reason } => runs(TaskHealth::Unhealthy {
                reason: reason.clone(),
            }),
            Self::UnhealthyContainer => runs(TaskHealth::ContainerUnhealthy),
            Self::UnhealthyAfter {
                running: limit,
                reason,
            } if running >= *limit => runs(TaskHealth::Unhealthy {
                reason: reason.clone(),
            }),
            Self::UnhealthyAfter { .. } => checked(),
            Self::SlowStart { warm_up } if running < *warm_up => runs(TaskHealth::Unknown),
            Self::SlowStart { .. } => checked(),
        }
    }
}

fn stopped(
    launch: &TaskLaunch,
    stop_code: StopCode,
    reason: &str,
    exit_code: Option<i64>,
    container_reason: Option<&str>,
) -> Observation {
    Observation::Stopped {
        stop_code,
        reason: reason.to_owned(),
        containers: launch
            .images
            .iter()
            .map(|(name, _)| {
                StoppedContainer::new(name.clone(), exit_code, container_reason.map(str::to_owned))
            })
            .collect(),
    }
}
