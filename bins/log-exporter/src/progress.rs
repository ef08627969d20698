//! What a person and the event log hear of an export as it goes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use log_exporter::{Event, Observer, WindowState};
use windlass_cli::{EventLog, Printer, Rows};

use crate::text::{bytes, count, seconds};

const ROW: &str = "export";
/// Where rows cannot be redrawn, a line comes so often.
const EVERY: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(crate) struct Progress {
    rows: Rows,
    printer: Printer,
    log: Option<Arc<EventLog>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    said: Instant,
    windows: usize,
    done: usize,
    events: u64,
    bytes: u64,
}

impl State {
    fn line(&self) -> String {
        let took = self.started.elapsed().as_secs_f64().max(0.001);
        let mut line = format!(
            "{} of {}, {}, {}, {:.0} events/s",
            self.done,
            count(self.windows as u64, "window"),
            count(self.events, "event"),
            bytes(self.bytes),
            self.events as f64 / took,
        );
        let left = self.windows.saturating_sub(self.done);
        if self.done > 0 && left > 0 {
            let eta = Duration::from_secs_f64(took / self.done as f64 * left as f64);
            line.push_str(&format!(", {} to go", seconds(eta)));
        }
        line
    }
}

impl Progress {
    pub(crate) fn new(printer: &Printer, log: Option<Arc<EventLog>>) -> Self {
        let now = Instant::now();
        Self {
            rows: Rows::new(printer, [ROW]),
            printer: printer.clone(),
            log,
            state: Mutex::new(State {
                started: now,
                said: now,
                windows: 0,
                done: 0,
                events: 0,
                bytes: 0,
            }),
        }
    }

    pub(crate) fn finish(&self) {
        let line = self.change(|_| {}).0;
        self.rows.finish(ROW, &line);
        self.rows.close();
    }

    /// The line after a change, and whether it is time for one.
    fn change(&self, change: impl FnOnce(&mut State)) -> (String, bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let due = state.said.elapsed() >= EVERY;
        if due {
            state.said = Instant::now();
        }
        (state.line(), due)
    }

    fn show(&self, (line, due): (String, bool)) {
        if due {
            self.rows.set(ROW, &line);
        } else {
            self.rows.tick(ROW, &line);
        }
    }
}

impl Observer for Progress {
    fn observe(&self, event: Event) {
        if let Some(log) = &self.log {
            log.write(&event);
        }
        match event {
            Event::Planned { windows } => {
                let changed = self.change(|state| state.windows = windows);
                self.show(changed);
            }
            Event::Page { events, bytes, .. } => {
                let changed = self.change(|state| {
                    state.events += events;
                    state.bytes += bytes;
                });
                self.show(changed);
            }
            Event::WindowDone { outcome } => {
                let changed = self.change(|state| state.done += 1);
                self.show(changed);
                let what = match outcome.state {
                    WindowState::Failed => "failed",
                    WindowState::GroupGone => "is gone",
                    _ => return,
                };
                let reason = outcome.reason.as_deref().unwrap_or("no reason is known");
                self.rows.note(&format!(
                    "{} {} {what}: {reason}",
                    outcome.unit.place, outcome.unit.window
                ));
            }
            Event::Throttled { rate, .. } => {
                self.rows
                    .tick(ROW, &format!("throttled, {rate:.1} requests/s now"));
            }
            Event::Warning { text } => self.printer.warn(&text),
            _ => {}
        }
    }
}
