//! What a cluster says of a deployment, before anything is asked over the network.
//!
//! A service may answer UP while its deployment has failed and the old tasks serve, or while its target group has no
//! healthy target and fails open. [`Gate`] looks at the deployment through a [`DeploymentView`] until the tasks that
//! should serve are the ones that requests reach.
//!
//! ```
//! use std::time::Duration;
//!
//! use health_checker::Event;
//! use health_checker::deployment::{DeploymentVerdict, Expected, Gate, GateOptions, ServiceRef};
//! use health_checker::sim::SimRollout;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceRef::new("dev", "user-service")?;
//! let view = SimRollout::new(service.clone(), 3);
//! let mut gate = Gate::new(&view, &service, Expected::Primary, GateOptions::default());
//! let report = gate.wait(&|_: Event| {}).await;
//! assert_eq!(report.verdict, DeploymentVerdict::Serving);
//! assert_eq!(report.running, Some(3));
//! # Ok(())
//! # }
//! ```

mod gate;
mod judge;
mod names;
mod past;
mod report;
mod snapshot;
mod view;

pub use gate::{Gate, GateOptions};
pub use judge::{Standing, judge};
pub use names::{Expected, InvalidServiceRef, ServiceRef};
pub use past::Past;
pub use report::{DeploymentReport, DeploymentVerdict};
pub use snapshot::{
    Deployment, GroupTarget, Role, Rollout, Snapshot, TargetGroup, TargetHealth, Task,
};
pub use view::{DeploymentView, ViewError};
