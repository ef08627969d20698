//! When each stage of a run began and ended, for each module and service.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use crate::event::{Event, Listener};

/// A stage of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Waiting for another run.
    Lock,
    /// Finding out what to do.
    Detect,
    /// Asking whether what is promoted serves where it comes from.
    Source,
    /// A build command.
    Build,
    /// The quality gate.
    Gate,
    /// A push or a copy.
    Push,
    /// A rolling deployment.
    Rollout,
    /// Probing what was deployed.
    Health,
    /// Bringing the old revision back.
    Rollback,
}

impl Stage {
    /// The word for people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Detect => "detect",
            Self::Source => "source",
            Self::Build => "build",
            Self::Gate => "gate",
            Self::Push => "push",
            Self::Rollout => "rollout",
            Self::Health => "health",
            Self::Rollback => "rollback",
        }
    }
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SpanState {
    /// It did what it was to do.
    Ok,
    /// It failed.
    Failed,
    /// The run ended first.
    Open,
}

/// One stage of one module, in seconds since the run's begin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Span {
    /// Which stage.
    pub(crate) stage: Stage,
    /// Whose; empty for what concerns the whole run.
    pub(crate) subject: String,
    /// When it began.
    pub(crate) begin: f64,
    /// When it ended; the end of the run if it did not.
    pub(crate) end: f64,
    /// How it ended.
    pub(crate) state: SpanState,
}

/// Writes the timeline from the run's events.
#[derive(Debug)]
pub(crate) struct Timeline {
    begin: Instant,
    spans: Mutex<Vec<Span>>,
}

impl Timeline {
    /// A timeline that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            begin: Instant::now(),
            spans: Mutex::default(),
        }
    }

    /// Seconds since the begin.
    pub(crate) fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }

    /// What has happened so far, in the order of its begin.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let now = self.seconds();
        let mut spans = self.lock().clone();
        for span in &mut spans {
            if span.state == SpanState::Open {
                span.end = now;
            }
        }
        spans.sort_by(|a, b| a.begin.total_cmp(&b.begin).then(a.stage.cmp(&b.stage)));
        spans
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Span>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a stage, unless it has begun.
    fn open(&self, stage: Stage, subject: &str) {
        let now = self.seconds();
        let mut spans = self.lock();
        if !spans
            .iter()
            .any(|span| span.stage == stage && span.subject == subject)
        {
            spans.push(Span {
                stage,
                subject: subject.to_owned(),
                begin: now,
                end: now,
                state: SpanState::Open,
            });
        }
    }

    /// Whether a stage has begun.
    fn has(&self, stage: Stage, subject: &str) -> bool {
        self.lock()
            .iter()
            .any(|span| span.stage == stage && span.subject == subject)
    }

    /// Ends a stage that has begun and not ended.
    fn close(&self, stage: Stage, subject: &str, state: SpanState) {
        let now = self.seconds();
        for span in self.lock().iter_mut().filter(|span| {
            span.stage == stage && span.subject == subject && span.state == SpanState::Open
        }) {
            (span.end, span.state) = (now, state);
        }
    }

    /// What ended without having been seen to begin: since the begin of the run, or of what came before.
    fn since(&self, stage: Stage, subject: &str, begin: f64, state: SpanState) {
        let span = Span {
            stage,
            subject: subject.to_owned(),
            begin,
            end: self.seconds(),
            state,
        };
        self.lock().push(span);
    }

    fn last_lock(&self) -> f64 {
        self.lock()
            .iter()
            .filter(|span| span.stage == Stage::Lock)
            .map(|span| span.end)
            .fold(0.0, f64::max)
    }
}

const fn state(good: bool) -> SpanState {
    if good {
        SpanState::Ok
    } else {
        SpanState::Failed
    }
}

