//! Comparing an archive with its source.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Finding, VerifyReport};
use crate::archive::Sha256;
use crate::engine::{Read, Tools, blocking, disk, read};
use crate::manifest::Chain;
use crate::plan::{RETENTION_LAG, find_group};
use crate::sorter::Sorted;
use crate::{Archive, Error, Event, Home, LogSource, Millis, Place, Sweep, Unit, Window};

const DAY: Duration = Duration::from_secs(86_400);

/// A source that has a group, and from when on it keeps the group's events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fresh<'a> {
    source: &'a dyn LogSource,
    kept: Millis,
}

/// What is known of the groups that are to be compared.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    source: &'a dyn LogSource,
    home: Option<Home>,
    elsewhere: BTreeSet<Place>,
}

impl<'a> Sources<'a> {
    pub(super) async fn new<A: Archive + ?Sized>(
        tools: &Tools<'_, A>,
        source: &'a dyn LogSource,
    ) -> Result<Self, Error> {
        Ok(Self {
            source,
            home: tools.retry.ask(|| source.home()).await?,
            elsewhere: BTreeSet::new(),
        })
    }

    /// With what a group can be compared. Why it cannot is a finding, or said when all is done.
    pub(super) async fn of<A: Archive + ?Sized>(
        &mut self,
        tools: &Tools<'_, A>,
        place: &Place,
        report: &mut VerifyReport,
    ) -> Result<Option<Fresh<'a>>, Error> {
        if self.home.as_ref().is_none_or(|home| !home.is_of(place)) {
            self.elsewhere.insert(place.clone());
            return Ok(None);
        }
        let source = self.source;
        let Some(info) = find_group(source, &place.group, &tools.retry).await? else {
            report.findings.push(Finding::NotCompared {
                place: place.clone(),
                reason: "the group is not there any more".to_owned(),
            });
            return Ok(None);
        };
        let kept = info.retention_days.map_or(Millis::default(), |days| {
            tools.clock.now().minus(DAY * days)
        });
        Ok(Some(Fresh { source, kept }))
    }

    /// Says which groups were left out: if that is all of them, then nothing was compared.
    pub(super) fn finish<A: Archive + ?Sized>(
        self,
        tools: &Tools<'_, A>,
        report: &mut VerifyReport,
    ) {
        let home = match &self.home {
            Some(home) => format!("those of {home} are read"),
            None => "no log group is seen".to_owned(),
        };
        for place in self.elsewhere {
            let reason = format!("it is in {}, and {home}", Home::of(&place));
            if report.compared > 0 {
                tools.observer().observe(Event::Warning {
                    text: format!("`{place}` was not compared: {reason}"),
                });
            } else {
                let finding = Finding::NotCompared { place, reason };
                report.findings.push(finding);
            }
        }
    }
}

/// Says so if nothing of a group could be compared because nothing is kept of that time. `before` was the report's count of
/// windows, compared ones and findings without the group.
pub(super) fn expired(place: &Place, before: (usize, usize, usize), report: &mut VerifyReport) {
    let (windows, compared, findings) = before;
    let all_is_well = report.findings.len() == findings;
    if all_is_well && report.windows > windows && report.compared == compared {
        report.findings.push(Finding::NotCompared {
            place: place.clone(),
            reason: "its retention has deleted all of that time".to_owned(),
        });
    }
}

/// What stands for a message where it only has to be compared.
pub(super) fn digest(message: &[u8]) -> String {
    Sha256::of(message).to_string()
}

/// Reads a window again and counts what the archive has not, or has otherwise. In `archived` digests stand for messages.
pub(super) async fn compare<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    fresh: Fresh<'_>,
    place: &Place,
    window: Window,
    chain: &Chain,
    mut archived: Sorted,
    report: &mut VerifyReport,
) -> Result<(), Error> {
    if window.end().plus(RETENTION_LAG) <= fresh.kept {
        return Ok(());
    }
    let unit = Unit::new(place.clone(), window, Sweep::Base, window.end());
    let read = read(fresh.source, tools, &unit, window.span(), None).await?;
    let Read::Events { sorted, .. } = read else {
        report.findings.push(Finding::NotCompared {
            place: place.clone(),
            reason: format!("the group was deleted before {window} was read again"),
        });
        return Ok(());
    };
    if window.start() >= fresh.kept {
        report.compared += 1;
    }
    let mut told = *sorted;
    let since = chain.read_since(window).unwrap_or_default();
    let (lost, late, altered) = blocking(move || {
        let (mut lost, mut late, mut altered) = (0, 0, 0);
        let mut there = archived.advance()?;
        while told.advance()? {
            while there && archived.record().order(told.record()).is_lt() {
                there = archived.advance()?;
            }
            if there && archived.record().order(told.record()).is_eq() {
                if archived.record().message() != digest(told.record().message()).as_bytes() {
                    altered += 1;
                }
                continue;
            }
            match told.record().ingestion() < since.epoch() {
                true => lost += 1,
                false => late += 1,
            }
        }
        Ok((lost, late, altered))
    })
    .await
    .map_err(|error| disk(tools, error))?;
    report.late += late;
    let place = place.clone();
    if lost > 0 {
        report.findings.push(Finding::Lost {
            place: place.clone(),
            window,
            events: lost,
        });
    }
    if altered > 0 {
        report.findings.push(Finding::Altered {
            place,
            window,
            events: altered,
        });
    }
    Ok(())
}
