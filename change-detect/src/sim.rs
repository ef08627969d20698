//! A repository in memory: a history of commits with trees, names and faults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::history::{Link, common_ancestors};
use crate::{
    CommitId, CommitInfo, CommonAncestors, Deepen, DiffSource, Difference, EntryKind, Error,
    InvalidRepoPath, RepoPath, TreeEntry,
};

/// When a commit is made unless it says otherwise: 1 January 2026.
const EPOCH: i64 = 1_767_225_600;

/// What stands at a path of a [`Draft`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A file.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: Vec<u8>,
    },
    /// A submodule.
    Submodule {
        /// The other repository's commit.
        commit: CommitId,
    },
}

/// A commit to be made: what differs from its first parent's tree, and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Draft {
    /// The message.
    pub message: String,
    /// The name of the author.
    pub author: String,
    /// When it is committed, in seconds since 1970.
    pub seconds: i64,
    /// The parents; without a list, the commit made or checked out last.
    pub parents: Option<Vec<CommitId>>,
    /// Paths in the order they were given, with what stands there, or none if all at or below the path goes.
    pub entries: Vec<(Vec<u8>, Option<Content>)>,
}

impl Draft {
    /// A commit that changes nothing yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            author: "Ada Example".to_owned(),
            seconds: EPOCH,
            parents: None,
            entries: Vec::new(),
        }
    }

    /// Writes a file.
    #[must_use]
    pub fn file(self, path: impl Into<Vec<u8>>, bytes: impl Into<Vec<u8>>) -> Self {
        self.entry(
            path,
            Some(Content::File {
                bytes: bytes.into(),
                executable: false,
            }),
        )
    }

    /// Writes a file that may be executed.
    #[must_use]
    pub fn executable(self, path: impl Into<Vec<u8>>, bytes: impl Into<Vec<u8>>) -> Self {
        self.entry(
            path,
            Some(Content::File {
                bytes: bytes.into(),
                executable: true,
            }),
        )
    }

    /// Makes a symbolic link.
    #[must_use]
    pub fn symlink(self, path: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        self.entry(
            path,
            Some(Content::Symlink {
                target: target.into(),
            }),
        )
    }

    /// Mounts a submodule.
    #[must_use]
    pub fn submodule(self, path: impl Into<Vec<u8>>, commit: CommitId) -> Self {
        self.entry(path, Some(Content::Submodule { commit }))
    }

    /// Removes a file, or a folder with all that is in it.
    #[must_use]
    pub fn remove(self, path: impl Into<Vec<u8>>) -> Self {
        self.entry(path, None)
    }

    /// Sets the parents; the tree begins as the first one's, or empty without any.
    #[must_use]
    pub fn parents(mut self, parents: impl IntoIterator<Item = CommitId>) -> Self {
        self.parents = Some(parents.into_iter().collect());
        self
    }

    /// Sets the author.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// Sets the time, in seconds since 1970.
    #[must_use]
    pub const fn seconds(mut self, seconds: i64) -> Self {
        self.seconds = seconds;
        self
    }

    fn entry(mut self, path: impl Into<Vec<u8>>, content: Option<Content>) -> Self {
        self.entries.push((path.into(), content));
        self
    }
}

type Tree = BTreeMap<RepoPath, Content>;

#[derive(Debug, Clone)]
struct Commit {
    info: CommitInfo,
    parents: Vec<CommitId>,
    tree: Tree,
}

#[derive(Debug, Default)]
struct State {
    made: u64,
    commits: BTreeMap<CommitId, Commit>,
    head: Option<CommitId>,
    names: BTreeMap<String, CommitId>,
    boundary: BTreeSet<CommitId>,
    /// What was cut off and could be fetched.
    beyond: BTreeMap<CommitId, Commit>,
    /// Tags that the clone was made without.
    tags_beyond: BTreeMap<String, CommitId>,
    lost_trees: BTreeSet<CommitId>,
    lost_files: BTreeSet<RepoPath>,
}