impl Listener for Timeline {
    fn hear(&self, event: &Event) {
        match event {
            Event::LockBusy { environment, .. } => self.open(Stage::Lock, environment),
            Event::LockTaken { environment } => self.close(Stage::Lock, environment, SpanState::Ok),
            Event::Detected { .. } | Event::Chosen { .. } => {
                self.since(Stage::Detect, "", self.last_lock(), SpanState::Ok);
            }
            Event::SourceChecking { service } => self.open(Stage::Source, service),
            Event::SourceChecked {
                service, healthy, ..
            } => self.close(Stage::Source, service, state(*healthy)),
            Event::BuildStarted { module, .. } => self.open(Stage::Build, module),
            Event::Built { module, .. } => self.close(Stage::Build, module, SpanState::Ok),
            Event::BuildFailed { module, .. } => {
                self.close(Stage::Build, module, SpanState::Failed);
            }
            Event::GateChecking { project } => self.open(Stage::Gate, project),
            Event::GateChecked {
                project, verdict, ..
            } => self.close(Stage::Gate, project, state(verdict == "passed")),
            Event::Push { service, .. } => self.open(Stage::Push, service),
            Event::Pushed { service, .. } => self.close(Stage::Push, service, SpanState::Ok),
            Event::PushFailed { service, .. } => {
                self.close(Stage::Push, service, SpanState::Failed);
            }
            Event::Rollout { service, detail } => {
                if matches!(detail, ecs_deployer::Event::RollbackStarted { .. }) {
                    self.close(Stage::Rollout, service, SpanState::Failed);
                    self.open(Stage::Rollback, service);
                } else if !self.has(Stage::Rollback, service) {
                    self.open(Stage::Rollout, service);
                }
            }
            Event::Health {
                service,
                watching: false,
                ..
            } => {
                self.close(Stage::Rollout, service, SpanState::Ok);
                self.close(Stage::Rollback, service, SpanState::Ok);
                self.open(Stage::Health, service);
            }
            Event::RollingBack { service, .. } => {
                self.close(Stage::Health, service, SpanState::Failed);
                self.open(Stage::Rollback, service);
            }
            Event::Finished {
                service, verdict, ..
            } => {
                for stage in [Stage::Rollout, Stage::Health, Stage::Rollback] {
                    let good = verdict.is_good()
                        || (stage != Stage::Rollout
                            && *verdict == crate::verdict::Verdict::RolledBack);
                    self.close(stage, service, state(good));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    #[test]
    fn stages_follow_each_other_and_what_was_cut_off_is_open() {
        let timeline = Timeline::begin();
        timeline.hear(&Event::Chosen {
            command: "deploy".to_owned(),
            from: None,
            services: vec!["a".to_owned()],
        });
        for module in ["a", "b"] {
            timeline.hear(&Event::BuildStarted {
                module: module.to_owned(),
                command: "make".to_owned(),
            });
        }
        timeline.hear(&Event::BuildFailed {
            module: "a".to_owned(),
            seconds: 1.0,
            log: String::new(),
            reason: "exit code 1".to_owned(),
        });
        let spans = timeline.spans();
        let states: Vec<_> = spans
            .iter()
            .map(|span| (span.stage, &*span.subject, span.state))
            .collect();
        assert_eq!(
            states,
            [
                (Stage::Detect, "", SpanState::Ok),
                (Stage::Build, "a", SpanState::Failed),
                (Stage::Build, "b", SpanState::Open),
            ]
        );
        assert!(spans.iter().all(|span| span.begin <= span.end));
    }

    #[test]
    fn a_finished_service_has_nothing_open() {
        let timeline = Timeline::begin();
        timeline.hear(&Event::RollingBack {
            service: "a".to_owned(),
            reason: "it does not answer".to_owned(),
        });
        timeline.hear(&Event::Finished {
            service: "a".to_owned(),
            verdict: Verdict::RolledBack,
            reason: None,
            seconds: 1.0,
        });
        assert_eq!(timeline.spans()[0].state, SpanState::Ok);
    }
}
