//! Checking an archive: against itself, against its source, and for what nobody refers to.

mod compare;
mod orphans;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use self::compare::{Fresh, Sources, compare, digest, expired};
use self::orphans::orphans;
use crate::checkpoint::{self, ReadSince};
use crate::engine::{Tools, blocking, disk};
use crate::manifest::Chain;
use crate::part_format::readable;
use crate::sorter::{Sorted, Sorter};
use crate::{
    Archive, Clock, Error, LogSource, Millis, Observer, Options, Place, RateLimit, Schedule,
    Selection, Span, Unit, Window, chain, contents,
};

/// What is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "finding",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Finding {
    /// There is no manifest of an hour that lies between others, was asked for, or was read as the checkpoint has it.
    MissingWindow {
        /// The group.
        place: Place,
        /// The hour.
        window: Window,
    },
    /// Not all of an hour was read.
    HalfWindow {
        /// The group.
        place: Place,
        /// The hour.
        window: Window,
        /// What is missing.
        unread: Vec<Span>,
    },
    /// Not all of an hour could be read any more: the group was deleted meanwhile, or its retention was over.
    Truncated {
        /// The group.
        place: Place,
        /// The hour.
        window: Window,
        /// Why.
        reason: String,
    },
    /// A manifest is missing or not one.
    DamagedManifest {
        /// Which.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// The checkpoint knows of a later reading of an hour than its manifests: the last of them is lost.
    LostManifest {
        /// The group.
        place: Place,
        /// The hour.
        window: Window,
        /// When the reading began whose manifest is lost.
        since: Millis,
    },
    /// A part that a manifest names is not there.
    MissingPart {
        /// Which.
        key: String,
    },
    /// A part is not what its manifest says.
    DamagedPart {
        /// Which.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// Events of an hour are in the archive more than once.
    Duplicates {
        /// The group.
        place: Place,
        /// The hour.
        window: Window,
        /// How many are too many.
        events: u64,
    },
    /// The source has events that were there when the hour was read, and the archive has not.
    Lost {
        /// The group.
        place: Place,
        /// The hour.
        window: Window,
        /// How many.
        events: u64,
    },
    /// Events have other messages in the archive than the source tells.
    Altered {
        /// The group.
        place: Place,
        /// The hour.
        window: Window,
        /// How many.
        events: u64,
    },
    /// A comparison was asked for, and there was nothing to compare with.
    NotCompared {
        /// The group.
        place: Place,
        /// Why.
        reason: String,
    },
}

/// An object that no manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Orphan {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written.
    pub modified: Millis,
    /// Whether it may be deleted: it is old enough that no worker can still be about to refer to it, and the manifests of its
    /// hour are there.
    pub collectable: bool,
    /// Why it is not deleted, however old it is.
    pub kept: Option<String>,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// What was checked, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Groups.
    pub groups: usize,
    /// Windows that are in the archive.
    pub windows: usize,
    /// Windows that were read for the last time: nothing can come any more.
    pub final_windows: usize,
    /// Windows that were read again and compared, of those that the source still keeps.
    pub compared: usize,
    /// Parts.
    pub parts: usize,
    /// Events.
    pub events: u64,
    /// The size of all parts.
    pub bytes: u64,
    /// Events that came in after their window was read; the next reading has them.
    pub late: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What no manifest names, where that was asked for.
    pub orphans: Vec<Orphan>,
}

/// What to check.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifyRequest {
    /// Which groups; all of the archive if none are named.
    pub groups: Vec<Selection>,
    /// From when on; from each group's first window if not said.
    pub from: Option<Millis>,
    /// Up to when; up to each group's last window if not said.
    pub to: Option<Millis>,
    /// Only look at what the archive says of its objects, and read none of them.
    pub quick: bool,
    /// Look for what nobody refers to.
    pub orphans: bool,
    /// Delete what nobody refers to and is older than this.
    pub delete_after: Option<Duration>,
}

impl VerifyRequest {
    /// All that is in the archive, read as a whole.
    pub const fn new(groups: Vec<Selection>) -> Self {
        Self {
            groups,
            from: None,
            to: None,
            quick: false,
            orphans: false,
            delete_after: None,
        }
    }

