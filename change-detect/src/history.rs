//! Where two lines of history meet, and whether that can be told from a history that was cut.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// One commit's place in history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link<I> {
    pub(crate) parents: Vec<I>,
    /// When it was committed, in seconds since 1970. Only speed depends on it.
    pub(crate) seconds: i64,
    /// Whether it has parents that the repository was cloned without.
    pub(crate) cut: bool,
}

/// What two commits have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Common<I> {
    /// The common ancestors that are no ancestor of another, newest first.
    pub(crate) best: Vec<I>,
    /// Commits with parents that are not there and through which a better one might have been found.
    pub(crate) cut: Vec<I>,
}

const LEFT: u8 = 1;
const RIGHT: u8 = 2;
/// Below a common ancestor.
const STALE: u8 = 4;
const FOUND: u8 = 8;

/// Finds the best common ancestors of two commits, as `git merge-base --all` does.
///
/// `read` gives a commit's place, or none if the repository does not have it. That the answer is whole is proven, not
/// assumed: a commit that only one side reaches and whose parents are missing might lead to a better ancestor, and so might
/// one below two ancestors that seem unrelated. Where there is no such commit, everything between the sides and what they
/// share is there, and the answer is that of the whole history.
pub(crate) fn common_ancestors<I: Ord + Clone, E>(
    left: &I,
    right: &I,
    mut read: impl FnMut(&I) -> Result<Option<Link<I>>, E>,
) -> Result<Common<I>, E> {
    let mut painting = Painting::default();
    for (tip, side) in [(left, LEFT), (right, RIGHT)] {
        if !painting.paint(tip, side, &mut read)? {
            painting.lost.insert(tip.clone());
        }
    }
    while painting.is_open() {
        let Some((_, id)) = painting.queue.pop() else {
            break;
        };
        let mark = painting.marks.entry(id.clone()).or_default();
        let mut flags = *mark & (LEFT | RIGHT | STALE);
        if flags == LEFT | RIGHT {
            *mark |= FOUND;
            flags |= STALE;
        }
        let Some(link) = painting.links.get(&id).cloned() else {
            continue;
        };
        for parent in &link.parents {
            if !painting.paint(parent, flags, &mut read)? {
                painting.lost.insert(id.clone());
            }
        }
    }

    let Painting {
        marks, links, lost, ..
    } = painting;
    let mut best: Vec<I> = marks
        .iter()
        .filter(|(_, mark)| **mark & FOUND != 0 && **mark & STALE == 0)
        .map(|(id, _)| id.clone())
        .collect();
    let is_cut = |id: &I| lost.contains(id) || links.get(id).is_some_and(|link| link.cut);
    let mut cut: BTreeSet<I> = marks
        .iter()
        .filter(|(id, mark)| matches!(**mark & (LEFT | RIGHT), LEFT | RIGHT) && is_cut(id))
        .map(|(id, _)| id.clone())
        .collect();
    // Of a tip that is not there nothing is known at all.
    cut.extend(lost.iter().filter(|id| !links.contains_key(id)).cloned());
    if best.len() > 1 {
        best = independent(&best, &mut cut, &mut read)?;
    }
    let seconds = |id: &I| links.get(id).map_or(0, |link| link.seconds);
    best.sort_by(|a, b| seconds(b).cmp(&seconds(a)).then_with(|| a.cmp(b)));
    Ok(Common {
        best,
        cut: cut.into_iter().collect(),
    })
}

/// Those of several commits that are no ancestor of another. Where history ends before that is known, `cut` grows.
fn independent<I: Ord + Clone, E>(
    commits: &[I],
    cut: &mut BTreeSet<I>,
    read: &mut impl FnMut(&I) -> Result<Option<Link<I>>, E>,
) -> Result<Vec<I>, E> {
    let mut below: BTreeSet<I> = BTreeSet::new();
    for commit in commits {
        let (mut open, mut seen) = (vec![commit.clone()], BTreeSet::from([commit.clone()]));
        while let Some(id) = open.pop() {
            match read(&id)? {
                Some(link) if !link.cut => open.extend(
                    link.parents
                        .into_iter()
                        .filter(|parent| seen.insert(parent.clone())),
                ),
                _ => _ = cut.insert(id),
            }
        }
        seen.remove(commit);
        below.extend(seen);
    }
    Ok(commits
        .iter()
        .filter(|commit| !below.contains(commit))
        .cloned()
        .collect())
}

#[derive(Debug)]
struct Painting<I> {
    marks: BTreeMap<I, u8>,
    links: BTreeMap<I, Link<I>>,
    queue: BinaryHeap<(i64, I)>,
    /// Commits of which a parent is not there.
    lost: BTreeSet<I>,
}

impl<I: Ord> Default for Painting<I> {
    fn default() -> Self {
        Self {
            marks: BTreeMap::new(),
            links: BTreeMap::new(),
            queue: BinaryHeap::new(),
            lost: BTreeSet::new(),
        }
    }
}

impl<I: Ord + Clone> Painting<I> {
    /// Whether there is a commit left that might still be on one side only.
    fn is_open(&self) -> bool {
        self.queue
            .iter()
            .any(|(_, id)| self.marks.get(id).is_none_or(|mark| mark & STALE == 0))
    }

