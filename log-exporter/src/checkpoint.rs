//! The checkpoint: since when each window of a group is read. It is a cache of the manifests and may be lost.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::archive::Sha256;
use crate::engine::Tools;
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
    /// The digest of the windows as JSON: a wrong time would have an hour taken for read.
    #[serde(default)]
    sha256: Option<Sha256>,
}

impl Document {
    fn new(windows: ReadSince) -> Self {
        let sha256 = Some(digest(&windows));
        Self {
            schema: 1,
            windows,
            sha256,
        }
    }

    /// The windows, if these are bytes of a document that is right.
    fn windows(bytes: &[u8]) -> Option<ReadSince> {
        let document: Self = serde_json::from_slice(bytes).ok()?;
        let is_right = |sha256| sha256 == digest(&document.windows);
        let right = document.schema == 1 && document.sha256.is_none_or(is_right);
        right.then_some(document.windows)
    }
}

fn digest(windows: &ReadSince) -> Sha256 {
    Sha256::of(&serde_json::to_vec(windows).expect("keys are texts"))
}

/// What was read of a group.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Since when each window is read.
    pub(crate) read: ReadSince,
    /// Windows whose manifests cannot be read, and why.
    pub(crate) damaged: Vec<(Window, String)>,
    /// Windows that were read as the checkpoint has it, and have no manifest.
    pub(crate) lost: Vec<Window>,
}

/// What was read of a group, from its checkpoint, or from its manifests where there is none. What has no manifest is not read,
/// whatever the checkpoint says; what has one and is not in the checkpoint counts as begun, and the engine looks at it.
pub(crate) async fn survey<A: Archive + ?Sized>(
    archive: &A,
    layout: &Layout,
    place: &Place,
    span: Span,
    use_checkpoint: bool,
    retry: &Retry<'_>,
) -> Result<Survey, Error> {
    let mut survey = Survey::default();
    // Before the manifests: each entry has its manifest already.
    let noted = match use_checkpoint {
        true => load(archive, layout, place, retry).await?,
        false => None,
    };
    let there = listed(archive, layout, place, retry).await?;
    if let Some((windows, _)) = noted {
        for (window, since) in windows {
            match there.binary_search(&window) {
                Ok(_) => drop(survey.read.insert(window, since)),
                Err(_) => survey.lost.push(window),
            }
        }
        for window in there {
            survey.read.entry(window).or_default();
        }
        return Ok(survey);
    }
    for window in there {
        if window.end() <= span.from() || window.start() >= span.to() {
            continue;
        }
        match chain::load(archive, layout, place, window, retry).await {
            Ok(chain) => {
                if let Some(since) = chain.read_since(window) {
                    survey.read.insert(window, since);
                }
            }
            Err(error @ Error::Damaged { .. }) => {
                survey.damaged.push((window, error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(survey)
}

/// What all checkpoints of an archive say.
pub(crate) async fn all<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
) -> Result<BTreeMap<Place, ReadSince>, Error> {
    let mut all = BTreeMap::new();
    let (archive, layout) = (tools.archive, tools.layout);
    for listed in chain::keys(archive, &layout.checkpoints(), &tools.retry).await? {
        let Some(place) = layout.noted(&listed.key) else {
            continue;
        };
        if let Some(noted) = noted(tools, &place).await? {
            all.insert(place, noted);
        }
    }
    Ok(all)
}

/// What the checkpoint of a group says.
pub(crate) async fn noted<A: Archive + ?Sized>(
    tools: &Tools<'_, A>,
    place: &Place,
) -> Result<Option<ReadSince>, Error> {
    let loaded = load(tools.archive, tools.layout, place, &tools.retry).await?;
    Ok(loaded.map(|(windows, _)| windows))
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
    // One that is none is written anew with what is known, over this version.
    let windows = Document::windows(&object.bytes);
    Ok(windows.map(|windows| (windows, object.version)))
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
            .and_then(|object| Document::windows(&object.bytes))
            .unwrap_or_default();
        for (window, since) in news {
            let entry = windows.entry(*window).or_insert(*since);
            *entry = (*entry).max(*since);
        }
        let document = Document::new(windows);
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
