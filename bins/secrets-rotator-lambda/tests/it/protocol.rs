//! What the protocol wants of each step.

use secrets_rotator_lambda::sim::{Fault, SimService, SimStore};
use secrets_rotator_lambda::{
    Error, Outcome, Password, Request, ServiceName, Services, Stage, Step, VersionId, rotate,
};

const NAME: &str = "sdt/dev/redis-password";

pub(crate) fn password(text: &str) -> Password {
    text.parse().unwrap()
}

/// A secret, its service, and a rotation that has begun.
struct World {
    store: SimStore,
    service: SimService,
    version: VersionId,
}

impl World {
    fn new() -> Self {
        let store = SimStore::new(NAME, password("old"));
        Self {
            version: store.begin(),
            store,
            service: SimService::two_passwords(password("old")),
        }
    }

    async fn step_of(&self, step: Step, version: &VersionId) -> Result<Outcome, Error> {
        let services = Services::default().with(ServiceName::Redis, self.service.clone());
        let request = Request::new(step, self.store.id(), version.clone());
        let (service, outcome) = rotate(&self.store, &services, &request).await?;
        assert_eq!(service, ServiceName::Redis);
        Ok(outcome)
    }

    async fn step(&self, step: Step) -> Result<Outcome, Error> {
        self.step_of(step, &self.version).await
    }
}

#[tokio::test]
async fn each_step_does_its_part_and_done_again_changes_nothing() {
    let world = World::new();
    assert_eq!(world.step(Step::Create).await.unwrap(), Outcome::Created);
    let pending = world.store.staged(Stage::Pending).unwrap();
    assert_eq!(
        world.step(Step::Create).await.unwrap(),
        Outcome::AlreadyCreated
    );
    assert_eq!(world.store.staged(Stage::Pending), Some(pending.clone()));
    assert_eq!(world.service.passwords(), [password("old")]);

    assert_eq!(world.step(Step::Set).await.unwrap(), Outcome::Set);
    let both = [password("old"), pending.clone()];
    assert_eq!(world.service.passwords(), both);
    assert_eq!(world.step(Step::Set).await.unwrap(), Outcome::AlreadySet);
    assert_eq!(
        world.service.passwords(),
        both,
        "the old one is taken until the end"
    );

    for _ in 0..2 {
        assert_eq!(world.step(Step::Test).await.unwrap(), Outcome::Tested);
    }
    assert_eq!(world.store.current(), Some(password("old")));

    assert_eq!(world.step(Step::Finish).await.unwrap(), Outcome::Finished);
    assert_eq!(world.store.current(), Some(pending.clone()));
    assert_eq!(world.store.staged(Stage::Previous), Some(password("old")));
    assert_eq!(world.service.passwords(), std::slice::from_ref(&pending));
    assert_eq!(
        world.step(Step::Finish).await.unwrap(),
        Outcome::AlreadyCurrent
    );
    assert_eq!(world.store.current(), Some(pending));
}

#[tokio::test]
async fn a_secret_without_rotation_is_refused_before_anything_is_read() {
    let world = World::new();
    world.store.disable();
    for step in Step::ALL {
        let error = world.step(step).await.unwrap_err();
        assert!(matches!(error, Error::NotEnabled { .. }), "{error}");
    }
    nothing_was_done(&world);
}

#[tokio::test]
async fn a_version_that_the_secret_does_not_have_is_refused() {
    let world = World::new();
    let strange: VersionId = "f".repeat(32).parse().unwrap();
    for step in Step::ALL {
        let error = world.step_of(step, &strange).await.unwrap_err();
        assert!(
            matches!(error, Error::UnknownVersion { .. }) && error.to_string().contains("ffff"),
            "{error}"
        );
    }
    nothing_was_done(&world);
}

#[tokio::test]
async fn a_version_that_is_not_pending_is_refused() {
    let world = World::new();
    world.step(Step::Create).await.unwrap();
    world.store.unstage(Stage::Pending);
    for step in Step::ALL {
        let error = world.step(step).await.unwrap_err();
        assert!(matches!(error, Error::NotPending { .. }), "{error}");
        assert!(error.hint().unwrap().contains("rotate-secret"));
    }
    assert_eq!(world.service.tries(), 0);
}

