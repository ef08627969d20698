//! What one round of asking a target showed: all of its addresses, once each.

use std::net::SocketAddr;

use crate::probe::{Observation, State};
use crate::target::Target;

/// The kinds of addresses at which something answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    pub(crate) fn add(&mut self, observations: &[Observation]) {
        for observation in observations.iter().filter(|one| one.reached) {
            match is_v6(observation) {
                Some(true) => self.v6 = true,
                Some(false) => self.v4 = true,
                None => {}
            }
        }
    }

    const fn has(self, v6: bool) -> bool {
        if v6 { self.v6 } else { self.v4 }
    }
}

fn is_v6(observation: &Observation) -> Option<bool> {
    observation.address.map(|address| address.is_ipv6())
}

/// Whether that an address is closed says nothing of the target: it is this machine's own, or this machine has no way
/// there.
fn is_local(observation: &Observation) -> bool {
    let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    observation.is_wayless || observation.address.is_some_and(is_loopback)
}

/// The answers of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Round {
    /// What counts; never empty.
    pub(crate) observations: Vec<Observation>,
    /// What was asked and does not count, in words.
    pub(crate) note: Option<String>,
    /// How many connections were tried.
    pub(crate) probes: u32,
}

impl Round {
    /// Judges the answers of a target's addresses together.
    ///
    /// Addresses of one kind are the nodes of a balancer: all of them must serve, so one that cannot be reached while
    /// another can is down. So is a kind of which none can be reached, unless it is this machine that has no way there, or
    /// the way is a loopback one, such as the IPv6 one of a server that listens at 127.0.0.1 for `localhost`: then it is
    /// told and does not count. At a kind that `answered` before, silence always counts.
    pub(crate) fn of(observations: Vec<Observation>, answered: Families) -> Self {
        let probes = u32::try_from(observations.len()).unwrap_or(u32::MAX);
        let is_open = |v6: bool| {
            observations
                .iter()
                .any(|observation| is_v6(observation) == Some(v6) && observation.reached)
        };
        let closed = match (is_open(false), is_open(true)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
        .filter(|closed| {
            let mut kind = observations
                .iter()
                .filter(|observation| is_v6(observation) == Some(*closed));
            !answered.has(*closed) && kind.all(is_local)
        });
        let (left_out, mut counted): (Vec<_>, Vec<_>) = observations
            .into_iter()
            .partition(|observation| closed.is_some() && is_v6(observation) == closed);
        let note = left_out.first().map(|observation| {
            let State::Unknown { reason } = &observation.state else {
                return String::new();
            };
            format!("one way to it is closed: it {reason}")
        });
        let total = counted.len();
        let any_reached = counted.iter().any(|observation| observation.reached);
        for observation in &mut counted {
            if let State::Unknown { reason } = &observation.state
                && any_reached
                && !observation.reached
            {
                observation.state = State::Down {
                    reason: reason.clone(),
                };
            }
            if let (Some(address), State::Down { reason } | State::Unknown { reason }, true) =
                (observation.address, &mut observation.state, total > 1)
            {
                reason.push_str(&place(address, total));
            }
        }
        Self {
            observations: counted,
            note: note.filter(|note| !note.is_empty()),
            probes,
        }
    }

    /// The answer that says most about what is wrong: a bad one, one of another build, one that tells nothing, the
    /// slowest.
    pub(crate) fn worst(&self, target: &Target) -> Observation {
        let rank = |observation: &Observation| match (
            &observation.state,
            &target.expect_revision,
            &observation.revision,
        ) {
            (State::Down { .. }, ..) => 3,
            (State::Up, Some(expected), Some(told)) if !told.matches(expected) => 2,
            (State::Unknown { .. }, ..) => 1,
            _ => 0,
        };
        let worst = self
            .observations
            .iter()
            .max_by_key(|observation| (rank(observation), observation.latency_ms));
        let mut worst = worst
            .cloned()
            .unwrap_or_else(|| Observation::unknown("has no address"));
        if worst.note.is_none() {
            worst.note.clone_from(&self.note);
        }
        worst
    }
}

impl From<Observation> for Round {
    fn from(observation: Observation) -> Self {
        Self::of(vec![observation], Families::default())
    }
}

fn place(address: SocketAddr, total: usize) -> String {
    format!(" (at {address}, one of {total} addresses)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, observation: Observation) -> Observation {
        observation.address(address.parse().unwrap())
    }

    fn refusing() -> Observation {
        Observation::unknown("cannot be reached: it refuses the connection")
    }

    fn of(observations: Vec<Observation>) -> Round {
        Round::of(observations, Families::default())
    }

    fn target() -> Target {
        "svc=http://h/health".parse().unwrap()
    }

    #[test]
    fn one_bad_address_of_two_is_bad() {
        for bad in [Observation::down("answers 503 DOWN"), refusing()] {
            let round = of(vec![
                at("10.0.0.1:80", Observation::up()),
                at("10.0.0.2:80", bad),
            ]);
            let worst = round.worst(&target());
            assert!(
                matches!(&worst.state, State::Down { reason } if reason.ends_with("(at 10.0.0.2:80, one of 2 addresses)")),
                "{worst:?}"
            );
            assert_eq!(round.probes, 2);
        }
    }

    #[test]
    fn a_refused_kind_of_address_is_told_and_does_not_count() {
        let round = of(vec![
            at("[::1]:80", refusing()),
            at("127.0.0.1:80", Observation::up()),
        ]);
        let worst = round.worst(&target());
        assert_eq!(worst.state, State::Up);
        assert_eq!(
            worst.note.as_deref(),
            Some("one way to it is closed: it cannot be reached: it refuses the connection")
        );
    }

    #[test]
    fn a_bad_answer_of_the_other_kind_of_address_does_count() {
        let round = of(vec![
            at("[::1]:80", Observation::down("answers 503")),
            at("127.0.0.1:80", Observation::up()),
        ]);
        assert!(matches!(round.worst(&target()).state, State::Down { .. }));
    }

    #[test]
    fn where_nothing_is_reached_it_cannot_be_told() {
        let round = of(vec![
            at("[::1]:80", refusing()),
            at("127.0.0.1:80", refusing()),
        ]);
        assert!(matches!(
            round.worst(&target()).state,
            State::Unknown { .. }
        ));
        assert_eq!(round.note, None);
    }

    #[test]
    fn a_closed_kind_of_address_counts_unless_this_machine_has_no_way_there() {
        let wayless = |mut observation: Observation| {
            observation.is_wayless = true;
            observation
        };
        let (v4, v6) = ("192.0.2.1:80", "[2001:db8::1]:80");
        for (open, closed, other) in [(v4, v6, "[2001:db8::2]:80"), (v6, v4, "192.0.2.2:80")] {
            let dead = of(vec![at(open, Observation::up()), at(closed, refusing())]);
            let worst = dead.worst(&target());
            assert!(matches!(worst.state, State::Down { .. }), "{worst:?}");
            let no_way = of(vec![
                at(open, Observation::up()),
                at(closed, wayless(refusing())),
            ]);
            assert_eq!(no_way.worst(&target()).state, State::Up);
            assert!(no_way.note.is_some());
            let half = of(vec![
                at(open, Observation::up()),
                at(closed, wayless(refusing())),
                at(other, refusing()),
            ]);
            assert!(matches!(half.worst(&target()).state, State::Down { .. }));
        }
    }

    #[test]
    fn a_kind_of_address_that_answered_before_counts_when_it_is_closed() {
        let round = |v6| vec![at("[::1]:80", v6), at("127.0.0.1:80", Observation::up())];
        let mut answered = Families::default();
        answered.add(&of(round(refusing())).observations);
        let still = Round::of(round(refusing()), answered);
        assert_eq!(still.worst(&target()).state, State::Up);
        answered.add(&of(round(Observation::up())).observations);
        let worst = Round::of(round(refusing()), answered).worst(&target());
        assert!(matches!(worst.state, State::Down { .. }), "{worst:?}");
    }
}
