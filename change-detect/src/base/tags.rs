//! The tag before a tag.

use std::collections::{BTreeSet, BinaryHeap};

use super::{Chooser, Steps, choice, unknown};
use crate::{Bases, Choice, CommitId, Error, Method};

/// What comes before a tag.
#[derive(Debug)]
enum Nearest {
    Tag(String, CommitId),
    Nothing,
    /// History is cut before that can be told.
    Cut,
}

/// What a tag is called without its version: `app-v` of `app-v1.2`.
fn family(tag: &str) -> &str {
    let end = tag.find(|c: char| c.is_ascii_digit()).unwrap_or(tag.len());
    &tag[..end]
}

impl Chooser<'_> {
    pub(super) fn tag(&self, name: &str, commit: &CommitId) -> Result<Choice, Error> {
        self.head(commit)?;
        // A pushed id may be the tag object's.
        let commit = self.source.resolve(commit.as_str())?;
        let mut steps = Steps::new(self.deepen);
        let mut all_tags = self.source.has_all_tags()?;
        if let Some(deepen) = self.deepen
            && (!all_tags || matches!(self.nearest(name, &commit)?, Nearest::Cut))
        {
            // What a cut clone lacks of history it may lack of tags.
            all_tags |= deepen.fetch_tags()?;
        }
        loop {
            let nearest = self.nearest(name, &commit)?;
            if !all_tags {
                return Ok(unknown(
                    commit,
                    format!(
                        "the clone was made without tags, so the one before `{name}` cannot be told"
                    ),
                ));
            }
            match nearest {
                Nearest::Tag(tag, id) => {
                    return Ok(choice(
                        Bases::One(id),
                        commit,
                        Method::PreviousTag,
                        format!("`{tag}` is the tag before `{name}`"),
                    ));
                }
                Nearest::Nothing => {
                    return Ok(choice(
                        Bases::Nothing,
                        commit,
                        Method::Beginning,
                        format!("no tag like `{name}` comes before it"),
                    ));
                }
                Nearest::Cut => {
                    if !steps.next(std::slice::from_ref(&commit))? {
                        return Ok(unknown(
                            commit,
                            format!(
                                "the clone's history is cut before it is known which tag comes before `{name}`"
                            ),
                        ));
                    }
                }
            }
        }
    }

    /// Goes back in time to the first commit with a tag of the same kind.
    fn nearest(&self, name: &str, from: &CommitId) -> Result<Nearest, Error> {
        let tags: Vec<(String, CommitId)> = self
            .source
            .tags()?
            .into_iter()
            .filter(|(other, id)| other != name && family(other) == family(name) && id != from)
            .collect();
        let mut open = BinaryHeap::from([(0, from.clone())]);
        let mut seen = BTreeSet::from([from.clone()]);
        while let Some((_, id)) = open.pop() {
            if let Some((tag, _)) = tags.iter().rev().find(|(_, tagged)| *tagged == id) {
                return Ok(Nearest::Tag(tag.clone(), id));
            }
            for parent in self.source.parents(&id)? {
                match self.source.commit(&parent) {
                    Ok(info) if seen.insert(parent.clone()) => open.push((info.seconds, parent)),
                    Ok(_) => {}
                    // It might be younger than any tag that is here, and have one.
                    Err(Error::UnknownRevision { .. }) => return Ok(Nearest::Cut),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Nearest::Nothing)
    }
}