    /// Marks a commit and queues it if the mark is new to it. False if it is not there.
    fn paint<E>(
        &mut self,
        id: &I,
        flags: u8,
        read: &mut impl FnMut(&I) -> Result<Option<Link<I>>, E>,
    ) -> Result<bool, E> {
        if !self.links.contains_key(id) {
            let Some(mut link) = read(id)? else {
                return Ok(false);
            };
            if link.cut {
                // What is beyond the cut may be there by chance; git does not look either.
                link.parents.clear();
            }
            self.links.insert(id.clone(), link);
        }
        let mark = self.marks.entry(id.clone()).or_default();
        if *mark & flags != flags {
            *mark |= flags;
            let seconds = self.links.get(id).map_or(0, |link| link.seconds);
            self.queue.push((seconds, id.clone()));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Commit `n`'s parents by number; `cut` ones lose theirs.
    fn meet(parents: &[Vec<usize>], cut: &[usize], left: usize, right: usize) -> Common<usize> {
        let read = |id: &usize| {
            Ok::<_, Infallible>(Some(Link {
                parents: parents[*id].clone(),
                seconds: i64::try_from(*id).unwrap(),
                cut: cut.contains(id),
            }))
        };
        match common_ancestors(&left, &right, read) {
            Ok(common) => common,
        }
    }

    #[test]
    fn a_branch_meets_the_trunk_where_it_left_it() {
        // 0 ← 1 ← 2 ← 3 and 1 ← 4
        let history = [vec![], vec![0], vec![1], vec![2], vec![1]];
        let common = meet(&history, &[], 3, 4);
        assert_eq!((common.best, common.cut), (vec![1], vec![]));
        assert_eq!(meet(&history, &[], 3, 3).best, [3]);
        assert_eq!(meet(&history, &[], 1, 4).best, [1]);
    }

    #[test]
    fn unrelated_histories_have_nothing_in_common() {
        assert_eq!(
            meet(&[vec![], vec![]], &[], 0, 1),
            Common {
                best: vec![],
                cut: vec![]
            }
        );
    }

    #[test]
    fn crossed_histories_have_two() {
        // 1 and 2 leave 0; 3 and 4 each merge both.
        let history = [vec![], vec![0], vec![0], vec![1, 2], vec![2, 1]];
        assert_eq!(meet(&history, &[], 3, 4).best, [2, 1]);
    }

    #[test]
    fn a_cut_beyond_what_both_share_does_not_matter() {
        let history = [vec![], vec![0], vec![1], vec![2], vec![1]];
        assert_eq!(meet(&history, &[1], 3, 4).cut, Vec::<usize>::new());
        assert_eq!(meet(&history, &[0], 3, 4).cut, Vec::<usize>::new());
    }

    #[test]
    fn a_cut_on_one_side_might_hide_a_better_one() {
        // 3 merges the older 0 and, behind the cut 4, the newer 2: 0 ← 1 ← 2 ← 4 ← 3, 3 → 0; 5 stands on 2.
        let history = [vec![], vec![0], vec![1], vec![4, 0], vec![2], vec![2]];
        assert_eq!(meet(&history, &[], 3, 5).best, [2]);
        let cut = meet(&history, &[4], 3, 5);
        assert_eq!((cut.best, cut.cut), (vec![0], vec![4]));
    }

    proptest! {
        #[test]
        fn an_answer_without_a_cut_is_that_of_the_whole_history(
            picks in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 1..3), 2..14),
            times in proptest::collection::vec(0_i64..5, 14),
            cut in proptest::collection::btree_set(0_usize..14, 0..5),
            left in any::<prop::sample::Index>(), right in any::<prop::sample::Index>(),
        ) {
            let history: Vec<Vec<usize>> = picks.iter().enumerate().map(|(n, picks)| {
                let parents: BTreeSet<usize> = picks.iter().filter(|_| n > 0).map(|pick| pick.index(n)).collect();
                parents.into_iter().collect()
            }).collect();
            let (left, right) = (left.index(history.len()), right.index(history.len()));
            let read = |cut: &BTreeSet<usize>| {
                let (history, times, cut) = (history.clone(), times.clone(), cut.clone());
                move |id: &usize| Ok::<_, Infallible>(Some(Link { parents: history[*id].clone(), seconds: times[*id], cut: cut.contains(id) && !history[*id].is_empty() }))
            };
            let Ok(whole) = common_ancestors(&left, &right, read(&BTreeSet::new()));
            let reach = |start: usize| {
                let (mut open, mut seen) = (vec![start], BTreeSet::from([start]));
                while let Some(id) = open.pop() {
                    open.extend(history[id].iter().copied().filter(|parent| seen.insert(*parent)));
                }
                seen
            };
            let shared: BTreeSet<usize> = reach(left).intersection(&reach(right)).copied().collect();
            let best: BTreeSet<usize> = shared.iter().copied().filter(|id| !shared.iter().any(|other| other != id && reach(*other).contains(id))).collect();
            prop_assert_eq!(whole.best.iter().copied().collect::<BTreeSet<_>>(), best);
            prop_assert!(whole.cut.is_empty());

            let Ok(part) = common_ancestors(&left, &right, read(&cut));
            if part.cut.is_empty() {
                prop_assert_eq!(part.best, whole.best);
            }
        }
    }
}