    /// Only this time.
    #[must_use]
    pub const fn between(mut self, from: Option<Millis>, to: Option<Millis>) -> Self {
        self.from = from;
        self.to = to;
        self
    }

    /// Without reading objects.
    #[must_use]
    pub const fn quick(mut self, quick: bool) -> Self {
        self.quick = quick;
        self
    }

    /// With a search for orphans.
    #[must_use]
    pub const fn orphans(mut self, orphans: bool) -> Self {
        self.orphans = orphans;
        self
    }

    /// With the deletion of orphans that are older than this.
    #[must_use]
    pub const fn delete_after(mut self, age: Option<Duration>) -> Self {
        self.delete_after = age;
        self
    }
}

/// How old an orphan has to be to be deleted. A worker may be about to refer to a younger one; it refers to none that is older
/// than half of this.
pub const ORPHAN_AGE: Duration = Duration::from_secs(86_400);

/// Checks an archive. With a source, each window is read again and compared.
///
/// # Errors
/// When the archive or the source cannot be read: then nothing is known. What is wrong is no error but a finding.
pub async fn verify<A: Archive + ?Sized>(
    archive: &A,
    source: Option<&dyn LogSource>,
    request: &VerifyRequest,
    options: &Options,
    clock: &Clock,
    limit: &RateLimit,
    observer: &dyn Observer,
) -> Result<VerifyReport, Error> {
    if request.delete_after.is_some_and(|age| age < ORPHAN_AGE) {
        return Err(Error::invalid(
            "orphans that are younger than a day may be a worker's that is about to refer to them",
            "let them be a day old",
        ));
    }
    let tools = Tools::new(archive, options, clock, limit, observer, 1);
    let mut report = VerifyReport::default();
    // Before anything is listed: what others write from here on is younger.
    let now = clock.now();
    // Before the manifests, too: what is noted has its manifest already.
    let mut noted = checkpoint::all(&tools).await?;
    noted.retain(|place, _| wanted(&request.groups, place));
    let keys = chain::keys(archive, &options.layout.manifests(), &tools.retry).await?;
    if keys.is_empty() && request.delete_after.is_some() {
        return Err(Error::invalid(
            "this archive has no manifest, and without one nothing is known to be an orphan",
            "check the bucket or folder and the prefix; if the manifests were lost, restore them",
        ));
    }
    let mut windows: BTreeMap<Place, BTreeSet<Window>> = BTreeMap::new();
    for place in noted.keys() {
        windows.entry(place.clone()).or_default();
    }
    for listed in &keys {
        match options.layout.read(&listed.key) {
            Some((place, window)) if wanted(&request.groups, &place) => {
                windows.entry(place).or_default().insert(window);
            }
            Some(_) => {}
            None => report.findings.push(Finding::DamagedManifest {
                key: listed.key.clone(),
                problem: "its name is not that of a manifest".to_owned(),
            }),
        }
    }
    for selection in &request.groups {
        if let Selection::Group(group) = selection
            && !windows.keys().any(|place| place.group == *group)
        {
            return Err(Error::invalid(
                format!("the archive has nothing of `{group}`"),
                "check the group's name, the bucket and the prefix",
            ));
        }
    }
    let mut sources = match source {
        Some(source) => Some(Sources::new(&tools, source).await?),
        None => None,
    };
    let mut known = BTreeSet::new();
    let nothing = ReadSince::new();
    for (place, there) in &windows {
        let noted = noted.get(place).unwrap_or(&nothing);
        let Some(span) = span(request, there, noted)? else {
            continue;
        };
        report.groups += 1;
        let fresh = match &mut sources {
            Some(sources) => sources.of(&tools, place, &mut report).await?,
            None => None,
        };
        let before = (report.windows, report.compared, report.findings.len());
        for window in Window::covering(span) {
            if !there.contains(&window) {
                report.findings.push(Finding::MissingWindow {
                    place: place.clone(),
                    window,
                });
                continue;
            }
            let checked = check(&tools, fresh, request.quick, place, window, &mut report).await?;
            let Some(checked) = checked else { continue };
            known.extend(checked.parts);
            match noted.get(&window) {
                Some(since) if Some(*since) > checked.since => {
                    report.findings.push(Finding::LostManifest {
                        place: place.clone(),
                        window,
                        since: *since,
                    });
                }
                _ => {}
            }
        }
        if fresh.is_some() {
            expired(place, before, &mut report);
        }
    }
    if let Some(sources) = sources {
        sources.finish(&tools, &mut report);
    }
    if request.orphans {
        orphans(&tools, request, &known, &noted, now, &mut report).await?;
    }
    Ok(report)
}

