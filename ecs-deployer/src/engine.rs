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

pub use deployer::{Deployer, deploy, rollback, wait};
