//! When to look again.

use std::time::Duration;

use tokio::time::Instant;

/// The moment of the next look: `poll` from now, or, for services that are followed together, the next common beat.
pub(super) fn next_look(now: Instant, poll: Duration, beat: Option<Instant>) -> Instant {
    let poll = poll.max(Duration::from_millis(1));
    let Some(beat) = beat else {
        return now + poll;
    };
    let since = now.saturating_duration_since(beat).as_nanos();
    let rest = poll.as_nanos() - since % poll.as_nanos();
    now + Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn services_that_began_apart_look_together() {
        let beat = Instant::now();
        let poll = Duration::from_secs(5);
        let after = |millis| beat + Duration::from_millis(millis);
        assert_eq!(next_look(after(100), poll, Some(beat)), after(5000));
        assert_eq!(next_look(after(4999), poll, Some(beat)), after(5000));
        assert_eq!(next_look(after(5000), poll, Some(beat)), after(10_000));
        assert_eq!(next_look(after(100), poll, None), after(5100));
    }
}
