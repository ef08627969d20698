//! Counting answers, and what they amount to when the time is up.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::options::Options;
use crate::probe::{Observation, State};
use crate::report::{LastProbe, Seen, TargetReport, Verdict};
use crate::revision::Revision;
use crate::round::{Families, Round};
use crate::target::Target;
use crate::text;

/// How many builds are kept apart. A server that names a new one in each answer must not fill the memory.
const MOST_BUILDS: usize = 16;

/// The answers of one target so far.
pub(crate) struct Tally<'a> {
    target: &'a Target,
    options: &'a Options,
    attempts: u32,
    good: u32,
    consecutive: u32,
    /// From the start of the check to the first success of the present row, and to the latest answer.
    row_since: Duration,
    now: Duration,
    /// Whether anything ever answered.
    reached: bool,
    /// The kinds of addresses at which something ever answered.
    answered: Families,
    /// What last broke the row.
    setback: Option<Setback>,
    /// The attempt at which the target last answered badly, and how.
    failure: Option<(u32, String)>,
    seen: Seen,
    last: Option<LastProbe>,
    revision: Option<Revision>,
    /// How many connections were tried.
    probes: u32,
    note: Option<String>,
}

/// Why an answer did not count.
enum Setback {
    /// The target is bad.
    Failed(String),
    /// Another build answered.
    Old,
    /// It could not be told.
    Untold(String),
}

impl Setback {
    /// How much it says: of several in one round the weightiest counts.
    const fn weight(&self) -> u8 {
        match self {
            Self::Failed(_) => 2,
            Self::Old => 1,
            Self::Untold(_) => 0,
        }
    }
}

