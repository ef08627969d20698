//! When a window is read: once after it closes, and again for what comes late.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Millis, Window};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// CloudWatch Logs takes events that are up to 14 days old; the two hours are for it to show them.
const LATEST: Duration = Duration::from_secs(14 * 86_400 + 2 * 3600);
/// How long before its retention ends a group is read for the last time.
const BEFORE_RETENTION: Duration = Duration::from_secs(2 * 3600);

/// Which reading of a window it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Sweep {
    /// The first one.
    #[serde(rename = "base")]
    Base,
    /// An hour after the window's end.
    #[serde(rename = "late-1h")]
    Hour,
    /// A day after it.
    #[serde(rename = "late-24h")]
    Day,
    /// When nothing can come any more: after 14 days and two hours, or before the group's retention ends.
    #[serde(rename = "late-14d")]
    Final,
}

impl Sweep {
    /// What parts of this reading are called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Hour => "late-1h",
            Self::Day => "late-24h",
            Self::Final => "late-14d",
        }
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When windows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    lag: Duration,
    retention: Option<Duration>,
}

impl Schedule {
    /// Windows close so long after their end. The group keeps events for so many days, or for ever.
    pub fn new(lag: Duration, retention_days: Option<u32>) -> Self {
        Self {
            lag,
            retention: retention_days.map(|days| DAY * days),
        }
    }

    /// When the last reading is, counted from a window's end.
    pub fn last(&self) -> Duration {
        match self.retention {
            Some(kept) => kept.saturating_sub(BEFORE_RETENTION).min(LATEST),
            None => LATEST,
        }
    }

    /// Whether the last reading sees all that CloudWatch Logs may take for a window.
    pub fn is_complete(&self) -> bool {
        self.last() == LATEST
    }

    /// What has to be read of a window by now: the latest reading that is due, and since when. `None` before it closes.
    pub fn due(&self, window: Window, now: Millis) -> Option<(Sweep, Millis)> {
        let last = self.last();
        let sweeps = [
            (Sweep::Base, self.lag),
            (Sweep::Hour, HOUR),
            (Sweep::Day, DAY),
            (Sweep::Final, last),
        ];
        sweeps
            .into_iter()
            // What would come before the window closes is no reading of its own.
            .filter(|(sweep, after)| {
                matches!(sweep, Sweep::Base | Sweep::Final) || *after > self.lag
            })
            .filter(|(sweep, after)| *sweep == Sweep::Final || *after < last)
            .map(|(sweep, after)| (sweep, window.end().plus(after)))
            .filter(|(_, at)| *at <= now)
            .max_by_key(|(_, at)| *at)
    }

    /// Since when a reading counts as the last one.
    pub fn last_at(&self, window: Window) -> Millis {
        window.end().plus(self.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(schedule: Schedule, seconds: u64) -> Option<Sweep> {
        let window = Window::containing("2026-11-01T10:00:00Z".parse().unwrap());
        let now = window.end().plus(Duration::from_secs(seconds));
        schedule.due(window, now).map(|(sweep, _)| sweep)
    }

    #[test]
    fn the_latest_reading_that_is_due_counts() {
        let lag = Duration::from_secs(900);
        let schedule = Schedule::new(lag, None);
        assert_eq!(after(schedule, 899), None);
        assert_eq!(after(schedule, 900), Some(Sweep::Base));
        assert_eq!(after(schedule, 3600), Some(Sweep::Hour));
        assert_eq!(after(schedule, 86_400), Some(Sweep::Day));
        assert_eq!(after(schedule, LATEST.as_secs() - 1), Some(Sweep::Day));
        assert_eq!(after(schedule, LATEST.as_secs()), Some(Sweep::Final));
        assert!(schedule.is_complete());
    }

    #[test]
    fn a_window_stays_open_for_all_of_a_lag_that_is_longer_than_a_late_reading() {
        let schedule = Schedule::new(Duration::from_secs(2 * 3600), None);
        assert_eq!(after(schedule, 2 * 3600 - 1), None);
        assert_eq!(after(schedule, 2 * 3600), Some(Sweep::Base));
        assert_eq!(after(schedule, 86_399), Some(Sweep::Base));
        assert_eq!(after(schedule, 86_400), Some(Sweep::Day));
        let days = Schedule::new(Duration::from_secs(2 * 86_400), None);
        assert_eq!(after(days, 2 * 86_400 - 1), None);
        assert_eq!(after(days, 2 * 86_400), Some(Sweep::Base));
    }

    #[test]
    fn a_short_retention_brings_the_last_reading_forward_and_is_not_complete() {
        let lag = Duration::from_secs(900);
        let week = Schedule::new(lag, Some(7));
        assert!(!week.is_complete());
        assert_eq!(after(week, 7 * 86_400 - 7200), Some(Sweep::Final));
        let day = Schedule::new(lag, Some(1));
        assert_eq!(after(day, 22 * 3600), Some(Sweep::Final));
        assert_eq!(after(day, 22 * 3600 - 1), Some(Sweep::Hour));
        assert!(!Schedule::new(lag, Some(14)).is_complete());
        assert!(Schedule::new(lag, Some(30)).is_complete());
    }
}
