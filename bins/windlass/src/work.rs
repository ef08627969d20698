//! A task at work: its lock, its adapters, who listens, and how it ends whatever happens.

use windlass_cli::{
    CommonArgs, EventLog, Exit, Failure, Format, GithubActions, Printer, interrupted,
};

use crate::adapters::Adapters;
use crate::args::{ChangeArgs, ReportArgs};
use crate::event::{Event, Listener, Listeners};
use crate::guard;
use crate::haste::Haste;
use crate::ledger::Ledger;
use crate::lock::{Holder, Lock, LockPlace};
use crate::notify::Notifier;
use crate::outcome::{End, RunOutcome};
use crate::render;
use crate::report;
use crate::session::Session;
use crate::task::Task;
use crate::terminal::Terminal;
use crate::timeline::Timeline;
use crate::verdict::Verdict;

/// How a task ended.
#[derive(Debug)]
pub(crate) struct Performed {
    pub(crate) outcome: RunOutcome,
    /// What ended it before its time.
    pub(crate) failure: Option<Failure>,
    /// What went wrong after it, and changed nothing about it: a state that was not saved, a lock that was not let go of, a log
    /// that is incomplete.
    pub(crate) trouble: Vec<Failure>,
}

/// Performs a task until it ends or the process is asked to stop. In all cases the environment is closed, its lock let go,
/// people are told, and the event log is complete.
///
/// An `Err` is a failure before anything was begun.
pub(crate) async fn perform(
    session: &Session,
    task: &Task<'_>,
    source: Option<&Session>,
    change: &ChangeArgs,
    common: &CommonArgs,
    printer: &Printer,
    more: &[&dyn Listener],
) -> Result<Performed, Failure> {
    guard::check(
        session.names.environment(),
        &session.environment,
        change.yes,
        guard::in_ci(),
    )?;
    report::check(&change.reports)?;
    let notifier = Notifier::new(
        &session.config.notify,
        session.console && !printer.is_quiet(),
    )?;
    let log = common.events.as_deref().map(EventLog::open).transpose()?;
    let (timeline, ledger) = (Timeline::begin(), Ledger::default());
    let terminal = Terminal::new(printer);
    let mut all: Vec<&dyn Listener> = vec![&terminal, &timeline];
    all.extend(log.iter().map(|log| log as &dyn Listener));
    all.extend_from_slice(more);
    let listeners = Listeners(all);

    let (mut open, haste) = (Open::default(), Haste::default());
    let work = open.work(
        session, task, source, change, &listeners, &ledger, &notifier, &haste,
    );
    let end = tokio::select! {
        // What ended and was interrupted at once has ended.
        biased;
        done = work => done.map_or_else(End::Failed, |()| End::Done),
        signal = haste.interrupts_work(interrupted()) => {
            listeners.tell(&Event::Interrupted { signal: signal.to_owned() });
            End::Interrupted(signal)
        }
    };
    listeners.tell(&Event::Ended);
    let mut outcome = outcome(session, task, source, &end, &ledger, &timeline);
    if worth_telling(&outcome, &end) {
        let in_a_hurry = outcome.interrupted.is_some() || haste.is_there();
        outcome.notifications = notifier
            .ended(&outcome, &listeners, in_a_hurry, interrupted())
            .await;
    }
    terminal.close();
    if let End::Interrupted(signal) = end {
        let note = open.after_interrupt();
        printer.note(&format!("interrupted by {signal}: {note}"));
    }
    let mut trouble = open.close().await;
    trouble.extend(log.as_ref().and_then(|log| log.finish().err()));
    let failure = match end {
        End::Failed(failure) => Some(failure),
        End::Done | End::Interrupted(_) => None,
    };
    Ok(Performed {
        outcome,
        failure,
        trouble,
    })
}

/// Nobody wants to hear that there was nothing to do, or that a command was mistyped.
fn worth_telling(outcome: &RunOutcome, end: &End) -> bool {
    match end {
        End::Done => outcome.nothing.is_none(),
        End::Failed(failure) => outcome.announced || failure.exit() != Exit::Usage,
        End::Interrupted(_) => !outcome.services.is_empty(),
    }
}

