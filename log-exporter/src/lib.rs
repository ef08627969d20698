//! CloudWatch Logs to S3, exactly once, resumable and verifiable, with simulators of both.
//!
//! [`plan`] says which hours of which groups are to be read by now, and [`export`] reads them and commits each with a manifest.
//! It may be killed at any point and run again, by several at once: no event is lost and none is there twice. What comes late is
//! read up to two weeks later. [`verify`] proves it.
//!
//! ```
//! use log_exporter::sim::{SimArchive, SimLogs};
//! use log_exporter::{
//!     Clock, GroupInfo, LogEvent, Options, Place, PlanRequest, RateLimit, Selection, VerifyRequest, export, plan, verify,
//! };
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Clock::new("2026-11-26T12:00:00Z".parse()?);
//! let (logs, archive) = (SimLogs::new(clock), SimArchive::new(clock));
//! let place = Place::new("123456789012".parse()?, "us-east-1".parse()?, "/ecs/web".parse()?);
//! logs.create_group(GroupInfo::new(place.clone(), "2026-11-26".parse()?));
//! logs.put(&place.group, [LogEvent {
//!     timestamp: "2026-11-26T09:59:59.999Z".parse::<log_exporter::Millis>()?.epoch(),
//!     ingestion: "2026-11-26T10:00:01Z".parse::<log_exporter::Millis>()?.epoch(),
//!     stream: "web/1".to_owned(),
//!     id: "1".to_owned(),
//!     message: "started".to_owned(),
//! }]);
//!
//! let (options, limit) = (Options::default(), RateLimit::published(&place.region, 1));
//! let request = PlanRequest::new(vec![Selection::Group(place.group.clone())]).from(Some("2026-11-26T09:00:00Z".parse()?));
//! let plan = plan(&logs, &archive, &request, &options, &clock, &limit, &|_| {}).await?;
//! let report = export(&logs, &archive, plan.units, &options, &clock, &limit, &|_| {}).await;
//! assert!(report.is_complete());
//! assert_eq!(report.events, 1);
//!
//! let request = VerifyRequest::new(vec![]);
//! let verified = verify(&archive, Some(&logs), &request, &options, &clock, &limit, &|_| {}).await?;
//! assert_eq!(verified.findings, []);
//! # Ok(())
//! # }
//! ```

mod archive;
#[cfg(feature = "aws")]
pub mod aws;
mod body;
mod bulk;
mod chain;
mod checkpoint;
#[cfg(feature = "parquet")]
mod columns;
mod compress;
mod contents;
mod ddl;
mod engine;
mod error;
mod event;
mod folder;
mod layout;
mod limits;
mod log_event;
mod manifest;
mod names;
mod options;
mod outcome;
mod part_format;
mod parts;
mod plan;
mod retention;
mod retry;
pub mod sim;
mod sorter;
mod source;
mod sweep;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod verify;

pub use archive::{Archive, ListPage, Listed, Object, ObjectInfo, Put, Sha256, Version};
pub use bulk::{BULK_DELAY, BulkOptions, BulkOutcome, bulk, bulk_check};
pub use compress::{Codec, Compression};
pub use contents::{cat, formats};
pub use ddl::{ddl, ddl_drop, ddl_over_both};
pub use engine::export;
pub use error::Error;
pub use event::{Event, Observer};
pub use folder::FolderArchive;
pub use layout::Layout;
pub use limits::{RateLimit, published_rate};
pub use log_event::{IdDigest, Line, LogEvent};
pub use manifest::{Chain, Manifest, PartRecord, SCHEMA};
pub use names::{AccountId, Home, InvalidName, LogGroup, Place, Region};
pub use options::Options;
pub use outcome::{Fault, Report, Unit, WindowOutcome, WindowState};
pub use part_format::PartFormat;
pub use plan::{Plan, PlanRequest, Selection, find_groups, plan};
pub use retention::{
    InvalidRetention, OnlyVerified, RetentionAction, RetentionChange, RetentionDays, set_retention,
};
pub use source::{
    EventPage, ExportTask, GroupClass, GroupInfo, GroupPage, LogAdmin, LogSource, PageToken,
    TaskState,
};
pub use sweep::{Schedule, Sweep};
pub use time::{Clock, EmptySpan, InvalidTime, Millis, Span, Window};
pub use verify::{
    Finding, ORPHAN_AGE, Orphan, VerifyReport, VerifyRequest, places, verify, verify_units,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
