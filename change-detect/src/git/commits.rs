//! Commits of one repository, and where its history was cut off.

use std::collections::BTreeSet;

use gix::Repository;
use gix::hash::ObjectId;

use super::unreadable;
use crate::history::Link;
use crate::{CommitId, Error};

/// Fails if the list of shallow commits is none; gix panics where it does not expect that.
pub(super) fn check_shallow(repository: &Repository) -> Result<(), Error> {
    let file = repository.shallow_file().map_err(|error| {
        unreadable(
            "the place of the list of shallow commits".to_owned(),
            error.into(),
        )
    })?;
    let damaged = |source: Box<dyn std::error::Error + Send + Sync>| {
        unreadable(
            format!("the list of shallow commits, `{}`", file.display()),
            source,
        )
    };
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(damaged(error.into())),
    };
    if text.is_empty() {
        return Ok(());
    }
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if ObjectId::from_hex(line).is_err() {
            return Err(damaged(format!("line {number} is no commit id").into()));
        }
    }
    Ok(())
}

/// The commits whose parents this clone was made without.
pub(super) fn shallow(repository: &Repository) -> Result<BTreeSet<ObjectId>, Error> {
    let cut = repository
        .shallow_commits()
        .map_err(|error| unreadable("the list of shallow commits".to_owned(), error.into()))?;
    Ok(cut
        .iter()
        .flat_map(|commits| commits.iter().copied())
        .collect())
}

/// A commit's place in history, or none if it is not here.
pub(super) fn link(
    repository: &Repository,
    id: ObjectId,
    shallow: &BTreeSet<ObjectId>,
) -> Result<Option<Link<ObjectId>>, Error> {
    let unreadable = |error: gix::Error| unreadable(format!("the commit `{id}`"), error.into());
    let Some(object) = repository.try_find_object(id).map_err(unreadable)? else {
        return Ok(None);
    };
    let commit = object.try_into_commit().map_err(unreadable)?;
    Ok(Some(Link {
        parents: commit.parent_ids().map(|parent| parent.detach()).collect(),
        seconds: commit.time().map_err(unreadable)?.seconds,
        cut: shallow.contains(&id),
    }))
}

pub(super) fn commit_id(id: ObjectId) -> Result<CommitId, Error> {
    let text = id.to_string();
    text.parse()
        .map_err(|error: crate::InvalidCommitId| Error::UnknownRevision {
            revision: text,
            source: Some(error.into()),
        })
}

/// The id as this repository has ids; none if it has ids of the other length.
pub(super) fn object_id(repository: &Repository, id: &CommitId) -> Option<ObjectId> {
    ObjectId::from_hex(id.as_str().as_bytes())
        .ok()
        .filter(|id| id.kind() == repository.object_hash())
}

/// Whether there is nothing that a revision could name.
pub(super) fn is_empty(repository: &Repository) -> bool {
    let unborn = repository.head().is_ok_and(|head| head.is_unborn());
    unborn
        && repository
            .references()
            .is_ok_and(|refs| refs.all().is_ok_and(|mut refs| refs.next().is_none()))
}

pub(super) fn commit<'r>(
    repository: &'r Repository,
    id: &CommitId,
) -> Result<gix::Commit<'r>, Error> {
    let unknown = || Error::UnknownRevision {
        revision: id.to_string(),
        source: None,
    };
    let object = repository
        .try_find_object(object_id(repository, id).ok_or_else(unknown)?)
        .map_err(|error| unreadable(format!("the commit `{id}`"), error.into()))?;
    object
        .ok_or_else(unknown)?
        .try_into_commit()
        .map_err(|error| Error::UnknownRevision {
            revision: id.to_string(),
            source: Some(error.into()),
        })
}

pub(super) fn tree_id(repository: &Repository, id: &CommitId) -> Result<ObjectId, Error> {
    let tree = commit(repository, id)?
        .tree_id()
        .map_err(|error| unreadable(format!("the commit `{id}`"), error.into()))?;
    Ok(tree.detach())
}
