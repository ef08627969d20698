//! The engine: deploy, follow, judge, go back.

mod deploy;
mod follow;
mod rollback;
mod watch;

pub use deploy::{deploy, wait};
pub use rollback::rollback;
