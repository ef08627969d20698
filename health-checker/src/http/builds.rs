//! Which build answers, asked for often enough that a balancer cannot hide one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use crate::name::TargetName;
use crate::revision::Revision;
use crate::target::Target;

/// How often the build is asked for in one probe, from probe to probe.
///
/// A balancer may hand each request, not each connection, to the next of its tasks. With a fixed number of requests in a
/// probe the health answer would then come from the same task for ever, and the build from another. These make probes of
/// 3, 5 and 5 requests, together 13: two probes in a row ask each of up to four tasks for its build, five in a row each of
/// up to seven, and since 13 is prime the health answers come from each of up to twelve in time.
const QUESTIONS: [usize; 3] = [2, 4, 4];

/// Counts the probes of each address. It keeps how often was asked, and nothing of what was answered.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<(TargetName, SocketAddr), usize>>);

impl Turns {
    /// How often the build is asked for in the next probe.
    pub(super) fn questions(&self, target: &Target, address: SocketAddr) -> usize {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry((target.name.clone(), address)).or_default();
        let questions = QUESTIONS[*turn];
        *turn = (*turn + 1) % QUESTIONS.len();
        questions
    }
}

/// What the answers of one probe say of the build.
#[derive(Debug)]
pub(super) struct Builds<'a> {
    expected: &'a Revision,
    is_up: bool,
    left: usize,
    told: Vec<Revision>,
}

impl<'a> Builds<'a> {
    pub(super) const fn new(expected: &'a Revision, is_up: bool, questions: usize) -> Self {
        Self {
            expected,
            is_up,
            left: questions,
            told: Vec::new(),
        }
    }

    /// Whether another answer could change the outcome. One other build is enough for a target that is up.
    pub(super) fn wants_more(&self) -> bool {
        self.left > 0 && !(self.is_up && self.other().is_some())
    }

    pub(super) fn add(&mut self, revision: Revision) {
        self.left = self.left.saturating_sub(1);
        self.told.push(revision);
    }

    /// The build that counts: of a target that is up the one that is not expected, if there is one; of a target that is
    /// not up none, where there are several, for it cannot be said which of them is bad.
    pub(super) fn outcome(self) -> Option<Revision> {
        let first = self.told.first();
        let other = self.other();
        let is_mixed = self.told.iter().any(|told| told.matches(self.expected)) && other.is_some();
        match self.is_up {
            true => other.or(first).cloned(),
            false if is_mixed => None,
            false => first.cloned(),
        }
    }

    fn other(&self) -> Option<&Revision> {
        self.told.iter().find(|told| !told.matches(self.expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "abc1234def5678";
    const OLD: &str = "9ab01cd5e1f2a3";

    fn outcome(is_up: bool, told: &[&str]) -> Option<String> {
        let expected = NEW.parse().unwrap();
        let mut builds = Builds::new(&expected, is_up, told.len());
        for revision in told {
            builds.add(revision.parse().unwrap());
        }
        builds.outcome().map(|revision| revision.to_string())
    }

    #[test]
    fn one_other_build_counts_of_what_is_up_and_nothing_mixed_of_what_is_not() {
        assert_eq!(outcome(true, &[NEW, OLD]).as_deref(), Some(OLD));
        assert_eq!(outcome(true, &[NEW, NEW]).as_deref(), Some(NEW));
        assert_eq!(outcome(false, &[NEW, OLD]), None);
        assert_eq!(outcome(false, &[OLD, OLD]).as_deref(), Some(OLD));
        assert_eq!(outcome(false, &[NEW, NEW]).as_deref(), Some(NEW));
    }

    /// Whether some probes in a row, from any of the turns on, ask each of so many tasks for its build.
    fn reaches(probes: usize, tasks: usize) -> bool {
        (0..QUESTIONS.len()).all(|first| {
            let mut asked = vec![false; tasks];
            let mut request = 0;
            for turn in first..first + probes {
                request += 1;
                for _ in 0..QUESTIONS[turn % QUESTIONS.len()] {
                    asked[request % tasks] = true;
                    request += 1;
                }
            }
            asked.into_iter().all(|asked| asked)
        })
    }

    #[test]
    fn probes_in_a_row_ask_every_task_of_a_balancer_that_deals_out_requests() {
        assert!(reaches(1, 2));
        assert!((2..=4).all(|tasks| reaches(2, tasks) && reaches(3, tasks)));
        assert!((2..=7).all(|tasks| reaches(5, tasks)));
    }
}
