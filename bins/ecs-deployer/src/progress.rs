//! What a person and the event log hear of deployments as they go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ecs_deployer::{Event, ImageRef, Observer, ServiceName, Verdict};
use windlass_cli::{EventLog, Printer, Rows};

use crate::track::{Track, service_of};

/// Rows for services, notes above them, and the event log.
#[derive(Debug)]
pub(crate) struct Progress {
    rows: Rows,
    log: Option<Arc<EventLog>>,
    verbose: bool,
    images: BTreeMap<ServiceName, ImageRef>,
    tracks: Mutex<BTreeMap<ServiceName, Track>>,
}

impl Progress {
    pub(crate) fn new<'a>(
        printer: &Printer,
        services: impl IntoIterator<Item = &'a ServiceName>,
        log: Option<&Arc<EventLog>>,
        verbose: bool,
    ) -> Self {
        Self {
            rows: Rows::new(printer, services.into_iter().map(ServiceName::as_str)),
            log: log.map(Arc::clone),
            verbose,
            images: BTreeMap::new(),
            tracks: Mutex::default(),
        }
    }

    /// Says which images the services are to get, for those whose outcome nobody tells.
    pub(crate) fn images(mut self, images: BTreeMap<ServiceName, ImageRef>) -> Self {
        self.images = images;
        self
    }

    /// How far each service has come.
    pub(crate) fn tracks(&self) -> BTreeMap<ServiceName, Track> {
        self.tracks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Leaves the rows as they are.
    pub(crate) fn close(&self) {
        self.rows.close();
    }

    fn keep(&self, event: &Event) {
        let Some(service) = service_of(event) else {
            return;
        };
        let mut tracks = self.tracks.lock().unwrap_or_else(PoisonError::into_inner);
        tracks
            .entry(service.clone())
            .or_insert_with(|| Track::new(self.images.get(service).cloned()))
            .hear(event);
    }

    fn note(&self, service: &ServiceName, text: &str) {
        self.rows.note(&format!("{service}: {text}"));
    }
}

impl Observer for Progress {
    fn observe(&self, event: Event) {
        if let Some(log) = &self.log {
            log.write(&event);
        }
        self.keep(&event);
        let set = |service: &ServiceName, text: &str| self.rows.set(service.as_str(), text);
        match event {
            Event::TaskDefinitionRegistered {
                service,
                task_definition,
            } => {
                set(&service, &format!("registered {}", task_definition.short()));
            }
            Event::DeploymentStarted {
                service,
                deployment,
                task_definition,
            } => {
                set(
                    &service,
                    &format!("{deployment} brings {}", task_definition.short()),
                );
            }
            Event::Progress {
                service,
                desired,
                running,
                pending,
                failed,
                old_running,
            } => {
                let mut text = format!("{running}/{desired} running");
                for (count, word) in [
                    (pending, "pending"),
                    (failed, "failed"),
                    (old_running, "old"),
                ] {
                    if count > 0 {
                        text.push_str(&format!(", {count} {word}"));
                    }
                }
                set(&service, &text);
            }
            Event::TaskStopped {
                service,
                task,
                cause,
            } => {
                self.note(
                    &service,
                    &format!("task {} failed: {cause}", short(task.task.as_str())),
                );
            }
            Event::ServiceEvent { service, message } => {
                let own = format!("(service {service}) ");
                let text = message.strip_prefix(&own).unwrap_or(&message);
                if self.verbose || is_telling(text) {
                    self.note(&service, text);
                }
            }
            Event::Stage {
                service,
                stage,
                production_traffic,
            } => {
                let traffic = production_traffic
                    .map(|percent| format!(", {percent} % of the traffic"))
                    .unwrap_or_default();
                set(&service, &format!("{stage}{traffic}"));
            }
            Event::HookWaiting {
                service,
                deployment,
                hook,
            } => {
                self.note(
                    &service,
                    &format!(
                        "{deployment} waits at the hook {}: let it go on with `ecs-deployer continue --cluster … --service {service} --deployment {deployment}`",
                        hook.id
                    ),
                );
            }
            Event::FollowsNewer {
                service,
                deployment,
            } => {
                self.note(
                    &service,
                    &format!("the newer deployment {deployment} took over and is followed"),
                );
            }
            Event::Blind {
                service,
                problem,
                hint,
            } => {
                let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                self.note(&service, &format!("{problem}{hint}"));
            }
            Event::WaveStarted { wave, of, services } => {
                let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
                self.rows
                    .note(&format!("wave {wave} of {of}: {}", names.join(", ")));
            }
            Event::PollFailed { service, error } if self.verbose => self.note(&service, &error),
            Event::RollbackStarted {
                service,
                reason,
                task_definition,
            } => {
                let to = task_definition
                    .map(|to| format!(" to {}", to.short()))
                    .unwrap_or_default();
                self.note(&service, &reason);
                set(&service, &format!("rolling back{to}"));
            }
            Event::Finished {
                service,
                verdict,
                reason,
            } => {
                let text = match (verdict, reason) {
                    (Verdict::Deployed | Verdict::Unchanged, _) | (_, None) => verdict.to_string(),
                    (_, Some(reason)) => format!("{verdict}: {reason}"),
                };
                self.rows.finish(service.as_str(), &text);
            }
            _ => {}
        }
    }
}

/// Whether one of ECS's events says what the numbers do not.
fn is_telling(text: &str) -> bool {
    ["unable", "unhealthy", "failed", "rolling back", "throttled"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// The first digits of a task's id, as people tell tasks apart.
fn short(task: &str) -> &str {
    task.get(..8).unwrap_or(task)
}