fn outcome(
    session: &Session,
    task: &Task<'_>,
    source: Option<&Session>,
    end: &End,
    ledger: &Ledger,
    timeline: &Timeline,
) -> RunOutcome {
    let entries = ledger.entries();
    let (failure, interrupted) = match end {
        End::Done => (None, None),
        End::Failed(failure) => (Some(failure), None),
        End::Interrupted(signal) => (None, Some((*signal).to_owned())),
    };
    let error = failure.map(|failure| failure.message().to_owned());
    let services = match (&error, &interrupted) {
        (_, Some(signal)) => {
            entries.services(Verdict::Cancelled, &format!("interrupted by {signal}"))
        }
        // Nothing was deployed: those who were told that it begins are told that it did not happen.
        (Some(error), None) => entries.services(
            Verdict::NotStarted,
            error.lines().next().unwrap_or_default(),
        ),
        (None, None) => entries.services(Verdict::Unknown, "its end was not seen"),
    };
    let exit = end.exit(&services);
    RunOutcome {
        schema: 1,
        command: task.command(),
        environment: session.names.environment().to_owned(),
        from: source.map(|source| source.names.environment().to_owned()),
        head: entries.head,
        services,
        removed: entries.removed,
        nothing: entries.nothing,
        warnings: entries.warnings,
        error,
        causes: failure.map_or_else(Vec::new, |failure| failure.causes().to_vec()),
        hint: failure.and_then(|failure| failure.remedy().map(str::to_owned)),
        interrupted,
        gates: entries.gates,
        logs: entries.logs,
        timeline: timeline.spans(),
        notifications: Vec::new(),
        run_url: GithubActions::run_url(),
        seconds: timeline.seconds(),
        exit_code: exit.code(),
        exit,
        announced: entries.announced,
        graph: entries.graph,
        rebuilt: entries.rebuilt,
    }
}

/// Tells how a task ended, in all places that are told, and returns its exit code. Where one cannot be told the others are told
/// all the same; a verdict that is not good stays what it is, and a good one that could not be told becomes that failure.
pub(crate) fn finish(
    performed: Performed,
    reports: &ReportArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let Performed {
        mut outcome,
        failure,
        mut trouble,
    } = performed;
    let github = GithubActions::from_env();
    let tell_code = |outcome: &RunOutcome| {
        let json = report::write_json(outcome, reports);
        let outputs = github.outputs(&render::run_outputs(outcome));
        json.err().into_iter().chain(outputs.err())
    };
    trouble.extend(report::write_pages(&outcome, reports));
    trouble.extend(github.summary(&report::markdown(&outcome)).err());
    charge(&mut outcome, &trouble);
    trouble.extend(tell_code(&outcome));
    // What tells the exit code is told again when it has changed meanwhile.
    if charge(&mut outcome, &trouble) {
        let _ = tell_code(&outcome).count();
    }
    trouble.extend(print(&outcome, failure.as_ref(), printer).err());
    if charge(&mut outcome, &trouble) {
        let _ = tell_code(&outcome).count();
    }
    let failure = failure.or_else(|| {
        let charged = trouble
            .first()
            .is_some_and(|first| first.exit() == outcome.exit);
        (charged
            && outcome
                .services
                .iter()
                .all(|service| service.verdict.is_good()))
        .then(|| trouble.remove(0))
    });
    for failure in &trouble {
        printer.warn(&failure.in_a_line());
    }
    failure.map_or(Ok(outcome.exit), Err)
}

/// Makes the first trouble the exit code of a task that is done; says whether it did.
fn charge(outcome: &mut RunOutcome, trouble: &[Failure]) -> bool {
    let (Some(first), Exit::Done) = (trouble.first(), outcome.exit) else {
        return false;
    };
    outcome.exit = first.exit();
    outcome.exit_code = first.exit().code();
    true
}

