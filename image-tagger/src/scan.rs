//! What a registry's scan of an image found, and whether that is bad enough to stop.
//!
//! An image that was not scanned is never clean: it is [`Verdict::Unknown`].
//!
//! ```
//! use image_tagger::scan::{self, ScanReport, ScanStatus, Severity, Verdict, WaitOptions};
//! use image_tagger::sim::SimAdmin;
//! use image_tagger::{Digest, ImageRecord};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (admin, repository) = (SimAdmin::new(), "registry.example/app".parse()?);
//! let digest = Digest::of(b"app");
//! admin.add_image(&repository, ImageRecord::new(digest.clone()));
//! admin.scan(&repository, [ScanReport::new(digest.clone(), ScanStatus::Unsupported).detail("no such base image")]);
//!
//! let report = scan::wait(&admin, &repository, &digest, &WaitOptions::default(), &|_| {}).await?;
//! let judgement = scan::judge(&report, Severity::High);
//! assert_eq!(judgement.verdict, Verdict::Unknown);
//! assert_eq!(judgement.reasons, ["the registry cannot scan this image: no such base image"]);
//! # Ok(())
//! # }
//! ```

mod report;
mod verdict;
mod wait;

pub use self::report::{
    Finding, InvalidSeverity, ScanReport, ScanStatus, Severity, SeverityCounts,
};
pub use self::verdict::{Judgement, Verdict, judge, judge_all, to_scan};
pub use self::wait::{WaitOptions, wait};
