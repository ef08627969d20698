//! Which windows are to be read.

use std::time::Duration;

use serde::Serialize;

use crate::checkpoint::{self, ReadSince, Survey};
use crate::engine::Tools;
use crate::retry::Retry;
use crate::{
    Archive, Clock, Error, GroupClass, GroupInfo, LogGroup, LogSource, Millis, Observer, Options,
    RateLimit, Schedule, Span, Unit, Window,
};

const DAY: Duration = Duration::from_secs(86_400);
/// CloudWatch Logs takes events that are up to 14 days old.
const OLDEST: Duration = Duration::from_secs(14 * 86_400);
/// The same token so often is no progress.
const MOST_SAME: u32 = 50;
/// Without a start, windows are looked at as far back as something late may be due.
const BACK: Duration = Duration::from_secs(15 * 86_400);
/// Retention deletes up to three days late.
pub(crate) const RETENTION_LAG: Duration = Duration::from_secs(3 * 86_400);

/// Which groups are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection {
    /// The group of this name.
    Group(LogGroup),
    /// All groups whose names begin like this.
    Prefix(String),
}

/// What is to be planned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanRequest {
    /// The groups.
    pub groups: Vec<Selection>,
    /// The first time that is of interest; the whole hour is taken. Without it: 15 days ago, or earlier where the archive shows
    /// that an older window is not read or not read for the last time.
    pub from: Option<Millis>,
    /// The end, of which the whole hour is taken too. Without it: now.
    pub to: Option<Millis>,
}

impl PlanRequest {
    /// All that is due of these groups.
    pub const fn new(groups: Vec<Selection>) -> Self {
        Self {
            groups,
            from: None,
            to: None,
        }
    }

    /// From this time on.
    #[must_use]
    pub const fn from(mut self, from: Option<Millis>) -> Self {
        self.from = from;
        self
    }

    /// Up to this time.
    #[must_use]
    pub const fn to(mut self, to: Option<Millis>) -> Self {
        self.to = to;
        self
    }
}

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The windows, by group and hour.
    pub units: Vec<Unit>,
    /// The groups.
    pub groups: Vec<GroupInfo>,
    /// Windows that are read as far as is due.
    pub done: usize,
    /// Windows that are not closed yet.
    pub open: usize,
    /// What to know.
    pub warnings: Vec<String>,
}

/// Finds the groups, each once, by name.
///
/// # Errors
/// [`Error::GroupNotFound`] for a name that no group has; [`Error::Invalid`] for a prefix that none has.
pub async fn find_groups<S: LogSource + ?Sized>(
    source: &S,
    selections: &[Selection],
    limit: &RateLimit,
    attempts: u32,
    observer: &dyn Observer,
) -> Result<Vec<GroupInfo>, Error> {
    let retry = Retry {
        attempts: attempts.max(1),
        observer,
        limit,
    };
    let mut found: Vec<GroupInfo> = Vec::new();
    for selection in selections {
        let prefix = match selection {
            Selection::Group(group) => group.as_str(),
            Selection::Prefix(prefix) => prefix.as_str(),
        };
        let before = found.len();
        let all = groups(source, prefix, &retry, |_| false).await?;
        found.extend(all.into_iter().filter(|info| match selection {
            Selection::Group(group) => info.group() == group,
            Selection::Prefix(prefix) => info.group().as_str().starts_with(prefix),
        }));
        if found.len() == before {
            return Err(match selection {
                Selection::Group(group) => Error::GroupNotFound {
                    group: group.clone(),
                },
                Selection::Prefix(prefix) => Error::invalid(
                    format!("no log group's name begins with `{prefix}`"),
                    "check the prefix and the region",
                ),
            });
        }
    }
    found.sort_by(|a, b| a.place.cmp(&b.place));
    found.dedup_by(|a, b| a.place == b.place);
    Ok(found)
}

/// The group of just this name, if it is there.
pub(crate) async fn find_group<S: LogSource + ?Sized>(
    source: &S,
    group: &LogGroup,
    retry: &Retry<'_>,
) -> Result<Option<GroupInfo>, Error> {
    let is_it = |info: &GroupInfo| info.group() == group;
    let all = groups(source, group.as_str(), retry, is_it).await?;
    Ok(all.into_iter().find(is_it))
}

