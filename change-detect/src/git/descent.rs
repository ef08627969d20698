//! The walk below a folder, from tree to tree without a look back.

use std::cmp::Ordering;

use gix::hash::ObjectId;
use gix::objs::tree::EntryKind as GitKind;
use gix::objs::{Find, Kind, TreeRefIter};

use super::{GitSource, join, kind_of, unreadable};
use crate::{Difference, Error, FileChange, RepoPath};

/// A folder with its tree on either side.
type Open = (RepoPath, Option<ObjectId>, Option<ObjectId>);

type Entry<'a> = gix::objs::tree::EntryRef<'a>;

fn next<'a>(entries: &mut TreeRefIter<'a>, folder: &RepoPath) -> Result<Option<Entry<'a>>, Error> {
    let entry = entries.next().transpose();
    entry.map_err(|error| unreadable(format!("the tree of `{folder}`"), error.into()))
}

impl GitSource {
    /// The files that differ below two trees; see `DiffSource::changes_below`.
    pub(super) fn descend(
        &self,
        start: Open,
        wanted: &dyn Fn(&FileChange) -> bool,
        limit: Option<usize>,
    ) -> Result<(Vec<FileChange>, bool), Error> {
        let mut changes = Vec::new();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut open = vec![start];
        while let Some((folder, old, new)) = open.pop() {
            if limit.is_some_and(|limit| changes.len() >= limit) {
                return Ok((changes, true));
            }
            self.load(old, &folder, &mut before)?;
            self.load(new, &folder, &mut after)?;
            let hash = old.or(new).map_or(gix::hash::Kind::Sha1, |id| id.kind());
            let mut differ = |old: Option<Entry<'_>>,
                              new: Option<Entry<'_>>|
             -> Result<(), Error> {
                let Some(name) = old.or(new).map(|entry| entry.filename) else {
                    return Ok(());
                };
                let path = join(&folder, name)?;
                let kind = |entry: Option<Entry<'_>>| entry.map(|entry| kind_of(entry.mode.kind()));
                let tree = |entry: Option<Entry<'_>>| {
                    let tree = entry.filter(|entry| entry.mode.kind() == GitKind::Tree);
                    tree.map(|entry| entry.oid.to_owned())
                };
                let difference = Difference::new(path, kind(old), kind(new));
                changes.extend(difference.file().filter(|change| wanted(change)));
                if difference.is_folder() {
                    open.push((difference.path, tree(old), tree(new)));
                }
                Ok(())
            };
            let mut left = TreeRefIter::from_bytes(&before, hash);
            let mut right = TreeRefIter::from_bytes(&after, hash);
            let (mut old, mut new) = (next(&mut left, &folder)?, next(&mut right, &folder)?);
            loop {
                let order = match (&old, &new) {
                    (None, None) => break,
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    // Entries of a tree are in this very order.
                    (Some(old), Some(new)) => old.cmp(new),
                };
                match order {
                    Ordering::Less => differ(old.take(), None)?,
                    Ordering::Greater => differ(None, new.take())?,
                    Ordering::Equal if old != new => differ(old.take(), new.take())?,
                    Ordering::Equal => {}
                }
                if order.is_le() {
                    old = next(&mut left, &folder)?;
                }
                if order.is_ge() {
                    new = next(&mut right, &folder)?;
                }
            }
        }
        Ok((changes, false))
    }

    /// Reads a tree object into a buffer; without a tree the buffer is empty.
    fn load(
        &self,
        id: Option<ObjectId>,
        folder: &RepoPath,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        buffer.clear();
        let Some(id) = id else { return Ok(()) };
        let what = || format!("the tree of `{folder}` (object `{id}`)");
        let found = self.with(|repository| {
            let found = repository.objects.try_find(&id, buffer);
            found.map(|data| data.is_some_and(|data| data.kind == Kind::Tree))
        });
        match found {
            Ok(true) => Ok(()),
            // Missing, or promised by a remote.
            Ok(false) => {
                *buffer = self.object(id, Kind::Tree, what)?;
                Ok(())
            }
            Err(error) => Err(unreadable(what(), error.into())),
        }
    }
}
