//! Live progress: a row per service through detect, push, rollout and health.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use windlass_cli::{Printer, Rows};

use crate::event::{Event, Listener};
use crate::verdict::Verdict;

/// Draws the events of a run: rows in a terminal, a line per fact elsewhere.
#[derive(Debug)]
pub(crate) struct Terminal {
    printer: Printer,
    names: OnceLock<Vec<String>>,
    rows: OnceLock<Rows>,
    services: Mutex<BTreeMap<String, Progress>>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    detect: String,
    push: String,
    rollout: String,
    health: String,
    old: u32,
    new: u32,
    /// It is on its way back: the build before is the one that is waited for.
    back: bool,
}

impl Progress {
    fn goes_back(&mut self) {
        self.back = true;
        self.new = 0;
    }
}

impl Terminal {
    /// Progress through this printer.
    pub(crate) fn new(printer: &Printer) -> Self {
        Self {
            printer: printer.clone(),
            names: OnceLock::new(),
            rows: OnceLock::new(),
            services: Mutex::default(),
        }
    }

    /// Leaves the rows on the screen.
    pub(crate) fn close(&self) {
        if let Some(rows) = self.rows.get() {
            rows.close();
        }
    }

    /// The rows, which are drawn when the first service moves: until then people's text flows freely.
    fn rows(&self) -> &Rows {
        let names = || self.names.get().into_iter().flatten().map(String::as_str);
        self.rows.get_or_init(|| Rows::new(&self.printer, names()))
    }

    fn note(&self, text: &str) {
        match self.rows.get() {
            Some(rows) => rows.note(text),
            None => self.printer.note(&windlass_cli::printable(text)),
        }
    }

    /// Said even to those who asked for quiet.
    fn warn(&self, text: &str) {
        match self.rows.get() {
            Some(rows) => rows.warn(text),
            None => self.printer.warn(text),
        }
    }

    /// Changes a service's progress and redraws its row.
    fn update(&self, service: &str, change: impl FnOnce(&mut Progress)) {
        let line = {
            let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
            let progress = services.entry(service.to_owned()).or_default();
            change(progress);
            progress.line()
        };
        self.rows().tick(service, &line);
    }

    fn fact(&self, service: &str, text: &str) {
        if !self.printer.is_live() {
            self.rows().set(service, text);
        }
    }
}

impl Progress {
    fn line(&self) -> String {
        [
            ("detect", &self.detect),
            ("push", &self.push),
            ("rollout", &self.rollout),
            ("health", &self.health),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(stage, text)| format!("{stage} {text}"))
        .collect::<Vec<_>>()
        .join("  ·  ")
    }
}

