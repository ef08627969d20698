//! The checkpoint: since when each window of a group is read. It is a cache of the manifests and may be lost.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::archive::Sha256;
use crate::engine::Tools;
use crate::manifest::Chain;
use crate::retry::Retry;
use crate::{Archive, Error, Event, Layout, Millis, Place, Put, Span, Version, Window, chain};

/// Others may write it as often before we do; it is only a cache.
const MOST_TRIES: u32 = 10;

/// Since when each window of a group is read as a whole.
pub(crate) type ReadSince = BTreeMap<Window, Millis>;

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    schema: u32,
    windows: ReadSince,
}

/// What was read of a group, from its checkpoint, or from its manifests where there is none.
pub(crate) async fn survey<A: Archive + ?Sized>(
    archive: &A,
    layout: &Layout,
    place: &Place,
    span: Span,
    use_checkpoint: bool,
    retry: &Retry<'_>,
) -> Result<ReadSince, Error> {
    if use_checkpoint && let Some((windows, _)) = load(archive, layout, place, retry).await? {
        return Ok(windows);
    }
    let mut windows = ReadSince::new();
    for window in listed(archive, layout, place, retry).await? {
        if window.end() <= span.from() || window.start() >= span.to() {
            continue;
        }
        let chain: Chain = chain::load(archive, layout, place, window, retry).await?;
        if let Some(since) = chain.read_since(window) {
            windows.insert(window, since);
        }
    }
    Ok(windows)
}

/// The windows of a span that have manifests.
pub(crate) async fn survey_windows<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    place: &Place,
    span: Span,
) -> Result<Vec<Window>, Error> {
    let mut windows = listed(tools.archive, tools.layout, place, &tools.retry).await?;
    windows.retain(|window| window.end() > span.from() && window.start() < span.to());
    Ok(windows)
}

/// The windows that have manifests.
async fn listed<A: Archive + ?Sized>(
    archive: &A,
    layout: &Layout,
    place: &Place,
    retry: &Retry<'_>,
) -> Result<Vec<Window>, Error> {
    let keys = chain::keys(archive, &layout.group_manifests(place), retry).await?;
    let mut windows: Vec<Window> = keys
        .iter()
        .filter_map(|listed| layout.read(&listed.key))
        .map(|(_, window)| window)
        .collect();
    windows.sort_unstable();
    windows.dedup();
    Ok(windows)
}

/// The checkpoint; one that cannot be read counts as lost.
async fn load<A: Archive + ?Sized>(
    archive: &A,
    layout: &Layout,
    place: &Place,
    retry: &Retry<'_>,
) -> Result<Option<(ReadSince, Version)>, Error> {
    let key = layout.checkpoint(place);
    let Some(object) = retry.call(|| archive.get(&key)).await? else {
        return Ok(None);
    };
    let windows = match serde_json::from_slice::<Document>(&object.bytes) {
        Ok(document) if document.schema == 1 => document.windows,
        // It is written anew with what is known, over this version.
        _ => return Ok(None),
    };
    Ok(Some((windows, object.version)))
}

/// Adds windows to the checkpoint. A failure is told and stops nothing: the manifests are what counts.
pub(crate) async fn note<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    place: &Place,
    news: &ReadSince,
) {
    if news.is_empty() {
        return;
    }
    if let Err(error) = write(tools, place, news).await {
        tools.observer().observe(Event::Warning {
            text: format!(
                "the checkpoint of `{place}` was not written, and the next run lists the manifests instead: {error}"
            ),
        });
    }
}

async fn write<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    place: &Place,
    news: &ReadSince,
) -> Result<(), Error> {
    let key = tools.layout.checkpoint(place);
    let retry = &tools.retry;
    for _ in 0..MOST_TRIES {
        let old = retry.call(|| tools.archive.get(&key)).await?;
        let mut windows = old
            .as_ref()
            .and_then(|object| serde_json::from_slice::<Document>(&object.bytes).ok())
            .map(|document| document.windows)
            .unwrap_or_default();
        for (window, since) in news {
            let entry = windows.entry(*window).or_insert(*since);
            *entry = (*entry).max(*since);
        }
        let document = Document { schema: 1, windows };
        let bytes = Bytes::from(serde_json::to_vec(&document).expect("keys are texts"));
        let sha256 = Sha256::of(&bytes);
        let put = match &old {
            None => {
                retry
                    .call(|| tools.archive.put_new(&key, bytes.clone(), &sha256))
                    .await?
            }
            Some(object) if object.bytes == bytes => return Ok(()),
            Some(object) => {
                retry
                    .call(|| {
                        tools
                            .archive
                            .put_over(&key, bytes.clone(), &sha256, &object.version)
                    })
                    .await?
            }
        };
        if put == Put::Written {
            return Ok(());
        }
    }
    Err(Error::Contended {
        key,
        times: MOST_TRIES,
    })
}