/// A [`DiffSource`] in memory, for tests and demonstrations.
///
/// It can lack what real clones lack: history ([`cut`](Self::cut)), single commits ([`lose_commit`](Self::lose_commit)),
/// trees ([`lose_tree`](Self::lose_tree)) and files ([`lose_file`](Self::lose_file)). Ids are made up, but the same
/// commits made in the same order have the same ids.
#[derive(Debug, Default)]
pub struct SimRepository {
    state: Mutex<State>,
}

impl SimRepository {
    /// A repository without commits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a commit and puts `HEAD` on it. Fails on a path that no repository can have.
    pub fn save(&self, draft: Draft) -> Result<CommitId, InvalidRepoPath> {
        let mut state = self.state();
        let parents = draft
            .parents
            .unwrap_or_else(|| state.head.iter().cloned().collect());
        let mut tree = parents
            .first()
            .and_then(|parent| state.commits.get(parent))
            .map(|commit| commit.tree.clone())
            .unwrap_or_default();
        for (path, content) in draft.entries {
            let path = RepoPath::from_bytes(path)?;
            tree.retain(|other, _| !other.starts_with(&path));
            if let Some(content) = content {
                // A file where a folder is to be gives way.
                tree.retain(|other, _| !path.starts_with(other));
                tree.insert(path, content);
            }
        }
        state.made += 1;
        let id = made_up_id(state.made, &draft.message);
        let title = draft.message.lines().next().unwrap_or_default().to_owned();
        let info = CommitInfo::new(id.clone(), title, draft.author, draft.seconds);
        state.commits.insert(
            id.clone(),
            Commit {
                info,
                parents,
                tree,
            },
        );
        state.head = Some(id.clone());
        Ok(id)
    }

    /// Puts `HEAD` on a commit.
    pub fn checkout(&self, id: &CommitId) {
        self.state().head = Some(id.clone());
    }

    /// Points a tag or branch to a commit.
    pub fn name(&self, name: impl Into<String>, id: &CommitId) {
        self.state().names.insert(name.into(), id.clone());
    }

    /// Makes the repository shallow: keeps only commits that are fewer than `depth` steps from `HEAD` and the names.
    pub fn cut(&self, depth: usize) {
        let mut state = self.state();
        let mut kept = BTreeSet::new();
        let mut level: Vec<CommitId> = state
            .head
            .iter()
            .chain(state.names.values())
            .cloned()
            .collect();
        for _ in 0..depth {
            let mut next = Vec::new();
            for id in level {
                if let Some(commit) = state.commits.get(&id)
                    && kept.insert(id)
                {
                    next.extend(commit.parents.iter().cloned());
                }
            }
            level = next;
        }
        let commits = std::mem::take(&mut state.commits);
        let (kept_commits, beyond) = commits.into_iter().partition(|(id, _)| kept.contains(id));
        state.commits = kept_commits;
        state.beyond.extend::<BTreeMap<_, _>>(beyond);
        state.cut_again();
    }

    /// Takes a commit away, as if it was forced away and collected. Names that point to it stay.
    pub fn lose_commit(&self, id: &CommitId) {
        self.state().commits.remove(id);
    }

    /// Takes a tag away, as in a clone that was made without tags. It can be fetched.
    pub fn lose_tag(&self, name: &str) {
        let mut state = self.state();
        if let Some((name, id)) = state.names.remove_entry(name) {
            state.tags_beyond.insert(name, id);
        }
    }

    /// Makes a commit's tree unreadable, as in a clone without trees.
    pub fn lose_tree(&self, id: &CommitId) {
        self.state().lost_trees.insert(id.clone());
    }

