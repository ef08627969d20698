//! Counting what every request costs, and retrying those that may succeed yet: the only place where that is done.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio::time::Instant;

use crate::book::Book;
use crate::{Amount, Error, Event, Observer, Options, outcome::Spending};

/// How often a request is sent at most.
const TRIES: u32 = 4;
/// The wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Counts requests and stops before there are too many.
pub(crate) struct Meter<'a> {
    most: u32,
    most_month: u64,
    billed: bool,
    sent: u32,
    observer: &'a dyn Observer,
}

impl<'a> Meter<'a> {
    /// A meter for a refresh. What is not billed is not counted.
    pub(crate) fn new(options: &Options, billed: bool, observer: &'a dyn Observer) -> Self {
        Self {
            most: options.most_requests,
            most_month: options.most_month_requests,
            billed,
            sent: 0,
            observer,
        }
    }

    pub(crate) fn spending(&self, book: &Book<'_>) -> Spending {
        let month_requests = book.requests();
        Spending {
            requests: self.sent,
            most_requests: self.most,
            dollars: dollars(self.sent.into()),
            month_requests,
            month_dollars: dollars(month_requests),
        }
    }

    /// Sends a request, and again while that may help and is allowed. Each is written down before it is sent, so that no end
    /// of this program leaves it uncounted. Every try counts, for a throttled one may be billed too, but not one that never
    /// left. What takes longer than `until` counts as not answered.
    pub(crate) async fn ask<T, F, A>(
        &mut self,
        book: &mut Book<'_>,
        operation: &'static str,
        until: Option<Instant>,
        call: F,
    ) -> Result<T, Error>
    where
        F: Fn() -> A,
        A: Future<Output = Result<T, Error>>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            self.begin(book, operation).await?;
            let error = match in_time(until, operation, call()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if matches!(error, Error::NotSent { .. }) {
                self.take_back(book, operation);
            }
            // The error tells more than that the budget is used up.
            if !error.is_passing() || tries == TRIES || self.allow(book).is_err() {
                return Err(error);
            }
            let wait = jittered(FIRST_WAIT * 2_u32.pow(tries - 1));
            if until.is_some_and(|until| Instant::now() + wait >= until) {
                return Err(error);
            }
            self.observer.observe(Event::Retried {
                operation,
                reason: error.chain(),
                wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            });
            tokio::time::sleep(wait).await;
        }
    }

    async fn begin(&mut self, book: &mut Book<'_>, operation: &'static str) -> Result<(), Error> {
        if !self.billed {
            return Ok(());
        }
        self.allow(book)?;
        book.reserve().await?;
        self.sent += 1;
        self.observer.observe(Event::Asked {
            operation,
            requests: self.sent,
        });
        Ok(())
    }

    fn take_back(&mut self, book: &mut Book<'_>, operation: &'static str) {
        if self.billed {
            book.take_back();
            self.sent -= 1;
            self.observer.observe(Event::NotSent {
                operation,
                requests: self.sent,
            });
        }
    }

    fn allow(&self, book: &Book<'_>) -> Result<(), Error> {
        if !self.billed {
            return Ok(());
        }
        let next = u64::from(self.sent) + 1;
        if next > u64::from(self.most) {
            return Err(Error::RequestBudget {
                next,
                limit: self.most.into(),
                scope: "refresh",
            });
        }
        let next = book.requests() + 1;
        if next > self.most_month {
            return Err(Error::RequestBudget {
                next,
                limit: self.most_month,
                scope: "month",
            });
        }
        Ok(())
    }
}

/// What there is until then.
pub(crate) async fn in_time<T>(
    until: Option<Instant>,
    operation: &'static str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(until) = until else {
        return call.await;
    };
    let time = until.saturating_duration_since(Instant::now());
    tokio::time::timeout_at(until, call)
        .await
        .unwrap_or_else(|_| {
            Err(Error::Unreachable {
                operation,
                source: format!("there was no answer within {} ms", time.as_millis()).into(),
            })
        })
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
