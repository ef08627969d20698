//! Simulators of CloudWatch Logs and of S3: models that keep state, obey the contracts, and fail in the ways that production does.

mod archive;
mod chance;
mod logs;

pub use archive::{ArchiveFault, SimArchive};
pub use logs::{SimLogs, SourceFault};