/// The groups below a prefix, page by page up to the one that is looked for.
async fn groups<S: LogSource + ?Sized>(
    source: &S,
    prefix: &str,
    retry: &Retry<'_>,
    is_enough: impl Fn(&GroupInfo) -> bool + Send,
) -> Result<Vec<GroupInfo>, Error> {
    let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
    let mut all = Vec::new();
    let (mut token, mut same) = (None, 0);
    loop {
        let page = retry.ask(|| source.groups(prefix, token.as_ref())).await?;
        let enough = page.groups.iter().any(&is_enough);
        all.extend(page.groups);
        let Some(next) = page.next.filter(|_| !enough) else {
            return Ok(all);
        };
        if token.as_ref() == Some(&next) {
            same += 1;
            if same >= MOST_SAME {
                return Err(Error::NoProgress {
                    what: "the list of log groups".to_owned(),
                    times: same,
                });
            }
        } else {
            same = 0;
        }
        token = Some(next);
    }
}

/// Says which windows are to be read by now, from what the archive has.
///
/// # Errors
/// When the groups cannot be found or the archive cannot be read; [`Error::Invalid`] when there can be nothing in the time that
/// is asked for.
pub async fn plan<S, A>(
    source: &S,
    archive: &A,
    request: &PlanRequest,
    options: &Options,
    clock: &Clock,
    limit: &RateLimit,
    observer: &dyn Observer,
) -> Result<Plan, Error>
where
    S: LogSource + ?Sized,
    A: Archive + ?Sized,
{
    let now = clock.now();
    if let (Some(from), Some(to)) = (request.from, request.to)
        && from >= to
    {
        return Err(Error::invalid(
            format!("there is no time between `{from}` and `{to}`"),
            "give an end that is later than the start",
        ));
    }
    if let Some(from) = request.from
        && from > now
    {
        return Err(Error::invalid(
            format!("`{from}` is yet to come: it is `{now}` now"),
            "give a start that has been",
        ));
    }
    let groups = find_groups(source, &request.groups, limit, options.attempts, observer).await?;
    let tools = Tools::new(archive, options, clock, limit, observer, 1);
    let mut plan = Plan::default();
    for info in groups {
        if info.class == GroupClass::Delivery {
            plan.warnings.push(format!(
                "`{}` is of the class DELIVERY, which cannot be read, and is left out",
                info.place
            ));
            continue;
        }
        let all = Span::new(Millis::from_epoch(0), now.plus(DAY));
        let span = match (request.from, all) {
            (Some(from), _) => Span::new(from, now.plus(DAY)).or(all),
            (None, all) => all,
        };
        let Ok(span) = span else { continue };
        let survey = checkpoint::survey(
            archive,
            &options.layout,
            &info.place,
            span,
            options.checkpoint,
            &tools.retry,
        )
        .await?;
        add(&mut plan, request, &info, &survey, options.lag, now);
        plan.groups.push(info);
    }
    if let (None, Some(to)) = (request.from, request.to)
        && to <= now.minus(BACK)
        && !plan.groups.is_empty()
        && plan.units.len() + plan.done + plan.open == 0
    {
        return Err(Error::invalid(
            format!("without a start the last 15 days are read, and `{to}` is before them"),
            "give a start too",
        ));
    }
    Ok(plan)
}

/// The windows of one group.
fn add(
    plan: &mut Plan,
    request: &PlanRequest,
    info: &GroupInfo,
    survey: &Survey,
    lag: Duration,
    now: Millis,
) {
    let (place, read) = (&info.place, &survey.read);
    let schedule = Schedule::new(lag, info.retention_days);
    if let Some(days) = info.retention_days.filter(|_| !schedule.is_complete()) {
        plan.warnings.push(format!(
            "`{place}` keeps events for {days} days, but events may come in for 14 days and two hours: completeness cannot be promised",
        ));
    }
    for (_, problem) in &survey.damaged {
        plan.warnings
            .push(format!("an hour of `{place}` cannot be read on: {problem}"));
    }
    let from = request.from.unwrap_or_else(|| start(&schedule, read, now));
    let to = request.to.unwrap_or(now);
    let of_interest = |window: &&Window| window.end() > from && window.start() < to;
    let lost = survey.lost.iter().filter(of_interest).count();
    if lost > 0 {
        plan.warnings.push(format!(
            "{lost} hours of `{place}` were read and have no manifest any more: they are read again",
        ));
    }
    let kept = info
        .retention_days
        .map(|days| now.minus(DAY * days + RETENTION_LAG));
    let oldest = info
        .created
        .minus(OLDEST)
        .max(kept.unwrap_or(Millis::from_epoch(0)));
    if let (Some(days), Some(kept)) = (info.retention_days, kept)
        && let Ok(cut) = Span::new(from.max(info.created), kept.min(to))
    {
        // Of the hour in which it begins some is kept.
        let gone = Window::covering(cut).filter(|window| window.end() <= kept);
        let unread = gone.filter(|window| read.get(window).is_none_or(|since| since.epoch() == 0));
        let unread = unread.count();
        if unread > 0 {
            plan.warnings.push(format!(
                "`{place}` has no events from before {kept} any more: its retention of {days} days has deleted them, and {unread} \
                 hours of that time were never read",
            ));
        }
    }
    if to <= info.created.minus(OLDEST) {
        plan.warnings.push(format!(
            "`{place}` was made at {}, and can have no events from before {to}",
            info.created
        ));
    }
    let Ok(span) = Span::new(from.max(oldest), to) else {
        return;
    };
    for window in Window::covering(span) {
        let Some((sweep, due)) = schedule.due(window, now) else {
            plan.open += 1;
            continue;
        };
        match read.get(&window) {
            Some(since) if *since >= due => plan.done += 1,
            _ => {
                let expires = info
                    .retention_days
                    .map(|days| window.start().plus(DAY * days));
                let unit = Unit::new(place.clone(), window, sweep, due).expires(expires);
                plan.units.push(unit);
            }
        }
    }
}

