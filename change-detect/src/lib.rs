//! What changed between two commits, which modules and services it affects, and in what order to build them.
//!
//! [`detect`] compares the trees of two commits ([`DiffSource`]; a git repository is a [`GitSource`]), finds the modules
//! of both ([`Layout`]), gives each changed file to the module that owns it and follows the dependencies from there. The
//! [`Detection`] says for each module why it is part of it, and how far it is to be trusted ([`Confidence`]): an error is
//! never an empty list.
//!
//! ```
//! use change_detect::sim::{Draft, SimRepository};
//! use change_detect::{Bases, DiffSource, Options, detect};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let repository = SimRepository::new();
//! let base = repository.save(
//!     Draft::new("Add two services")
//!         .file("services/task-service/main.py", "print(1)")
//!         .file("services/user-service/main.py", "print(1)"),
//! )?;
//! let head = repository.save(Draft::new("Count on").file("services/user-service/main.py", "print(2)"))?;
//!
//! let detection = detect(&repository, &Bases::One(base), &head, &Options::default())?;
//! assert_eq!(detection.services.len(), 1);
//! assert_eq!(
//!     detection.explain(&"user-service".parse()?).as_deref(),
//!     Some("user-service ← services/user-service/main.py changed"),
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # Globs
//! `services`, `global` and `ignore` of [`Options`] are ordered lists of globs over whole paths from the repository's
//! root. `*` and `?` stop at a `/`, `**` does not; the root itself is `.`. A glob that begins with `!` takes back what
//! globs before it matched:
//! **the last glob that matches decides**. A path that no glob matches is not matched, so a list of nothing but
//! negations could never match and is an error.

mod base;
mod cargo;
mod comparison;
mod detect;
mod detection;
mod directories;
mod error;
#[cfg(feature = "git")]
mod git;
mod globs;
mod go;
mod gradle;
mod graph;
mod history;
mod inventory;
mod judgement;
mod kinds;
mod maven;
mod module;
mod names;
mod npm;
mod options;
mod path;
pub mod sim;
mod situation;
mod source;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use base::{Choice, Deepen, Method, choose};
pub use detect::{detect, graph, services_at};
pub use detection::{Change, Confidence, Detection, ModuleReport, Why};
pub use error::Error;
#[cfg(feature = "git")]
pub use git::{GitSource, Worktree};
pub use graph::Graph;
pub use module::{Dependency, EdgeKind, Module, ModuleKind};
pub use names::{CommitId, InvalidCommitId, InvalidModuleName, ModuleName};
pub use options::{Bases, InvalidLayout, Layout, OnUnknown, Options};
pub use path::{InvalidRepoPath, RepoPath};
pub use situation::{InvalidEvent, Situation};
pub use source::{
    ChangeKind, CommitInfo, CommonAncestors, DiffSource, Difference, EntryKind, FileChange,
    TreeEntry, changes, walk,
};

#[cfg(all(doctest, feature = "git"))]
#[doc = include_str!("../README.md")]
mod readme {}
