//! Counting what every request costs, and retrying those that may succeed yet: the only place where that is done.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::{Amount, Error, Event, Observer, outcome::Spending};

/// How often a request is sent at most.
const TRIES: u32 = 4;
/// The wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Counts requests and stops before there are too many.
pub(crate) struct Meter<'a> {
    most: u32,
    most_month: u64,
    before: u64,
    sent: u32,
    observer: &'a dyn Observer,
}

impl<'a> Meter<'a> {
    /// A meter for a refresh in a month that has seen so many requests before.
    pub(crate) fn new(most: u32, most_month: u64, before: u64, observer: &'a dyn Observer) -> Self {
        Self {
            most,
            most_month,
            before,
            sent: 0,
            observer,
        }
    }

    pub(crate) const fn sent(&self) -> u32 {
        self.sent
    }

    pub(crate) fn spending(&self) -> Spending {
        let month_requests = self.before + u64::from(self.sent);
        Spending {
            requests: self.sent,
            most_requests: self.most,
            dollars: dollars(self.sent.into()),
            month_requests,
            month_dollars: dollars(month_requests),
        }
    }

    /// Sends a request, and again while that may help and is allowed. Every try counts: a throttled one may be billed too.
    pub(crate) async fn ask<T, F, A>(
        &mut self,
        operation: &'static str,
        call: F,
    ) -> Result<T, Error>
    where
        F: Fn() -> A,
        A: Future<Output = Result<T, Error>>,
    {
        let mut tries = 0;
        loop {
            self.allow()?;
            self.sent += 1;
            tries += 1;
            self.observer.observe(Event::Asked {
                operation,
                requests: self.sent,
            });
            match call().await {
                Ok(answer) => return Ok(answer),
                // The error tells more than that the budget is used up.
                Err(error) if !error.is_passing() || tries == TRIES || self.allow().is_err() => {
                    return Err(error);
                }
                Err(error) => {
                    let wait = jittered(FIRST_WAIT * 2_u32.pow(tries - 1));
                    self.observer.observe(Event::Retried {
                        operation,
                        reason: error.chain(),
                        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                    });
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn allow(&self) -> Result<(), Error> {
        let next = u64::from(self.sent) + 1;
        if next > u64::from(self.most) {
            return Err(Error::RequestBudget {
                next,
                limit: self.most.into(),
                scope: "refresh",
            });
        }
        if self.before + next > self.most_month {
            return Err(Error::RequestBudget {
                next: self.before + next,
                limit: self.most_month,
                scope: "month",
            });
        }
        Ok(())
    }
}

/// What requests cost.
fn dollars(requests: u64) -> Amount {
    Amount::of_units(requests.into(), 2).unwrap_or_default()
}

/// The wait and up to half as much again, so that those who were throttled together do not come back together.
fn jittered(wait: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0) % 512;
    wait + wait * u32::try_from(chance).unwrap_or(0) / 1024
}
