//! Choosing what to compare with, and saying why.

mod tags;

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;

use crate::{Bases, CommitId, CommonAncestors, DiffSource, Error, ModuleName, Situation};

/// How many generations to ask for at first; each further step asks for four times as many.
const FIRST_STEP: u32 = 64;

/// How often history is deepened before it is left as it is: 64, 256, … 1,048,576 generations.
const MOST_STEPS: usize = 8;

/// Someone who can fetch what a clone lacks.
///
/// # Contract
/// Nothing that the clone has is lost: a history never becomes shorter. What was asked for and is not there after the call
/// could not be had.
pub trait Deepen: Debug + Send + Sync {
    /// Fetches `by` more generations behind the commits at which the histories of `tips` were cut. False if nothing came.
    fn deepen(&self, tips: &[CommitId], by: u32) -> Result<bool, Error>;

    /// Fetches a commit with all of its history that can be had. False if the remote does not give it.
    fn fetch(&self, id: &CommitId) -> Result<bool, Error>;

    /// Fetches all tags, with all of their history that can be had. False if there is nobody to ask.
    fn fetch_tags(&self) -> Result<bool, Error>;
}

/// The rule that chose a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Method {
    /// Somebody named it.
    Explicit,
    /// It is where two lines of history meet.
    MergeBase,
    /// It is where the branch was before the push.
    BeforePush,
    /// It is what a pull request was merged into for this run.
    MergeParent,
    /// It is what the merge queue builds on.
    MergeGroup,
    /// It is the tag before.
    PreviousTag,
    /// It is the commit before.
    Parent,
    /// There is nothing before.
    Beginning,
    /// It is what each service runs.
    Deployed,
    /// None could be chosen.
    None,
}

/// What to compare, and why that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// What to compare with; [`Bases::Unknown`] if it cannot be told.
    pub bases: Bases,
    /// The commit to look at.
    pub head: CommitId,
    /// The rule that decided.
    pub method: Method,
    /// The decision in words.
    pub reason: String,
}

impl Choice {
    /// Each service is compared with the commit that it runs.
    pub fn deployed(bases: BTreeMap<ModuleName, CommitId>, head: CommitId) -> Self {
        choice(
            Bases::PerService(bases),
            head,
            Method::Deployed,
            "each service is compared with what it runs",
        )
    }

    /// The same where it cannot be told of some services what they run; `unknown` has the reasons.
    pub fn deployed_partly(
        known: BTreeMap<ModuleName, CommitId>,
        unknown: BTreeMap<ModuleName, String>,
        head: CommitId,
    ) -> Self {
        let whole = Self::deployed(known.clone(), head);
        if unknown.is_empty() {
            return whole;
        }
        Self {
            bases: Bases::Partly { known, unknown },
            ..whole
        }
    }
}

/// Chooses what to compare with in a situation.
///
/// A deployment is compared with what runs ([`Bases::PerService`]), which needs no choice. This is for all other questions:
/// what a push, a pull request or a merge group changes. History that is missing is fetched if `deepen` is given; where it
/// stays missing, the base is [`Bases::Unknown`], never a guess.
///
/// Fails with [`Error::UnknownHead`], [`Error::UnknownRevision`] or [`Error::NoCommits`] if the head is not there, and as
/// `source` and `deepen` do.
pub fn choose(
    source: &dyn DiffSource,
    situation: &Situation,
    deepen: Option<&dyn Deepen>,
) -> Result<Choice, Error> {
    Chooser { source, deepen }.choose(situation)
}

#[derive(Debug, Clone, Copy)]
struct Chooser<'a> {
    source: &'a dyn DiffSource,
    deepen: Option<&'a dyn Deepen>,
}

fn choice(bases: Bases, head: CommitId, method: Method, reason: impl Into<String>) -> Choice {
    Choice {
        bases,
        head,
        method,
        reason: reason.into(),
    }
}

fn unknown(head: CommitId, reason: String) -> Choice {
    let bases = Bases::Unknown {
        reason: reason.clone(),
    };
    choice(bases, head, Method::None, reason)
}

