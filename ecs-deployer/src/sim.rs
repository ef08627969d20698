//! A model of ECS: its scheduler, circuit breaker, health rules, events, records and limits, on tokio's clock.
//!
//! The model follows the scheduler as AWS documents it (developer guide, "Deploy Amazon ECS services by replacing tasks" and
//! "How the Amazon ECS deployment circuit breaker detects failures") and as fleets have shown it. It advances when it is
//! asked or told to ([`SimCluster::advance`]), always by whole scheduler passes, so that under a paused clock the same calls
//! lead to the same history.
//!
//! What runs the tasks is a [`TaskRuntime`]: [`ScriptedRuntime`] plays a part by image, and a program may put real processes
//! or servers behind the model. A [`FaultPlan`] says what goes wrong and when; [`SimCluster::truth`] says what became of a
//! deployment, from the model's inside.
//!
//! Not modelled: placement on hosts and capacity providers (only how many tasks there is room for), availability zones,
//! scheduling strategy DAEMON, task sets, early success criteria, the retries of an image digest that cannot be resolved.

mod alone;
mod behaviour;
mod cause;
mod clock;
mod cluster;
mod model;
mod observe;
mod plan;
mod plane;
mod rates;
mod replace;
mod requests;
mod rules;
mod runtime;
mod scenario;
mod scheduler;
mod scripted;
#[cfg(feature = "server")]
pub mod server;
mod shift;
mod snapshot;
mod spec;
mod state;
mod task;
mod timings;
mod truth;

pub use behaviour::Behaviour;
pub use clock::Clock;
pub use cluster::{SimCluster, TaskView};
pub use plan::{Anchor, FaultPlan, Happening, Knobs, What};
#[cfg(any(test, feature = "testing"))]
pub use rules::Flaw;
pub use runtime::{Observation, TaskHealth, TaskLaunch, TaskRuntime};
pub use scenario::{InvalidScenario, Scenario, ScenarioBreaker, ScenarioService};
pub use scripted::ScriptedRuntime;
pub use snapshot::Snapshot;
pub use spec::{AlarmRule, Breaker, Hook, ServiceSpec, Strategy, Threshold};
pub use timings::Timings;
pub use truth::Truth;
