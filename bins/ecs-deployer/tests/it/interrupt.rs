//! Ctrl-C.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ecs_deployer::sim::{Behaviour, Truth};

use crate::site::{Ended, NEW, Site, deploy_arguments, web};
use crate::slow::Slow;

/// Starts a deployment and waits until ECS has begun it.
async fn begun(site: &Site, more: &[&str]) -> Child {
    let mut command = site.command(&deploy_arguments(more));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    site.begun().await;
    child
}

fn signal(child: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

async fn end(mut child: Child) -> Ended {
    tokio::task::spawn_blocking(move || {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        let code = child.wait().unwrap().code();
        Ended {
            code,
            stdout,
            stderr,
        }
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn detached_it_goes_on_and_can_be_taken_up() {
    let site = Site::new().await;
    let child = begun(&site, &[]).await;
    signal(&child);
    let ended = end(child).await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let service = ended.service();
    assert_eq!(service["verdict"], "unknown");
    let resume = service["hint"].as_str().unwrap();
    assert!(ended.stderr.contains(resume), "{ended:?}");
    let mut arguments: Vec<&str> = resume.split_whitespace().skip(1).collect();
    arguments.extend(["--poll", "50ms", "--format", "json"]);
    let waited = site.run(&arguments).await;
    assert_eq!(
        (waited.code, waited.service()["verdict"].as_str()),
        (Some(0), Some("deployed")),
        "{waited:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_on_request() {
    let site = Site::new().await;
    let child = begun(&site, &["--on-interrupt", "rollback"]).await;
    signal(&child);
    let ended = end(child).await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert_eq!(ended.service()["verdict"], "rolled-back", "{ended:?}");
    let ours = site.cluster.history(&web())[1].clone();
    let truth = site.cluster.truth(&web(), &ours).unwrap();
    assert!(matches!(truth, Truth::RolledBack { .. }), "{truth:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_one_detaches_at_once() {
    let site = Site::new().await;
    let child = begun(&site, &["--on-interrupt", "rollback"]).await;
    signal(&child);
    tokio::time::sleep(Duration::from_millis(150)).await;
    signal(&child);
    let ended = end(child).await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(
        ended.stderr.contains("once more")
            && ended.stderr.contains("ecs-deployer wait --cluster dev"),
        "{ended:?}"
    );
}

/// The answer of UpdateService is on its way when the signal comes: what it began is found nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_whose_begin_was_not_answered_yet_is_found() {
    for (on_interrupt, verdict) in [("detach", "unknown"), ("rollback", "rolled-back")] {
        let site = Site::new().await;
        let slow = Slow::start(&site.server.url(), "UpdateService", Duration::from_secs(20)).await;
        let mut command = site.command(&deploy_arguments(&["--on-interrupt", on_interrupt]));
        command
            .env("AWS_ENDPOINT_URL", slow.url())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        site.begun().await;
        // Only the first update is slow.
        slow.hurry();
        signal(&child);
        let ended = end(child).await;
        assert_eq!(ended.code, Some(130), "{ended:?}");
        let service = ended.service();
        let ours = site.cluster.history(&web())[1].clone();
        assert_eq!(
            (service["verdict"].as_str(), service["deployment"].as_str()),
            (Some(verdict), Some(ours.as_str())),
            "{ended:?}"
        );
        assert_all_keys(&service);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_under_way_is_followed_and_not_taken_for_somebody_elses() {
    // Without this, going back is a deployment of our own.
    let site = Site::with(|spec| spec, |builder| builder.deny("StopServiceDeployment")).await;
    site.runtime
        .part(NEW, Behaviour::CrashAtStart { exit_code: 3 });
    let mut command = site.command(&deploy_arguments(&["--on-interrupt", "rollback"]));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    for _ in 0..1000 {
        if site.cluster.history(&web()).len() > 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    signal(&child);
    let ended = end(child).await;
    let service = ended.service();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert_eq!(service["verdict"], "rolled-back", "{ended:?}");
    assert_eq!(site.cluster.history(&web()).len(), 3, "{ended:?}");
    assert_all_keys(&service);
}

/// Nothing was brought that could be taken back: the deployment that gets more tasks was there before.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_only_gets_more_tasks_is_not_rolled_back() {
    let site = Site::new().await;
    assert_eq!(site.deploy(&[]).await.code, Some(0));
    let mut command = site.command(&deploy_arguments(&[
        "--desired-count",
        "9",
        "--on-interrupt",
        "rollback",
        "--events",
        "events.ndjson",
    ]));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let events = site.path().join("events.ndjson");
    for _ in 0..1000 {
        let text = std::fs::read_to_string(&events).unwrap_or_default();
        if text.contains("deployment-started") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    signal(&child);
    let ended = end(child).await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert_eq!(ended.service()["verdict"], "unknown", "{ended:?}");
    assert_eq!(site.cluster.history(&web()).len(), 2, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_left_says_how_it_is_taken_up() {
    let site = Site::new().await;
    assert_eq!(site.deploy(&[]).await.code, Some(0));
    let mut command = site.command(&[
        "rollback",
        "--cluster",
        "dev",
        "--service",
        "web",
        "--poll",
        "50ms",
        "--format",
        "json",
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    for _ in 0..1000 {
        if site.cluster.history(&web()).len() > 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    signal(&child);
    let ended = end(child).await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let service = ended.service();
    assert_eq!(service["verdict"], "unknown", "{ended:?}");
    assert_all_keys(&service);
    let resume = service["hint"].as_str().unwrap();
    let back = site.cluster.history(&web())[2].clone();
    assert!(resume.ends_with(back.as_str()), "{resume}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_by_itself_that_is_left_says_how_it_is_taken_up() {
    let site = Site::new().await;
    let mut command = site.command(&[
        "run-task",
        "--cluster",
        "dev",
        "--service",
        "web",
        "--poll",
        "50ms",
        "--format",
        "json",
        "--events",
        "events.ndjson",
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let events = site.path().join("events.ndjson");
    for _ in 0..1000 {
        let text = std::fs::read_to_string(&events).unwrap_or_default();
        if text.contains("task-started") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    signal(&child);
    let ended = end(child).await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let document = ended.json();
    let task = document["task"].as_str().unwrap();
    let resume = document["hint"].as_str().unwrap();
    assert!(resume.ends_with(task), "{document}");
    assert_eq!(document["reason"], "interrupted");
    assert!(document["exit_code"].is_null() && document["containers"].is_array());
}

/// What an entry has, whatever became of its service.
fn assert_all_keys(service: &serde_json::Value) {
    for key in [
        "service",
        "verdict",
        "deployment",
        "task_definition",
        "image",
        "reason",
        "stopped_tasks",
        "seconds",
    ] {
        assert!(service.get(key).is_some(), "`{key}` is not in {service}");
    }
}
