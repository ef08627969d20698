//! Random services, faults and patience: the verdict is what the model says is true.

use std::convert::Infallible;
use std::time::Duration;

use ecs_deployer::sim::Behaviour;
use ecs_deployer::{ControlPlane, OnFailure, Options, RolloutState, Verdict};
use proptest::prelude::*;

use crate::stage::{NEW, OLD, Stage, name, service};

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        3 => Just(Behaviour::Healthy),
        1 => Just(Behaviour::MissingImage),
        1 => Just(Behaviour::MissingSecret),
        1 => (1..200_i64).prop_map(|exit_code| Behaviour::CrashAtStart { exit_code }),
        1 => (5..300_u64, 1..200_i64).prop_map(|(running, exit_code)| Behaviour::CrashAfter {
            running: Duration::from_secs(running),
            exit_code,
        }),
        1 => (5..300_u64).prop_map(|running| Behaviour::OutOfMemory { running: Duration::from_secs(running) }),
        1 => Just(Behaviour::Unhealthy { reason: "Health checks failed with these codes: [500]".to_owned() }),
        1 => (1..200_u64).prop_map(|warm_up| Behaviour::SlowStart { warm_up: Duration::from_secs(warm_up) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn the_verdict_is_the_truth(
        part in behaviour(),
        desired in 1..9_u32,
        minimum in prop::sample::select(vec![0, 50, 100_u32]),
        maximum in prop::sample::select(vec![150, 200_u32]),
        breaker in 0..3_u8,
        checked: bool,
        poll in 1..31_u64,
        patience in 1..5_u32,
        keep: bool,
        throttled in 0..4_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let stage = Stage::new(|spec| {
                let mut spec = spec.percent(minimum, maximum).health_check(checked);
                spec.desired_count = desired;
                match breaker {
                    0 => spec,
                    1 => spec.circuit_breaker(),
                    _ => spec.circuit_breaker_rollback(),
                }
            })
            .await;
            if stage.state().await.is_deadlocked() {
                return Ok(());
            }
            stage.runtime.part(NEW, part.clone());
            let options = Options::default()
                .poll(Duration::from_secs(poll))
                .timeout(Duration::from_secs(3 * 3600))
                .permanent_failures(patience)
                .on_failure(if keep { OnFailure::Keep } else { OnFailure::Rollback });
            let trouble = async {
                tokio::time::sleep(Duration::from_secs(60)).await;
                stage.cluster.throttle_next(throttled);
                std::future::pending::<Infallible>().await
            };
            // The truth is that of the verdict's moment: a task may still crash after a deployment is complete.
            let outcome = tokio::select! {
                outcome = stage.deploy_with(&options) => outcome.unwrap(),
                never = trouble => match never {},
            };
            // What was to be throttled and was not asked for any more.
            while stage.cluster.describe_services(&name(), &[service()]).await.is_err() {}

            let state = stage.state().await;
            let primary = state.primary().unwrap();
            let image = stage.image().await;
            let settled = primary.rollout_state == RolloutState::Completed && primary.running == state.desired;
            match outcome.verdict {
                // What is complete stays so when a task crashes between two looks, and the outcome tells it.
                Verdict::Deployed => prop_assert!(
                    primary.rollout_state == RolloutState::Completed
                        && image == NEW
                        && (settled || outcome.notes.iter().any(|note| note.ends_with("run now"))),
                    "{outcome:?} {state:?}"
                ),
                Verdict::RolledBack => prop_assert!(settled && image == OLD, "{outcome:?} {state:?}"),
                Verdict::Failed => prop_assert!(keep && image == NEW && !settled, "{outcome:?} {state:?}"),
                other => prop_assert!(false, "{other:?} for {part:?}: {outcome:?}"),
            }
            let harmless = matches!(part, Behaviour::Healthy | Behaviour::SlowStart { .. });
            if harmless {
                prop_assert_eq!(outcome.verdict, Verdict::Deployed);
            }
            if outcome.verdict != Verdict::Deployed {
                prop_assert!(outcome.reason.is_some_and(|reason| reason.starts_with("web: ")));
            }
            Ok(())
        })?;
    }
}
