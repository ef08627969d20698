//! What the engine shows and what it does without: stages, hooks, logs, digests, denied calls.

use std::sync::Mutex;
use std::time::Duration;

use ecs_deployer::sim::{Behaviour, FaultPlan, Hook, ServiceSpec, Strategy, What};
use ecs_deployer::{
    ControlPlane, DeployRequest, Deployer, Event, HookAction, ImageChange, ImageFacts, Options,
    RollbackRequest, TaskDefinition, Verdict, deploy, wait,
};

use crate::stage::{NEW, OLD, PINNED, Stage, name, request, service};

#[tokio::test(start_paused = true)]
async fn shifted_traffic_is_followed_by_stage_to_its_end() {
    let step = Duration::from_secs(60);
    for strategy in [
        Strategy::BlueGreen,
        Strategy::Canary {
            percent: 10.0,
            bake: step,
        },
        Strategy::Linear {
            step_percent: 25.0,
            step_bake: step,
        },
    ] {
        let stage = Stage::new(|spec| spec.strategy(strategy).bake(step)).await;
        let stages = Mutex::new(Vec::new());
        let observer = |event: Event| {
            if let Event::Stage { stage, .. } = event {
                stages.lock().unwrap().push(stage.to_string());
            }
        };
        let options = Options::default().timeout(Duration::from_secs(3600));
        let outcome = deploy(&stage.cluster, &request(NEW), &options, &observer)
            .await
            .unwrap();
        assert_eq!(
            outcome.verdict,
            Verdict::Deployed,
            "{strategy:?}: {outcome:?}"
        );
        let truth = stage
            .cluster
            .truth(&service(), &outcome.deployment.unwrap());
        assert_eq!(truth, Some(ecs_deployer::sim::Truth::Completed));
        let stages = stages.into_inner().unwrap();
        for expected in ["SCALE_UP", "BAKE_TIME"] {
            assert!(
                stages.iter().any(|stage| stage == expected),
                "{strategy:?}: {stages:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_is_shown_and_goes_on_or_back() {
    for (action, verdict) in [
        (HookAction::Continue, Verdict::Deployed),
        (HookAction::Rollback, Verdict::RolledBack),
    ] {
        let paused = |mut spec: ServiceSpec| {
            spec.hooks.push(Hook::pause("POST_TEST_TRAFFIC_SHIFT"));
            spec.strategy(Strategy::BlueGreen)
        };
        let stage = Stage::unsettled(paused).await;
        let_the_first_go_on(&stage).await;
        let waiting = Mutex::new(None);
        let observer = |event: Event| {
            if let Event::HookWaiting {
                deployment, hook, ..
            } = event
            {
                *waiting.lock().unwrap() = Some((deployment, hook.id));
            }
        };
        let person = async {
            loop {
                tokio::time::sleep(Duration::from_secs(20)).await;
                let seen = waiting.lock().unwrap().take();
                if let Some((deployment, hook)) = seen {
                    let record = stage
                        .cluster
                        .service_deployment(&name(), &service(), &deployment)
                        .await
                        .unwrap()
                        .unwrap();
                    stage
                        .cluster
                        .continue_deployment(&record, &hook, action)
                        .await
                        .unwrap();
                }
            }
        };
        let options = Options::default().timeout(Duration::from_secs(3600));
        let wanted = request(NEW);
        let outcome = tokio::select! {
            outcome = deploy(&stage.cluster, &wanted, &options, &observer) => outcome.unwrap(),
            _ = person => unreachable!("a person never ends"),
        };
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    }
}

/// The service's first deployment stops at the hook as well.
async fn let_the_first_go_on(stage: &Stage) {
    while stage.cluster.last_completed(&service()).is_none() {
        stage.pass().await;
        let records = stage
            .cluster
            .service_deployments(&name(), &service())
            .await
            .unwrap();
        let record = stage
            .cluster
            .service_deployment(&name(), &service(), &records[0].id)
            .await
            .unwrap()
            .unwrap();
        let details = record.details.clone().unwrap();
        if let Some(hook) = details.waiting_hooks().next() {
            stage
                .cluster
                .continue_deployment(&record, &hook.id, HookAction::Continue)
                .await
                .unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_moving_tag_is_compared_with_what_the_tasks_pulled() {
    let facts = |digest: &str| Some(ImageFacts::new(digest, Vec::new()));
    for (moved, verdict) in [(false, Verdict::Deployed), (true, Verdict::Failed)] {
        let stage = Stage::new(|spec| spec).await;
        stage.cluster.push_image(OLD, "sha256:aaaa");
        let expected = facts(if moved { "sha256:bbbb" } else { "sha256:aaaa" });
        let forced = request(OLD).moving_tag(expected);
        let deployer = Deployer::new(&stage.cluster).tasks(&stage.cluster);
        let outcome = deployer
            .deploy(&forced, &Options::default(), &|_| {})
            .await
            .unwrap();
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
        if moved {
            let reason = outcome.reason.unwrap();
            assert!(
                reason.contains("sha256:aaaa") && reason.contains("sha256:bbbb"),
                "{reason}"
            );
        } else {
            assert!(outcome.notes.is_empty(), "{:?}", outcome.notes);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_moving_tag_that_nobody_could_look_up_is_told_in_the_outcome() {
    let stage = Stage::new(|spec| spec).await;
    let deployer = Deployer::new(&stage.cluster).tasks(&stage.cluster);
    let forced = request(OLD).moving_tag(None);
    let outcome = deployer
        .deploy(&forced, &Options::default(), &|_| {})
        .await
        .unwrap();
    assert_eq!(outcome.verdict, Verdict::Deployed);
    assert!(
        matches!(outcome.notes.as_slice(), [note] if note.contains(OLD) && note.contains("not compared")),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn each_moving_tag_is_compared_with_its_own_digest() {
    let two = TaskDefinition::new(serde_json::json!({
        "family": "web",
        "containerDefinitions": [{"name": "app", "image": "h/app:latest"}, {"name": "log", "image": "h/log:latest"}],
    }));
    for (log, verdict) in [
        ("sha256:bbbb", Verdict::Deployed),
        ("sha256:cccc", Verdict::Failed),
    ] {
        let stage = Stage::new(|spec| spec).await;
        stage.cluster.push_image("h/app:latest", "sha256:aaaa");
        stage.cluster.push_image("h/log:latest", "sha256:bbbb");
        let images = ["app", "log"].map(|name| {
            let image = format!("h/{name}:latest").parse().unwrap();
            (name.parse().unwrap(), image)
        });
        let expected = [("h/app:latest", "sha256:aaaa"), ("h/log:latest", log)]
            .map(|(image, digest)| (image.parse().unwrap(), ImageFacts::new(digest, Vec::new())));
        let images = ImageChange::Containers(images.into_iter().collect());
        let request = DeployRequest::new(name(), service(), images)
            .base(two.clone())
            .moving_tags(expected.into_iter().collect());
        let deployer = Deployer::new(&stage.cluster).tasks(&stage.cluster);
        let outcome = deployer
            .deploy(&request, &Options::default(), &|_| {})
            .await
            .unwrap();
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
        assert!(outcome.notes.is_empty(), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_may_pass_are_given_more_patience() {
    let stage = Stage::new(|spec| spec).await;
    let flaky = Behaviour::AtFirst {
        tasks: 2,
        part: Box::new(Behaviour::MissingImage),
    };
    // Two missing images are enough.
    stage.runtime.part(NEW, flaky);
    let outcome = stage.deploy_with(&Options::default()).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::RolledBack);
    // More patience sees it come up.
    let stage = Stage::new(|spec| spec).await;
    stage.runtime.part(
        NEW,
        Behaviour::AtFirst {
            tasks: 2,
            part: Box::new(Behaviour::MissingImage),
        },
    );
    let patient = Options::default().permanent_failures(3);
    let outcome = stage.deploy_with(&patient).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Deployed);
    assert_eq!(
        outcome.stopped_tasks.len(),
        2,
        "what failed on the way is told nevertheless"
    );
}

#[tokio::test(start_paused = true)]
async fn an_abort_by_a_person_is_cancelled_and_not_gone_back_on() {
    let stage = Stage::new(|spec| spec).await;
    let plan = FaultPlan::default().then(Duration::from_secs(30), service(), What::Stop);
    stage.cluster.apply(&plan, &stage.runtime);
    let outcome = stage.deploy_with(&Options::default()).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{outcome:?}");
    assert_eq!(stage.cluster.api_calls().get("StopServiceDeployment"), None);
}

#[tokio::test(start_paused = true)]
async fn only_the_named_deployment_is_taken_back() {
    let stage = Stage::new(|spec| spec).await;
    let options = Options::default();
    let begun = tokio::time::timeout(Duration::from_secs(20), stage.deploy_with(&options)).await;
    assert!(begun.is_err());
    let ours = stage.state().await.primary().unwrap().id.clone();
    stage
        .cluster
        .supersede(&service(), Some("registry.example/web:theirs"))
        .unwrap();
    let request = RollbackRequest::new(name(), service()).only(ours.clone());
    let deployer = Deployer::new(&stage.cluster);
    let outcome = deployer
        .rollback(&request, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(outcome.verdict, Verdict::Superseded, "{outcome:?}");
    let theirs = wait(&stage.cluster, &name(), &service(), None, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(theirs.verdict, Verdict::Deployed);
    let ours = wait(
        &stage.cluster,
        &name(),
        &service(),
        Some(&ours),
        &options,
        &|_| {},
    )
    .await
    .unwrap();
    assert_eq!(ours.verdict, Verdict::Superseded, "{ours:?}");
}

#[tokio::test(start_paused = true)]
async fn the_desired_count_is_changed_only_when_asked() {
    let stage = Stage::new(|spec| spec).await;
    let scaled = request(PINNED).desired_count(Some(3));
    let outcome = deploy(&stage.cluster, &scaled, &Options::default(), &|_| {})
        .await
        .unwrap();
    assert_eq!(
        (outcome.verdict, stage.state().await.running),
        (Verdict::Deployed, 3)
    );
    let same = request(PINNED).desired_count(Some(1));
    let outcome = deploy(&stage.cluster, &same, &Options::default(), &|_| {})
        .await
        .unwrap();
    assert_eq!(
        (outcome.verdict, stage.state().await.desired),
        (Verdict::Unchanged, 1)
    );
}
