//! A model of ECS: its rolling scheduler, circuit breaker, health rules, events and records, on tokio's clock.
//!
//! The model follows the scheduler as AWS documents it (developer guide, "Deploy Amazon ECS services by replacing tasks" and
//! "How the Amazon ECS deployment circuit breaker detects failures") and as fleets have shown it. It advances when it is
//! asked or told to ([`SimCluster::advance`]), always by whole scheduler passes, so that under a paused clock the same calls
//! lead to the same history.
//!
//! What runs the tasks is a [`TaskRuntime`]: [`ScriptedRuntime`] plays a part by image, and a program may put real processes
//! or servers behind the model.
//!
//! Not modelled: placement, capacity providers, alarms, blue-green deployments, task sets.

mod cluster;
mod plane;
mod runtime;
mod scheduler;
mod scripted;
mod snapshot;
mod timings;

pub use cluster::{Breaker, ServiceSpec, SimCluster, TaskView};
pub use runtime::{Observation, TaskHealth, TaskLaunch, TaskRuntime};
pub use scripted::{Behaviour, ScriptedRuntime};
pub use snapshot::Snapshot;
pub use timings::Timings;
