//! Days of the bill. They are days of UTC, whatever the clock on the wall does.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Some days, from the first to the one before `end`. There is at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct Period {
    start: Date,
    end: Date,
}

#[derive(Serialize, Deserialize)]
struct Ends {
    start: Date,
    end: Date,
}

/// A period has no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the period from `{start}` to `{end}` has no day: it must end after it starts")]
pub struct EmptyPeriod {
    start: Date,
    end: Date,
}

/// A text is no day.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no day: write one as YYYY-MM-DD, such as 2026-03-31")]
pub struct InvalidDay(String);

/// Reads a day such as `2026-03-31`, and nothing else.
///
/// # Errors
/// When the text is no day of the calendar.
pub fn day(text: &str) -> Result<Date, InvalidDay> {
    let invalid = || InvalidDay(text.chars().take(40).collect());
    // Dates have many forms; only one of them cannot be misread.
    if text.len() != 10 || text.as_bytes().get(4) != Some(&b'-') {
        return Err(invalid());
    }
    Date::from_str(text).map_err(|_| invalid())
}

impl Period {
    /// The days from `start` to the one before `end`.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(start: Date, end: Date) -> Result<Self, EmptyPeriod> {
        match start < end {
            true => Ok(Self { start, end }),
            false => Err(EmptyPeriod { start, end }),
        }
    }

    /// The first day.
    pub const fn start(self) -> Date {
        self.start
    }

    /// The day after the last one.
    pub const fn end(self) -> Date {
        self.end
    }

    /// Whether the day is one of them.
    pub fn contains(self, day: Date) -> bool {
        self.start <= day && day < self.end
    }

    /// The days in order.
    pub fn days(self) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(self.start), |day| next(*day))
            .take_while(move |day| *day < self.end)
    }
}

impl TryFrom<Ends> for Period {
    type Error = EmptyPeriod;

    fn try_from(ends: Ends) -> Result<Self, EmptyPeriod> {
        Self::new(ends.start, ends.end)
    }
}

impl From<Period> for Ends {
    fn from(period: Period) -> Self {
        Self {
            start: period.start,
            end: period.end,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, previous(self.end))
    }
}

/// The day of UTC that a moment lies in.
pub(crate) fn today(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

/// When a day begins in UTC.
pub(crate) fn midnight(day: Date) -> Timestamp {
    TimeZone::UTC
        .to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
        .unwrap_or(if day < Date::constant(2000, 1, 1) {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
}

/// The day after, unless time ends.
pub(crate) fn next(day: Date) -> Option<Date> {
    day.tomorrow().ok()
}

/// The day after; at the end of time the day itself.
pub(crate) fn following(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

/// The day before; at the beginning of time the day itself.
pub(crate) fn previous(day: Date) -> Date {
    day.yesterday().unwrap_or(day)
}

/// The first day of the month after.
pub(crate) fn next_month(day: Date) -> Date {
    following(day.last_of_month())
}

/// The first day of the month so many months before.
pub(crate) fn months_before(day: Date, months: i32) -> Date {
    day.first_of_month().saturating_sub(months.months())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_utc_across_leap_days_and_clock_changes() {
        let period = Period::new(day("2028-02-28").unwrap(), day("2028-03-02").unwrap()).unwrap();
        assert_eq!(
            period.days().map(|day| day.to_string()).collect::<Vec<_>>(),
            ["2028-02-28", "2028-02-29", "2028-03-01"]
        );
        for text in ["2026-03-29", "2026-10-25", "2026-11-01"] {
            let date = day(text).unwrap();
            assert_eq!(
                midnight(following(date)).as_second() - midnight(date).as_second(),
                86_400
            );
        }
        assert_eq!(
            today("2026-03-31T23:59:59Z".parse().unwrap()),
            day("2026-03-31").unwrap()
        );
        assert_eq!(
            today("2026-04-01T00:30:00+02:00".parse().unwrap()),
            day("2026-03-31").unwrap()
        );
    }

    #[test]
    fn only_days_of_the_calendar_are_days() {
        for text in [
            "2026-02-29",
            "2026-13-01",
            "20260301",
            "2026-3-1",
            "yesterday",
            "",
            "2026-03-01T00:00:00Z",
        ] {
            assert!(day(text).is_err(), "{text}");
        }
        let first = day("2026-03-01").unwrap();
        assert!(Period::new(first, first).is_err());
    }

    #[test]
    fn months_follow_each_other() {
        assert_eq!(
            next_month(day("2026-01-31").unwrap()),
            day("2026-02-01").unwrap()
        );
        assert_eq!(
            next_month(day("2026-12-01").unwrap()),
            day("2027-01-01").unwrap()
        );
        assert_eq!(
            months_before(day("2026-03-31").unwrap(), 1),
            day("2026-02-01").unwrap()
        );
    }
}
