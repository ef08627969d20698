//! The engine: begin, follow, judge, go back.

mod back;
mod begin;
mod deployer;
mod failures;
mod follow;
mod history;
mod judgement;
mod pace;
mod watch;

pub use begin::check_deployable;
pub(crate) use begin::{check_kind, must_redeploy, runs_already};
pub use deployer::{Deployer, deploy, rollback, wait, way_back};
