//! Instants to the millisecond, spans of them, and the hours that the work is cut into.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::Instant;

const HOUR: i64 = 3_600_000;
/// The years 0000 to 9999, so that a date has ten characters and sorts as text.
const MOST: i64 = 253_402_300_799_999;

/// A point in time, to the millisecond, as CloudWatch Logs counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(i64);

/// A text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a time: write it as 2026-11-26T10:00:00Z, or a day as 2026-11-26")]
pub struct InvalidTime {
    text: String,
}

impl Millis {
    /// So many milliseconds after 1970. What is past the year 9999 or before 1970 is taken to be there.
    pub const fn from_epoch(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > MOST {
            Self(MOST)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970.
    pub const fn epoch(self) -> i64 {
        self.0
    }

    /// Later by so much.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_epoch(self.0.saturating_add(by))
    }

    /// Earlier by so much.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_epoch(self.0.saturating_sub(by))
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The day in UTC, as YYYY-MM-DD.
    pub fn date(self) -> String {
        self.timestamp().strftime("%Y-%m-%d").to_string()
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl FromStr for Millis {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = text.len() == 10;
        let whole = if day {
            format!("{text}T00:00:00Z")
        } else {
            text.to_owned()
        };
        match whole.parse::<Timestamp>() {
            Ok(time) if (0..=MOST).contains(&time.as_millisecond()) => {
                Ok(Self(time.as_millisecond()))
            }
            _ => Err(InvalidTime {
                text: text.to_owned(),
            }),
        }
    }
}

impl Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The milliseconds from `from` up to but not including `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Ends")]
pub struct Span {
    from: Millis,
    to: Millis,
}

#[derive(Deserialize)]
struct Ends {
    from: Millis,
    to: Millis,
}

impl TryFrom<Ends> for Span {
    type Error = EmptySpan;

    fn try_from(ends: Ends) -> Result<Self, EmptySpan> {
        Self::new(ends.from, ends.to)
    }
}

/// A span that would hold no millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there is no time between `{from}` and `{to}`")]
pub struct EmptySpan {
    from: Millis,
    to: Millis,
}

impl Span {
    /// From one time to a later one, which is not part of it.
    ///
    /// # Errors
    /// When the second is not later.
    pub fn new(from: Millis, to: Millis) -> Result<Self, EmptySpan> {
        if from < to {
            Ok(Self { from, to })
        } else {
            Err(EmptySpan { from, to })
        }
    }

    /// Its first millisecond.
    pub const fn from(self) -> Millis {
        self.from
    }

    /// The first millisecond after it.
    pub const fn to(self) -> Millis {
        self.to
    }

    /// Its last millisecond.
    pub const fn last(self) -> Millis {
        Millis(self.to.0 - 1)
    }

    /// Whether a time is in it.
    pub fn contains(self, time: Millis) -> bool {
        self.from <= time && time < self.to
    }

    /// How long it is.
    pub fn length(self) -> Duration {
        Duration::from_millis(u64::try_from(self.to.0 - self.from.0).unwrap_or(0))
    }

    /// The whole hours that it has a part in.
    #[must_use]
    pub fn hours(self) -> Self {
        Self {
            from: Window::containing(self.from).start(),
            to: Window::containing(self.last()).end(),
        }
    }

    /// Its two halves, if it has two whole milliseconds.
    pub(crate) fn halves(self) -> Option<(Self, Self)> {
        let middle = Millis(self.from.0 + (self.to.0 - self.from.0) / 2);
        Some((
            Self::new(self.from, middle).ok()?,
            Self::new(middle, self.to).ok()?,
        ))
    }

    /// What of it is in none of `others`, in order.
    pub(crate) fn without(self, others: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut others: Vec<Self> = others.into_iter().collect();
        others.sort();
        let mut rest = Vec::new();
        let mut at = self.from;
        for other in others {
            rest.extend(Self::new(at, other.from.min(self.to)));
            at = at.max(other.to);
        }
        rest.extend(Self::new(at, self.to));
        rest
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

/// An hour in UTC: the unit of work, and a partition of the archive. It serialises as its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Window(Millis);

impl Window {
    /// The hour that a time is in.
    pub const fn containing(time: Millis) -> Self {
        Self(Millis(time.0 - time.0 % HOUR))
    }

    /// The hours that have a part in a span, in order.
    pub fn covering(span: Span) -> impl Iterator<Item = Self> {
        let first = Self::containing(span.from);
        std::iter::successors(Some(first), |window| Some(window.next()))
            .take_while(move |window| window.start() < span.to)
    }

    /// Its first millisecond.
    pub const fn start(self) -> Millis {
        self.0
    }

    /// The first millisecond after it.
    pub const fn end(self) -> Millis {
        Millis(self.0.0 + HOUR)
    }

    /// All of its milliseconds.
    pub const fn span(self) -> Span {
        Span {
            from: self.start(),
            to: self.end(),
        }
    }

    /// The hour after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.end())
    }

    /// The hour of the day in UTC, as HH.
    pub fn hour(self) -> String {
        format!("{:02}", self.0.0 / HOUR % 24)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.0.date(), self.hour())
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let start = Millis::deserialize(deserializer)?;
        if Self::containing(start).0 == start {
            Ok(Self(start))
        } else {
            Err(serde::de::Error::custom(format!(
                "`{start}` is not the start of an hour"
            )))
        }
    }
}

/// The time of day: told once, then kept by tokio's clock, so that tests run with time paused.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    told: Millis,
    at: Instant,
}

impl Clock {
    /// It is this time now.
    pub fn new(now: Millis) -> Self {
        Self {
            told: now,
            at: Instant::now(),
        }
    }

    /// What time it is.
    pub fn now(&self) -> Millis {
        self.told.plus(self.at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span::new(Millis(from), Millis(to)).unwrap()
    }

    #[test]
    fn a_boundary_millisecond_is_in_one_hour_only() {
        let hour: Millis = "2026-11-26T10:00:00Z".parse().unwrap();
        let window = Window::containing(hour);
        let before = Window::containing(Millis(hour.0 - 1));
        assert_eq!(before.next(), window);
        assert!(window.span().contains(hour) && !before.span().contains(hour));
        assert_eq!(before.span().last(), Millis(hour.0 - 1));
        assert_eq!(
            (window.to_string(), window.hour()),
            ("2026-11-26T10".to_owned(), "10".to_owned())
        );
    }

    #[test]
    fn what_is_left_of_a_span() {
        assert_eq!(span(0, 10).without([]), [span(0, 10)]);
        assert_eq!(
            span(0, 10).without([span(4, 6), span(2, 5)]),
            [span(0, 2), span(6, 10)]
        );
        assert_eq!(span(5, 10).without([span(0, 7), span(7, 20)]), []);
        assert_eq!(span(5, 10).without([span(20, 30)]), [span(5, 10)]);
        assert_eq!(span(0, 1).halves(), None);
        assert_eq!(span(0, 3).halves(), Some((span(0, 1), span(1, 3))));
    }

    #[test]
    fn times_are_read_and_written() {
        let time: Millis = "2026-11-26T10:00:00.250Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-26T10:00:00.25Z");
        assert_eq!(
            "2026-11-26".parse::<Millis>().unwrap().to_string(),
            "2026-11-26T00:00:00Z"
        );
        for bad in [
            "",
            "yesterday",
            "2026-13-01",
            "1969-12-31",
            "2026-11-26T10:00:00",
        ] {
            assert!(bad.parse::<Millis>().is_err(), "{bad}");
        }
        let window: Result<Window, _> = serde_json::from_str("\"2026-11-26T10:30:00Z\"");
        assert!(window.is_err());
    }

    #[test]
    fn the_hours_of_a_span() {
        let from: Millis = "2026-11-26T10:30:00Z".parse().unwrap();
        let to: Millis = "2026-11-26T12:00:00Z".parse().unwrap();
        let hours: Vec<String> = Window::covering(Span::new(from, to).unwrap())
            .map(|w| w.to_string())
            .collect();
        assert_eq!(hours, ["2026-11-26T10", "2026-11-26T11"]);
    }

    #[test]
    fn a_span_is_widened_to_whole_hours_and_no_further() {
        let hours = |from, to| span(from, to).hours();
        assert_eq!(hours(HOUR, 2 * HOUR), span(HOUR, 2 * HOUR));
        assert_eq!(hours(HOUR + 1, 2 * HOUR + 1), span(HOUR, 3 * HOUR));
        assert_eq!(hours(2 * HOUR - 1, 2 * HOUR), span(HOUR, 2 * HOUR));
    }
}