/// Where to begin when nobody says: 15 days ago, or at the first window that the archive shows to be unfinished.
fn start(schedule: &Schedule, read: &ReadSince, now: Millis) -> Millis {
    let usual = now.minus(BACK);
    let mut expected: Option<Window> = None;
    for (window, since) in read {
        if expected.is_some_and(|expected| expected < *window) {
            break;
        }
        if *since < schedule.last_at(*window) {
            return usual.min(window.start());
        }
        expected = Some(window.next());
    }
    expected.map_or(usual, |window| usual.min(window.start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Place, Sweep};

    fn info(created: &str, retention: Option<u32>) -> GroupInfo {
        let place = Place::new(
            "123456789012".parse().unwrap(),
            "us-east-1".parse().unwrap(),
            "g".parse().unwrap(),
        );
        let mut info = GroupInfo::new(place, created.parse().unwrap());
        info.retention_days = retention;
        info
    }

    fn planned(info: &GroupInfo, read: &ReadSince, from: Option<&str>, now: &str) -> Plan {
        let mut plan = Plan::default();
        let request = PlanRequest::new(Vec::new()).from(from.map(|from| from.parse().unwrap()));
        let lag = Duration::from_secs(900);
        let survey = Survey {
            read: read.clone(),
            ..Survey::default()
        };
        add(
            &mut plan,
            &request,
            info,
            &survey,
            lag,
            now.parse().unwrap(),
        );
        plan
    }

    #[test]
    fn closed_windows_are_planned_and_open_ones_counted() {
        let info = info("2026-01-01", None);
        let plan = planned(
            &info,
            &ReadSince::new(),
            Some("2026-11-26T08:30:00Z"),
            "2026-11-26T11:10:00Z",
        );
        let units: Vec<(String, Sweep)> = plan
            .units
            .iter()
            .map(|u| (u.window.to_string(), u.sweep))
            .collect();
        assert_eq!(
            units,
            [
                ("2026-11-26T08".to_owned(), Sweep::Hour),
                ("2026-11-26T09".to_owned(), Sweep::Hour)
            ]
        );
        assert_eq!((plan.open, plan.done), (2, 0));
    }

    #[test]
    fn a_gap_that_is_older_than_two_weeks_is_found_again() {
        let info = info("2026-01-01", None);
        let first = Window::containing("2026-10-01T00:00:00Z".parse().unwrap());
        let late: Millis = "2026-11-01T00:00:00Z".parse().unwrap();
        let read: ReadSince = [(first, late), (first.next(), late)].into();
        let plan = planned(&info, &read, None, "2026-11-26T11:10:00Z");
        assert_eq!(plan.units[0].window, first.next().next());
        assert_eq!(plan.done, 0);
        let once: ReadSince = [(first, first.end().plus(Duration::from_secs(900)))].into();
        let plan = planned(&info, &once, None, "2026-11-26T11:10:00Z");
        assert_eq!(
            (plan.units[0].window, plan.units[0].sweep),
            (first, Sweep::Final)
        );
    }

    #[test]
    fn nothing_is_older_than_the_group_or_its_retention() {
        let from = Some("2020-01-01");
        let plan = planned(
            &info("2026-11-26", None),
            &ReadSince::new(),
            from,
            "2026-11-26T12:00:00Z",
        );
        assert_eq!(plan.units[0].window.to_string(), "2026-11-12T00");
        let plan = planned(
            &info("2026-01-01", Some(7)),
            &ReadSince::new(),
            from,
            "2026-11-26T12:00:00Z",
        );
        assert_eq!(plan.units[0].window.to_string(), "2026-11-16T12");
        assert!(
            plan.warnings
                .iter()
                .any(|w| w.contains("cannot be promised"))
        );
    }
}