    /// Makes the content of a file unreadable in every commit, as in a damaged clone. It is still listed and compared.
    pub fn lose_file(&self, path: &RepoPath) {
        self.state().lost_files.insert(path.clone());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of the state is complete before anything that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Finds the commits of which a parent is beyond the cut.
    fn cut_again(&mut self) {
        let beyond = &self.beyond;
        let cut_off = |commit: &&Commit| {
            commit
                .parents
                .iter()
                .any(|parent| beyond.contains_key(parent))
        };
        let boundary = self.commits.values().filter(cut_off);
        self.boundary = boundary.map(|commit| commit.info.id.clone()).collect();
    }

    fn commit(&self, id: &CommitId) -> Result<&Commit, Error> {
        self.commits.get(id).ok_or_else(|| Error::UnknownRevision {
            revision: id.to_string(),
            source: None,
        })
    }

    fn tree(&self, id: &CommitId) -> Result<&Tree, Error> {
        let commit = self.commit(id)?;
        if self.lost_trees.contains(id) {
            return Err(Error::Unreadable {
                what: format!("the tree of `{id}`"),
                source: None,
            });
        }
        Ok(&commit.tree)
    }

    /// Reads a name with any number of `^` and `~N` behind it.
    fn resolve(&self, rev: &str) -> Option<CommitId> {
        let (name, steps) = rev
            .find(['^', '~'])
            .map_or((rev, ""), |at| rev.split_at(at));
        let mut id = match name {
            "HEAD" | "@" => self.head.clone()?,
            _ => self
                .names
                .get(name)
                .cloned()
                .or_else(|| self.by_prefix(name))?,
        };
        let mut steps = steps.chars().peekable();
        while let Some(step) = steps.next() {
            let mut digits = String::new();
            while let Some(digit) = steps.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            let number: usize = if digits.is_empty() {
                1
            } else {
                digits.parse().ok()?
            };
            match (step, number) {
                ('^', 0) => {}
                ('^', parent) => id = self.commits.get(&id)?.parents.get(parent - 1)?.clone(),
                ('~', generations) => {
                    for _ in 0..generations {
                        id = self.commits.get(&id)?.parents.first()?.clone();
                    }
                }
                _ => return None,
            }
        }
        self.commits.contains_key(&id).then_some(id)
    }

    fn by_prefix(&self, prefix: &str) -> Option<CommitId> {
        if prefix.len() < 4 {
            return None;
        }
        let prefix = prefix.to_ascii_lowercase();
        let mut matching = self
            .commits
            .keys()
            .filter(|id| id.as_str().starts_with(&prefix));
        matching
            .next()
            .filter(|_| matching.next().is_none())
            .cloned()
    }
}

impl DiffSource for SimRepository {
    fn resolve(&self, rev: &str) -> Result<CommitId, Error> {
        let state = self.state();
        state.resolve(rev).ok_or_else(|| {
            if state.head.is_none() && state.commits.is_empty() {
                Error::NoCommits
            } else {
                Error::UnknownRevision {
                    revision: rev.to_owned(),
                    source: None,
                }
            }
        })
    }

    fn commit(&self, id: &CommitId) -> Result<CommitInfo, Error> {
        Ok(self.state().commit(id)?.info.clone())
    }

    fn differences(
        &self,
        base: Option<&CommitId>,
        head: &CommitId,
        folder: &RepoPath,
    ) -> Result<Vec<Difference>, Error> {
        let state = self.state();
        let empty = Tree::new();
        let before = base.map_or(Ok(&empty), |base| state.tree(base))?;
        let after = state.tree(head)?;
        let mut found: BTreeMap<RepoPath, (bool, Option<EntryKind>, Option<EntryKind>)> =
            BTreeMap::new();
        for (path, is_after) in before
            .keys()
            .map(|path| (path, false))
            .chain(after.keys().map(|path| (path, true)))
        {
            let Some((entry, below)) = entry_below(folder, path) else {
                continue;
            };
            let content = if is_after { after } else { before }.get(path);
            let kind = if below {
                Some(EntryKind::Directory)
            } else {
                content.map(kind_of)
            };
            let differs = before.get(path) != after.get(path);
            let (any, was, is) = found.entry(entry).or_default();
            *any |= differs;
            *(if is_after { is } else { was }) = kind;
        }
        Ok(found
            .into_iter()
            .filter(|(_, (differs, ..))| *differs)
            .map(|(path, (_, before, after))| Difference::new(path, before, after))
            .collect())
    }

