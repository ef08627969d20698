//! One refresh, which ends in good order whatever ends it.

use std::time::Duration;

use cost_exporter::{Error, MetricSink, Options, Outcome, Parts, RunId, abandon, refresh};
use jiff::Timestamp;
use windlass_cli::{Exit, Failure, interrupted};

use crate::failures;
use crate::progress::Progress;
use crate::setup::Setup;

/// How long a refresh may take in all.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How long it may take to let go of the ledger.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Why there is no outcome.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(Error),
    Signal(&'static str),
    TooLong,
}

impl Stop {
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Failed(error) => failures::cost(error),
            Self::Signal(signal) => interruption(signal),
            Self::TooLong => Failure::unreachable(format!(
                "the refresh took longer than {} minutes",
                LONGEST.as_secs() / 60
            ))
            .hint("what was being put to a sink is settled in the next run"),
        }
    }
}

pub(crate) fn interruption(signal: &str) -> Failure {
    Failure::new(
        Exit::Interrupted,
        format!("interrupted by {signal}: what was being put to a sink is settled in the next run"),
    )
}

/// Opens what the flags name, unless a signal comes first.
pub(crate) async fn opened(
    setup: impl Future<Output = Result<Setup, Failure>>,
) -> Result<Setup, Failure> {
    tokio::select! {
        setup = setup => setup,
        signal = interrupted() => Err(interruption(signal)),
    }
}

/// Refreshes. What it cost in vain is told here.
pub(crate) async fn refreshed(
    setup: &Setup,
    sinks: &[&dyn MetricSink],
    options: Options,
    now: Timestamp,
    progress: &Progress<'_>,
) -> Result<Outcome, Stop> {
    let run = RunId::random();
    // One that is killed keeps others out for no longer than it could have lasted.
    let options = options.run(run.clone()).ends_after(LONGEST + LAST_WORD);
    let parts = Parts {
        source: &*setup.source,
        budgets: setup.budgets.as_deref(),
        ledger: &*setup.ledger,
        sinks,
    };
    let ended = tokio::select! {
        ended = refresh(&parts, &options, now, progress) => ended.map_err(Stop::Failed),
        signal = interrupted() => Err(Stop::Signal(signal)),
        () = tokio::time::sleep(LONGEST) => Err(Stop::TooLong),
    };
    if let Err(stop) = &ended {
        progress.spent_in_vain();
        if !matches!(stop, Stop::Failed(_)) {
            // Else the next run would have to wait; if it does not work, that is all that happens.
            let _ = tokio::time::timeout(LAST_WORD, abandon(&*setup.ledger, &run)).await;
        }
    }
    ended
}
