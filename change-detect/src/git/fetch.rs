//! Fetching what a shallow or partial clone lacks.

use super::program::Problem;
use super::{GitSource, shallow};
use crate::{CommitId, Deepen, Error};

/// Fetches with the `git` program from the remote that the clone was made of: its `origin`, or its only remote.
///
/// Only commits are fetched (`--filter=tree:0`), which makes the clone a partial one: trees and files come when they are
/// asked for. Refs and tags stay as they are (but that [`Deepen::fetch_tags`] adds tags), and `--depth`, which can cut what is there, is never used. Authentication is
/// git's own; it is never asked for on a terminal.
impl Deepen for GitSource {
    fn deepen(&self, tips: &[CommitId], by: u32) -> Result<bool, Error> {
        let before = self.with(shallow)?;
        if before.is_empty() {
            return Ok(false);
        }
        let remote = self.remote()?;
        let deepen = format!("--deepen={by}");
        let tips: Vec<&str> = tips.iter().map(CommitId::as_str).collect();
        let fetch = |tips: &[&str]| {
            let options = ["--filter=tree:0", &deepen, "--", &remote];
            self.fetch_with(&[&options, tips].concat())
        };
        // A server may refuse to be asked for commits by their ids; then its branches have to do.
        match fetch(&tips) {
            Err(Problem::Failed { .. }) => fetch(&[]),
            other => other,
        }
        .map_err(not_fetched)?;
        Ok(self.with(shallow)? != before)
    }

    fn fetch(&self, id: &CommitId) -> Result<bool, Error> {
        let remote = self.remote()?;
        match self.fetch_with(&["--filter=tree:0", "--", &remote, id.as_str()]) {
            Ok(()) => Ok(true),
            // The remote answered, and does not have it.
            Err(Problem::Failed { message, .. })
                if message.contains("not our ref") || message.contains("remote error") =>
            {
                Ok(false)
            }
            Err(problem) => Err(not_fetched(problem)),
        }
    }

    fn fetch_tags(&self) -> Result<bool, Error> {
        let Some(remote) = self.remote_if_any()? else {
            return Ok(false);
        };
        let all = "refs/tags/*:refs/tags/*";
        match self.fetch_with(&["--filter=tree:0", "--", &remote, all]) {
            Ok(()) => Ok(true),
            // All others came. One that stands elsewhere here was put there by somebody.
            Err(Problem::Failed { message, .. })
                if message.contains("would clobber existing tag") =>
            {
                Ok(true)
            }
            Err(problem) => Err(not_fetched(problem)),
        }
    }
}

fn not_fetched(problem: Problem) -> Error {
    problem.or(|problem| Error::NotFetched {
        source: problem.into(),
    })
}

impl GitSource {
    fn fetch_with(&self, arguments: &[&str]) -> Result<(), Problem> {
        let options = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-auto-maintenance",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            // Asked for by id or by the refs configured, nothing of the clone's is moved.
            "--refmap=",
        ];
        self.program.run(&[&options, arguments].concat())?;
        self.now_partial();
        Ok(())
    }

    fn remote(&self) -> Result<String, Error> {
        self.remote_if_any()?.ok_or_else(|| Error::NotFetched {
            source: "the clone has no remote".into(),
        })
    }

    fn remote_if_any(&self) -> Result<Option<String>, Error> {
        let out = self.program.run(&["remote"]).map_err(not_fetched)?;
        let text = String::from_utf8_lossy(&out);
        let remotes: Vec<&str> = text.lines().collect();
        match remotes.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some((*only).to_owned())),
            several if several.contains(&"origin") => Ok(Some("origin".to_owned())),
            several => Err(Error::NotFetched {
                source: format!("none of the remotes {} is `origin`", several.join(", ")).into(),
            }),
        }
    }
}
