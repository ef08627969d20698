//! Asking until it is proven or the time is up.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::event::{Event, Observer};
use crate::options::Options;
use crate::probe::{Observation, Probe};
use crate::report::{Report, TargetReport};
use crate::round::Round;
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

/// When a probe began, and what it showed.
type Asked = (Instant, Round);

struct Answer {
    observation: Observation,
    /// Whether the end of the check cut it off.
    is_cut: bool,
}

impl Course<'_> {
    async fn follow(&self, target: &Target) -> TargetReport {
        let mut tally = Tally::new(target, self.options);
        while let Some((began, round)) = self.ask(target, &tally).await {
            let objections = tally.take(&round, self.start.elapsed());
            for (observation, objection) in round.observations.into_iter().zip(objections) {
                let expected = tally.is_expected(&observation);
                self.observer.observe(Event::Probed {
                    target: target.name.clone(),
                    address: observation.address,
                    attempt: tally.attempts(),
                    consecutive: tally.consecutive(),
                    needed: self.options.successes,
                    state: observation.state,
                    latency_ms: observation.latency_ms,
                    revision: observation.revision,
                    expected,
                    objection,
                });
            }
            if tally.is_healthy() {
                break;
            }
            let pause = self.options.interval.saturating_add(jitter(
                target.name.as_str(),
                tally.attempts(),
                self.options.jitter,
            ));
            let next = began.checked_add(pause).unwrap_or(self.deadline);
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

    /// The next answers of the target and when they were asked for; `None` if the time is up.
    async fn ask(&self, target: &Target, tally: &Tally<'_>) -> Option<Asked> {
        let permit = self.permit().await?;
        let began = Instant::now();
        let limit = self.limit()?;
        let addresses = timeout(
            limit.saturating_add(GRACE),
            self.probe.addresses(target, limit),
        )
        .await;
        let answers = match addresses {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                vec![self.one(target, None, Some(permit)).await]
            }
            Ok(Ok(addresses)) => {
                let mut permit = Some(permit);
                let asked = addresses
                    .into_iter()
                    // The first goes ahead with the permit that is there, so nobody who holds one waits for another.
                    .map(|address| self.one(target, Some(address), permit.take()));
                join_all(asked).await
            }
            Ok(Err(observation)) => vec![Some(self.answer(limit, observation))],
            Err(_) => vec![Some(self.answer(limit, silent(limit)))],
        };
        // What was cut off before it had the time that a good answer may take says nothing about the target, unless
        // nothing else does.
        let is_whole = answers
            .iter()
            .all(|answer| answer.as_ref().is_some_and(|answer| !answer.is_cut));
        let is_any = answers.iter().any(Option::is_some);
        let answers: Vec<Observation> = answers
            .into_iter()
            .map(|answer| match answer {
                Some(answer) => answer.observation,
                // It must not be taken for one that was asked and found good, nor for one that refuses.
                None => Observation::unknown("has an address that was not asked: no time was left")
                    .reached(),
            })
            .collect();
        (is_any && (is_whole || tally.attempts() == 0))
            .then(|| (began, Round::of(answers, tally.answered())))
    }

    /// What one address answers; `None` if there was no time left to ask.
    async fn one(
        &self,
        target: &Target,
        address: Option<SocketAddr>,
        permit: Option<SemaphorePermit<'_>>,
    ) -> Option<Answer> {
        let permit = match permit {
            Some(permit) => permit,
            None => self.permit().await?,
        };
        let limit = self.limit()?;
        let asking = async {
            match address {
                Some(address) => self.probe.probe_at(target, address, limit).await,
                None => self.probe.probe_within(target, limit).await,
            }
        };
        let asked = timeout(limit.saturating_add(GRACE), asking).await;
        drop(permit);
        Some(self.answer(limit, asked.unwrap_or_else(|_| silent(limit))))
    }

    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        timeout_at(self.deadline, self.permits.acquire())
            .await
            .ok()?
            .ok()
    }

    /// How long a probe that begins now may take; `None` if the time is up.
    fn limit(&self) -> Option<Duration> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        (!remaining.is_zero()).then(|| self.options.try_timeout.min(remaining))
    }

    fn answer(&self, limit: Duration, observation: Observation) -> Answer {
        let is_short = limit < self.options.try_timeout.min(self.options.latency_ceiling);
        Answer {
            observation,
            is_cut: is_short && Instant::now() >= self.deadline,
        }
    }
}

fn silent(limit: Duration) -> Observation {
    Observation::unknown(format!("gave no answer within {}", text::duration(limit))).latency(limit)
}

