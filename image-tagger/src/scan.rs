//! What a registry's scan of an image found, and whether that is bad enough to stop.
//!
//! An image that was not scanned is never clean: it is [`Verdict::Unknown`].

mod report;
mod verdict;
mod wait;

pub use self::report::{
    Finding, InvalidSeverity, ScanReport, ScanStatus, Severity, SeverityCounts,
};
pub use self::verdict::{Judgement, Verdict, judge};
pub use self::wait::{WaitOptions, wait};
