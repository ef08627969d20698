//! Waiting for a scan.

use std::time::Duration;

use tokio::time::Instant;

use super::report::{ScanReport, ScanStatus};
use crate::{Digest, Error, Repository, RepositoryAdmin};

/// How long to wait for a scan, and how often to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitOptions {
    /// How long to wait for a scan to complete.
    pub timeout: Duration,
    /// How long to wait for a scan to begin: a scan on push is not there at once.
    pub begin: Duration,
    /// How long to wait between two looks.
    pub poll: Duration,
}

impl Default for WaitOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            begin: Duration::from_secs(60),
            poll: Duration::from_secs(5),
        }
    }
}

impl WaitOptions {
    /// Sets how long to wait for a scan to complete.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long to wait for a scan to begin.
    #[must_use]
    pub const fn begin(mut self, begin: Duration) -> Self {
        self.begin = begin;
        self
    }

    /// Sets how long to wait between two looks.
    #[must_use]
    pub const fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }
}

/// Looks at an image's scan until it has ended one way or the other, and returns the last report. One that is still
/// [`Missing`](ScanStatus::Missing) or [`InProgress`](ScanStatus::InProgress) means that the time is up. It looks at least
/// once, and once more when the time is up. `observer` hears each report that the wait goes on after.
///
/// # Errors
/// When the scan cannot be asked for, or there is no such image.
pub async fn wait(
    admin: &dyn RepositoryAdmin,
    repository: &Repository,
    digest: &Digest,
    options: &WaitOptions,
    observer: &(dyn Fn(&ScanReport) + Send + Sync),
) -> Result<ScanReport, Error> {
    let begun = Instant::now();
    loop {
        let report = admin.scan_findings(repository, digest).await?;
        let limit = match report.status {
            ScanStatus::Missing => options.begin.min(options.timeout),
            _ => options.timeout,
        };
        let left = limit.saturating_sub(begun.elapsed());
        if report.status.is_settled() || left.is_zero() {
            return Ok(report);
        }
        observer(&report);
        // A poll of nothing would ask without a pause.
        let pause = options.poll.max(Duration::from_millis(100)).min(left);
        tokio::time::sleep(pause).await;
    }
}
