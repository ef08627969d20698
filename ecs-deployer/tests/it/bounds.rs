//! The bounds of a deployment over a grid of services, and whether breaking a rule is noticed.

use ecs_deployer::sim::{TaskHealth, Truth};

use crate::stage::{Stage, begin, service};

const MINIMUMS: [u32; 6] = [0, 33, 50, 66, 75, 100];
const MAXIMUMS: [u32; 5] = [100, 110, 125, 150, 200];

#[derive(Debug, Clone, Copy)]
struct Case {
    desired: u32,
    minimum: u32,
    maximum: u32,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        (1..=12_u32).flat_map(|desired| {
            MINIMUMS.into_iter().flat_map(move |minimum| {
                MAXIMUMS.into_iter().map(move |maximum| Self {
                    desired,
                    minimum,
                    maximum,
                })
            })
        })
    }

    const fn least(self) -> u32 {
        (self.desired * self.minimum).div_ceil(100)
    }

    const fn most(self) -> u32 {
        self.desired * self.maximum / 100
    }

    const fn is_deadlocked(self) -> bool {
        self.most() <= self.desired && self.least() >= self.desired
    }

    fn spec(self) -> impl FnOnce(ecs_deployer::sim::ServiceSpec) -> ecs_deployer::sim::ServiceSpec {
        move |spec| {
            let mut spec = spec.percent(self.minimum, self.maximum);
            spec.desired_count = self.desired;
            spec
        }
    }
}

/// What a deployment of a case did.
#[derive(Debug, Default)]
struct Seen {
    /// The first time that a bound was broken, in words.
    broken: Option<String>,
    completed: bool,
    /// How often ECS said that nothing can be done.
    told: usize,
}

/// Rolls a healthy revision out and looks at each pass.
async fn roll_out(stage: &Stage, case: Case) -> Seen {
    let ours = begin(stage).await;
    let mut seen = Seen::default();
    for _ in 0..400 {
        stage.pass().await;
        let tasks = stage.cluster.tasks(&service());
        let alive = tasks.iter().filter(|task| task.status != "STOPPED").count();
        let healthy = tasks
            .iter()
            .filter(|task| task.health == Some(TaskHealth::Healthy))
            .count();
        if alive > case.most() as usize || healthy < case.least() as usize {
            seen.broken.get_or_insert(format!(
                "{case:?}: {alive} alive of {}, {healthy} healthy of {}",
                case.most(),
                case.least()
            ));
        }
        if stage.cluster.truth(&service(), &ours) == Some(Truth::Completed) {
            seen.completed = true;
            break;
        }
    }
    let events = stage.state().await.events;
    seen.told = events
        .iter()
        .filter(|event| event.message.contains("was unable to stop or start tasks"))
        .count();
    seen
}

/// Never fewer healthy tasks than the minimum, never more tasks than the maximum; it completes exactly unless no task can
/// ever be replaced.
#[tokio::test(start_paused = true)]
async fn the_bounds_hold_and_only_the_deadlock_stalls() {
    let mut stalled = 0;
    for case in Case::all() {
        let stage = Stage::new(case.spec()).await;
        let seen = roll_out(&stage, case).await;
        assert_eq!(seen.broken, None);
        assert_eq!(seen.completed, !case.is_deadlocked(), "{case:?}");
        if case.is_deadlocked() {
            stalled += 1;
            assert_eq!(seen.told, 1, "{case:?}: said once in six hours");
        }
    }
    assert_eq!(stalled, 50, "of 360");
}

/// The same look finds each rule that is broken on purpose.
#[cfg(feature = "testing")]
#[tokio::test(start_paused = true)]
async fn a_broken_rule_is_noticed() {
    use ecs_deployer::sim::Flaw;

    for flaw in [
        Flaw::StopsAtTheMinimum,
        Flaw::RoundsTheMinimumDown,
        Flaw::ForgetsStoppingTasks,
    ] {
        let mut noticed = 0;
        for case in Case::all() {
            let stage = Stage::flawed(case.spec(), flaw).await;
            let seen = roll_out(&stage, case).await;
            let stalls_wrongly = seen.completed == case.is_deadlocked();
            noticed += usize::from(seen.broken.is_some() || stalls_wrongly);
        }
        println!("{flaw:?}: noticed in {noticed} of 360 cases");
        assert!(noticed > 0, "{flaw:?}");
    }
}
