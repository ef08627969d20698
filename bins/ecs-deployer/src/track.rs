//! What is known of a service while it is deployed, by its events: enough to tell what became of it when nobody follows
//! it any more.

use ecs_deployer::{
    DeploymentId, Event, ImageRef, ServiceName, StoppedTask, TaskDefinitionArn, Verdict,
};
use tokio::time::Instant;

/// How far a service has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    since: Instant,
    until: Option<Instant>,
    pub(crate) image: Option<ImageRef>,
    /// What it is to run.
    pub(crate) task_definition: Option<TaskDefinitionArn>,
    /// Whether that revision was registered by this run: then only a deployment of ours brings it.
    pub(crate) registered: bool,
    /// Whether the service was about to be updated: from here on a deployment may have begun.
    pub(crate) updating: bool,
    pub(crate) deployment: Option<DeploymentId>,
    pub(crate) back: Option<Back>,
    pub(crate) stopped_tasks: Vec<StoppedTask>,
    /// How it ended, and why, once it has.
    pub(crate) ended: Option<(Verdict, Option<String>)>,
}

/// A way back that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Back {
    pub(crate) to: Option<TaskDefinitionArn>,
    pub(crate) reason: String,
    /// The deployment that brings the earlier revision; `None` while ECS goes back by itself.
    pub(crate) deployment: Option<DeploymentId>,
}

impl Track {
    pub(crate) fn new(image: Option<ImageRef>) -> Self {
        Self {
            since: Instant::now(),
            until: None,
            image,
            task_definition: None,
            registered: false,
            updating: false,
            deployment: None,
            back: None,
            stopped_tasks: Vec::new(),
            ended: None,
        }
    }

    /// Whether something of it is, or may be, under way.
    pub(crate) const fn is_open(&self) -> bool {
        self.ended.is_none() && (self.updating || self.deployment.is_some() || self.back.is_some())
    }

    /// Whether anything was changed, or may have been.
    pub(crate) const fn has_changed_something(&self) -> bool {
        self.registered || self.updating || self.deployment.is_some() || self.back.is_some()
    }

    pub(crate) fn seconds(&self) -> f64 {
        let until = self.until.unwrap_or_else(Instant::now);
        until.duration_since(self.since).as_secs_f64()
    }

    /// Takes note of an event of this service.
    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::TaskDefinitionRegistered {
                task_definition, ..
            } => {
                self.task_definition = Some(task_definition.clone());
                self.registered = true;
            }
            // On the way back the service is updated to the revision before.
            Event::Updating {
                task_definition, ..
            } if self.back.is_none() => {
                self.task_definition = Some(task_definition.clone());
                self.updating = true;
            }
            Event::DeploymentStarted {
                deployment,
                task_definition,
                ..
            } => {
                self.deployment = Some(deployment.clone());
                self.task_definition = Some(task_definition.clone());
            }
            Event::TaskStopped { task, .. } => self.stopped_tasks.push(task.clone()),
            Event::RollbackStarted {
                reason,
                task_definition,
                ..
            } => {
                // One that had ended well is taken back with its wave.
                self.ended = None;
                self.until = None;
                self.back = Some(Back {
                    to: task_definition.clone(),
                    reason: reason.clone(),
                    deployment: None,
                });
            }
            Event::RollbackDeployment { deployment, .. } => {
                if let Some(back) = &mut self.back {
                    back.deployment = Some(deployment.clone());
                }
            }
            Event::Finished {
                verdict, reason, ..
            } => {
                self.ended = Some((*verdict, reason.clone()));
                self.until = Some(Instant::now());
            }
            _ => {}
        }
    }
}

/// The service that an event which a track hears is about.
pub(crate) const fn service_of(event: &Event) -> Option<&ServiceName> {
    match event {
        Event::TaskDefinitionRegistered { service, .. }
        | Event::Updating { service, .. }
        | Event::DeploymentStarted { service, .. }
        | Event::TaskStopped { service, .. }
        | Event::RollbackStarted { service, .. }
        | Event::RollbackDeployment { service, .. }
        | Event::Finished { service, .. } => Some(service),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(events: &[Event]) -> Track {
        let mut track = Track::new(None);
        for event in events {
            track.hear(event);
        }
        track
    }

    fn web() -> ServiceName {
        "web".parse().unwrap()
    }

    fn finished(verdict: Verdict) -> Event {
        Event::Finished {
            service: web(),
            verdict,
            reason: None,
        }
    }

    fn started() -> Event {
        Event::DeploymentStarted {
            service: web(),
            deployment: "ecs-svc/2".parse().unwrap(),
            task_definition: "web:2".parse().unwrap(),
        }
    }

    #[test]
    fn one_that_is_taken_back_with_its_wave_has_not_ended() {
        let back = Event::RollbackStarted {
            service: web(),
            reason: "its wave".to_owned(),
            task_definition: Some("web:1".parse().unwrap()),
        };
        let track = heard(&[started(), finished(Verdict::Deployed), back]);
        assert_eq!((track.ended.is_none(), track.is_open()), (true, true));
    }

    #[test]
    fn an_update_on_the_way_back_does_not_change_what_was_brought() {
        let back = Event::RollbackStarted {
            service: web(),
            reason: "two tasks failed".to_owned(),
            task_definition: Some("web:1".parse().unwrap()),
        };
        let update = Event::Updating {
            service: web(),
            task_definition: "web:1".parse().unwrap(),
        };
        let by = Event::RollbackDeployment {
            service: web(),
            deployment: "ecs-svc/3".parse().unwrap(),
            task_definition: "web:1".parse().unwrap(),
        };
        let track = heard(&[started(), back, update, by]);
        assert_eq!(track.task_definition, Some("web:2".parse().unwrap()));
        let by = track.back.and_then(|back| back.deployment);
        assert_eq!(by, Some("ecs-svc/3".parse().unwrap()));
    }

    #[test]
    fn what_ended_at_once_keeps_its_verdict() {
        let track = heard(&[finished(Verdict::Unchanged)]);
        assert_eq!(track.ended, Some((Verdict::Unchanged, None)));
        assert!(!track.is_open() && !track.has_changed_something());
    }
}
