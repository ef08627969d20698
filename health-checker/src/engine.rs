//! Asking until it is proven or the time is up.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::event::{Event, Observer};
use crate::options::Options;
use crate::probe::{Observation, Probe};
use crate::report::{Report, TargetReport};
use crate::tally::Tally;
use crate::target::Target;
use crate::text;

/// How long a probe may outstay its limit before it is cut off. Probes keep their limits themselves and then know what
/// to say; this bounds the damage of one that does not.
const GRACE: Duration = Duration::from_millis(50);

/// The deadline of a timeout that is beyond what a clock can count.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Asks all targets, again and again, until each is proven healthy or the time is up.
///
/// A target is healthy after [`successes`](Options::successes) probes in a row that found it up, fast enough, and of the
/// expected build. Any other answer starts the count anew; no single bad answer is final, because a service that starts
/// is bad at first. So a target that is not healthy is known for it only at the deadline, which is kept to 100 ms
/// whatever the probes do.
///
/// At the deadline the verdict is what stood in the way last: a target that answered badly is unhealthy; one whose
/// answers came from another build is stale; one that never could be asked, or never said which build it is, is
/// inconclusive, and so is one that was on a good way when the time was up.
///
/// Retries live here and nowhere beneath. Dropping the future ends all probes that are under way.
pub async fn check(
    probe: &dyn Probe,
    targets: &[Target],
    options: &Options,
    observer: &dyn Observer,
) -> Report {
    let start = Instant::now();
    let course = Course {
        probe,
        options,
        observer,
        permits: Semaphore::new(options.max_parallel.min(Semaphore::MAX_PERMITS)),
        start,
        deadline: start
            .checked_add(options.timeout.min(FOR_EVER))
            .unwrap_or(start),
    };
    let targets = join_all(targets.iter().map(|target| course.follow(target))).await;
    Report { targets }
}

struct Course<'a> {
    probe: &'a dyn Probe,
    options: &'a Options,
    observer: &'a dyn Observer,
    permits: Semaphore,
    start: Instant,
    deadline: Instant,
}

impl Course<'_> {
    async fn follow(&self, target: &Target) -> TargetReport {
        let mut tally = Tally::new(target, self.options);
        while let Some((began, observation)) = self.ask(target, tally.attempts()).await {
            let expected = tally.take(&observation, self.start.elapsed());
            self.observer.observe(Event::Probed {
                target: target.name.clone(),
                attempt: tally.attempts(),
                consecutive: tally.consecutive(),
                needed: self.options.successes,
                state: observation.state,
                latency_ms: observation.latency_ms,
                revision: observation.revision,
                expected,
            });
            if tally.is_healthy() {
                break;
            }
            let next = began
                .checked_add(self.options.interval)
                .unwrap_or(self.deadline);
            sleep_until(next.min(self.deadline)).await;
        }
        let report = tally.report();
        self.observer.observe(Event::TargetFinished {
            target: target.name.clone(),
            verdict: report.verdict,
            reason: report.reason.clone(),
        });
        report
    }

    /// The next answer of the target and when it was asked; `None` if the time is up.
    async fn ask(&self, target: &Target, attempts: u32) -> Option<(Instant, Observation)> {
        let permit = timeout_at(self.deadline, self.permits.acquire())
            .await
            .ok()?
            .ok()?;
        let began = Instant::now();
        let remaining = self.deadline.saturating_duration_since(began);
        if remaining.is_zero() {
            return None;
        }
        let limit = self.options.try_timeout.min(remaining);
        let asked = timeout(
            limit.saturating_add(GRACE),
            self.probe.probe_within(target, limit),
        )
        .await;
        drop(permit);
        // The last probe was cut off before it had the time that a good answer may take: that says nothing about the
        // target, unless nothing else does.
        let cut_short = limit < self.options.try_timeout.min(self.options.latency_ceiling);
        if cut_short && attempts > 0 && Instant::now() >= self.deadline {
            return None;
        }
        let observation = asked.unwrap_or_else(|_| {
            Observation::unknown(format!("gave no answer within {}", text::duration(limit)))
                .latency(limit)
        });
        Some((began, observation))
    }
}