/// A part of `most` that looks random and is not: the same inputs give the same part.
fn jitter(name: &str, attempt: u32, most: Duration) -> Duration {
    // FNV-1a, and a last mixing, because its upper bits hardly change with the last byte.
    let bytes = name.bytes().chain(attempt.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let share = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 48;
    most.checked_mul(u32::try_from(share).unwrap_or(0))
        .map_or(Duration::ZERO, |scaled| scaled / (1 << 16))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::report::Verdict;
    use crate::sim::{Answer, SimProbe, SimTask};

    const SECOND: Duration = Duration::from_secs(1);

    fn target(name: &str) -> Target {
        format!("{name}=http://{name}/actuator/health")
            .parse()
            .unwrap()
    }

    fn task(revision: &str) -> SimTask {
        SimTask::new(revision.parse().unwrap())
    }

    /// Checks one service made of these tasks; gives its report and how long it took.
    async fn run(
        tasks: impl IntoIterator<Item = SimTask>,
        expect: Option<&str>,
        options: &Options,
    ) -> (TargetReport, Duration) {
        let probe = SimProbe::new();
        let mut target = target("svc");
        for task in tasks {
            probe.add(&target.name, task);
        }
        if let Some(revision) = expect {
            target = target.expect_revision(revision.parse().unwrap());
        }
        let began = Instant::now();
        let mut report = check(&probe, &[target], options, &|_: Event| {}).await;
        (report.targets.remove(0), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_answer_starts_the_count_anew() {
        use Answer::{Down, Up};
        let flapping = SimTask::nameless().flapping_at(Duration::ZERO, [Up, Up, Down, Up, Up, Up]);
        let (report, took) = run([flapping], None, &Options::default()).await;
        assert_eq!(
            (report.verdict, report.attempts, report.consecutive),
            (Verdict::Healthy, 6, 3)
        );
        assert_eq!(took, 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dwell_catches_what_comes_up_once() {
        let once = || SimTask::nameless().at(4 * SECOND, Answer::Down);
        assert_eq!(
            run([once()], None, &Options::default()).await.0.verdict,
            Verdict::Healthy
        );
        let options = Options::default().dwell(10 * SECOND).timeout(60 * SECOND);
        assert_eq!(
            run([once()], None, &options).await.0.verdict,
            Verdict::Unhealthy
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_start_passes_once_answers_are_below_the_ceiling() {
        let warming = SimTask::nameless()
            .at(Duration::ZERO, Answer::Down)
            .at(2 * SECOND, Answer::Slow(3 * SECOND))
            .at(20 * SECOND, Answer::Slow(Duration::from_millis(50)));
        let (report, took) = run([warming], None, &Options::default()).await;
        assert_eq!(report.verdict, Verdict::Healthy);
        assert!(took >= 22 * SECOND, "{took:?}");
        assert_eq!(report.last.unwrap().latency_ms, 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rollout_is_healthy_only_after_the_old_task_is_gone() {
        let (old, new) = (
            task("9ab01cd").at(30 * SECOND, Answer::Gone),
            task("abc1234"),
        );
        let (report, took) = run([old, new], Some("abc1234"), &Options::default()).await;
        assert_eq!(report.verdict, Verdict::Healthy);
        // The last old answer is the one at 28 s.
        assert_eq!(took, 31 * SECOND);
        assert_eq!((report.seen.new, report.seen.old), (17, 15));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_deadline_the_verdict_says_what_stood_in_the_way() {
        let options = Options::default().timeout(20 * SECOND);
        let bad = |answer| task("abc1234").at(Duration::ZERO, answer);
        for (tasks, verdict, reason) in [
            (
                vec![task("9ab01cd")],
                Verdict::Stale,
                "only the old build answers: 20 of 20 answers from 9ab01cd, none from abc1234",
            ),
            (
                vec![task("9ab01cd"), task("abc1234")],
                Verdict::Stale,
                "both builds still answer: 10 of 20 answers from 9ab01cd",
            ),
            (
                vec![bad(Answer::Down)],
                Verdict::Unhealthy,
                "answers 503 DOWN (0 of 20 probes good, 3 in a row needed)",
            ),
            (
                vec![bad(Answer::Hang)],
                Verdict::Unhealthy,
                "accepts the connection, but gives no answer within 5 s (0 of 4 probes good, 3 in a row needed)",
            ),
            (
                vec![bad(Answer::Refuse)],
                Verdict::Inconclusive,
                "cannot be reached: it refuses the connection (0 of 20 probes good, 3 in a row needed)",
            ),
            (
                vec![SimTask::nameless()],
                Verdict::Inconclusive,
                "is up, but does not say which build it is (0 of 20 probes good, 3 in a row needed)",
            ),
        ] {
            let (report, took) = run(tasks, Some("abc1234"), &options).await;
            assert_eq!(
                (report.verdict, report.reason.as_deref()),
                (verdict, Some(reason))
            );
            assert_eq!(took, 20 * SECOND, "{reason}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_probe_is_not_held_against_a_target_that_had_no_time_to_answer() {
        let options = Options::default()
            .successes(9)
            .timeout(Duration::from_millis(2100));
        let steady =
            SimTask::nameless().at(Duration::ZERO, Answer::Slow(Duration::from_millis(200)));
        let (report, took) = run([steady], None, &options).await;
        assert_eq!(
            (report.verdict, report.attempts, report.consecutive),
            (Verdict::Inconclusive, 2, 2)
        );
        assert_eq!(took, Duration::from_millis(2100));
    }

    /// Has two addresses and answers well, each time for the whole of the time.
    #[derive(Debug)]
    struct Pair;

    #[async_trait]
    impl Probe for Pair {
        async fn probe(&self, _: &Target) -> Observation {
            Observation::up()
        }

        async fn addresses(&self, _: &Target, _: Duration) -> Result<Vec<SocketAddr>, Observation> {
            Ok(["10.0.0.1:80", "10.0.0.2:80"]
                .map(|address| address.parse().unwrap())
                .to_vec())
        }

        async fn probe_at(&self, _: &Target, address: SocketAddr, limit: Duration) -> Observation {
            tokio::time::sleep(limit).await;
            Observation::up().address(address)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_was_never_asked_is_not_taken_for_good() {
        let options = Options::default()
            .successes(1)
            .max_parallel(1)
            .timeout(SECOND);
        let report = check(&Pair, &[target("svc")], &options, &|_: Event| {}).await;
        let svc = &report.targets[0];
        assert_eq!(svc.verdict, Verdict::Inconclusive, "{svc:?}");
        assert!(
            svc.reason.as_ref().unwrap().contains("was not asked"),
            "{svc:?}"
        );
    }

    /// Keeps no limit at all.
    #[derive(Debug)]
    struct Stuck;

    #[async_trait]
    impl Probe for Stuck {
        async fn probe(&self, _: &Target) -> Observation {
            std::future::pending().await
        }

        async fn probe_within(&self, target: &Target, _: Duration) -> Observation {
            self.probe(target).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_holds_with_a_probe_that_keeps_no_limit() {
        for timeout in [0, 1, 300, 5_000, 7_000, 10_000].map(Duration::from_millis) {
            let began = Instant::now();
            let report = check(
                &Stuck,
                &[target("svc")],
                &Options::default().timeout(timeout),
                &|_: Event| {},
            )
            .await;
            let late = began.elapsed().saturating_sub(timeout);
            assert!(
                late <= Duration::from_millis(100),
                "{late:?} after {timeout:?}"
            );
            assert_eq!(report.verdict(), Some(Verdict::Inconclusive));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_hung_target_of_200_ends_at_the_deadline_and_holds_up_none() {
        let probe = SimProbe::new();
        let targets: Vec<Target> = (0..200).map(|n| target(&format!("s{n}"))).collect();
        for (n, target) in targets.iter().enumerate() {
            let answer = if n == 77 {
                Answer::Hang
            } else {
                Answer::Slow(Duration::from_millis(20))
            };
            probe.add(&target.name, SimTask::nameless().at(Duration::ZERO, answer));
        }
        let ended = Mutex::new(Vec::new());
        let began = Instant::now();
        let observer = |event: Event| {
            if let Event::TargetFinished { verdict, .. } = event {
                ended.lock().unwrap().push((verdict, began.elapsed()));
            }
        };
        let report = check(
            &probe,
            &targets,
            &Options::default().timeout(30 * SECOND),
            &observer,
        )
        .await;
        assert_eq!(began.elapsed(), 30 * SECOND);
        assert_eq!(
            report
                .targets
                .iter()
                .map(|t| t.name.clone())
                .collect::<Vec<_>>(),
            targets.iter().map(|t| t.name.clone()).collect::<Vec<_>>()
        );
        assert_eq!(report.verdict(), Some(Verdict::Unhealthy));
        assert_eq!(
            report
                .targets
                .iter()
                .filter(|t| t.verdict == Verdict::Healthy)
                .count(),
            199
        );
        let ended = ended.into_inner().unwrap();
        assert_eq!(ended.len(), 200);
        assert!(
            ended[..199]
                .iter()
                .all(|(verdict, when)| *verdict == Verdict::Healthy && *when < 3 * SECOND)
        );
        assert_eq!(probe.peak(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn probes_under_way_stay_within_the_limit_and_each_is_a_connection() {
        let probe = SimProbe::new();
        let targets: Vec<Target> = (0..20).map(|n| target(&format!("s{n}"))).collect();
        for target in &targets {
            probe.add(
                &target.name,
                SimTask::nameless().at(Duration::ZERO, Answer::Slow(Duration::from_millis(500))),
            );
        }
        let report = check(
            &probe,
            &targets,
            &Options::default().max_parallel(4),
            &|_: Event| {},
        )
        .await;
        assert_eq!(report.verdict(), Some(Verdict::Healthy));
        assert_eq!(probe.peak(), 4);
        for (target, report) in targets.iter().zip(&report.targets) {
            assert_eq!(probe.connections(&target.name), report.attempts as usize);
        }
    }

    #[test]
    fn jitter_spreads_targets_and_is_the_same_in_each_run() {
        let most = Duration::from_millis(100);
        let of = |target: u32, attempt| jitter(&format!("svc-{target}"), attempt, most);
        let parts: Vec<Duration> = (0..200).map(|target| of(target, 1)).collect();
        assert_eq!(
            parts,
            (0..200).map(|target| of(target, 1)).collect::<Vec<_>>()
        );
        assert!(parts.iter().all(|part| *part < most));
        for quarter in 0..4 {
            let within = (most / 4 * quarter)..(most / 4 * (quarter + 1));
            let count = parts
                .iter()
                .filter(|&part| within.contains::<Duration>(part))
                .count();
            assert!((25..=75).contains(&count), "{count} in {within:?}");
        }
        assert_ne!(of(1, 1), of(1, 2));
        assert_eq!(jitter("svc", 1, Duration::ZERO), Duration::ZERO);
        let _ = jitter("svc", 1, Duration::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_lengthens_the_interval_and_nothing_else() {
        let options = Options::default().jitter(SECOND / 2);
        let (report, took) = run([SimTask::nameless()], None, &options).await;
        assert_eq!((report.verdict, report.attempts), (Verdict::Healthy, 3));
        assert!((2 * SECOND..3 * SECOND).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_to_check_is_no_verdict() {
        let report = check(&SimProbe::new(), &[], &Options::default(), &|_: Event| {}).await;
        assert_eq!(report.verdict(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn options_beyond_all_measure_do_not_panic() {
        let options = Options::default()
            .timeout(Duration::MAX)
            .try_timeout(Duration::MAX)
            .interval(Duration::MAX)
            .latency_ceiling(Duration::MAX)
            .max_parallel(usize::MAX)
            .successes(0);
        assert_eq!(
            run([SimTask::nameless()], None, &options).await.0.verdict,
            Verdict::Healthy
        );
    }

    #[tokio::test(start_paused = true)]
    async fn report_and_events_have_the_documented_json() {
        let probe = SimProbe::new();
        let target: Target = "svc=http://u:p@svc/actuator/health".parse().unwrap();
        let target = target.expect_revision("abc1234".parse().unwrap());
        probe.add(&target.name, task("9ab01cd"));
        let events = Mutex::new(Vec::new());
        let observer = |event: Event| {
            events
                .lock()
                .unwrap()
                .push(serde_json::to_value(event).unwrap())
        };
        let report = check(
            &probe,
            &[target],
            &Options::default().timeout(SECOND),
            &observer,
        )
        .await;
        let reason = "only the old build answers: 1 of 1 answers from 9ab01cd, none from abc1234";
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            serde_json::json!({"targets": [{
                "name": "svc", "url": "http://svc/actuator/health", "verdict": "stale", "attempts": 1, "consecutive": 0,
                "last": {"address": null, "status": 200, "body_status": "UP", "latency_ms": 0, "error": null}, "revision": "9ab01cd",
                "reason": reason, "note": null, "probes": 1, "took_ms": 0, "seen": {"new": 0, "old": 1, "builds": {"9ab01cd": 1}},
            }]})
        );
        assert_eq!(
            events.into_inner().unwrap(),
            [
                serde_json::json!({"event": "probed", "target": "svc", "address": null, "attempt": 1, "consecutive": 0, "needed": 3,
                    "state": "up", "latency_ms": 0, "revision": "9ab01cd", "expected": false, "objection": "another build answers: 9ab01cd"}),
                serde_json::json!({"event": "target-finished", "target": "svc", "verdict": "stale", "reason": reason}),
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_check_ends_its_probes() {
        let probe = SimProbe::new();
        let target = target("svc");
        probe.add(&target.name, SimTask::nameless());
        let options = Options::default().successes(u32::MAX);
        let _ = timeout(
            10 * SECOND,
            check(
                &probe,
                std::slice::from_ref(&target),
                &options,
                &|_: Event| {},
            ),
        )
        .await;
        let asked = probe.connections(&target.name);
        assert!((10..=11).contains(&asked), "{asked}");
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(probe.connections(&target.name), asked);
    }
}