    fn read(&self, at: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        let state = self.state();
        let bytes = match state.tree(at)?.get(path) {
            Some(Content::File { bytes, .. }) => bytes,
            Some(Content::Symlink { target }) => target,
            Some(Content::Submodule { .. }) | None => return Ok(None),
        };
        if state.lost_files.contains(path) {
            return Err(Error::Unreadable {
                what: format!("`{path}` at {}", at.short()),
                source: None,
            });
        }
        Ok(Some(bytes.clone()))
    }

    fn list(&self, at: &CommitId, folder: &RepoPath) -> Result<Vec<TreeEntry>, Error> {
        let state = self.state();
        let mut entries = BTreeMap::new();
        for (path, content) in state.tree(at)? {
            let Some((entry, below)) = entry_below(folder, path) else {
                continue;
            };
            let kind = if below {
                EntryKind::Directory
            } else {
                kind_of(content)
            };
            entries.insert(entry, kind);
        }
        Ok(entries
            .into_iter()
            .map(|(path, kind)| TreeEntry::new(path, kind))
            .collect())
    }

    fn common_ancestors(&self, a: &CommitId, b: &CommitId) -> Result<CommonAncestors, Error> {
        let state = self.state();
        let read = |id: &CommitId| {
            Ok::<_, Error>(state.commits.get(id).map(|commit| Link {
                parents: commit.parents.clone(),
                seconds: commit.info.seconds,
                cut: state.boundary.contains(id),
            }))
        };
        let common = common_ancestors(a, b, read)?;
        Ok(CommonAncestors::new(common.best, common.cut))
    }

    fn parents(&self, id: &CommitId) -> Result<Vec<CommitId>, Error> {
        Ok(self.state().commit(id)?.parents.clone())
    }

    fn tags(&self) -> Result<Vec<(String, CommitId)>, Error> {
        let state = self.state();
        let here = |(_, id): &(&String, &CommitId)| state.commits.contains_key(*id);
        Ok(state
            .names
            .iter()
            .filter(here)
            .map(|(name, id)| (name.clone(), id.clone()))
            .collect())
    }

    fn has_all_tags(&self) -> Result<bool, Error> {
        Ok(self.state().tags_beyond.is_empty())
    }
}

/// The remote has what was [`cut`](SimRepository::cut) off, and nothing that was lost.
impl Deepen for SimRepository {
    fn deepen(&self, _tips: &[CommitId], by: u32) -> Result<bool, Error> {
        let mut state = self.state();
        let mut came = false;
        for _ in 0..by {
            let boundary = std::mem::take(&mut state.boundary);
            if boundary.is_empty() {
                break;
            }
            for id in boundary {
                let parents = state.commits.get(&id).map(|commit| commit.parents.clone());
                for parent in parents.unwrap_or_default() {
                    if let Some(commit) = state.beyond.remove(&parent) {
                        state.commits.insert(parent, commit);
                        came = true;
                    }
                }
            }
            state.cut_again();
        }
        Ok(came)
    }

    fn fetch(&self, id: &CommitId) -> Result<bool, Error> {
        let mut state = self.state();
        let Some(commit) = state.beyond.remove(id) else {
            return Ok(false);
        };
        state.commits.insert(id.clone(), commit);
        state.cut_again();
        Ok(true)
    }

