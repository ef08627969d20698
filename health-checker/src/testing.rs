//! The contracts of [`Probe`] and of [`DeploymentView`](crate::deployment::DeploymentView) as checks, for every
//! implementation to pass.

mod deployment;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::probe::{Probe, State};
use crate::revision::Revision;
use crate::target::Target;

pub use deployment::{DeploymentScene, DeploymentStage, deployment_contract};

/// How long a probe of a silent target is given.
const LIMIT: Duration = Duration::from_millis(200);

/// How late an answer may be.
const TOLERANCE: Duration = Duration::from_millis(100);

/// What the implementation under test is to be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// One task of the first build, up.
    Up,
    /// One task that is up and does not say which build it is.
    Nameless,
    /// One task of the first build that answers 503 DOWN.
    Down,
    /// An address that refuses connections.
    Refusing,
    /// A task that accepts connections and never answers.
    Silent,
    /// A task of the first build and one of the second, both up, given connections in turn.
    Alternating,
}

/// Builds scenes for the implementation under test.
#[async_trait]
pub trait Stage: Send + Sync {
    /// The implementation under test.
    fn probe(&self) -> &dyn Probe;

    /// Makes a scene and gives the target in it, which expects the first of [`builds`] and has the password `hunter2` in
    /// its URL.
    async fn set(&self, scene: Scene) -> Target;
}

/// The two builds of the scenes.
///
/// # Panics
/// Never: both are revisions.
pub fn builds() -> [Revision; 2] {
    ["abc1234", "9ab01cd"].map(|text| {
        text.parse()
            .expect("seven hexadecimal digits are a revision")
    })
}

/// Checks an implementation of [`Probe`] against its contract. Scenes are set once each.
///
/// # Panics
/// If the contract is broken, naming the clause.
pub async fn probe_contract(stage: &dyn Stage) {
    let probe = stage.probe();
    let [first, second] = builds();

    let target = stage.set(Scene::Up).await;
    let up = probe.probe(&target).await;
    assert_eq!(up.state, State::Up, "a target that serves is up");
    assert_eq!(
        up.revision.as_ref(),
        Some(&first),
        "an expected build is told"
    );
    assert_eq!(up.error, None, "where nothing failed there is no error");
    // Polled once and dropped: the next probe is none the worse.
    let _ = tokio::time::timeout(Duration::ZERO, probe.probe(&target)).await;
    assert_eq!(
        probe.probe(&target).await.state,
        State::Up,
        "a dropped probe leaves nothing behind"
    );

    let nameless = probe.probe(&stage.set(Scene::Nameless).await).await;
    assert!(
        is_unknown(&nameless.state),
        "up without the expected identity cannot be told, this was {nameless:?}"
    );

    let down = probe.probe(&stage.set(Scene::Down).await).await;
    assert!(
        is_down(&down.state),
        "a target that answers badly is down, this was {down:?}"
    );

    let target = stage.set(Scene::Refusing).await;
    let refusing = probe.probe(&target).await;
    assert!(
        is_unknown(&refusing.state),
        "what cannot be reached cannot be told, this was {refusing:?}"
    );
    assert!(refusing.error.is_some(), "the technical error is kept");
    assert!(
        !format!("{refusing:?} {target:?}").contains("hunter2"),
        "no text shows the password"
    );

    let target = stage.set(Scene::Silent).await;
    let began = Instant::now();
    let silent = probe.probe_within(&target, LIMIT).await;
    assert!(
        began.elapsed() <= LIMIT + TOLERANCE,
        "the limit is kept, this took {:?}",
        began.elapsed()
    );
    assert!(
        is_down(&silent.state),
        "silence after the connection was accepted is down, this was {silent:?}"
    );

    let target = stage.set(Scene::Alternating).await;
    let mut met = Vec::new();
    for _ in 0..4 {
        met.push(probe.probe(&target).await.revision);
    }
    let [first, second] = [Some(first), Some(second)];
    assert!(
        met == [first.clone(), second.clone(), first.clone(), second.clone()]
            || met == [second.clone(), first.clone(), second, first],
        "each probe is a connection of its own, these met {met:?}"
    );
}

fn is_down(state: &State) -> bool {
    matches!(state, State::Down { reason } if !reason.is_empty())
}

fn is_unknown(state: &State) -> bool {
    matches!(state, State::Unknown { reason } if !reason.is_empty())
}