/// What is to be checked of a group: what was asked for, or all that it was ever read of.
fn span(
    request: &VerifyRequest,
    there: &BTreeSet<Window>,
    noted: &ReadSince,
) -> Result<Option<Span>, Error> {
    let all = || there.iter().chain(noted.keys());
    let from = request.from.or_else(|| all().min().map(|w| w.start()));
    let to = request.to.or_else(|| all().max().map(|w| w.end()));
    let (Some(from), Some(to)) = (from, to) else {
        return Ok(None);
    };
    match Span::new(from, to) {
        Ok(span) => Ok(Some(span)),
        Err(_) => Err(Error::invalid(
            format!("there is no time between `{from}` and `{to}`"),
            "give an end that is later than the start",
        )),
    }
}

/// Checks the windows of these units alone, each against the source.
///
/// # Errors
/// As [`verify`].
pub async fn verify_units<A: Archive + ?Sized>(
    archive: &A,
    source: &dyn LogSource,
    units: &[Unit],
    options: &Options,
    clock: &Clock,
    limit: &RateLimit,
    observer: &dyn Observer,
) -> Result<VerifyReport, Error> {
    let tools = Tools::new(archive, options, clock, limit, observer, 1);
    let mut report = VerifyReport::default();
    let mut windows: BTreeMap<&Place, BTreeSet<Window>> = BTreeMap::new();
    for unit in units {
        windows.entry(&unit.place).or_default().insert(unit.window);
    }
    let mut sources = Sources::new(&tools, source).await?;
    for (place, windows) in windows {
        report.groups += 1;
        let fresh = sources.of(&tools, place, &mut report).await?;
        for window in windows {
            check(&tools, fresh, false, place, window, &mut report).await?;
        }
    }
    sources.finish(&tools, &mut report);
    Ok(report)
}