    fn fetch_tags(&self) -> Result<bool, Error> {
        let mut state = self.state();
        let tags = std::mem::take(&mut state.tags_beyond);
        state.names.extend(tags);
        let mut open: Vec<CommitId> = state.names.values().cloned().collect();
        while let Some(id) = open.pop() {
            if let Some(commit) = state.beyond.remove(&id) {
                open.extend(commit.parents.iter().cloned());
                state.commits.insert(id, commit);
            }
        }
        state.cut_again();
        Ok(true)
    }
}

/// The entry of a folder that leads to a path below it, and whether there is more below that entry.
fn entry_below(folder: &RepoPath, path: &RepoPath) -> Option<(RepoPath, bool)> {
    let below = path.strip_prefix(folder).filter(|below| !below.is_root())?;
    let first = below.as_bytes().split(|byte| *byte == b'/').next()?;
    // A component of a valid path is a valid path below a folder.
    let entry = folder.join(first).ok()?;
    Some((entry, first.len() < below.as_bytes().len()))
}

const fn kind_of(content: &Content) -> EntryKind {
    match content {
        Content::File { executable, .. } => EntryKind::File {
            executable: *executable,
        },
        Content::Symlink { .. } => EntryKind::Symlink,
        Content::Submodule { .. } => EntryKind::Submodule,
    }
}

/// 40 digits that depend on nothing but the arguments.
fn made_up_id(number: u64, message: &str) -> CommitId {
    let mut digits = String::new();
    for lane in 0..3_u64 {
        // FNV-1a; nothing here has to withstand an attack.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in lane
            .to_be_bytes()
            .into_iter()
            .chain(number.to_be_bytes())
            .chain(message.bytes())
        {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // The last bytes of FNV stay in its low digits: fold them upwards, so that abbreviations differ.
        hash ^= hash.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        digits.push_str(&format!("{hash:016x}"));
    }
    digits[..40].parse().expect("40 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes;
    use crate::testing::{self, Workshop};

    struct Sim(std::sync::Arc<SimRepository>);

    impl Workshop for Sim {
        fn save(&mut self, draft: Draft) -> CommitId {
            self.0.save(draft).unwrap()
        }

        fn tag(&mut self, name: &str, id: &CommitId) {
            self.0.name(name, id);
        }

        fn source(&self) -> Box<dyn DiffSource> {
            Box::new(std::sync::Arc::clone(&self.0))
        }
    }

    #[test]
    fn obeys_the_contract() {
        testing::check_contract(&mut || Box::new(Sim(std::sync::Arc::default())));
    }

    #[test]
    fn a_cut_history_cannot_tell_and_lacks_its_past() {
        let repository = SimRepository::new();
        let ids: Vec<CommitId> = ["a", "b", "c", "d"]
            .iter()
            .map(|name| repository.save(Draft::new(*name).file(*name, "x")).unwrap())
            .collect();
        repository.cut(2);
        assert_eq!(
            repository.is_ancestor(&ids[2], &ids[3]).unwrap(),
            Some(true)
        );
        assert_eq!(repository.is_ancestor(&ids[0], &ids[3]).unwrap(), None);
        assert_eq!(
            repository.is_ancestor(&ids[3], &ids[2]).unwrap(),
            Some(false)
        );
        assert!(matches!(
            changes(&repository, Some(&ids[0]), &ids[3]),
            Err(Error::UnknownRevision { .. })
        ));
        assert_eq!(
            changes(&repository, Some(&ids[2]), &ids[3]).unwrap().len(),
            1
        );
    }

    #[test]
    fn what_is_lost_is_unreadable_and_not_absent() {
        let repository = SimRepository::new();
        let a = repository.save(Draft::new("a").file("x", "1")).unwrap();
        let x = RepoPath::from_bytes("x").unwrap();
        repository.lose_file(&x);
        assert!(matches!(
            repository.read(&a, &x),
            Err(Error::Unreadable { .. })
        ));
        assert_eq!(repository.list(&a, &RepoPath::root()).unwrap().len(), 1);
        repository.lose_tree(&a);
        assert!(matches!(
            repository.list(&a, &RepoPath::root()),
            Err(Error::Unreadable { .. })
        ));
        assert_eq!(repository.save(Draft::new("a")).unwrap().short().len(), 7);
    }
}