impl Listener for Terminal {
    fn hear(&self, event: &Event) {
        match event {
            Event::Detected {
                services,
                removed,
                head,
                base,
                ..
            } => {
                let base = base
                    .as_deref()
                    .map_or_else(|| "what runs".to_owned(), |base| base[..7].to_owned());
                self.note(&format!(
                    "detect   {base}..{}: {} to deploy",
                    &head[..7],
                    plural(services.len())
                ));
                let _ = self.names.set(services.clone());
                for service in removed {
                    self.note(&format!("detect   {service} is deployed but no longer in the repository: it is left alone"));
                }
            }
            Event::Chosen {
                command,
                from,
                services,
            } => {
                let from = from
                    .as_ref()
                    .map_or_else(String::new, |from| format!(" from {from}"));
                self.note(&format!("{command:8} {}{from}", plural(services.len())));
                let _ = self.names.set(services.clone());
            }
            Event::Resolved {
                service,
                image,
                commit,
            } => {
                let commit = commit
                    .as_ref()
                    .map_or("unknown commit", |commit| &commit[..7]);
                self.note(&format!("         {service}  is {commit}, {image}"));
            }
            Event::GoingBack {
                service,
                to,
                image,
                commit,
            } => {
                let commit = commit
                    .as_ref()
                    .map_or("unknown commit", |commit| &commit[..7]);
                let image = image.as_deref().unwrap_or("no image");
                self.note(&format!(
                    "         {service}  goes back to {to}: {commit}, {image}"
                ));
            }
            Event::Warning { message } => self.warn(message),
            Event::LockBusy {
                environment,
                holder,
            } => {
                self.note(&format!(
                    "lock     {environment} is in use, waiting: {holder}"
                ));
            }
            Event::LockTakenOver {
                environment,
                holder,
            } => {
                self.note(&format!("lock     of {environment} taken over, its run has ended without letting go: {holder}"));
            }
            Event::GateChecked {
                project,
                verdict,
                reason,
            } => {
                let why = reason
                    .as_ref()
                    .map_or_else(String::new, |reason| format!(": {reason}"));
                self.note(&format!("gate     {project} {verdict}{why}"));
            }
            Event::GateChecking { .. } | Event::LockTaken { .. } | Event::SourceChecking { .. } => {
            }
            Event::SourceChecked {
                service,
                healthy: true,
                ..
            } => {
                self.note(&format!("source   {service} serves"));
            }
            Event::SourceChecked {
                service, reason, ..
            } => {
                let why = reason.as_deref().unwrap_or("its health check did not pass");
                self.note(&format!("source   {service} FAILED: {why}"));
            }
            Event::Affected {
                service,
                change,
                why,
            } => {
                self.note(&format!("         {service}  {why}"));
                let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
                services
                    .entry(service.clone())
                    .or_default()
                    .detect
                    .clone_from(change);
            }
            Event::NothingToDo { .. } | Event::Seen { .. } | Event::Unlocked { .. } => {}
            Event::BuildStarted { module, command } => {
                self.note(&format!("build    {module}: {command}"))
            }
            Event::Built {
                module, seconds, ..
            } => self.note(&format!("build    {module}: done in {seconds:.1} s")),
            Event::BuildFailed {
                module,
                seconds,
                log,
                reason,
            } => self.note(&format!(
                "build    {module}: FAILED after {seconds:.1} s, {reason}: {log}"
            )),
            Event::BuildSkipped { module, reason } => {
                self.note(&format!("build    {module}: {reason}"))
            }
            Event::PushFailed { service, reason } => {
                self.fact(service, &format!("push FAILED: {reason}"));
                self.update(service, |progress| progress.push = "FAILED".to_owned());
            }
            Event::Notified {
                channel,
                error: Some(error),
            } => {
                self.warn(&format!("the message to {channel} did not arrive: {error}"));
            }
            Event::Notified { .. } => {}
            Event::Ended => self.close(),
            Event::Interrupted { signal } => {
                self.close();
                self.note(&format!("{signal}: stopping"));
            }
            Event::Push { service, detail } => {
                if let Some(text) = push_text(detail) {
                    self.update(service, |progress| progress.push = text);
                }
            }
            Event::Pushed {
                service,
                pinned,
                bytes_pushed,
                held_back,
            } => {
                let digest = pinned
                    .rsplit_once("sha256:")
                    .map_or(&**pinned, |(_, hex)| &hex[..hex.len().min(12)]);
                let (held, verified) = if *held_back {
                    (", latest left on a newer commit", "its tag verified")
                } else {
                    ("", "all tags verified")
                };
                let text = format!("{digest} ({}{held})", bytes(*bytes_pushed));
                self.fact(service, &format!("pushed {text}, {verified}"));
                self.update(service, |progress| progress.push = text);
            }
            Event::Rollout { service, detail } => {
                if let Some((text, fact)) = rollout_text(detail) {
                    if fact {
                        self.fact(service, &text);
                    }
                    let back = matches!(detail, ecs_deployer::Event::RollbackStarted { .. });
                    self.update(service, |progress| {
                        progress.rollout = text;
                        if back {
                            progress.goes_back();
                        }
                    });
                }
            }
            Event::Health {
                service,
                watching,
                detail,
            } => self.health(service, *watching, detail),
            Event::NotAsked { service } => {
                self.fact(
                    service,
                    "not asked for its health: the environment has no `health`",
                );
                self.update(service, |progress| progress.health = "not asked".to_owned());
            }
            Event::RollingBack { service, reason } => {
                self.fact(service, &format!("rolling back: {reason}"));
                self.update(service, |progress| {
                    progress.rollout = "rolling back".to_owned();
                    progress.goes_back();
                });
            }
            Event::Finished {
                service,
                verdict,
                reason,
                seconds,
            } => {
                let why = reason.as_deref().unwrap_or_default();
                let text = match verdict {
                    Verdict::Deployed | Verdict::Unchanged | Verdict::Restored => {
                        format!("ok  {} in {seconds:.1} s", verdict.word())
                    }
                    Verdict::NotStarted => format!("--  {why}"),
                    _ => format!("FAILED  {} after {seconds:.1} s: {why}", verdict.word()),
                };
                self.rows().finish(service, &text);
            }
        }
    }
}

impl Terminal {
    fn health(&self, service: &str, watching: bool, detail: &health_checker::Event) {
        let health_checker::Event::Probed {
            consecutive,
            needed,
            expected,
            state,
            ..
        } = detail
        else {
            return;
        };
        let up = matches!(state, health_checker::State::Up);
        let (mut first_new, mut back) = (false, false);
        self.update(service, |progress| {
            if up && *expected {
                first_new = progress.new == 0;
                back = progress.back;
                progress.new += 1;
            } else if up {
                progress.old += 1;
            }
            progress.health = if watching {
                format!("old answered {}x, new {}x", progress.old, progress.new)
            } else {
                format!("{consecutive}/{needed} in a row")
            };
        });
        if first_new {
            let what = if back {
                "the build before answers again"
            } else {
                "the new build answers for the first time"
            };
            self.fact(service, what);
        }
    }
}

fn push_text(event: &image_tagger::Event) -> Option<String> {
    match event {
        image_tagger::Event::BlobPushed { .. } => Some("uploading".to_owned()),
        image_tagger::Event::TagVerified { tag, .. } => Some(format!("{tag} verified")),
        _ => None,
    }
}

/// What a rollout's event says, and whether it is a fact or only a step.
fn rollout_text(event: &ecs_deployer::Event) -> Option<(String, bool)> {
    use ecs_deployer::Event as E;
    match event {
        E::DeploymentStarted { deployment, .. } => Some((format!("{deployment} started"), true)),
        E::Progress {
            running,
            desired,
            old_running,
            ..
        } => Some((format!("new {running}/{desired}, old {old_running}"), false)),
        E::TaskStopped { cause, .. } => Some((format!("a task failed: {cause}"), true)),
        E::RollbackStarted { reason, .. } => Some((format!("rolling back: {reason}"), true)),
        _ => None,
    }
}

fn plural(services: usize) -> String {
    if services == 1 {
        "1 service".to_owned()
    } else {
        format!("{services} services")
    }
}

/// A number of bytes for people, in decimal units as registries bill them.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}