#[tokio::test]
async fn a_version_that_is_current_already_is_left_as_it_is() {
    let world = World::new();
    for step in Step::ALL {
        world.step(step).await.unwrap();
    }
    let (before, tries) = (world.store.calls().len(), world.service.tries());
    for step in [Step::Create, Step::Set, Step::Test] {
        assert_eq!(world.step(step).await.unwrap(), Outcome::AlreadyCurrent);
    }
    assert_eq!(world.store.calls()[before..], ["DescribeSecret"; 3]);
    assert_eq!(world.service.tries(), tries);
}

#[tokio::test]
async fn a_finished_version_is_not_finished_again_after_somebody_put_another_value() {
    // With its last call lost, and with that not made.
    for fault in [None, Some(Fault::After), Some(Fault::Before)] {
        let world = World::new();
        for step in [Step::Create, Step::Set, Step::Test] {
            world.step(step).await.unwrap();
        }
        let finished = match fault {
            None => world.step(Step::Finish).await.map(drop),
            Some(fault) => finish_with_its_last_call_failing(&world, fault).await,
        };
        assert_eq!(finished.is_ok(), fault.is_none());
        let is_left = world.store.version(Stage::Pending).is_some();
        assert_eq!(is_left, fault == Some(Fault::Before));

        world.store.put_current(password("put"));
        for step in Step::ALL {
            let error = world.step(step).await.unwrap_err();
            assert!(matches!(error, Error::NotPending { .. }), "{error}");
        }
        assert_eq!(world.store.current(), Some(password("put")));
        assert_eq!(
            world.store.version(Stage::Pending),
            None,
            "no rotation could begin"
        );
        let next = world.store.begin();
        for step in Step::ALL {
            world.step_of(step, &next).await.unwrap();
        }
        assert_eq!(world.service.passwords(), [world.store.current().unwrap()]);
    }
}

#[tokio::test]
async fn a_last_step_done_again_takes_off_the_label_that_was_left() {
    let world = World::new();
    for step in [Step::Create, Step::Set, Step::Test] {
        world.step(step).await.unwrap();
    }
    finish_with_its_last_call_failing(&world, Fault::Before)
        .await
        .unwrap_err();
    assert_eq!(
        world.store.version(Stage::Pending),
        Some(world.version.clone())
    );
    let again = world.step(Step::Finish).await.unwrap();
    assert_eq!(again, Outcome::AlreadyCurrent);
    assert_eq!(world.store.version(Stage::Pending), None);
}

/// The last of its calls is the one that ends the rotation.
async fn finish_with_its_last_call_failing(world: &World, fault: Fault) -> Result<(), Error> {
    let mut finish = Box::pin(world.step(Step::Finish));
    let before = world.store.calls().len();
    loop {
        let poll =
            std::future::poll_fn(|context| std::task::Poll::Ready(finish.as_mut().poll(context)));
        if let std::task::Poll::Ready(done) = poll.await {
            return done.map(drop);
        }
        // It has asked what there is, got the password and moved the label of the current one.
        if world.store.calls().len() == before + 3 {
            world.store.fault(fault);
            return finish.await.map(drop);
        }
    }
}

fn nothing_was_done(world: &World) {
    assert!(
        world
            .store
            .calls()
            .iter()
            .all(|call| *call == "DescribeSecret")
    );
    assert_eq!(world.service.tries(), 0);
}

