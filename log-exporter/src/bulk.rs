//! CreateExportTask, for a one-off: started, and followed to its end.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{Clock, Error, ExportTask, GroupClass, GroupInfo, LogAdmin, TaskState};

/// CloudWatch Logs may take so long until an event can be exported by a task.
const DELAY: Duration = Duration::from_secs(12 * 3600);

/// How an export task is followed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BulkOptions {
    /// How often it is asked for.
    pub poll: Duration,
    /// How long to wait for its end, and for another task's.
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
}

/// How an export task ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BulkOutcome {
    /// Its id.
    pub task: String,
    /// How it stands; `running` if it was still running when the time was over.
    #[serde(flatten)]
    pub state: TaskState,
    /// How long it was followed, in seconds.
    pub seconds: f64,
}

/// Runs an export task and follows it to its end: that it was created says nothing. What it writes has a form of its own, is not
/// sorted, and is not part of the archive that [`crate::export`] keeps; `verify` does not look at it.
///
/// # Errors
/// [`Error::Invalid`] for events that are too young to be all exported, and for a group that cannot be exported this way;
/// [`Error::ExportBusy`] when another task of the account does not end in time.
pub async fn bulk(
    admin: &dyn LogAdmin,
    info: &GroupInfo,
    task: &ExportTask,
    options: &BulkOptions,
    clock: &Clock,
) -> Result<BulkOutcome, Error> {
    if info.class != GroupClass::Standard {
        return Err(Error::invalid(
            format!(
                "`{}` is not of the class STANDARD, and has no export tasks",
                info.place
            ),
            "leave out --bulk",
        ));
    }
    let newest = clock.now().minus(DELAY);
    if task.span.to() > newest {
        return Err(Error::invalid(
            format!(
                "an export task may miss events that are younger than 12 hours, and `{}` is later than `{newest}`",
                task.span.to()
            ),
            "give an earlier --to, or leave out --bulk",
        ));
    }
    let started = Instant::now();
    let id = loop {
        match admin.start_export(task).await {
            Ok(id) => break id,
            Err(Error::ExportBusy | Error::Throttled { .. })
                if started.elapsed() < options.timeout =>
            {
                sleep(options.poll).await;
            }
            Err(error) => return Err(error),
        }
    };
    let mut misses = 0;
    loop {
        sleep(options.poll).await;
        let state = match admin.export_state(&id).await {
            Ok(Some(state)) => state,
            Ok(None) => TaskState::Failed("CloudWatch Logs knows no such task".to_owned()),
            Err(error) if error.is_passing() && misses < 10 => {
                misses += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        misses = 0;
        if state != TaskState::Running || started.elapsed() >= options.timeout {
            return Ok(BulkOutcome {
                task: id,
                state,
                seconds: started.elapsed().as_secs_f64(),
            });
        }
    }
}
