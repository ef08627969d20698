//! Ctrl-C.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ecs_deployer::sim::Truth;

use crate::site::{Ended, Site, deploy_arguments, web};

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
