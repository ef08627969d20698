//! The event log: one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::Failure;

/// Appends events to a file as NDJSON, each with `at`, the Unix time in milliseconds.
///
/// A line is written whole or not at all, so a reader that follows the file never sees half an event. The first failed
/// write is kept and reported by [`EventLog::finish`]: an incomplete log must not look complete.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    failed: Option<std::io::Error>,
}

#[derive(Serialize)]
struct Line<'a, E> {
    at: u64,
    #[serde(flatten)]
    event: &'a E,
}

impl EventLog {
    /// Opens the file for appending and creates it if need be.
    ///
    /// # Errors
    /// A usage failure when the file cannot be opened for writing.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| {
                Failure::usage(format!("cannot write events to `{}`", path.display()))
                    .caused_by(&error)
                    .hint("give --events a file in a folder that exists and may be written")
            })?;
        Ok(Self {
            path: path.to_owned(),
            state: Mutex::new(State { file, failed: None }),
        })
    }

    /// Writes one event.
    pub fn write(&self, event: &impl Serialize) {
        let at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed.is_some() {
            return;
        }
        let written = serde_json::to_vec(&Line { at, event })
            .map_err(std::io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                state.file.write_all(&line)
            });
        if let Err(error) = written {
            state.failed = Some(error);
        }
    }

    /// Says whether every event was written.
    ///
    /// # Errors
    /// The first write that failed; the log ends there.
    pub fn finish(&self) -> Result<(), Failure> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.failed.take() {
            None => Ok(()),
            Some(error) => Err(Failure::unreachable(format!(
                "the event log `{}` is incomplete",
                self.path.display()
            ))
            .caused_by(&error)
            .hint("free some space or give --events another place")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    #[serde(tag = "event", rename_all = "kebab-case")]
    enum Event {
        Pushed { service: &'static str },
    }

    #[test]
    fn writes_one_object_a_line_and_appends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        for _ in 0..2 {
            let log = EventLog::open(&path).unwrap();
            log.write(&Event::Pushed {
                service: "user-service",
            });
            log.finish().unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["event"], "pushed");
        assert_eq!(lines[1]["service"], "user-service");
        assert!(lines[1]["at"].as_u64().unwrap() > 1_600_000_000_000);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_usage_failure() {
        let folder = tempfile::tempdir().unwrap();
        let failure = EventLog::open(&folder.path().join("no/such/events")).unwrap_err();
        assert_eq!(failure.exit(), crate::Exit::Usage);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported_at_the_end() {
        let log = EventLog::open(Path::new("/dev/full")).unwrap();
        log.write(&Event::Pushed {
            service: "user-service",
        });
        let failure = log.finish().unwrap_err();
        assert!(failure.message().contains("incomplete"), "{failure}");
    }
}
