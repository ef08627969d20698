//! Trees of one repository, each read and taken apart once.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use gix::hash::ObjectId;
use gix::objs::tree::EntryKind as GitKind;

/// How many trees are kept. A repository of a hundred thousand folders stays in memory; larger ones are read again.
const MOST: usize = 100_000;

/// The entries of one folder, sorted by the bytes of their names (git's own order puts a `/` behind folders).
#[derive(Debug)]
pub(super) struct Tree {
    names: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: Range<usize>,
    item: Item,
}

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) kind: GitKind,
    pub(super) id: ObjectId,
}

/// A name with what the one and the other tree have there.
pub(super) type Pair<'a> = (&'a [u8], Option<Item>, Option<Item>);

impl Tree {
    /// Takes the bytes of a tree object apart.
    pub(super) fn decode(data: &[u8], hash: gix::hash::Kind) -> Result<Self, gix::Error> {
        let (mut names, mut entries) = (Vec::with_capacity(data.len()), Vec::new());
        for entry in gix::objs::TreeRefIter::from_bytes(data, hash) {
            let entry = entry.map_err(gix::Error::from_error)?;
            let start = names.len();
            names.extend_from_slice(entry.filename);
            entries.push(Entry {
                name: start..names.len(),
                item: Item {
                    kind: entry.mode.kind(),
                    id: entry.oid.to_owned(),
                },
            });
        }
        let order = |a: &Entry, b: &Entry| names[a.name.clone()].cmp(&names[b.name.clone()]);
        if !entries.is_sorted_by(|a, b| order(a, b).is_le()) {
            entries.sort_by(order);
        }
        Ok(Self { names, entries })
    }

    /// What stands at a name.
    pub(super) fn get(&self, name: &[u8]) -> Option<Item> {
        let index = self
            .entries
            .binary_search_by(|entry| self.names[entry.name.clone()].cmp(name))
            .ok()?;
        self.entries.get(index).map(|entry| entry.item)
    }

    /// All names, sorted.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Item)> {
        self.entries
            .iter()
            .map(|entry| (&self.names[entry.name.clone()], entry.item))
    }

    /// The names at which two trees differ, sorted.
    pub(super) fn differences<'a>(
        before: Option<&'a Self>,
        after: Option<&'a Self>,
    ) -> Vec<Pair<'a>> {
        let side = |tree: Option<&'a Self>| tree.into_iter().flat_map(Self::iter).peekable();
        let (mut before, mut after) = (side(before), side(after));
        let mut pairs = Vec::new();
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return pairs,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let old = if order.is_le() { before.next() } else { None };
            let new = if order.is_ge() { after.next() } else { None };
            let (was, is) = (old.map(|old| old.1), new.map(|new| new.1));
            if was != is
                && let Some((name, _)) = old.or(new)
            {
                pairs.push((name, was, is));
            }
        }
    }
}

/// Ids are hashes already.
type Known = gix::hashtable::HashMap<ObjectId, Arc<Tree>>;

/// The trees read so far.
#[derive(Debug, Default)]
pub(super) struct Trees(Mutex<Known>);

impl Trees {
    /// The tree of an id, which is read only if it is not known yet.
    pub(super) fn get<E>(
        &self,
        id: ObjectId,
        read: impl FnOnce() -> Result<Tree, E>,
    ) -> Result<Arc<Tree>, E> {
        if let Some(known) = self.lock().get(&id) {
            return Ok(Arc::clone(known));
        }
        let tree = Arc::new(read()?);
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(id, Arc::clone(&tree));
        Ok(tree)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // Each change is a single insertion, so what a panic left behind is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
