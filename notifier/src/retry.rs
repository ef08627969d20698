//! The one place that retries: only when nothing can have arrived, within the budget, as long as the place asks.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::channel::Delivery;
use crate::error::Error;
use crate::options::DeliveryOptions;
use crate::time_left::has_room_for;

/// What a rate limit without a `Retry-After` waits: Slack's documented rate is one message per second.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The least that a rate limit waits, so that a place that asks for no wait is not asked without pause.
const LEAST_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The first wait after an unreachable place; it doubles from there.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// What one try came to.
#[derive(Debug)]
pub(crate) enum Attempt<T = ()> {
    /// The place acknowledged it, with this answer.
    Delivered(T),
    /// The place took nothing and asks to wait.
    RateLimited { retry_after: Option<Duration> },
    /// Nothing was sent.
    NotSent(Box<dyn std::error::Error + Send + Sync>),
    /// It is not known whether it arrived, and doing it twice comes to the same as doing it once.
    #[cfg_attr(
        not(any(test, feature = "http")),
        expect(dead_code, reason = "only Slack's Web API can update what it showed")
    )]
    Repeatable(Error),
    /// Trying again is of no use, or not safe.
    Failed(Error),
}

/// Tries until the report is delivered, trying again is not safe, or the budget is spent.
pub(crate) async fn deliver<T, P, F>(
    channel: &str,
    options: &DeliveryOptions,
    mut post: P,
) -> Result<(Delivery, T), Error>
where
    P: FnMut() -> F + Send,
    F: Future<Output = Attempt<T>> + Send,
{
    let started = Instant::now();
    let mut attempts: u32 = 0;
    // A rate limit says when it ends, so only the time for it is bounded; what fails without a word is counted.
    let mut failures: u32 = 0;
    loop {
        attempts = attempts.saturating_add(1);
        let outcome = post().await;
        let elapsed = started.elapsed();
        let wait = match &outcome {
            Attempt::RateLimited { retry_after } => retry_after
                .unwrap_or(DEFAULT_RETRY_AFTER)
                .max(LEAST_RETRY_AFTER)
                .saturating_add(jitter()),
            Attempt::NotSent(_) | Attempt::Repeatable(_) => {
                failures += 1;
                FIRST_BACKOFF.saturating_mul(1 << failures.min(6)) / 2 + jitter()
            }
            Attempt::Delivered(_) | Attempt::Failed(_) => Duration::ZERO,
        };
        let counted = !matches!(outcome, Attempt::RateLimited { .. });
        let may_retry = (!counted || failures < options.max_attempts)
            && elapsed.saturating_add(wait) <= options.retry_budget
            && has_room_for(wait);
        match outcome {
            Attempt::Delivered(answer) => {
                return Ok((Delivery::new(attempts, elapsed.as_secs_f64()), answer));
            }
            Attempt::Failed(error) => return Err(error),
            Attempt::RateLimited { .. } | Attempt::NotSent(_) | Attempt::Repeatable(_)
                if may_retry =>
            {
                sleep(wait).await;
            }
            Attempt::Repeatable(error) => return Err(error),
            Attempt::RateLimited { retry_after } => {
                return Err(Error::RateLimited {
                    channel: channel.to_owned(),
                    attempts,
                    retry_after,
                });
            }
            Attempt::NotSent(source) => {
                return Err(Error::Unreachable {
                    channel: channel.to_owned(),
                    attempts,
                    source,
                });
            }
        }
    }
}