/// The answer on stdout.
fn print(
    outcome: &RunOutcome,
    failure: Option<&Failure>,
    printer: &Printer,
) -> Result<(), Failure> {
    // What was refused before it began has only its error, for people.
    let refused = failure.is_some_and(|failure| {
        !outcome.announced && (failure.exit() == Exit::Usage || outcome.services.is_empty())
    });
    match printer.format() {
        Format::Json => printer.json(outcome),
        _ if refused => Ok(()),
        _ => render::run(outcome, printer),
    }
}

/// What is open while a task is at work, and has to be closed after it.
#[derive(Debug, Default)]
struct Open {
    /// A lock that is being asked for: whether it was given is not known while the answer is under way.
    pending: Option<(LockPlace, Holder)>,
    locks: Vec<Lock>,
    adapters: Option<Adapters>,
    source: Option<Adapters>,
}

impl Open {
    #[expect(
        clippy::too_many_arguments,
        reason = "all that a task works with, each of its own owner"
    )]
    async fn work(
        &mut self,
        session: &Session,
        task: &Task<'_>,
        source: Option<&Session>,
        change: &ChangeArgs,
        listeners: &Listeners<'_>,
        ledger: &Ledger,
        notifier: &Notifier,
        haste: &Haste,
    ) -> Result<(), Failure> {
        // What is promoted from is locked too: its tasks are started to be asked. Two promotions crosswise take the locks in
        // the same order.
        let mut sessions: Vec<&Session> = source.into_iter().chain([session]).collect();
        sessions.sort_by_key(|session| session.names.environment());
        for locked in sessions {
            self.lock(locked, task, change, listeners).await?;
        }
        let opened = Adapters::open(&session.checkout, &session.names, &session.environment);
        let adapters = &*self.adapters.insert(opened.await?);
        let source_adapters = match source {
            Some(source) => {
                let opened = Adapters::open(&source.checkout, &source.names, &source.environment);
                Some((source, &*self.source.insert(opened.await?)))
            }
            None => None,
        };
        let pipeline = session.pipeline(adapters, listeners, ledger);
        let from =
            source_adapters.map(|(source, adapters)| source.pipeline(adapters, listeners, ledger));
        task.perform(&pipeline, from.as_ref(), notifier, haste)
            .await
    }

    async fn lock(
        &mut self,
        session: &Session,
        task: &Task<'_>,
        change: &ChangeArgs,
        listeners: &Listeners<'_>,
    ) -> Result<(), Failure> {
        let environment = session.names.environment();
        let holder = Holder::here(task.command(), environment);
        let busy = |who: &str| {
            listeners.tell(&Event::LockBusy {
                environment: environment.to_owned(),
                holder: who.to_owned(),
            });
        };
        let place = session.lock_place().await?;
        let (place, holder) = &*self.pending.insert((place, holder));
        let (lock, left_behind) = place.acquire(holder, change.wait_lock, &busy).await?;
        self.locks.push(lock);
        self.pending = None;
        if let Some(holder) = left_behind {
            listeners.tell(&Event::LockTakenOver {
                environment: environment.to_owned(),
                holder: holder.to_string(),
            });
        }
        listeners.tell(&Event::LockTaken {
            environment: environment.to_owned(),
        });
        Ok(())
    }

    fn after_interrupt(&self) -> &'static str {
        self.adapters
            .as_ref()
            .map_or("nothing was changed", |adapters| {
                adapters.site.after_interrupt()
            })
    }

    /// Closes the environments, then lets go of their locks; returns what went wrong.
    async fn close(self) -> Vec<Failure> {
        let mut trouble = Vec::new();
        for adapters in self.adapters.iter().chain(&self.source) {
            trouble.extend(adapters.site.close().await.err());
        }
        if let Some((place, holder)) = &self.pending {
            trouble.extend(place.abandon(holder).await.err());
        }
        for lock in self.locks {
            trouble.extend(lock.release().await.err());
        }
        trouble
    }
}
