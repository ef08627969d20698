//! A sender's own deadline, for the waits between tries.

use std::time::Duration;

use tokio::time::Instant;

/// What a try after a wait needs at least; a wait that leaves less is of no use.
const LEAST_TRY: Duration = Duration::from_millis(250);

tokio::task_local! {
    /// When whoever sends has to be done.
    static END: Instant;
}

/// Runs what sends with no more than `time` for it: a wait for a rate limit to end, or before an unreachable place is
/// tried again, fails at once with its error when it would not be over in time.
///
/// It cuts nothing that is under way; for that there is `tokio::time::timeout`. Tasks that are spawned inside do not
/// hear of it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use deploy_notifier::sim::{Fault, SimChannel};
/// use deploy_notifier::{Channel, Error, Notice, Report, within};
///
/// let channel = SimChannel::new("slack");
/// channel.fault(Fault::RateLimited { retry_after: Some(Duration::from_secs(30)) });
///
/// let report = Report::Notice(Notice::new("Backup failed", "The disk is full."));
/// let error = within(Duration::from_secs(3), channel.send(&report)).await.unwrap_err();
/// assert!(matches!(error, Error::RateLimited { attempts: 1, .. }));
/// # Ok(()) }
/// ```
pub async fn within<F: Future>(time: Duration, sending: F) -> F::Output {
    match Instant::now().checked_add(time) {
        Some(end) => END.scope(end, sending).await,
        None => sending.await,
    }
}

/// Whether a wait that begins now leaves time for a try.
pub(crate) fn has_room_for(wait: Duration) -> bool {
    let over = Instant::now().checked_add(wait.saturating_add(LEAST_TRY));
    END.try_with(|end| over.is_some_and(|over| over <= *end))
        .unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::error::Error;
    use crate::fanout::Fanout;
    use crate::sim::{Fault, SimChannel};
    use crate::testing;
    use std::sync::Arc;

    fn limited(seconds: u64) -> Arc<SimChannel> {
        let channel = Arc::new(SimChannel::new("slack"));
        let retry_after = Some(Duration::from_secs(seconds));
        channel.fault(Fault::RateLimited { retry_after });
        channel
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_does_not_fit_is_not_begun() {
        let report = testing::reports().remove(0);
        let started = Instant::now();
        for channel in [limited(10), limited(u64::MAX)] {
            let error = within(Duration::from_secs(5), channel.send(&report)).await;
            assert!(matches!(error, Err(Error::RateLimited { .. })), "{error:?}");
        }
        let unreachable = SimChannel::new("slack");
        unreachable.fault(Fault::Unreachable);
        let error = within(Duration::from_millis(300), unreachable.send(&report)).await;
        assert!(matches!(error, Err(Error::Unreachable { .. })), "{error:?}");
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_fits_is_waited_out() {
        let report = testing::reports().remove(0);
        for (channel, time) in [
            (limited(3), Duration::from_secs(5)),
            (limited(30), Duration::MAX),
        ] {
            let delivery = within(time, channel.send(&report)).await.unwrap();
            assert_eq!(delivery.attempts, 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_channel_of_a_fanout_hears_of_it() {
        let report = testing::reports().remove(0);
        let fanout = Fanout::new().channel(limited(10)).channel(limited(1));
        let outcome = within(Duration::from_secs(5), fanout.send(&report, &|_| {})).await;
        assert!(outcome.channels[0].result.is_err() && outcome.channels[1].result.is_ok());
    }
}
