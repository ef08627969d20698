//! How long CloudWatch Logs keeps events, changed with care.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use crate::engine::Tools;
use crate::verify::{VerifyReport, check};
use crate::{
    Archive, Clock, Error as ExportError, GroupInfo, LogAdmin, Millis, Observer, Options, Place,
    RateLimit, Schedule, Span, Window, chain,
};

const DAY: Duration = Duration::from_secs(86_400);

/// For how many days CloudWatch Logs keeps events: one of those that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RetentionDays(u32);

/// Days that CloudWatch Logs does not take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is no retention that CloudWatch Logs takes: {near}")]
pub struct InvalidRetention {
    text: String,
    near: String,
}

impl RetentionDays {
    /// What CloudWatch Logs takes.
    pub const ALLOWED: [u32; 22] = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
        2922, 3288, 3653,
    ];

    /// The days.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// What is usual for an environment: 7 days for `dev`, 30 for `staging`, 90 for `prod`.
    pub fn for_environment(environment: &str) -> Option<Self> {
        match environment {
            "dev" | "development" => Some(Self(7)),
            "staging" | "stage" => Some(Self(30)),
            "prod" | "production" => Some(Self(90)),
            _ => None,
        }
    }
}

impl TryFrom<u32> for RetentionDays {
    type Error = InvalidRetention;

    fn try_from(days: u32) -> Result<Self, InvalidRetention> {
        if Self::ALLOWED.contains(&days) {
            return Ok(Self(days));
        }
        let below = Self::ALLOWED.iter().rev().find(|allowed| **allowed < days);
        let above = Self::ALLOWED.iter().find(|allowed| **allowed > days);
        let near = match (below, above) {
            (Some(below), Some(above)) => format!("the nearest are {below} and {above}"),
            (None, Some(above)) => format!("the least is {above}"),
            (Some(below), None) => format!("the most is {below}"),
            (None, None) => String::new(),
        };
        Err(InvalidRetention {
            text: days.to_string(),
            near,
        })
    }
}

impl FromStr for RetentionDays {
    type Err = InvalidRetention;

    fn from_str(text: &str) -> Result<Self, InvalidRetention> {
        match text.parse::<u32>() {
            Ok(days) => Self::try_from(days),
            Err(_) => Err(InvalidRetention {
                text: text.to_owned(),
                near: "write a number of days".to_owned(),
            }),
        }
    }
}

impl fmt::Display for RetentionDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What would become of a group's retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetentionChange {
    /// The group.
    pub place: Place,
    /// How many days it keeps events now; for ever if none.
    pub from: Option<u32>,
    /// How many it shall keep them.
    pub to: RetentionDays,
    /// What is done.
    pub action: RetentionAction,
    /// What to know.
    pub warning: Option<String>,
}

/// What is done with a group's retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", content = "reason", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RetentionAction {
    /// It is as it should be.
    Unchanged,
    /// It would be changed.
    WouldChange,
    /// It was changed.
    Changed,
    /// It is not changed, for this reason: what would be deleted is not known to be in the archive.
    Held(String),
    /// It could not be changed, for this reason.
    Failed(String),
}

/// Whether what a shorter retention deletes has to be in an archive, and in which.
#[derive(Debug, Clone, Copy)]
pub struct OnlyVerified<'a, A: ?Sized> {
    /// The archive.
    pub archive: &'a A,
    /// How it is laid out.
    pub options: &'a Options,
}

/// Sets the retention of groups. A group whose retention gets shorter loses events for good: with `only_verified` that is only
/// done when every window that would go is in the archive, read for the last time, and right to the byte.
///
/// # Errors
/// When the archive cannot be read. A group that cannot be changed is in the result.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a thing of its own, and none has a default"
)]
pub async fn set_retention<A: Archive + ?Sized>(
    admin: &dyn LogAdmin,
    groups: &[GroupInfo],
    days: RetentionDays,
    only_verified: Option<OnlyVerified<'_, A>>,
    dry_run: bool,
    clock: &Clock,
    limit: &RateLimit,
    observer: &dyn Observer,
) -> Result<Vec<RetentionChange>, ExportError> {
    let mut changes = Vec::with_capacity(groups.len());
    for info in groups {
        let mut change = RetentionChange {
            place: info.place.clone(),
            from: info.retention_days,
            to: days,
            action: RetentionAction::Unchanged,
            warning: warning(days),
        };
        if info.retention_days != Some(days.get()) {
            let shorter = info.retention_days.is_none_or(|now| now > days.get());
            let held = match (&only_verified, shorter) {
                (Some(verified), true) => {
                    unverified(verified, info, days, clock, limit, observer).await?
                }
                _ => None,
            };
            change.action = match held {
                Some(reason) => RetentionAction::Held(reason),
                None if dry_run => RetentionAction::WouldChange,
                None => set(admin, info, days, limit, observer).await,
            };
        }
        changes.push(change);
    }
    Ok(changes)
}

