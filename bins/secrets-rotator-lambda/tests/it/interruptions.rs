//! A function that is killed anywhere, called again, and whose service starts anew in between.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use proptest::prelude::*;
use secrets_rotator_lambda::sim::{SimService, SimStore};
use secrets_rotator_lambda::{
    Error, Outcome, Password, Request, ServiceName, Services, Stage, Step, VersionId, rotate,
};

use crate::protocol::password;

struct World {
    store: SimStore,
    service: SimService,
    services: Services,
}

impl World {
    fn new(takes_two: bool) -> Self {
        let service = match takes_two {
            true => SimService::two_passwords(password("old")),
            false => SimService::one_password(password("old")),
        };
        Self {
            store: SimStore::new("sdt/dev/redis-password", password("old")),
            services: Services::default().with(ServiceName::Redis, service.clone()),
            service,
        }
    }

    async fn step(&self, step: Step, version: &VersionId) -> Result<Outcome, Error> {
        let request = Request::new(step, self.store.id(), version.clone());
        Ok(rotate(&self.store, &self.services, &request).await?.1)
    }

    /// Whether Secrets Manager would begin a rotation.
    fn is_at_rest(&self) -> bool {
        let pending = self.store.version(Stage::Pending);
        pending.is_none() || pending == self.store.version(Stage::Current)
    }

    /// Whether the service takes the value with one of these labels.
    fn takes(&self, stages: &[Stage]) -> bool {
        let passwords = self.service.passwords();
        let known: Vec<Password> = stages
            .iter()
            .filter_map(|stage| self.store.staged(*stage))
            .collect();
        known.iter().any(|password| passwords.contains(password))
    }
}

/// Polls a future so often; its output if it ended.
async fn polled<F: Future>(mut future: Pin<&mut F>, polls: usize) -> Option<F::Output> {
    for _ in 0..polls {
        let poll = poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
        if let Poll::Ready(output) = poll.await {
            return Some(output);
        }
    }
    None
}

#[tokio::test]
async fn a_function_killed_at_any_await_leaves_a_password_that_works_and_a_step_that_can_be_done_again()
 {
    for takes_two in [false, true] {
        let mut points = 0;
        for killed in Step::ALL {
            for polls in 0.. {
                let world = World::new(takes_two);
                let version = world.store.begin();
                for before in Step::ALL.into_iter().take_while(|step| *step < killed) {
                    world.step(before, &version).await.unwrap();
                }
                let ended = polled(pin!(world.step(killed, &version)), polls).await;
                assert!(
                    world.takes(&[Stage::Current, Stage::Pending]),
                    "{killed} killed after {polls}"
                );
                let kept = [Stage::Pending, Stage::Current].map(|stage| world.store.version(stage));
                assert!(
                    killed < Step::Set || kept.contains(&Some(version.clone())),
                    "the pending password is lost"
                );
                let again = Step::ALL.into_iter().filter(|step| *step >= killed);
                // Secrets Manager calls that step again, or begins with the first.
                for step in again.chain(Step::ALL) {
                    world.step(step, &version).await.unwrap();
                }
                assert_eq!(
                    world.service.passwords(),
                    [world.store.current().unwrap()],
                    "{killed} killed after {polls}"
                );
                assert_ne!(world.store.current(), Some(password("old")));
                assert_eq!(world.store.staged(Stage::Previous), Some(password("old")));
                if ended.is_some() {
                    break;
                }
                points += 1;
            }
        }
        // Each of the 18 calls or more to the store and the service gives way twice.
        assert!(points >= 36, "{points}");
    }
}

/// What happens.
#[derive(Debug, Clone)]
enum Event {
    /// A step is called and killed after so many polls.
    Killed(Step, usize),
    /// A step is called, and the service's container starts anew after so many polls, with the current password.
    Restarted(Step, usize),
    /// Secrets Manager begins another rotation.
    Begun,
    /// Somebody puts a new current value.
    Put,
}

fn event() -> impl Strategy<Value = Event> {
    let step = || prop::sample::select(Step::ALL.to_vec());
    prop_oneof![
        4 => (step(), 0_usize..16).prop_map(|(step, polls)| Event::Killed(step, polls)),
        2 => (step(), 0_usize..16).prop_map(|(step, polls)| Event::Restarted(step, polls)),
        1 => Just(Event::Begun),
        1 => Just(Event::Put),
    ]
}

proptest! {
    #[test]
    fn whatever_happened_before_a_rotation_that_is_left_alone_succeeds(takes_two: bool, events in prop::collection::vec(event(), 0..14)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new(takes_two);
            let mut version = world.store.begin();
            let mut finished = Vec::new();
            for (count, event) in events.into_iter().enumerate() {
                let current = world.store.version(Stage::Current);
                let is_put = matches!(event, Event::Put);
                let mut is_finished = false;
                match event {
                    Event::Killed(step, polls) => {
                        // Whether it ended, and how, is all the same, but for the last one.
                        let ended = polled(pin!(world.step(step, &version)), polls).await;
                        is_finished = step == Step::Finish && matches!(ended, Some(Ok(_)));
                    }
                    Event::Restarted(step, polls) => {
                        let mut call = pin!(world.step(step, &version));
                        let ended = polled(call.as_mut(), polls).await;
                        world.service.restart(world.store.current().unwrap());
                        if ended.is_none() {
                            let _ = call.await;
                        }
                    }
                    // It refuses as long as one is under way.
                    Event::Begun if world.is_at_rest() => version = world.store.begin(),
                    // Twice in a row, and the service has a password that Secrets Manager keeps no more.
                    Event::Put if world.takes(&[Stage::Current]) => world.store.put_current(password(&format!("put-{count}"))),
                    Event::Begun | Event::Put => {}
                }
                let now = world.store.version(Stage::Current);
                assert!(is_put || now == current || !finished.iter().any(|version| now.as_ref() == Some(version)), "a finished version was finished again");
                if is_finished {
                    finished.push(version.clone());
                }
                assert!(world.takes(&[Stage::Current, Stage::Pending, Stage::Previous]));
            }
            // Of a version that somebody put another value over, a call makes an end.
            let _ = world.step(Step::Create, &version).await;
            if world.is_at_rest() {
                version = world.store.begin();
            }
            for step in Step::ALL {
                world.step(step, &version).await.unwrap();
            }
            assert_eq!(world.service.passwords(), [world.store.current().unwrap()]);
        });
    }
}
