//! One report to several channels, each with its own outcome.

use futures_util::future::join_all;

use crate::channel::{Channel, Delivery};
use crate::error::Error;
use crate::observer::{Event, Observer};
use crate::report::Report;

/// Several channels that get the same reports.
///
/// They work at the same time, so that a slow one delays no other, and one's failure does not touch the others.
#[derive(Debug, Default)]
pub struct Fanout {
    channels: Vec<Box<dyn Channel>>,
}

/// What became of a report on each channel.
///
/// Errors hold their causes, so this is neither comparable nor serialisable; [`Event`] is what to write down.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "a channel may have failed"]
pub struct FanoutOutcome {
    /// The channels in the order they were added.
    pub channels: Vec<ChannelOutcome>,
}

/// What became of a report on one channel.
#[derive(Debug)]
#[non_exhaustive]
pub struct ChannelOutcome {
    /// The channel's name.
    pub channel: String,
    /// Delivered, or why not.
    pub result: Result<Delivery, Error>,
}

impl Fanout {
    /// A fan-out to no channel yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a channel after those added before.
    #[must_use]
    pub fn channel(mut self, channel: impl Channel + 'static) -> Self {
        self.channels.push(Box::new(channel));
        self
    }

    /// Whether there is no channel, so that nobody would hear of a report.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Sends the report to all channels at once and waits for all of them.
    ///
    /// It does not fail as a whole: the outcome tells each channel's. Dropping the future may leave the report delivered
    /// to some.
    pub async fn send(&self, report: &Report, observer: &dyn Observer) -> FanoutOutcome {
        let sends = self.channels.iter().map(|channel| async move {
            let name = channel.name().to_owned();
            observer.observe(Event::Sending {
                channel: name.clone(),
                report: report.kind(),
            });
            let result = channel.send(report).await;
            observer.observe(event_of(&name, &result));
            ChannelOutcome {
                channel: name,
                result,
            }
        });
        FanoutOutcome {
            channels: join_all(sends).await,
        }
    }
}

impl FanoutOutcome {
    /// How many channels delivered the report.
    pub fn delivered(&self) -> usize {
        self.channels
            .iter()
            .filter(|outcome| outcome.result.is_ok())
            .count()
    }

    /// The errors of the channels that did not, in the channels' order.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        self.channels
            .iter()
            .filter_map(|outcome| outcome.result.as_ref().err())
    }
}

fn event_of(channel: &str, result: &Result<Delivery, Error>) -> Event {
    let channel = channel.to_owned();
    match result {
        Ok(delivery) => Event::Delivered {
            channel,
            attempts: delivery.attempts,
            seconds: delivery.seconds,
        },
        Err(error) => {
            let first: &dyn std::error::Error = error;
            let reasons = std::iter::successors(Some(first), |error| error.source())
                .map(ToString::to_string)
                .collect();
            Event::NotDelivered {
                channel,
                reasons,
                outcome_known: error.outcome_known(),
                hint: error.hint(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Fault, SimChannel};
    use crate::testing;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn each_channel_has_its_own_outcome_in_the_order_they_were_added() {
        let (dead, slow, fine) = (sim("dead"), sim("slow"), sim("fine"));
        dead.die(404, "no_service");
        slow.fault(Fault::Slow(Duration::from_secs(5)));
        let fanout = Fanout::new()
            .channel(Arc::clone(&dead))
            .channel(Arc::clone(&slow))
            .channel(Arc::clone(&fine));
        let events = Mutex::new(Vec::new());
        let report = testing::reports().remove(0);

        let outcome = fanout
            .send(&report, &|event| events.lock().unwrap().push(event))
            .await;

        let names: Vec<&str> = outcome
            .channels
            .iter()
            .map(|outcome| outcome.channel.as_str())
            .collect();
        assert_eq!(names, ["dead", "slow", "fine"]);
        assert_eq!(outcome.delivered(), 2);
        assert_eq!(
            outcome.errors().map(Error::channel).collect::<Vec<_>>(),
            ["dead"]
        );
        assert_eq!(
            (
                dead.received().len(),
                slow.received().len(),
                fine.received().len()
            ),
            (0, 1, 1)
        );

        // The slow channel delayed no other: its delivery is the last event.
        let events = events.into_inner().unwrap();
        assert_eq!(events.len(), 6);
        assert!(
            matches!(&events[5], Event::Delivered { channel, .. } if channel == "slow"),
            "{events:?}"
        );
        let json = serde_json::to_value(&events[..4]).unwrap();
        assert_eq!(json[0]["event"], "sending");
        assert!(json.to_string().contains("\"not-delivered\""), "{json}");
    }

    #[tokio::test]
    async fn a_fanout_to_nobody_delivers_to_nobody() {
        let fanout = Fanout::new();
        assert!(fanout.is_empty());
        assert_eq!(
            fanout
                .send(&testing::reports()[0], &|_| {})
                .await
                .delivered(),
            0
        );
    }

    fn sim(name: &str) -> Arc<SimChannel> {
        Arc::new(SimChannel::new(name))
    }
}
