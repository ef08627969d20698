//! One image under several tags with one upload: OCI push, verification, and tags that only move forward.
//!
//! An image is read from a [`Source`] and pushed to a [`Registry`]: each blob once, then the manifest by digest, then the
//! tags, the moving one last. Each is read back before the [`Receipt`] names it. What is deployed afterwards is the
//! receipt's [`PinnedImage`]: a digest, which no later push can change.
//!
//! ```
//! use image_tagger::sim::SimRegistry;
//! use image_tagger::{ImageSpec, PushOptions, PushRequest, TagState, pack, push};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let image = pack(
//!     &ImageSpec::new()
//!         .file("app/server", true, "#!/bin/sh\n")
//!         .label("org.opencontainers.image.revision", "3f2c91d"),
//! )?;
//! let request = PushRequest::new("registry.example/user-service".parse()?, vec!["sha-3f2c91d".parse()?])
//!     .moving("latest".parse()?);
//!
//! let registry = SimRegistry::new();
//! let receipt = push(&registry, &image, &request, &PushOptions::default(), &|_| {}).await?;
//!
//! assert_eq!(&receipt.digest, image.digest());
//! assert!(receipt.tags.iter().all(|tag| tag.state == TagState::New && tag.verified));
//! # Ok(())
//! # }
//! ```

mod admin;
#[cfg(feature = "aws")]
pub mod aws;
mod blob;
mod credentials;
#[cfg(feature = "http")]
mod docker_config;
mod error;
mod event;
#[cfg(feature = "http")]
mod http;
mod image_name;
mod inspect;
mod layout;
mod lifecycle;
mod manifest;
mod names;
mod pack;
mod pattern;
mod promote;
mod push;
mod referrers;
mod registry;
pub mod retention;
pub mod scan;
pub mod sim;
mod source;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use admin::{
    Created, DeleteOutcome, ImageRecord, InvalidTagMutability, RepositoryAdmin, RepositoryOptions,
    TagMutability,
};
pub use blob::{BlobReader, Content};
pub use credentials::{Credential, Credentials, StaticCredentials};
#[cfg(feature = "http")]
pub use docker_config::{DockerConfig, FirstOf};
pub use error::Error;
pub use event::{Event, Observer};
#[cfg(feature = "http")]
pub use http::{HttpRegistry, HttpRegistryBuilder};
pub use image_name::{ImageName, InvalidImageName};
pub use inspect::{ImageConfig, Inspection, inspect, read_file, verify};
pub use layout::OciLayout;
pub use lifecycle::{
    CountSelection, CountUnit, InvalidLifecyclePolicy, LifecyclePolicy, LifecycleRule,
    LifecycleSelection, TagSelection,
};
pub use manifest::{Descriptor, Manifest, MediaType, Platform};
pub use names::{
    Digest, InvalidDigest, InvalidPinnedImage, InvalidRepository, InvalidTag, PinnedImage,
    Reference, Repository, Tag,
};
pub use pack::{ImageSpec, PackedImage, pack};
pub use pattern::{InvalidTagPattern, TagPattern};
pub use promote::{promote, retag};
pub use push::{
    Ancestry, BlobAction, FleetItem, FleetOptions, PlannedBlob, PlannedTag, PushOptions, PushPlan,
    PushRequest, Receipt, TagReceipt, TagState, plan, push, push_all,
};
pub use referrers::Attachment;
pub use registry::{BlobOutcome, Registry, Traffic};
pub use source::{
    DockerArchive, InvalidSourceName, OciArchive, OciDirectory, RegistrySource, Source, SourceName,
};

#[cfg(all(doctest, feature = "http", feature = "server"))]
#[doc = include_str!("../README.md")]
mod readme {}
