//! The published rates of ECS's API: token buckets per account and family of calls.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// A family of calls that share a bucket, with its burst and its refill in a second
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>).
const FAMILIES: [(&[&str], f64, f64); 12] = [
    (
        &["CreateService", "UpdateService", "DeleteService"],
        50.0,
        5.0,
    ),
    (&["DescribeServices", "ListServices"], 100.0, 20.0),
    (
        &["DescribeServiceDeployments", "ListServiceDeployments"],
        50.0,
        20.0,
    ),
    (&["DescribeServiceRevisions"], 50.0, 20.0),
    (
        &["RegisterTaskDefinition", "DeregisterTaskDefinition"],
        20.0,
        1.0,
    ),
    (
        &[
            "DescribeTaskDefinition",
            "ListTaskDefinitions",
            "ListTaskDefinitionFamilies",
        ],
        50.0,
        20.0,
    ),
    (&["DeleteTaskDefinitions"], 5.0, 1.0),
    (&["ListTasks", "DescribeTasks"], 100.0, 20.0),
    (&["RunTask", "StopTask"], 100.0, 40.0),
    (&["DescribeClusters", "ListClusters"], 50.0, 20.0),
    (&["TagResource", "UntagResource"], 20.0, 10.0),
    (&["ListTagsForResource"], 50.0, 20.0),
];

/// Counts calls, and throttles them where that is wanted. Its time is tokio's and not the model's: a client that polls twice a
/// second does so however fast the model's time goes.
#[derive(Debug, Default)]
pub(super) struct Rates {
    enforced: bool,
    buckets: BTreeMap<usize, Bucket>,
    calls: BTreeMap<String, u64>,
    throttled: u64,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    since: Instant,
}

impl Rates {
    pub(super) fn enforce(&mut self, on: bool) {
        self.enforced = on;
        self.buckets.clear();
    }

    pub(super) const fn calls(&self) -> &BTreeMap<String, u64> {
        &self.calls
    }

    pub(super) const fn throttled(&self) -> u64 {
        self.throttled
    }

    pub(super) const fn count_throttled(&mut self) {
        self.throttled += 1;
    }

    /// Counts a call; says whether it may go on. An action whose rate is not published always may.
    pub(super) fn take(&mut self, action: &str) -> bool {
        *self.calls.entry(action.to_owned()).or_default() += 1;
        let family = FAMILIES
            .iter()
            .position(|(actions, _, _)| actions.contains(&action));
        let Some(family) = family.filter(|_| self.enforced) else {
            return true;
        };
        let (_, burst, refill) = FAMILIES[family];
        let now = Instant::now();
        let bucket = self.buckets.entry(family).or_insert(Bucket {
            tokens: burst,
            since: now,
        });
        let gained = (now - bucket.since).as_secs_f64() * refill;
        bucket.tokens = (bucket.tokens + gained).min(burst);
        bucket.since = now;
        if bucket.tokens < 1.0 {
            self.throttled += 1;
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    /// Others take what is left in a bucket, or in all.
    pub(super) fn drain(&mut self, action: Option<&str>) {
        let now = Instant::now();
        for (family, (actions, _, _)) in FAMILIES.iter().enumerate() {
            if action.is_none_or(|action| actions.contains(&action)) {
                self.buckets.insert(
                    family,
                    Bucket {
                        tokens: 0.0,
                        since: now,
                    },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_gives_its_burst_and_then_its_refill() {
        let mut rates = Rates::default();
        rates.enforce(true);
        let mut granted = |wanted: usize| {
            (0..wanted)
                .filter(|_| rates.take("RegisterTaskDefinition"))
                .count()
        };
        assert_eq!(granted(30), 20, "the burst");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(granted(10), 3, "one a second");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(granted(30), 20, "never more than the burst");
        assert!(rates.take("DescribeServices"), "another bucket");
        assert_eq!(rates.throttled(), 27);
        assert_eq!(rates.calls()["RegisterTaskDefinition"], 70);
    }

    #[test]
    fn each_action_is_in_one_family() {
        let mut all: Vec<&str> = FAMILIES
            .iter()
            .flat_map(|(names, _, _)| names.iter().copied())
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
