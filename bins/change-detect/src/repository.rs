//! The repository that was named, with or without its work tree.

use change_detect::{CommitId, Deepen, DiffSource, GitSource, Worktree};
use windlass_cli::Failure;

use crate::args::PlaceArgs;
use crate::failures;
use crate::settings::Settings;

/// What commits are read from.
#[derive(Debug)]
pub(crate) enum Repository {
    Git(GitSource),
    Worktree(Worktree),
}

impl Repository {
    pub(crate) fn open(place: &PlaceArgs) -> Result<Self, Failure> {
        let git = GitSource::discover(&place.repo).map_err(|error| failures::detect(&error))?;
        if place.worktree {
            let worktree = Worktree::new(git).map_err(|error| failures::detect(&error))?;
            Ok(Self::Worktree(worktree))
        } else {
            Ok(Self::Git(git))
        }
    }

    pub(crate) const fn git(&self) -> &GitSource {
        match self {
            Self::Git(git) => git,
            Self::Worktree(worktree) => worktree.git(),
        }
    }

    pub(crate) const fn source(&self) -> &dyn DiffSource {
        match self {
            Self::Git(git) => git,
            Self::Worktree(worktree) => worktree,
        }
    }

    pub(crate) const fn deepen(&self) -> &dyn Deepen {
        match self {
            Self::Git(git) => git,
            Self::Worktree(worktree) => worktree,
        }
    }

    /// The id to look at instead of a commit's, if it is the work tree that is looked at.
    pub(crate) const fn worktree(&self) -> Option<&CommitId> {
        match self {
            Self::Git(_) => None,
            Self::Worktree(worktree) => Some(worktree.id()),
        }
    }

    pub(crate) fn settings(&self, place: &PlaceArgs) -> Result<Settings, Failure> {
        Settings::load(place.config.as_deref(), self.git().workdir())
    }
}
