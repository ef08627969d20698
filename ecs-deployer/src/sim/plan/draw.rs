//! Drawing services and fault plans at random: the same seed draws the same.

use std::time::Duration;

use super::{FaultPlan, Happening, Knobs, What};
use crate::sim::{AlarmRule, Behaviour, Breaker, ServiceSpec, Threshold};
use crate::{ServiceName, TaskDefinitionArn};

/// The alarm of drawn services.
const ALARM: &str = "too-many-errors";

/// The digits of a seed, drawn one after another (SplitMix64, by Sebastiano Vigna; in the public domain).
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `bound`.
    const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    const fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    const fn count(&mut self, least: u32, most: u32) -> u32 {
        self.between(least as u64, most as u64) as u32
    }

    const fn seconds(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_secs(self.between(least, most))
    }

    /// True in `percent` of a hundred cases.
    const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap_or_default()]
    }
}

impl ServiceSpec {
    /// A service that a seed draws: count, bounds, circuit breaker, checks, alarms. It may be deadlocked.
    pub fn draw(seed: u64, name: ServiceName, task_definition: TaskDefinitionArn) -> Self {
        let dice = &mut Dice(seed ^ 0x5e11_1ce0);
        let desired = dice.count(1, 8);
        let mut spec = Self::new(name, task_definition, desired)
            .percent(dice.one_of(&[0, 50, 100]), dice.one_of(&[100, 150, 200]))
            .health_check(dice.chance(50))
            .container_check(dice.chance(30));
        if dice.chance(65) {
            let threshold = match dice.below(4) {
                0 => Threshold::Count(dice.count(1, 5)),
                1 => Threshold::UnboundedPercent(50),
                _ => Threshold::default(),
            };
            spec.circuit_breaker = Some(
                Breaker::new(dice.chance(75))
                    .threshold(threshold)
                    .reset_on_healthy_task(dice.chance(80)),
            );
        }
        if dice.chance(25) {
            spec.alarms = Some(AlarmRule::new([ALARM], dice.chance(70)));
        }
        if dice.chance(20) {
            spec.grace = dice.seconds(10, 120);
        }
        if dice.chance(20) {
            spec.bake = Some(dice.seconds(10, 180));
        }
        spec
    }
}

impl FaultPlan {
    /// A plan that a seed draws for a deployment of `image` to a service: how its tasks behave, and up to four happenings
    /// within its first quarter of an hour.
    pub fn draw(seed: u64, service: &ServiceName, image: &str) -> Self {
        let dice = &mut Dice(seed ^ 0xfa17_9142);
        let mut plan = Self::default().image(image, behaviour(dice));
        plan.knobs = Knobs {
            exits_count: dice.chance(20),
            rollback_takes_new_id: dice.chance(25),
        };
        if dice.chance(10) {
            plan.alarms.push(ALARM.to_owned());
        }
        for _ in 0..dice.one_of(&[0, 0, 0, 1, 1, 2, 3, 4]) {
            let at = dice.seconds(0, 900);
            let what = what(dice, image);
            plan.happenings.push(Happening {
                at,
                from: super::Anchor::Deployment,
                service: service.clone(),
                what,
            });
        }
        plan
    }
}

fn behaviour(dice: &mut Dice) -> Behaviour {
    let exit_code = i64::from(dice.count(1, 255));
    match dice.below(16) {
        0..4 => Behaviour::Healthy,
        4 | 5 => Behaviour::MissingImage,
        6 => Behaviour::MissingSecret,
        7 => Behaviour::CannotStart,
        8 => Behaviour::CrashAtStart { exit_code },
        9 => Behaviour::CrashAfter {
            running: dice.seconds(5, 300),
            exit_code,
        },
        10 => Behaviour::OutOfMemory {
            running: dice.seconds(5, 300),
        },
        11 => Behaviour::Unhealthy {
            reason: "Health checks failed with these codes: [500]".to_owned(),
        },
        12 => Behaviour::UnhealthyContainer,
        13 => Behaviour::UnhealthyAfter {
            running: dice.seconds(20, 400),
            reason: "Request timed out".to_owned(),
        },
        14 => Behaviour::SlowStart {
            warm_up: dice.seconds(1, 200),
        },
        _ => Behaviour::AtFirst {
            tasks: dice.count(1, 4),
            part: Box::new(Behaviour::CrashAtStart { exit_code }),
        },
    }
}

fn what(dice: &mut Dice, image: &str) -> What {
    match dice.below(17) {
        0..3 => What::Throttle {
            calls: dice.count(1, 5),
        },
        3 | 4 => What::Lose {
            calls: dice.count(1, 3),
        },
        5 => What::LoseAnswer {
            calls: dice.count(1, 2),
        },
        6 => What::Supersede {
            image: Some("registry.example/web:somebody-else".to_owned()),
        },
        7 => What::Supersede { image: None },
        8 => What::RollBack,
        9 => What::Stop,
        10 | 11 => What::Alarm {
            name: ALARM.to_owned(),
            on: dice.chance(80),
        },
        12 | 13 => What::Scale {
            desired: dice.count(0, 10),
        },
        14 => What::StopTask,
        15 => What::Capacity {
            places: dice.chance(50).then(|| dice.count(1, 8)),
        },
        _ => What::Behave {
            image: image.to_owned(),
            part: behaviour(dice),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn service() -> ServiceName {
        "web".parse().unwrap()
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        for seed in 0..50 {
            assert_eq!(
                FaultPlan::draw(seed, &service(), "h/web:2"),
                FaultPlan::draw(seed, &service(), "h/web:2")
            );
            let spec = || ServiceSpec::draw(seed, service(), "web:1".parse().unwrap());
            assert_eq!(spec(), spec());
        }
    }

    #[test]
    fn every_kind_is_drawn_and_goes_through_a_file() {
        let mut kinds = BTreeSet::new();
        for seed in 0..2000 {
            let plan = FaultPlan::draw(seed, &service(), "h/web:2");
            let text = serde_json::to_string(&plan).unwrap();
            assert_eq!(
                serde_json::from_str::<FaultPlan>(&text).unwrap(),
                plan,
                "{text}"
            );
            let json = serde_json::to_value(&plan).unwrap();
            kinds.insert(
                json["images"]["h/web:2"]["kind"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
            for happening in json["happenings"].as_array().into_iter().flatten() {
                kinds.insert(happening["what"]["kind"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(kinds.len(), 12 + 11, "{kinds:?}");
    }
}
