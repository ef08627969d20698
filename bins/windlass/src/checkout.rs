//! The repository that a run works on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use change_detect::{CommitId, CommitInfo, DiffSource, GitSource};
use windlass_cli::Failure;

use crate::failures;

/// How many changed files are named.
const SHOWN: usize = 5;

/// A git repository and the commit to deploy.
#[derive(Debug, Clone)]
pub(crate) struct Checkout {
    source: Arc<GitSource>,
    root: PathBuf,
    head: CommitInfo,
}

impl Checkout {
    /// Opens the repository that `folder` is part of, at `revision`.
    pub(crate) fn open(folder: &Path, revision: &str) -> Result<Self, Failure> {
        let source = GitSource::discover(folder).map_err(|error| failures::detect(&error))?;
        // A bare repository has no work tree; its state then stands beside its objects.
        let root = source
            .workdir()
            .unwrap_or_else(|| source.git_dir())
            .to_owned();
        let head = source
            .resolve(revision)
            .and_then(|id| source.commit(&id))
            .map_err(|error| failures::detect(&error))?;
        Ok(Self {
            source: Arc::new(source),
            root,
            head,
        })
    }

    /// Where commits and files are read from.
    pub(crate) fn source(&self) -> &GitSource {
        &self.source
    }

    /// The root of the work tree.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The commit to deploy.
    pub(crate) const fn head(&self) -> &CommitInfo {
        &self.head
    }

    /// The commit that a revision names.
    pub(crate) fn resolve(&self, revision: &str) -> Result<CommitId, Failure> {
        self.source
            .resolve(revision)
            .map_err(|error| failures::detect(&error))
    }

    /// What a commit says of itself.
    pub(crate) fn info(&self, id: &CommitId) -> Result<CommitInfo, Failure> {
        self.source
            .commit(id)
            .map_err(|error| failures::detect(&error))
    }

    /// Refuses to build from files that are not those of the commit to deploy.
    pub(crate) fn require_head_in_work_tree(&self) -> Result<(), Failure> {
        let here = self.resolve("HEAD")?;
        if here == self.head.id {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "the work tree is at {}, but {} is to be deployed",
            here.short(),
            self.head.id.short()
        ))
        .hint(
            "images are built from the work tree: check the commit out first, or leave --head away",
        ))
    }

    /// Refuses to build from tracked files that are not as the commit to deploy has them, unless they are allowed. Returns what
    /// there is to say of it.
    pub(crate) fn require_clean(&self, allow_dirty: bool) -> Result<Option<String>, Failure> {
        let modified = match self.source.modified() {
            Ok(modified) => modified,
            Err(error) => {
                let why = failures::detect(&error).in_a_line();
                return Ok(Some(format!(
                    "whether the work tree is as the commit has it cannot be told: {why}"
                )));
            }
        };
        if modified.is_empty() {
            return Ok(None);
        }
        let mut names: Vec<String> = modified
            .iter()
            .take(SHOWN)
            .map(|path| format!("`{path}`"))
            .collect();
        if modified.len() > SHOWN {
            names.push(format!("and {} more", modified.len() - SHOWN));
        }
        let (names, head) = (names.join(", "), self.head.id.short());
        if allow_dirty {
            return Ok(Some(format!(
                "the images are named after {head}, and are built from files that it does not have so: {names}"
            )));
        }
        Err(Failure::usage(format!(
            "the work tree is not as {head} has it: {names}"
        ))
        .hint("images are built from the work tree and named after the commit: commit or stash the changes, or build them all the same with --allow-dirty"))
    }

    /// The ancestry of this repository's commits, for tags that only move forward.
    pub(crate) fn ancestry(&self) -> Arc<dyn image_tagger::Ancestry> {
        Arc::new(History(Arc::clone(&self.source)))
    }
}

#[derive(Debug)]
struct History(Arc<GitSource>);

#[async_trait]
impl image_tagger::Ancestry for History {
    async fn is_ancestor(&self, ancestor: &str, of: &str) -> Option<bool> {
        let (ancestor, of) = (ancestor.parse().ok()?, of.parse().ok()?);
        self.0.is_ancestor(&ancestor, &of).ok().flatten()
    }
}
