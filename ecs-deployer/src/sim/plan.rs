//! Fault plans: what goes wrong, and when.

mod agenda;
mod draw;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) use self::agenda::Agenda;

use super::clock::seconds;
use super::{Behaviour, ScriptedRuntime, SimCluster};
use crate::{ServiceName, StopType};

/// What goes wrong, and when. In a file durations are seconds and names are in kebab case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FaultPlan {
    /// How the tasks of an image, or of a digest, behave.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, Behaviour>,
    /// What the tasks of an image write to their log.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub logs: BTreeMap<String, Vec<String>>,
    /// Where ECS is known to behave in more than one way.
    pub knobs: Knobs,
    /// Alarms that are on from the beginning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<String>,
    /// What happens at its time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub happenings: Vec<Happening>,
}

/// Where ECS is known to behave in more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Knobs {
    /// The circuit breaker counts tasks that exit after they ran. AWS documents that it does not.
    pub exits_count: bool,
    /// A rollback is a deployment with an id of its own, instead of the old one come back.
    pub rollback_takes_new_id: bool,
}

impl Knobs {
    /// Counts tasks that exit after they ran.
    #[must_use]
    pub const fn exits_count(mut self, on: bool) -> Self {
        self.exits_count = on;
        self
    }

    /// Gives a rollback an id of its own.
    #[must_use]
    pub const fn rollback_takes_new_id(mut self, on: bool) -> Self {
        self.rollback_takes_new_id = on;
        self
    }
}

/// Something that happens at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Happening {
    /// So long after the anchor.
    #[serde(with = "seconds")]
    pub at: Duration,
    /// From when on `at` counts.
    #[serde(default)]
    pub from: Anchor,
    /// The service that it concerns.
    pub service: ServiceName,
    /// What happens.
    pub what: What,
}

/// From when on a happening's time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Anchor {
    /// From the next deployment of the service that somebody begins.
    #[default]
    Deployment,
    /// From when the plan is applied.
    Start,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
#[non_exhaustive]
pub enum What {
    /// The next calls are throttled: others use up the account's rate.
    Throttle {
        /// How many.
        calls: u32,
    },
    /// The next calls do not reach ECS.
    Lose {
        /// How many.
        calls: u32,
    },
    /// The next calls are carried out, and their answers are lost.
    LoseAnswer {
        /// How many.
        calls: u32,
    },
    /// Others use up all that is left of the published rates.
    DrainRates,
    /// Somebody else begins a deployment: of another image, or without one of the same revision.
    Supersede {
        /// The image.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<String>,
    },
    /// Somebody stops the deployment and lets it go back.
    RollBack,
    /// Somebody stops the deployment where it is.
    Stop,
    /// An alarm goes on or off.
    Alarm {
        /// Its name.
        name: String,
        /// On, or off.
        on: bool,
    },
    /// An autoscaler or a person changes the desired count.
    Scale {
        /// To this.
        desired: u32,
    },
    /// Somebody stops the newest running task.
    StopTask,
    /// There is room for so many tasks only, or without a number for any.
    Capacity {
        /// How many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        places: Option<u32>,
    },
    /// The tasks of an image behave differently from now on.
    Behave {
        /// The image or the digest.
        image: String,
        /// How they behave.
        part: Behaviour,
    },
    /// An image's tag moves to another digest.
    Push {
        /// The image.
        image: String,
        /// The digest.
        digest: String,
    },
    /// Somebody lets a paused deployment go on.
    Continue,
    /// Somebody deletes the service.
    Delete,
}

impl FaultPlan {
    /// Sets how the tasks of an image behave.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>, behaviour: Behaviour) -> Self {
        self.images.insert(image.into(), behaviour);
        self
    }

    /// Adds what happens so long after the next deployment of the service begins.
    #[must_use]
    pub fn then(mut self, at: Duration, service: ServiceName, what: What) -> Self {
        self.happenings.push(Happening {
            at,
            from: Anchor::Deployment,
            service,
            what,
        });
        self
    }

    /// Sets where ECS is known to behave in more than one way.
    #[must_use]
    pub const fn knobs(mut self, knobs: Knobs) -> Self {
        self.knobs = knobs;
        self
    }

    /// Whether nothing in it can keep a deployment of this image from being completed, given time and a service that is
    /// not deadlocked.
    pub fn is_harmless(&self, image: &str) -> bool {
        let part = self.images.get(image);
        let behaves = part
            .is_none_or(|part| matches!(part, Behaviour::Healthy | Behaviour::SlowStart { .. }));
        behaves
            && self.alarms.is_empty()
            && self.happenings.iter().all(|happening| {
                matches!(
                    happening.what,
                    What::Throttle { .. } | What::Lose { .. } | What::DrainRates
                )
            })
    }
}

impl SimCluster {
    /// Lets a plan take its course from now on. `runtime` plays the tasks' parts.
    pub fn apply(&self, plan: &FaultPlan, runtime: &std::sync::Arc<ScriptedRuntime>) {
        for (image, part) in &plan.images {
            runtime.part(image.clone(), part.clone());
        }
        for (image, lines) in &plan.logs {
            runtime.log_lines(image.clone(), lines.clone());
        }
        let mut state = self.lock();
        self.inner.advance(&mut state);
        state.knobs = plan.knobs;
        state.alarms.extend(plan.alarms.iter().cloned());
        let now = self.now();
        state.agenda.add(&self.name, &plan.happenings, runtime, now);
    }
}

/// How a stop is told from a way back.
const fn stop_type(what: &What) -> StopType {
    if matches!(what, What::Stop) {
        StopType::Abort
    } else {
        StopType::Rollback
    }
}
