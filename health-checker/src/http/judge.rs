//! Reading the health answer.

use super::answer::Answer;
use crate::actuator::{self, Health};
use crate::probe::{Observation, State};
use crate::target::{Target, TargetKind};
use crate::text;

/// What a health answer shows.
pub(super) fn judge(target: &Target, answer: &Answer) -> Observation {
    let status = answer.status;
    let observation = match (status, target.kind) {
        (300..=399, _) => Observation::down(answer.redirect_words(&target.url)),
        (401 | 403 | 407 | 429, _) => {
            Observation::unknown(format!("does not let itself be asked: it answers {status}"))
        }
        (_, TargetKind::Plain) if (200..300).contains(&status) => Observation::up(),
        (_, TargetKind::Plain) => Observation::down(format!("answers {status}")),
        _ => actuator(target, answer),
    };
    observation.status(status)
}

/// Whether an answer would pass for a good one.
pub(super) fn serves(target: &Target, answer: &Answer) -> bool {
    matches!(judge(target, answer).state, State::Up)
}

fn actuator(target: &Target, answer: &Answer) -> Observation {
    let status = answer.status;
    if answer.is_cut {
        return Observation::down(format!(
            "answers {status} with a body of more than 64 KiB, which no actuator does"
        ));
    }
    let health = Health::parse(&answer.body);
    let is_good = health.is_up() || target.accept_unknown && health.is_unknown();
    let observation = match status {
        200 if is_good => up(target, &health),
        404 if health.status().is_none() => Observation::down(missing(target)),
        200 | 503 => Observation::down(format!("answers {status} {}", health.words())),
        _ => Observation::down(match health.status() {
            Some(_) => format!("answers {status} {}", health.words()),
            None => format!("answers {status}"),
        }),
    };
    match health.status() {
        Some(word) => observation.body_status(word),
        None => observation,
    }
}

/// An answer that is good as a whole, looked at in its parts.
fn up(target: &Target, health: &Health) -> Observation {
    for path in &target.components {
        let shown = text::clean(path, 60);
        match health.component(path) {
            Some((_, true)) => {}
            Some((status, false)) => {
                return Observation::down(format!(
                    "is up as a whole, but its component `{shown}` is {status}"
                ));
            }
            None => {
                return Observation::unknown(format!(
                    "is up, but does not show its component `{shown}`; show it with \
                     `management.endpoint.health.show-components=always`"
                ));
            }
        }
    }
    if let Some((path, status)) = health.down().filter(|_| !target.accept_down_components) {
        return Observation::down(format!(
            "is {} as a whole, but its component `{path}` is {status}",
            health.status().unwrap_or("up")
        ));
    }
    match health.failing() {
        failing if failing.is_empty() => Observation::up(),
        failing => Observation::up().note(format!(
            "is up as a whole, though not all of its components are: {}",
            failing.join(", ")
        )),
    }
}

fn missing(target: &Target) -> String {
    let path = target.url.path();
    match actuator::group(&target.url) {
        Some(group @ ("readiness" | "liveness")) => format!(
            "answers 404: there is no group `{group}` at `{path}`; before Spring Boot 4 it wants \
             `management.endpoint.health.probes.enabled=true`"
        ),
        Some(group) => format!(
            "answers 404: there is no group or component `{}` at `{path}`",
            text::clean(group, 60)
        ),
        None => format!("answers 404: there is no actuator at `{path}`"),
    }
}