impl Chooser<'_> {
    fn choose(self, situation: &Situation) -> Result<Choice, Error> {
        match situation {
            Situation::Revisions { base, head } => self.revisions(base, head),
            Situation::Since { trunk, head } => self.since(trunk, head),
            Situation::Push {
                branch,
                before,
                after,
                default_branch,
            } => self.push(branch, before.as_ref(), after, default_branch.as_deref()),
            Situation::Tag { name, commit } => self.tag(name, commit),
            Situation::PullRequest { base, head } => self.pull_request(base, head, None),
            Situation::MergeGroup { base, head } => {
                self.head(head)?;
                self.directly(
                    base,
                    head,
                    Method::MergeGroup,
                    "the merge queue builds on it",
                )
            }
            Situation::Unsaid { event, head } => Ok(unknown(
                self.looked_at(head)?,
                format!("the event `{event}` does not say what was there before"),
            )),
            Situation::Local { head } => self.local(head),
            Situation::At { situation, head } => self.choose_at(situation, &self.looked_at(head)?),
        }
    }

    /// Chooses the base of a situation for another commit than the one that it is about.
    fn choose_at(self, situation: &Situation, at: &CommitId) -> Result<Choice, Error> {
        let head = at.to_string();
        self.choose(&match situation.clone() {
            // Its merge into the target may be what is to be looked at, checked out or not.
            Situation::PullRequest { base, head } => {
                return self.pull_request(&base, &head, Some(at));
            }
            Situation::Push {
                branch,
                before,
                default_branch,
                ..
            } => Situation::Push {
                branch,
                before,
                after: at.clone(),
                default_branch,
            },
            Situation::Tag { name, .. } => Situation::Tag {
                name,
                commit: at.clone(),
            },
            Situation::MergeGroup { base, .. } => Situation::MergeGroup {
                base,
                head: at.clone(),
            },
            Situation::Revisions { base, .. } => Situation::Revisions { base, head },
            Situation::Since { trunk, .. } => Situation::Since { trunk, head },
            Situation::Unsaid { event, .. } => Situation::Unsaid { event, head },
            Situation::Local { .. } => Situation::Local { head },
            Situation::At { situation, .. } => Situation::At { situation, head },
        })
    }

    fn revisions(&self, base: &str, head: &str) -> Result<Choice, Error> {
        let head = self.looked_at(head)?;
        match self.named(base)? {
            Some(base) => Ok(choice(
                Bases::One(base),
                head,
                Method::Explicit,
                "it was named",
            )),
            None => Ok(unknown(
                head,
                format!("the base `{base}` is not in the repository"),
            )),
        }
    }

    fn since(&self, trunk: &str, head: &str) -> Result<Choice, Error> {
        let head = self.looked_at(head)?;
        match self.named(trunk)? {
            Some(tip) => self.meeting(&tip, head, &format!("`{trunk}`")),
            None => Ok(unknown(
                head,
                format!(
                    "`{trunk}` is not in the repository, so where the head left it cannot be told"
                ),
            )),
        }
    }

    fn push(
        &self,
        branch: &str,
        before: Option<&CommitId>,
        after: &CommitId,
        default_branch: Option<&str>,
    ) -> Result<Choice, Error> {
        self.head(after)?;
        if let Some(before) = before {
            let chosen = self.directly(
                before,
                after,
                Method::BeforePush,
                "the branch was there before the push",
            )?;
            let forced = matches!(chosen.bases, Bases::One(_))
                && self.source.is_ancestor(before, after)? == Some(false);
            return Ok(Choice {
                reason: if forced {
                    "the branch was there before it was force-pushed; the trees are compared directly, so that what was \
                     taken back counts"
                        .to_owned()
                } else {
                    chosen.reason
                },
                ..chosen
            });
        }
        match default_branch {
            Some(default) if default == branch => Ok(choice(
                Bases::Nothing,
                after.clone(),
                Method::Beginning,
                format!("`{branch}` was not there before the push"),
            )),
            Some(default) => match self.named(&format!("refs/remotes/origin/{default}"))? {
                Some(tip) => self.meeting(&tip, after.clone(), &format!("`origin/{default}`")),
                None => Ok(unknown(
                    after.clone(),
                    format!(
                        "`{branch}` is new, and `origin/{default}`, which it left, is not in the clone"
                    ),
                )),
            },
            None => Ok(unknown(
                after.clone(),
                format!("`{branch}` is new, and the event names no default branch"),
            )),
        }
    }

    /// `at` is what somebody named to be looked at instead of what is checked out.
    fn pull_request(
        &self,
        base: &CommitId,
        head: &CommitId,
        at: Option<&CommitId>,
    ) -> Result<Choice, Error> {
        let merge = at.map_or_else(|| self.source.resolve("HEAD"), |at| Ok(at.clone()))?;
        if let [trunk, topic] = self.source.parents(&merge)?.as_slice()
            && topic == head
        {
            return self.directly(
                trunk,
                &merge,
                Method::MergeParent,
                "the pull request was merged into it for this run",
            );
        }
        let head = at.unwrap_or(head);
        self.head(head)?;
        if self.there(base)? {
            self.meeting(base, head.clone(), &format!("the target {}", base.short()))
        } else {
            Ok(unknown(
                head.clone(),
                format!(
                    "the tip of the target branch, {}, is not in the clone",
                    base.short()
                ),
            ))
        }
    }

    fn local(&self, head: &str) -> Result<Choice, Error> {
        let head = self.looked_at(head)?;
        for trunk in [
            "refs/remotes/origin/HEAD",
            "refs/remotes/origin/main",
            "refs/remotes/origin/master",
            "refs/heads/main",
            "refs/heads/master",
        ] {
            let Some(tip) = self.named(trunk)? else {
                continue;
            };
            let name = trunk
                .trim_start_matches("refs/remotes/")
                .trim_start_matches("refs/heads/");
            let chosen = self.meeting(&tip, head.clone(), &format!("`{name}`"))?;
            if chosen.bases != Bases::One(head.clone()) {
                return Ok(chosen);
            }
            // The head is on the trunk itself.
            break;
        }
        self.parent(head)
    }

    fn parent(&self, head: CommitId) -> Result<Choice, Error> {
        match self.source.parents(&head)?.first() {
            Some(parent) => self.directly(parent, &head, Method::Parent, "it is the commit before"),
            None => Ok(choice(
                Bases::Nothing,
                head,
                Method::Beginning,
                "it is the first commit",
            )),
        }
    }

    /// Compares with a commit directly, if it can be had.
    fn directly(
        &self,
        base: &CommitId,
        head: &CommitId,
        method: Method,
        reason: &str,
    ) -> Result<Choice, Error> {
        if self.there(base)? {
            Ok(choice(
                Bases::One(base.clone()),
                head.clone(),
                method,
                reason,
            ))
        } else {
            Ok(unknown(
                head.clone(),
                format!(
                    "{}, the commit to compare with, is not in the clone",
                    base.short()
                ),
            ))
        }
    }

    /// Compares with where two lines of history meet.
    fn meeting(&self, tip: &CommitId, head: CommitId, name: &str) -> Result<Choice, Error> {
        let mut steps = Steps::new(self.deepen);
        loop {
            let CommonAncestors { best, cut } = self.source.common_ancestors(tip, &head)?;
            if !cut.is_empty() {
                if steps.next(&[tip.clone(), head.clone()])? {
                    continue;
                }
                let places: Vec<&str> = cut.iter().take(3).map(CommitId::short).collect();
                let reason = format!(
                    "the clone's history is cut at {}{}, so where the head left {name} cannot be told",
                    places.join(", "),
                    if cut.len() > 3 { " and elsewhere" } else { "" },
                );
                return Ok(unknown(head, reason));
            }
            let (bases, method, reason) = match best.as_slice() {
                [] => (
                    Bases::Nothing,
                    Method::Beginning,
                    format!("it has no commit in common with {name}"),
                ),
                [one] => (
                    Bases::One(one.clone()),
                    Method::MergeBase,
                    format!("the head left {name} there"),
                ),
                _ => (
                    Bases::Each(best),
                    Method::MergeBase,
                    format!(
                        "the head and {name} have been merged into each other, so both places where they met count"
                    ),
                ),
            };
            return Ok(choice(bases, head, method, reason));
        }
    }

    /// The commit that a revision names, if it can be had.
    fn named(&self, rev: &str) -> Result<Option<CommitId>, Error> {
        match (self.source.resolve(rev), rev.parse::<CommitId>()) {
            (Ok(id), _) => Ok(Some(id)),
            (Err(Error::UnknownRevision { .. }), Ok(id)) => Ok(self.there(&id)?.then_some(id)),
            (Err(Error::UnknownRevision { .. }), Err(_)) => Ok(None),
            (Err(error), _) => Err(error),
        }
    }

    /// Whether the repository has a commit, now or after fetching it.
    fn there(&self, id: &CommitId) -> Result<bool, Error> {
        let here = || match self.source.commit(id) {
            Ok(_) => Ok(true),
            Err(Error::UnknownRevision { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        if here()? {
            return Ok(true);
        }
        match self.deepen {
            Some(deepen) if deepen.fetch(id)? => here(),
            _ => Ok(false),
        }
    }

    /// Fails unless the head is there.
    fn head(&self, id: &CommitId) -> Result<(), Error> {
        if self.there(id)? {
            Ok(())
        } else {
            // A tag's object is no commit, but names one.
            self.looked_at(id.as_str()).map(|_| ())
        }
    }

    /// The commit that is to be looked at, now or after fetching it.
    fn looked_at(&self, rev: &str) -> Result<CommitId, Error> {
        match (self.named(rev)?, rev.parse()) {
            (Some(id), _) => Ok(id),
            (None, Ok(head)) => Err(Error::UnknownHead { head }),
            // Says why there is none.
            (None, Err(_)) => self.source.resolve(rev),
        }
    }
}

/// Ever larger steps into the past.
#[derive(Debug)]
struct Steps<'a> {
    deepen: Option<&'a dyn Deepen>,
    taken: usize,
    by: u32,
}

impl<'a> Steps<'a> {
    const fn new(deepen: Option<&'a dyn Deepen>) -> Self {
        Self {
            deepen,
            taken: 0,
            by: FIRST_STEP,
        }
    }

    /// Takes the next step. False if there is none, or nothing came of it.
    fn next(&mut self, tips: &[CommitId]) -> Result<bool, Error> {
        let Some(deepen) = self.deepen.filter(|_| self.taken < MOST_STEPS) else {
            return Ok(false);
        };
        let came = deepen.deepen(tips, self.by)?;
        self.taken += 1;
        self.by = self.by.saturating_mul(4);
        Ok(came)
    }
}