/// Up to a quarter of a second, so that many senders that were told to wait do not all come back at once.
fn jitter() -> Duration {
    // The standard library seeds each hasher state at random, which is all the randomness that is needed here.
    Duration::from_millis(RandomState::new().hash_one(()) % 250)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Answers from a script, then delivers.
    async fn run(
        options: &DeliveryOptions,
        script: Vec<Attempt>,
    ) -> (Result<Delivery, Error>, usize) {
        let mut script = VecDeque::from(script);
        let mut posts = 0;
        let result = deliver("slack", options, || {
            posts += 1;
            let attempt = script.pop_front().unwrap_or(Attempt::Delivered(()));
            async move { attempt }
        })
        .await;
        (result.map(|(delivery, ())| delivery), posts)
    }

    fn limited(seconds: u64) -> Attempt {
        Attempt::RateLimited {
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    fn not_sent() -> Attempt {
        Attempt::NotSent("connection refused".into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_is_waited_out_as_long_as_it_asks() {
        let (result, _) = run(&DeliveryOptions::default(), vec![limited(7), limited(3)]).await;
        let delivery = result.unwrap();
        assert_eq!(delivery.attempts, 3);
        assert!((10.0..10.6).contains(&delivery.seconds), "{delivery:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_is_bounded_by_the_budget_and_not_by_a_count() {
        let script = |seconds| (0..12).map(|_| limited(seconds)).collect();
        let (result, _) = run(&DeliveryOptions::default(), script(1)).await;
        assert_eq!(result.unwrap().attempts, 13);
        let options = DeliveryOptions::default().retry_budget(Duration::from_secs(5));
        let (result, posts) = run(&options, script(1)).await;
        assert!(matches!(result, Err(Error::RateLimited { .. })));
        assert!((4..=6).contains(&posts), "{posts}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_that_asks_for_no_wait_does_not_spin() {
        let options = DeliveryOptions::default().retry_budget(Duration::from_secs(10));
        let started = Instant::now();
        let (result, posts) = run(&options, (0..1000).map(|_| limited(0)).collect()).await;
        assert!(matches!(result, Err(Error::RateLimited { .. })));
        assert!(
            posts <= 11 && started.elapsed() >= Duration::from_secs(7),
            "{posts}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_does_not_use_up_the_tries_of_an_unreachable_place() {
        let mut script: Vec<Attempt> = (0..6).map(|_| limited(1)).collect();
        script.extend((0..4).map(|_| not_sent()));
        let (result, _) = run(&DeliveryOptions::default(), script).await;
        assert_eq!(result.unwrap().attempts, 11);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_past_the_budget_is_not_begun() {
        let started = Instant::now();
        let options = DeliveryOptions::default().retry_budget(Duration::from_secs(10));
        let (result, posts) = run(&options, vec![limited(4), limited(4), limited(4)]).await;
        assert!(matches!(
            result,
            Err(Error::RateLimited { attempts: 3, retry_after: Some(wait), .. }) if wait == Duration::from_secs(4)
        ));
        assert_eq!(posts, 3);
        assert!(started.elapsed() < Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_budget_there_is_one_try() {
        let options = DeliveryOptions::default().retry_budget(Duration::ZERO);
        for script in [vec![limited(1)], vec![not_sent()]] {
            let (result, posts) = run(&options, script).await;
            assert!(result.is_err());
            assert_eq!(posts, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_place_is_tried_a_bounded_number_of_times() {
        let (result, posts) = run(
            &DeliveryOptions::default(),
            (0..9).map(|_| not_sent()).collect(),
        )
        .await;
        assert!(matches!(
            result,
            Err(Error::Unreachable { attempts: 5, .. })
        ));
        assert_eq!(posts, 5);
        let (result, _) = run(&DeliveryOptions::default(), vec![not_sent(), not_sent()]).await;
        assert_eq!(result.unwrap().attempts, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_final_or_unclear_is_never_retried() {
        let error = Error::Ambiguous {
            channel: "slack".into(),
            answer: None,
            source: None,
        };
        let (result, posts) = run(&DeliveryOptions::default(), vec![Attempt::Failed(error)]).await;
        assert!(matches!(result, Err(Error::Ambiguous { .. })));
        assert_eq!(posts, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unclear_answer_is_retried_where_repeating_changes_nothing() {
        let unclear = || {
            Attempt::Repeatable(Error::Ambiguous {
                channel: "slack".into(),
                answer: None,
                source: None,
            })
        };
        let (result, _) = run(&DeliveryOptions::default(), vec![unclear(), unclear()]).await;
        assert_eq!(result.unwrap().attempts, 3);
        let (result, posts) = run(
            &DeliveryOptions::default(),
            (0..9).map(|_| unclear()).collect(),
        )
        .await;
        assert!(matches!(result, Err(Error::Ambiguous { .. })));
        assert_eq!(posts, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn an_absurd_wait_is_refused_and_does_not_overflow() {
        let (result, _) = run(&DeliveryOptions::default(), vec![limited(u64::MAX)]).await;
        assert!(matches!(
            result,
            Err(Error::RateLimited { attempts: 1, .. })
        ));
    }
}
