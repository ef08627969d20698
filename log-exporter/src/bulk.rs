//! CreateExportTask, for a one-off: started, and followed to its end.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{Clock, Error, ExportTask, GroupClass, GroupInfo, LogAdmin, TaskState};

/// CloudWatch Logs may take so long until an event can be exported by a task.
pub const BULK_DELAY: Duration = Duration::from_secs(12 * 3600);

/// So often in a row a look at a task may fail in a way that may pass.
const MOST_MISSES: u32 = 10;

/// How an export task is followed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BulkOptions {
    /// How often it is asked for.
    pub poll: Duration,
    /// How long to wait for its end, and for another task's, whatever is answered.
    pub timeout: Duration,
}

impl Default for BulkOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(10),
            timeout: Duration::from_secs(6 * 3600),
        }
    }
}

impl BulkOptions {
    /// Asked for so often.
    #[must_use]
    pub const fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Waited for so long.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn is_over(&self, started: Instant) -> bool {
        started.elapsed() >= self.timeout
    }

    /// Waits for the next look, which the end of the time does not wait for.
    async fn pause(&self, started: Instant) {
        let rest = self.timeout.saturating_sub(started.elapsed());
        sleep(self.poll.min(rest)).await;
    }
}

/// How an export task ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BulkOutcome {
    /// Its id.
    pub task: String,
    /// Whether it was found under way: an earlier run had started it.
    pub resumed: bool,
    /// How it stands; `pending` or `running` if it was not over when the time was.
    #[serde(flatten)]
    pub state: TaskState,
    /// How long it was followed, in seconds.
    pub seconds: f64,
}

/// Whether [`bulk`] would run an export task, without asking for one.
///
/// # Errors
/// [`Error::Invalid`] for events that are too young to be all exported, and for a group that cannot be exported this way.
pub fn bulk_check(info: &GroupInfo, task: &ExportTask, clock: &Clock) -> Result<(), Error> {
    if info.class != GroupClass::Standard {
        return Err(Error::invalid(
            format!(
                "`{}` is not of the class STANDARD, and has no export tasks",
                info.place
            ),
            "leave out --bulk",
        ));
    }
    let newest = clock.now().minus(BULK_DELAY);
    if task.span.to() > newest {
        return Err(Error::invalid(
            format!(
                "an export task may miss events that are younger than 12 hours, and `{}` is later than `{newest}`",
                task.span.to()
            ),
            "give an earlier --to, or leave out --bulk",
        ));
    }
    Ok(())
}

/// Runs an export task and follows it to its end: that it was created says nothing. A task of the same group, time and destination
/// that is under way already is followed instead: an earlier run may have been killed, or the answer to its request lost. What it writes has a form of its own, is not
/// sorted, and is not part of the archive that [`crate::export`] keeps; `verify` does not look at it.
///
/// # Errors
/// Those of [`bulk_check`]; [`Error::ExportBusy`] when another task of the account does not end in time.
pub async fn bulk(
    admin: &dyn LogAdmin,
    info: &GroupInfo,
    task: &ExportTask,
    options: &BulkOptions,
    clock: &Clock,
) -> Result<BulkOutcome, Error> {
    bulk_check(info, task, clock)?;
    let started = Instant::now();
    let (id, resumed) = begin(admin, task, options, started).await?;
    let mut misses = 0;
    // As all are that were just created, until something else is heard.
    let mut last = TaskState::Pending;
    loop {
        let state = match admin.export_state(&id).await {
            Ok(Some(state)) => {
                misses = 0;
                state
            }
            Ok(None) => TaskState::Failed("CloudWatch Logs knows no such task".to_owned()),
            Err(error) if error.is_passing() && misses < MOST_MISSES => {
                misses += 1;
                last
            }
            Err(error) => return Err(error),
        };
        if state.is_over() || options.is_over(started) {
            return Ok(BulkOutcome {
                task: id,
                resumed,
                state,
                seconds: started.elapsed().as_secs_f64(),
            });
        }
        last = state;
        options.pause(started).await;
    }
}

/// The id of the task that is under way now, and whether it was already.
async fn begin(
    admin: &dyn LogAdmin,
    task: &ExportTask,
    options: &BulkOptions,
    started: Instant,
) -> Result<(String, bool), Error> {
    let mut lost = None;
    loop {
        let error = match admin.find_export(task).await {
            Ok(Some(id)) => return Ok((id, lost.is_none())),
            Ok(None) => match lost.take() {
                // It may have come to its end by now, and another one would write all of it again.
                Some(error) => return Err(error),
                None => match admin.start_export(task).await {
                    Ok(id) => return Ok((id, false)),
                    Err(error @ Error::Unreachable { .. }) => {
                        lost = Some(error);
                        options.pause(started).await;
                        continue;
                    }
                    Err(error) => error,
                },
            },
            Err(error) => error,
        };
        let may_pass = error.is_passing() || matches!(error, Error::ExportBusy);
        if !may_pass || options.is_over(started) {
            return Err(error);
        }
        options.pause(started).await;
    }
}
