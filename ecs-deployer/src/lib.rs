//! Rolling deployments on Amazon ECS with a verdict, a diagnosis and a rollback, and a simulator of the ECS scheduler.
//!
//! [`deploy`] registers a revision with other images, updates the service, and follows that very deployment, by its id, to
//! one of a few verdicts. It does not wait for ECS to give up: after a few failed tasks it says why they failed and goes
//! back. It never changes the desired count and never deregisters anything.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ecs_deployer::sim::{Behaviour, ScriptedRuntime, ServiceSpec, SimCluster, Timings};
//! use ecs_deployer::{ControlPlane, DeployRequest, ImageChange, Options, TaskDefinition, Verdict, deploy};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Arc::new(ScriptedRuntime::new(Timings::fargate()));
//! let cluster = SimCluster::new("dev".parse()?, Timings::fargate(), runtime.clone());
//! let definition = TaskDefinition::new(serde_json::json!({
//!     "family": "web",
//!     "containerDefinitions": [{"name": "app", "image": "registry.example/web:1"}],
//! }));
//! let revision = cluster.register_task_definition(&definition).await?;
//! cluster.create_service(ServiceSpec::new("web".parse()?, revision, 2))?;
//! let wait = |_| {};
//! let first = ecs_deployer::wait(&cluster, &"dev".parse()?, &"web".parse()?, None, &Options::default(), &wait).await?;
//! assert_eq!(first.verdict, Verdict::Deployed);
//!
//! runtime.part("registry.example/web:2", Behaviour::MissingImage);
//! let images = ImageChange::All("registry.example/web:2".parse()?);
//! let request = DeployRequest::new("dev".parse()?, "web".parse()?, images);
//! let outcome = deploy(&cluster, &request, &Options::default(), &|_| {}).await?;
//! assert_eq!(outcome.verdict, Verdict::RolledBack);
//! assert!(outcome.reason.unwrap().contains("CannotPullContainerError"));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "aws")]
pub mod aws;
mod batched;
mod control_plane;
mod diagnosis;
mod difference;
mod directory;
mod engine;
mod error;
mod event;
mod fleet;
mod image;
mod look_up;
mod names;
mod open;
mod outcome;
mod pin;
mod plan;
mod preflight;
mod rates;
mod record;
mod request;
mod run_task;
mod service;
pub mod sim;
mod task;
mod task_definition;
mod task_logs;
mod task_runner;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod update;

pub use control_plane::ControlPlane;
pub use difference::{Change, ChangeKind, Reveal};
pub use directory::Directory;
pub use engine::{Deployer, check_deployable, deploy, rollback, wait, way_back};
pub use error::Error;
pub use event::{Event, Observer};
pub use fleet::{Fleet, FleetOptions, OnFleetFailure, ServiceResult, deploy_all};
pub use image::{ImageRef, InvalidImageRef};
pub use look_up::{AccountLookUp, AlarmState, ImageFacts, ImageLookUp, Platform};
pub use names::{
    ClusterName, ContainerName, DeploymentId, InvalidName, ServiceName, ServiceRevisionArn,
    TaskDefinitionArn, TaskId,
};
pub use outcome::{ServiceOutcome, Verdict};
pub use pin::{Pinned, pin};
pub use plan::{Action, Plan, plan};
pub use preflight::{Check, CheckName, Finding, LookUps, Preflight, preflight};
pub use rates::RateLimited;
pub use record::{
    AlarmsState, BreakerState, DeploymentDetails, HookAction, HookKind, HookStatus, LifecycleHook,
    LifecycleStage, MonitorStatus, RevisionImage, RollbackState, ServiceDeployment,
    ServiceDeploymentStatus, ServiceRevision, TaskCounts, UnixMillis,
};
pub use request::{DeployRequest, OnFailure, OnSuperseded, Options, RollbackRequest, WayBack};
pub use run_task::{RunOptions, TaskEvent, TaskOutcome, follow_task, run_task};
pub use service::{
    AlarmSettings, BreakerSettings, Controller, Deployment, DeploymentStatus, RolloutState,
    ServiceEvent, ServiceState, Strategy,
};
pub use task::{
    CapacityProvider, ContainerOverride, ContainerState, LaunchSettings, NetworkSettings, StopCode,
    StoppedContainer, StoppedTask, TaskRequest, TaskState,
};
pub use task_definition::{ImageChange, TaskDefinition};
pub use task_logs::{LogPage, LogStream, TaskLogs};
pub use task_runner::TaskRunner;
pub use update::{ServiceUpdate, StopType};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
