//! What no manifest names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, ORPHAN_AGE, Orphan, VerifyReport, VerifyRequest, wanted};
use crate::checkpoint::ReadSince;
use crate::engine::Tools;
use crate::{Archive, Error, Listed, Millis, PartFormat, Place, Window, chain};

/// What can be said of the parts of an hour.
enum Hour {
    /// These are named; others are orphans.
    Named(BTreeSet<String>),
    /// A manifest cannot be read: what it names is not known, and it may come back.
    Damaged(Finding),
    /// There may have been a manifest that is lost, for this reason.
    Lost(&'static str),
}

/// Lists parts that no manifest names, and deletes those that are old enough as of `now`, if that is wanted. `now` was before
/// the manifests were listed, so what others have committed since is younger.
///
/// Parts are only deleted of an hour whose manifests are all there, as far as can be told: without them nothing says what is an
/// orphan and what is all that is left.
pub(super) async fn orphans<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    request: &VerifyRequest,
    known: &BTreeSet<String>,
    noted: &BTreeMap<Place, ReadSince>,
    now: Millis,
    report: &mut VerifyReport,
) -> Result<(), Error> {
    let mut hours: BTreeMap<(Place, Window), Vec<Listed>> = BTreeMap::new();
    for listed in stored(tools).await? {
        let Some((place, window)) = tools.layout.read(&listed.key) else {
            continue;
        };
        if !known.contains(&listed.key) && wanted(&request.groups, &place) {
            hours.entry((place, window)).or_default().push(listed);
        }
    }
    let age = request.delete_after.unwrap_or(ORPHAN_AGE);
    let mut doomed = Vec::new();
    // All are judged before the first one goes: an archive that cannot be read is left alone.
    for ((place, window), objects) in hours {
        let (named, kept) = match judge(tools, noted, &place, window).await? {
            Hour::Named(named) => (named, None),
            Hour::Lost(why) => (BTreeSet::new(), Some(why)),
            Hour::Damaged(finding) => {
                if !report.findings.contains(&finding) {
                    report.findings.push(finding);
                }
                continue;
            }
        };
        let found = report.orphans.len();
        for listed in objects {
            if named.contains(&listed.key) {
                continue;
            }
            report.orphans.push(Orphan {
                key: listed.key,
                bytes: listed.size,
                modified: listed.modified,
                collectable: kept.is_none() && listed.modified.plus(age) <= now,
                kept: kept.map(str::to_owned),
                deleted: false,
            });
        }
        doomed.push((place, window, found..report.orphans.len()));
    }
    if request.delete_after.is_none() {
        return Ok(());
    }
    for (place, window, range) in doomed {
        let orphans = &mut report.orphans[range];
        if !orphans.iter().any(|orphan| orphan.collectable) {
            continue;
        }
        // A worker may have committed since.
        let Hour::Named(named) = judge(tools, noted, &place, window).await? else {
            continue;
        };
        for orphan in orphans {
            if orphan.collectable && !named.contains(&orphan.key) {
                let key = orphan.key.as_str();
                tools.retry.call(|| tools.archive.delete(key)).await?;
                orphan.deleted = true;
            }
        }
    }
    Ok(())
}

/// All parts, named or not.
async fn stored<A: Archive + ?Sized>(tools: &Tools<'_, A>) -> Result<Vec<Listed>, Error> {
    let mut all = Vec::new();
    for format in PartFormat::ALL {
        let prefix = tools.layout.events(format);
        all.extend(chain::keys(tools.archive, &prefix, &tools.retry).await?);
    }
    Ok(all)
}

async fn judge<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    noted: &BTreeMap<Place, ReadSince>,
    place: &Place,
    window: Window,
) -> Result<Hour, Error> {
    let loaded = chain::load(tools.archive, tools.layout, place, window, &tools.retry).await;
    let chain = match loaded {
        Ok(chain) => chain,
        Err(Error::Damaged { key, problem }) => {
            return Ok(Hour::Damaged(Finding::DamagedManifest { key, problem }));
        }
        Err(error) => return Err(error),
    };
    let noted = noted.get(place).and_then(|noted| noted.get(&window));
    Ok(if chain.is_empty() {
        Hour::Lost("its hour has no manifest")
    } else if noted.copied() > chain.read_since(window) {
        Hour::Lost("a manifest of its hour is lost")
    } else {
        Hour::Named(chain.parts().map(|part| part.key.clone()).collect())
    })
}
