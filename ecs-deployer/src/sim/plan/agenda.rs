//! What is still to happen.

use std::sync::Arc;
use std::time::Duration;

use super::{Anchor, Happening, What, stop_type};
use crate::sim::ScriptedRuntime;
use crate::sim::cluster::Inner;
use crate::sim::state::{CallFault, State};
use crate::{ClusterName, ServiceName, StopCode};

/// What is still to happen, in no order.
#[derive(Debug, Default)]
pub(in crate::sim) struct Agenda {
    planned: Vec<Planned>,
    waiting: Vec<Planned>,
}

#[derive(Debug)]
pub(in crate::sim) struct Planned {
    /// A time of the model; while waiting, how long after the deployment's beginning.
    at: Duration,
    cluster: ClusterName,
    service: ServiceName,
    what: What,
    runtime: Arc<ScriptedRuntime>,
}

impl Agenda {
    pub(super) fn add(
        &mut self,
        cluster: &ClusterName,
        happenings: &[Happening],
        runtime: &Arc<ScriptedRuntime>,
        now: Duration,
    ) {
        for happening in happenings {
            let planned = Planned {
                at: happening.at,
                cluster: cluster.clone(),
                service: happening.service.clone(),
                what: happening.what.clone(),
                runtime: Arc::clone(runtime),
            };
            match happening.from {
                Anchor::Deployment => self.waiting.push(planned),
                Anchor::Start => self.planned.push(Planned {
                    at: now + planned.at,
                    ..planned
                }),
            }
        }
    }

    /// A deployment of a service was begun: what waited for it has its time now.
    pub(in crate::sim) fn begun(
        &mut self,
        cluster: &ClusterName,
        service: &ServiceName,
        now: Duration,
    ) {
        let (mine, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|planned| planned.cluster == *cluster && planned.service == *service);
        self.waiting = others;
        self.planned.extend(mine.into_iter().map(|planned| Planned {
            at: now + planned.at,
            ..planned
        }));
    }

    /// The earliest that is due, with its time. Of two at the same time the one that was planned first comes first.
    pub(in crate::sim) fn take_due(&mut self, until: Duration) -> Option<(Duration, Planned)> {
        let (index, _) = self
            .planned
            .iter()
            .enumerate()
            .filter(|(_, planned)| planned.at <= until)
            .min_by_key(|(_, planned)| planned.at)?;
        let planned = self.planned.remove(index);
        Some((planned.at, planned))
    }
}

impl State {
    /// Lets a planned thing happen. One that makes no sense any more, such as a stop of what has ended, does nothing.
    pub(in crate::sim) fn happen(&mut self, inner: &Inner, planned: Planned, at: Duration) {
        let Planned {
            cluster,
            service: name,
            what,
            runtime,
            ..
        } = planned;
        let mut fault = |fault, calls: u32| {
            self.faults
                .extend(std::iter::repeat_n(fault, calls as usize));
        };
        match &what {
            What::Throttle { calls } => fault(CallFault::Throttled, *calls),
            What::Lose { calls } => fault(CallFault::Unreachable, *calls),
            What::LoseAnswer { calls } => fault(CallFault::AnswerLost, *calls),
            What::DrainRates => self.rates.drain(None),
            What::Supersede { image } => {
                // A service that was deleted meanwhile cannot be deployed to.
                let _ = self.supersede(&cluster, &name, image.as_deref(), at);
            }
            What::Alarm { name, on: true } => {
                self.alarms.insert(name.clone());
            }
            What::Alarm { name, on: false } => {
                self.alarms.remove(name);
            }
            What::Behave { image, part } => runtime.part(image.clone(), part.clone()),
            What::Push { image, digest } => {
                self.pushed.insert(image.clone(), digest.clone());
            }
            What::Delete => {
                if let Some(service) = self.service_mut(&cluster, &name) {
                    service.delete();
                }
            }
            What::RollBack
            | What::Stop
            | What::Scale { .. }
            | What::StopTask
            | What::Capacity { .. }
            | What::Continue => {
                let Some(service) = self.service_mut(&cluster, &name) else {
                    return;
                };
                match &what {
                    What::Scale { desired } => service.spec.desired_count = *desired,
                    What::Capacity { places } => service.capacity = *places,
                    What::StopTask => {
                        if let Some(task) = service
                            .tasks
                            .iter_mut()
                            .rev()
                            .find(|task| task.is_running())
                        {
                            inner.runtime.stop(&task.id);
                            let takes = inner.timings.stop;
                            task.ask_to_stop(
                                StopCode::UserInitiated,
                                "Task stopped by user",
                                takes,
                                at,
                            );
                        }
                    }
                    What::Continue => service.go_on(at),
                    other => {
                        if let Some(id) = service.primary_id() {
                            // What has ended already cannot be stopped.
                            let _ = service.request_stop(&id, stop_type(other), at);
                        }
                    }
                }
            }
        }
    }
}
