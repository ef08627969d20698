//! The engine against the model, and the model against what is known of ECS. Time is paused throughout.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "aws")]
mod aws;
mod bounds;
#[cfg(feature = "testing")]
mod contract;
mod distorted;
mod fault_plans;
mod fleet;
mod meddled;
mod random;
mod records;
mod rules;
mod scaling;
mod scheduler;
mod sight;
mod snapshot;
mod stage;
mod truth;
mod verdicts;
mod way_back;