#[tokio::test]
async fn a_secret_of_no_known_service_is_refused_with_the_names_that_are() {
    let store = SimStore::new("sdt/dev/jwt-secret", password("old"));
    let request = Request::new(Step::Create, store.id(), store.begin());
    let services = Services::default();
    let error = rotate(&store, &services, &request).await.unwrap_err();
    assert!(
        error.hint().unwrap().contains("/redis-password"),
        "{error:?}"
    );

    let store = SimStore::new("sdt/dev/mongodb-password", password("old"));
    let request = Request::new(Step::Create, store.id(), store.begin());
    let error = rotate(&store, &services, &request).await.unwrap_err();
    assert!(
        error.hint().unwrap().contains("MONGODB_ENDPOINT"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_secret_without_a_current_value_is_not_rotated() {
    let world = World::new();
    world.store.unstage(Stage::Current);
    let error = world.step(Step::Create).await.unwrap_err();
    assert!(
        error.hint().unwrap().contains("put-secret-value"),
        "{error}"
    );
    assert!(!world.store.calls().contains(&"PutSecretValue"));
}

#[tokio::test]
async fn a_step_before_the_password_was_made_is_refused() {
    let world = World::new();
    for step in [Step::Set, Step::Test, Step::Finish] {
        let error = world.step(step).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{NAME}` has no AWSPENDING value")
        );
    }
}

#[tokio::test]
async fn a_pending_password_that_is_not_taken_never_becomes_the_current_one() {
    let world = World::new();
    world.step(Step::Create).await.unwrap();
    for step in [Step::Test, Step::Finish] {
        let error = world.step(step).await.unwrap_err();
        assert!(matches!(error, Error::NotTaken { .. }), "{error}");
    }
    // A container that starts between the steps has the current one again.
    world.step(Step::Set).await.unwrap();
    world.step(Step::Test).await.unwrap();
    world.service.restart(password("old"));
    let error = world.step(Step::Finish).await.unwrap_err();
    assert!(matches!(error, Error::NotTaken { .. }), "{error}");
    assert_eq!(world.store.current(), Some(password("old")));
}

#[tokio::test]
async fn a_service_that_has_the_previous_password_is_let_in_with_it() {
    let world = World::new();
    for step in Step::ALL {
        world.step(step).await.unwrap();
    }
    world.service.restart(password("old"));
    let version = world.store.begin();
    for step in Step::ALL {
        world.step_of(step, &version).await.unwrap();
    }
    assert_eq!(world.service.passwords(), [world.store.current().unwrap()]);
}

#[tokio::test]
async fn a_service_that_takes_none_of_the_passwords_is_named_and_left_alone() {
    let world = World::new();
    world.step(Step::Create).await.unwrap();
    world.service.restart(password("another"));
    let error = world.step(Step::Set).await.unwrap_err();
    assert!(matches!(error, Error::LockedOut { .. }), "{error}");
    assert!(error.hint().unwrap().contains("AWSCURRENT"));
    assert_eq!(world.service.passwords(), [password("another")]);
}

#[tokio::test]
async fn two_calls_that_make_a_password_at_once_agree_on_one() {
    for polls in 1..20 {
        let world = World::new();
        let mut first = Box::pin(world.step(Step::Create));
        for _ in 0..polls {
            let poll = std::future::poll_fn(|context| {
                std::task::Poll::Ready(first.as_mut().poll(context))
            });
            if poll.await.is_ready() {
                return assert!(polls > 5, "there was nothing between");
            }
        }
        world.step(Step::Create).await.unwrap();
        let pending = world.store.staged(Stage::Pending);
        first.await.unwrap();
        assert_eq!(world.store.staged(Stage::Pending), pending);
    }
}

#[tokio::test]
async fn failures_of_the_store_and_the_service_are_told_and_the_step_can_be_done_again() {
    for fault in [Fault::Before, Fault::After] {
        for step in Step::ALL {
            let world = World::new();
            for before in Step::ALL.into_iter().take_while(|before| *before < step) {
                world.step(before).await.unwrap();
            }
            world.store.fault(fault);
            let error = world.step(step).await.unwrap_err();
            assert_eq!(error.kind(), "StoreFailed");
            if step != Step::Create {
                world.service.fault(fault);
                let error = world.step(step).await.unwrap_err();
                assert_eq!(error.kind(), "ServiceFailed");
                assert!(error.hint().unwrap().contains("security group"));
            }
            for rest in Step::ALL.into_iter().filter(|rest| *rest >= step) {
                world.step(rest).await.unwrap();
            }
            assert_eq!(world.service.passwords(), [world.store.current().unwrap()]);
        }
    }
}