/// The groups that an archive has something of, each with its first hour, in order.
///
/// # Errors
/// When the archive cannot be listed.
pub async fn places<A: Archive + ?Sized>(
    archive: &A,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Vec<(Place, Window)>, Error> {
    let (clock, limit) = (Clock::new(Millis::default()), RateLimit::new(f64::INFINITY));
    let tools = Tools::new(archive, options, &clock, &limit, observer, 1);
    let keys = chain::keys(archive, &options.layout.manifests(), &tools.retry).await?;
    let mut found: BTreeMap<Place, Window> = BTreeMap::new();
    for (place, window) in keys
        .iter()
        .filter_map(|listed| options.layout.read(&listed.key))
    {
        let first = found.entry(place).or_insert(window);
        *first = window.min(*first);
    }
    Ok(found.into_iter().collect())
}

fn wanted(groups: &[Selection], place: &Place) -> bool {
    groups.is_empty()
        || groups.iter().any(|selection| match selection {
            Selection::Group(group) => place.group == *group,
            Selection::Prefix(prefix) => place.group.as_str().starts_with(prefix.as_str()),
        })
}

/// What was checked of a window.
pub(crate) struct Checked {
    /// The keys that its manifests name.
    parts: Vec<String>,
    /// Since when all of it is read.
    since: Option<Millis>,
}

/// Checks one window. `None` if its manifests cannot be read.
pub(crate) async fn check<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    fresh: Option<Fresh<'_>>,
    quick: bool,
    place: &Place,
    window: Window,
    report: &mut VerifyReport,
) -> Result<Option<Checked>, Error> {
    let loaded = chain::load(tools.archive, tools.layout, place, window, &tools.retry).await;
    let chain = match loaded {
        Ok(chain) => chain,
        Err(Error::Damaged { key, problem }) => {
            report
                .findings
                .push(Finding::DamagedManifest { key, problem });
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let unread = chain.unread(window, Millis::from_epoch(0));
    if chain.is_empty() {
        report.findings.push(Finding::MissingWindow {
            place: place.clone(),
            window,
        });
    } else if !unread.is_empty() {
        report.findings.push(Finding::HalfWindow {
            place: place.clone(),
            window,
            unread,
        });
    }
    if let Some(reason) = chain.truncated() {
        report.findings.push(Finding::Truncated {
            place: place.clone(),
            window,
            reason: reason.to_owned(),
        });
    }
    report.windows += 1;
    let last = Schedule::new(tools.options.lag, None).last_at(window);
    let since = chain.read_since(window);
    if chain.truncated().is_none() && since.is_some_and(|since| since >= last) {
        report.final_windows += 1;
    }
    report.events += chain.events();
    let digests = fresh.is_some();
    let sorter = check_parts(tools, quick, digests, place, window, &chain, report).await?;
    if let (Some(fresh), Some(sorter)) = (fresh, sorter) {
        compare(tools, fresh, place, window, &chain, sorter, report).await?;
    }
    Ok(Some(Checked {
        parts: chain.parts().map(|part| part.key.clone()).collect(),
        since,
    }))
}

/// Checks the parts of a window and returns the identities of their events, where they were read and are all right. With
/// `digests` each has its message's digest.
async fn check_parts<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    quick: bool,
    digests: bool,
    place: &Place,
    window: Window,
    chain: &Chain,
    report: &mut VerifyReport,
) -> Result<Option<Sorted>, Error> {
    let mut sorter = Sorter::new(&tools.options.spill, tools.memory);
    let before = report.findings.len();
    for manifest in chain.manifests() {
        let mut sum = contents::Contents::default();
        let clean = report.findings.len();
        for part in &manifest.parts {
            report.parts += 1;
            report.bytes += part.bytes;
            let missing = Finding::MissingPart {
                key: part.key.clone(),
            };
            if quick {
                match tools.retry.call(|| tools.archive.stat(&part.key)).await? {
                    None => report.findings.push(missing),
                    Some(info)
                        if info.size != part.bytes
                            || info.sha256.is_some_and(|sha256| sha256 != part.sha256) =>
                    {
                        report.findings.push(Finding::DamagedPart {
                            key: part.key.clone(),
                            problem: "its size or digest is another".to_owned(),
                        });
                    }
                    Some(_) => {}
                }
                continue;
            }
            readable(&part.key)?;
            let Some(object) = tools.retry.call(|| tools.archive.get(&part.key)).await? else {
                report.findings.push(missing);
                continue;
            };
            let record = part.clone();
            let (back, result) = blocking(move || {
                let result = contents::check(&record, window, &object.bytes, |mut event| {
                    event.message = match digests {
                        true => digest(event.message.as_bytes()),
                        false => String::new(),
                    };
                    sorter.push(&event).map_err(|error| error.to_string())
                });
                Ok((sorter, result))
            })
            .await
            .map_err(|error| disk(tools, error))?;
            sorter = back;
            match result {
                Ok(found) => {
                    sum.events += found.events;
                    sum.raw += found.raw;
                    sum.ids = sum.ids.with(found.ids);
                    for (stream, count) in found.streams {
                        *sum.streams.entry(stream).or_default() += count;
                    }
                }
                Err(problem) => report.findings.push(Finding::DamagedPart {
                    key: part.key.clone(),
                    problem,
                }),
            }
        }
        let right = sum.events == manifest.events
            && sum.raw == manifest.raw_bytes
            && sum.ids == manifest.ids
            && sum.streams == manifest.streams;
        if !quick && clean == report.findings.len() && !right {
            report.findings.push(Finding::DamagedManifest {
                key: tools.layout.manifest(place, window, manifest.sequence),
                problem: "its parts hold other events than it says".to_owned(),
            });
        }
    }
    if quick || report.findings.len() > before {
        return Ok(None);
    }
    let (sorted, distinct) = blocking(move || {
        let mut sorted = sorter.finish()?;
        let (distinct, _) = crate::parts::tally(&mut sorted)?;
        Ok((sorted, distinct))
    })
    .await
    .map_err(|error| disk(tools, error))?;
    if distinct != chain.events() {
        report.findings.push(Finding::Duplicates {
            place: place.clone(),
            window,
            events: chain.events().saturating_sub(distinct),
        });
    }
    Ok(Some(sorted))
}
