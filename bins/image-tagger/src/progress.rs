//! What a person and the event log hear of a push as it goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use image_tagger::{BlobOutcome, Digest, Event, Observer};
use serde::Serialize;
use windlass_cli::{EventLog, Rows};

use crate::text::bytes;

/// One image of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    rows: Arc<Rows>,
    log: Option<Arc<EventLog>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: u64,
    done: u64,
    under_way: BTreeMap<Digest, u64>,
}

#[derive(Serialize)]
struct Line<'a> {
    image: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

impl Progress {
    pub(crate) fn new(name: &str, rows: &Arc<Rows>, log: Option<&Arc<EventLog>>) -> Self {
        Self {
            name: name.to_owned(),
            rows: Arc::clone(rows),
            log: log.map(Arc::clone),
            state: Mutex::default(),
        }
    }

    /// The last word on the image.
    pub(crate) fn finish(&self, text: &str) {
        self.rows.finish(&self.name, text);
    }

    fn amount(&self, change: impl FnOnce(&mut State)) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let sent = state.done + state.under_way.values().sum::<u64>();
        format!("{} of {}", bytes(sent.min(state.total)), bytes(state.total))
    }
}

impl Observer for Progress {
    fn observe(&self, event: Event) {
        if let Some(log) = &self.log {
            log.write(&Line {
                image: &self.name,
                event: &event,
            });
        }
        match event {
            Event::Planned {
                digest,
                blobs,
                bytes: total,
            } => {
                self.amount(|state| state.total = total);
                self.rows.set(
                    &self.name,
                    &format!("{}  {blobs} blobs, {}", digest.short(), bytes(total)),
                );
            }
            Event::BlobProgress { digest, sent, .. } => {
                let text = self.amount(|state| _ = state.under_way.insert(digest, sent));
                self.rows.tick(&self.name, &text);
            }
            Event::BlobPushed {
                digest,
                size,
                outcome,
            } => {
                let text = self.amount(|state| {
                    state.under_way.remove(&digest);
                    state.done += size;
                });
                let how = match outcome {
                    BlobOutcome::Present => "was there",
                    BlobOutcome::Mounted => "mounted",
                    _ => "uploaded",
                };
                self.rows
                    .tick(&self.name, &format!("{text}, {} {how}", digest.short()));
            }
            Event::TagVerified { tag, .. } => {
                self.rows.tick(&self.name, &format!("{tag} verified"));
            }
            _ => {}
        }
    }
}