async fn set(
    admin: &dyn LogAdmin,
    info: &GroupInfo,
    days: RetentionDays,
    limit: &RateLimit,
    observer: &dyn Observer,
) -> RetentionAction {
    let retry = crate::retry::Retry {
        attempts: 6,
        observer,
        limit,
    };
    let set = retry
        .ask(|| admin.set_retention(info.group(), days.get()))
        .await;
    match set {
        Ok(()) => RetentionAction::Changed,
        Err(error) => RetentionAction::Failed(match error.hint() {
            Some(hint) => format!("{} ({hint})", crate::engine::chain_of(&error)),
            None => crate::engine::chain_of(&error),
        }),
    }
}

fn warning(days: RetentionDays) -> Option<String> {
    let schedule = Schedule::new(Duration::ZERO, Some(days.get()));
    (!schedule.is_complete()).then(|| {
        format!(
            "events may come in for 14 days and two hours, and go after {days} days: no archive of this group can promise to be complete"
        )
    })
}

/// Why what would be deleted cannot be taken to be archived.
async fn unverified<A: Archive + ?Sized>(
    verified: &OnlyVerified<'_, A>,
    info: &GroupInfo,
    days: RetentionDays,
    clock: &Clock,
    limit: &RateLimit,
    observer: &dyn Observer,
) -> Result<Option<String>, ExportError> {
    let options = verified.options;
    let tools = Tools::new(verified.archive, options, clock, limit, observer, 1);
    let now = clock.now();
    let schedule = Schedule::new(options.lag, info.retention_days);
    // What is older than that goes anyway.
    let kept = info
        .retention_days
        .map(|now_days| now.minus(DAY * now_days));
    let from = info
        .created
        .minus(DAY * 14)
        .max(kept.unwrap_or(Millis::from_epoch(0)));
    let Ok(span) = Span::new(from, now.minus(DAY * days.get())) else {
        return Ok(None);
    };
    let mut report = VerifyReport::default();
    for window in Window::covering(span) {
        if window.start() < from && kept.is_some() {
            continue;
        }
        let loaded = chain::load(
            verified.archive,
            &options.layout,
            &info.place,
            window,
            &tools.retry,
        )
        .await;
        let chain = match loaded {
            Ok(chain) => chain,
            Err(error @ ExportError::Damaged { .. }) => return Ok(Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let last = schedule.last_at(window);
        if chain.read_since(window).is_none_or(|since| since < last) {
            return Ok(Some(not_final(window, &schedule, days, now)));
        }
        check(&tools, None, false, &info.place, window, &mut report).await?;
        if !report.findings.is_empty() {
            return Ok(Some(format!(
                "the hour {window} of the archive is damaged: `verify` says how"
            )));
        }
    }
    Ok(None)
}

/// What to say of an hour that would go before it was read for the last time, and what would help.
fn not_final(window: Window, schedule: &Schedule, days: RetentionDays, now: Millis) -> String {
    let at = schedule.last_at(window);
    if at <= now {
        return format!(
            "the hour {window} was not read for the last time, which was due at {at}: run `export` from then on, and again"
        );
    }
    let least = RetentionDays::ALLOWED
        .into_iter()
        .find(|allowed| DAY * *allowed > schedule.last());
    let least = least.unwrap_or(RetentionDays::ALLOWED[0]);
    format!(
        "the hour {window} was not read for the last time: events may come in until {at}, and {days} days would delete it \
         before. {least} days are the least that can be verified; fewer take giving up what comes late, without the wish for \
         verified hours only"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cloudwatch_takes_is_taken_and_the_nearest_is_named() {
        for days in RetentionDays::ALLOWED {
            assert_eq!(
                days.to_string().parse::<RetentionDays>().unwrap().get(),
                days
            );
        }
        let error = |text: &str| text.parse::<RetentionDays>().unwrap_err().to_string();
        assert!(error("10").contains("7 and 14"));
        assert!(error("0").contains("least is 1"));
        assert!(error("4000").contains("most is 3653"));
        assert!(error("a week").contains("number"));
    }

    #[test]
    fn short_retention_is_warned_of() {
        assert!(warning(RetentionDays(14)).is_some());
        assert!(warning(RetentionDays(30)).is_none());
        assert_eq!(
            RetentionDays::for_environment("dev"),
            Some(RetentionDays(7))
        );
        assert_eq!(RetentionDays::for_environment("qa"), None);
    }
}