impl<'a> Tally<'a> {
    pub(crate) fn new(target: &'a Target, options: &'a Options) -> Self {
        Self {
            target,
            options,
            attempts: 0,
            good: 0,
            consecutive: 0,
            row_since: Duration::ZERO,
            now: Duration::ZERO,
            reached: false,
            answered: Families::default(),
            setback: None,
            failure: None,
            seen: Seen::default(),
            last: None,
            revision: None,
            probes: 0,
            note: None,
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn consecutive(&self) -> u32 {
        self.consecutive
    }

    pub(crate) fn answered(&self) -> Families {
        self.answered
    }

    /// Takes what a round showed `at` after the start of the check; says of each answer why it does not count.
    pub(crate) fn take(&mut self, round: &Round, at: Duration) -> Vec<Option<String>> {
        self.attempts = self.attempts.saturating_add(1);
        self.probes = self.probes.saturating_add(round.probes);
        self.now = at;
        for observation in &round.observations {
            self.count_build(observation.revision.as_ref());
        }
        let setbacks: Vec<Option<Setback>> = round
            .observations
            .iter()
            .map(|observation| self.setback(observation))
            .collect();
        let objections = setbacks
            .iter()
            .zip(&round.observations)
            .map(|(setback, observation)| {
                Some(match setback.as_ref()? {
                    Setback::Failed(reason) | Setback::Untold(reason) => reason.clone(),
                    Setback::Old => format!(
                        "another build answers: {}",
                        observation.revision.as_ref().map_or("", Revision::short)
                    ),
                })
            })
            .collect();
        let worst = setbacks.into_iter().flatten().max_by_key(Setback::weight);
        match worst {
            None => {
                if self.consecutive == 0 {
                    self.row_since = at;
                }
                self.consecutive = self.consecutive.saturating_add(1);
                self.good = self.good.saturating_add(1);
            }
            Some(setback) => {
                self.consecutive = 0;
                if let Setback::Failed(reason) = &setback {
                    self.failure = Some((self.attempts, reason.clone()));
                }
                self.setback = Some(setback);
            }
        }
        self.reached |= round
            .observations
            .iter()
            .any(|observation| observation.reached);
        self.answered.add(&round.observations);
        let worst = round.worst(self.target);
        if let Some(revision) = &worst.revision {
            self.revision = Some(revision.clone());
        }
        self.note = worst.note;
        self.last = Some(LastProbe {
            address: worst.address,
            status: worst.status,
            body_status: worst.body_status,
            latency_ms: worst.latency_ms,
            error: worst.error,
        });
        objections
    }

    /// Whether an answer came from the right build, or none in particular is expected.
    pub(crate) fn is_expected(&self, observation: &Observation) -> bool {
        match (&self.target.expect_revision, &observation.revision) {
            (None, _) => true,
            (Some(expected), Some(revision)) => revision.matches(expected),
            (Some(_), None) => false,
        }
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.consecutive >= self.options.successes
            && self.now.saturating_sub(self.row_since) >= self.options.dwell
    }

    fn count_build(&mut self, revision: Option<&Revision>) {
        let Some(revision) = revision else { return };
        if let Some(expected) = &self.target.expect_revision {
            let count = if revision.matches(expected) {
                &mut self.seen.new
            } else {
                &mut self.seen.old
            };
            *count = count.saturating_add(1);
        }
        if let Some(count) = self.seen.builds.get_mut(revision) {
            *count = count.saturating_add(1);
        } else if self.seen.builds.len() < MOST_BUILDS {
            self.seen.builds.insert(revision.clone(), 1);
        }
    }

    fn setback(&self, observation: &Observation) -> Option<Setback> {
        match &observation.state {
            State::Up => self.flaw(observation),
            State::Down { reason } => Some(Setback::Failed(reason.clone())),
            // It answered before and now cannot be reached: that is the target's doing as far as can be seen.
            State::Unknown { reason } if !observation.reached && self.reached => Some(
                Setback::Failed(format!("answered before and no longer does: {reason}")),
            ),
            State::Unknown { reason } => Some(Setback::Untold(reason.clone())),
        }
    }

    /// What is wrong with an answer that says up.
    fn flaw(&self, observation: &Observation) -> Option<Setback> {
        if let Some(expected) = &self.target.expect_revision {
            match &observation.revision {
                None => {
                    return Some(Setback::Untold(
                        "is up, but does not say which build it is".to_owned(),
                    ));
                }
                Some(revision) if !revision.matches(expected) => return Some(Setback::Old),
                Some(_) => {}
            }
        }
        let ceiling = self.options.latency_ceiling;
        (u128::from(observation.latency_ms) > ceiling.as_millis()).then(|| {
            Setback::Failed(format!(
                "is up, but took {} ms to say so, more than the {} allowed",
                observation.latency_ms,
                text::duration(ceiling)
            ))
        })
    }

    pub(crate) fn report(self) -> TargetReport {
        let (verdict, reason) = self.verdict();
        TargetReport {
            name: self.target.name.clone(),
            url: self.target.shown_url(),
            verdict,
            attempts: self.attempts,
            consecutive: self.consecutive,
            last: self.last,
            revision: self.revision,
            reason,
            note: self.note,
            probes: self.probes,
            took_ms: u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX),
            seen: self.seen,
        }
    }

    fn verdict(&self) -> (Verdict, Option<String>) {
        if self.is_healthy() {
            return (Verdict::Healthy, None);
        }
        let (verdict, reason) = match &self.setback {
            _ if self.attempts == 0 => (
                Verdict::Inconclusive,
                "was not asked: there was no time for a probe".to_owned(),
            ),
            None => (
                Verdict::Inconclusive,
                format!("was good so far, {}", self.row()),
            ),
            Some(Setback::Failed(reason)) => {
                (Verdict::Unhealthy, format!("{reason} ({})", self.score()))
            }
            // Where old and new answer in turn and the new one is bad, the order of the last two answers must not
            // decide.
            Some(Setback::Old) => match &self.failure {
                Some((attempt, reason)) if self.is_recent(*attempt) => (
                    Verdict::Unhealthy,
                    format!("{reason} ({}); {}", self.score(), self.builds()),
                ),
                _ => (Verdict::Stale, self.builds()),
            },
            Some(Setback::Untold(reason)) if self.consecutive > 0 => (
                Verdict::Inconclusive,
                format!("is good now, {}; before, it {reason}", self.row()),
            ),
            Some(Setback::Untold(reason)) => (
                Verdict::Inconclusive,
                format!("{reason} ({})", self.score()),
            ),
        };
        (verdict, Some(reason))
    }

    fn is_recent(&self, attempt: u32) -> bool {
        self.attempts - attempt < self.options.successes.saturating_mul(2)
    }

    /// How far the present row has come.
    fn row(&self) -> String {
        if self.consecutive >= self.options.successes {
            let lasted = text::duration(self.now.saturating_sub(self.row_since));
            return format!(
                "but the time ran out after {lasted} of the {} that it must last",
                text::duration(self.options.dwell)
            );
        }
        format!(
            "but the time ran out at {} of {} successes in a row",
            self.consecutive, self.options.successes
        )
    }

    fn score(&self) -> String {
        let probes = if self.attempts == 1 {
            "probe"
        } else {
            "probes"
        };
        format!(
            "{} of {} {probes} good, {} in a row needed",
            self.good, self.attempts, self.options.successes
        )
    }

    /// Which builds answered.
    fn builds(&self) -> String {
        let answers = self.seen.new.saturating_add(self.seen.old);
        let expected = self.target.expect_revision.as_ref();
        let others: BTreeMap<&Revision, u32> = self
            .seen
            .builds
            .iter()
            .filter(|(revision, _)| expected.is_none_or(|expected| !revision.matches(expected)))
            .map(|(revision, count)| (revision, *count))
            .collect();
        let from = others
            .iter()
            .max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)))
            .map(|(revision, _)| revision.short())
            .unwrap_or_default();
        let more = if others.len() > 1 {
            format!(" and {} more", others.len() - 1)
        } else {
            String::new()
        };
        let old = self.seen.old;
        if self.seen.new == 0 {
            let expected = expected.map(Revision::short).unwrap_or_default();
            format!(
                "only the old build answers: {old} of {answers} answers from {from}{more}, none from {expected}"
            )
        } else {
            format!("both builds still answer: {old} of {answers} answers from {from}{more}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEW: &str = "abc1234def";
    const OLD: &str = "9ab01cd000";

    fn target() -> Target {
        "svc=http://h/actuator/health".parse().unwrap()
    }

    fn up(revision: &str) -> Observation {
        Observation::up()
            .status(200)
            .revision(revision.parse().unwrap())
    }

    fn report(target: &Target, options: &Options, answers: &[Observation]) -> TargetReport {
        let mut tally = Tally::new(target, options);
        for (second, answer) in (0..).zip(answers) {
            tally.take(&Round::from(answer.clone()), Duration::from_secs(second));
        }
        tally.report()
    }

    fn outcome(target: &Target, answers: &[Observation]) -> (Verdict, String) {
        let report = report(target, &Options::default(), answers);
        (report.verdict, report.reason.unwrap_or_default())
    }

    #[test]
    fn what_was_last_in_the_way_is_the_verdict() {
        let (plain, identified) = (target(), target().expect_revision(NEW.parse().unwrap()));
        let (up_, down, lost) = (
            Observation::up().status(200),
            Observation::down("answers 503 DOWN").status(503),
            Observation::unknown("refused the connection"),
        );
        let hidden = Observation::unknown("hides its build").status(200);
        for (target, answers, verdict, reason) in [
            (
                &plain,
                vec![],
                Verdict::Inconclusive,
                "was not asked: there was no time for a probe",
            ),
            (
                &plain,
                vec![lost.clone(); 4],
                Verdict::Inconclusive,
                "refused the connection (0 of 4 probes good, 3 in a row needed)",
            ),
            (
                &plain,
                vec![down.clone()],
                Verdict::Unhealthy,
                "answers 503 DOWN (0 of 1 probe good, 3 in a row needed)",
            ),
            (
                &plain,
                vec![up_.clone(); 2],
                Verdict::Inconclusive,
                "was good so far, but the time ran out at 2 of 3 successes in a row",
            ),
            (
                &plain,
                vec![lost.clone(), up_.clone()],
                Verdict::Inconclusive,
                "is good now, but the time ran out at 1 of 3 successes in a row; before, it refused the connection",
            ),
            (
                &plain,
                vec![up_.clone(), lost],
                Verdict::Unhealthy,
                "answered before and no longer does: refused the connection (1 of 2 probes good, 3 in a row needed)",
            ),
            (
                &plain,
                vec![
                    up_.clone(),
                    down.clone(),
                    up_.clone(),
                    down.clone(),
                    up_.clone(),
                ],
                Verdict::Unhealthy,
                "answers 503 DOWN (3 of 5 probes good, 3 in a row needed)",
            ),
            (
                &identified,
                vec![up(OLD); 5],
                Verdict::Stale,
                "only the old build answers: 5 of 5 answers from 9ab01cd, none from abc1234",
            ),
            (
                &identified,
                vec![up(OLD), up(NEW), up(OLD)],
                Verdict::Stale,
                "both builds still answer: 2 of 3 answers from 9ab01cd",
            ),
            (
                &identified,
                vec![down, hidden],
                Verdict::Inconclusive,
                "hides its build (0 of 2 probes good, 3 in a row needed)",
            ),
            (
                &identified,
                vec![up_],
                Verdict::Inconclusive,
                "is up, but does not say which build it is (0 of 1 probe good, 3 in a row needed)",
            ),
        ] {
            assert_eq!(outcome(target, &answers), (verdict, reason.to_owned()));
        }
    }

    #[test]
    fn a_bad_new_build_beside_a_good_old_one_is_unhealthy_whichever_answered_last() {
        let target = target().expect_revision(NEW.parse().unwrap());
        let bad = Observation::down("answers 503 DOWN")
            .status(503)
            .revision(NEW.parse().unwrap());
        let mut answers = vec![up(OLD), bad.clone(), up(OLD), bad];
        assert_eq!(outcome(&target, &answers).0, Verdict::Unhealthy);
        answers.push(up(OLD));
        assert_eq!(outcome(&target, &answers).0, Verdict::Unhealthy);
        // Long after the last bad answer it is old news.
        answers.extend(vec![up(OLD); 6]);
        assert_eq!(outcome(&target, &answers).0, Verdict::Stale);
    }

    #[test]
    fn a_slow_answer_does_not_count_and_one_at_the_ceiling_does() {
        let options = Options::default().successes(1);
        let at = |millis| {
            Observation::up()
                .status(200)
                .latency(Duration::from_millis(millis))
        };
        assert_eq!(
            report(&target(), &options, &[at(1000)]).verdict,
            Verdict::Healthy
        );
        let slow = report(&target(), &options, &[at(1001)]);
        assert_eq!(slow.verdict, Verdict::Unhealthy);
        assert!(
            slow.reason
                .unwrap()
                .starts_with("is up, but took 1001 ms to say so, more than the 1 s allowed")
        );
    }

    #[test]
    fn a_dwell_asks_for_time_besides_the_number() {
        let options = Options::default()
            .successes(2)
            .dwell(Duration::from_secs(3));
        let good = Observation::up().status(200);
        let short = report(&target(), &options, &vec![good.clone(); 3]);
        assert_eq!(
            short.reason.as_deref(),
            Some("was good so far, but the time ran out after 2 s of the 3 s that it must last")
        );
        assert_eq!(
            report(&target(), &options, &vec![good; 4]).verdict,
            Verdict::Healthy
        );
    }

    #[test]
    fn a_server_with_a_new_name_each_time_does_not_fill_the_memory() {
        let target = target().expect_revision(NEW.parse().unwrap());
        let answers: Vec<_> = (0..100).map(|n| up(&format!("{n:07}"))).collect();
        let seen = report(&target, &Options::default(), &answers).seen;
        assert_eq!((seen.builds.len(), seen.old, seen.new), (16, 100, 0));
    }

    fn answer() -> impl Strategy<Value = Observation> {
        prop_oneof![
            Just(up(NEW)),
            Just(up(OLD)),
            Just(Observation::up()),
            Just(Observation::down("bad")),
            Just(Observation::unknown("lost")),
            Just(up(NEW).latency(Duration::from_secs(9))),
        ]
    }

    proptest! {
        #[test]
        fn healthy_means_exactly_that_the_last_answers_were_all_good(answers in prop::collection::vec(answer(), 0..20), needed in 1_u32..5) {
            let target = target().expect_revision(NEW.parse().unwrap());
            let report = report(&target, &Options::default().successes(needed), &answers);
            let row = answers.iter().rev().take_while(|answer| **answer == up(NEW)).count();
            prop_assert_eq!(report.consecutive as usize, row);
            prop_assert_eq!(report.verdict == Verdict::Healthy, row >= needed as usize);
            prop_assert_eq!(report.reason.is_none(), report.verdict == Verdict::Healthy);
        }
    }
}
