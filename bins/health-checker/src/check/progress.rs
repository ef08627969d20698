//! What people and the event log hear of a check as it goes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use health_checker::{Event, Observer, Target, Verdict};
use windlass_cli::{EventLog, Printer, Rows};

/// A row for each target.
#[derive(Debug)]
pub(super) struct Progress {
    rows: Rows,
    log: Option<Arc<EventLog>>,
    total: usize,
    healthy: AtomicUsize,
    ended: AtomicUsize,
    /// What was said of which target, numbers left out: a target that goes to and fro does not fill a log.
    said: Mutex<BTreeSet<(String, String)>>,
}

impl Progress {
    pub(super) fn new(printer: &Printer, targets: &[Target], log: Option<&Arc<EventLog>>) -> Self {
        Self {
            rows: Rows::new(printer, targets.iter().map(|target| target.name.as_str())),
            log: log.map(Arc::clone),
            total: targets.len(),
            healthy: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            said: Mutex::default(),
        }
    }

    /// Shows a text; as a fact the first time that something like it is said of this target.
    fn say(&self, name: &str, text: &str) {
        let like = text.chars().filter(|c| !c.is_ascii_digit()).collect();
        let is_new = self
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((name.to_owned(), like));
        match is_new {
            true => self.rows.set(name, text),
            false => self.rows.tick(name, text),
        }
    }

    /// How far it has come, in words.
    pub(super) fn so_far(&self) -> String {
        format!(
            "{} of {} targets healthy, {} undecided",
            self.healthy.load(Ordering::Relaxed),
            self.total,
            self.total - self.ended.load(Ordering::Relaxed)
        )
    }

    pub(super) fn close(&self) {
        self.rows.close();
    }
}

impl Observer for Progress {
    fn observe(&self, event: Event) {
        if let Some(log) = &self.log {
            log.write(&event);
        }
        match event {
            Event::Probed {
                target,
                consecutive,
                needed,
                latency_ms,
                objection,
                ..
            } => match objection {
                Some(objection) => self.say(target.as_str(), &format!("not yet: {objection}")),
                // Another address of the same round was no good.
                None if consecutive == 0 => {}
                None => self.say(
                    target.as_str(),
                    &format!("good, {consecutive} of {needed} in a row, {latency_ms} ms"),
                ),
            },
            Event::TargetFinished {
                target,
                verdict,
                reason,
            } => {
                self.ended.fetch_add(1, Ordering::Relaxed);
                if verdict == Verdict::Healthy {
                    self.healthy.fetch_add(1, Ordering::Relaxed);
                }
                let text = match reason {
                    Some(reason) => format!("{verdict}: {reason}"),
                    None => verdict.to_string(),
                };
                self.rows.finish(target.as_str(), &text);
            }
            _ => {}
        }
    }
}
