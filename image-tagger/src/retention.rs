//! Which images of a repository to keep, and deleting the others.
//!
//! [`plan`] reads a repository and decides about every image in it, with reasons; [`apply`] deletes what the plan says, and
//! nothing that a fresh look would keep. [`decide`] is the plan without the reading.
//!
//! # What is kept
//!
//! - what is in use or a rollback target, by digest or by tag ([`InUse`]), with the indexes that list it;
//! - images with a protected tag;
//! - the last tagged images, by the time of their push;
//! - untagged images that are younger than the policy's window: a push puts its tags last, and an image that is being
//!   pushed has none;
//! - images whose age is not known;
//! - and whatever belongs to a kept image: the manifests of an index, signatures, SBOMs and attestations, and the image that
//!   a kept signature is about.
//!
//! Signatures and the like follow their image: they are not counted among the tagged ones, and are deleted with it.
//!
//! ```
//! use image_tagger::retention::{self, InUse, RetentionPolicy};
//! use image_tagger::sim::SimAdmin;
//! use image_tagger::{Digest, ImageRecord};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let repository = "registry.example/app".parse()?;
//! let now = "2026-03-31T00:00:00Z".parse()?;
//! let admin = SimAdmin::new();
//! admin.add_image(&repository, ImageRecord::new(Digest::of(b"old")).pushed_at("2026-01-01T00:00:00Z".parse()?));
//! admin.add_image(&repository, ImageRecord::new(Digest::of(b"run")).pushed_at("2026-01-01T00:00:00Z".parse()?));
//!
//! let in_use = InUse::new().image(Digest::of(b"run").into(), Some("service web"));
//! let plan = retention::plan(&admin, &repository, &RetentionPolicy::default(), &in_use, now).await?;
//! assert_eq!(plan.deletions, [Digest::of(b"old")]);
//! let receipt = retention::apply(&admin, &plan, &in_use, &|_| {}).await?;
//! assert!(receipt.is_complete());
//! # Ok(())
//! # }
//! ```

mod apply;
mod decide;
mod graph;
mod in_use;
mod plan;
mod policy;
mod reason;
mod receipt;

pub use self::apply::apply;
pub use self::decide::decide;
pub use self::in_use::{InUse, InvalidUsedName, Role, UsedImage, UsedName};
pub use self::plan::{Action, PlannedImage, RetentionPlan, Warning, plan};
pub use self::policy::RetentionPolicy;
pub use self::reason::Reason;
pub use self::receipt::{ImageReceipt, Outcome, RetentionEvent, RetentionReceipt};
