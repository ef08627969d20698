//! A rollout that succeeds, and one that fails and is rolled back, on the simulated cluster.
//!
//! The cluster keeps ECS's times, but the clock is paused: minutes pass at once. A real program has a control plane of
//! Amazon ECS instead of the simulated cluster, and a clock that runs.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ecs_deployer::sim::{Behaviour, ScriptedRuntime, ServiceSpec, SimCluster, Timings};
use ecs_deployer::{
    ClusterName, ControlPlane, DeployRequest, Event, ImageChange, Options, ServiceName,
    TaskDefinition, deploy, wait,
};

const IMAGE: &str = "registry.example/user-service";

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let (cluster_name, service): (ClusterName, ServiceName) =
        ("dev".parse()?, "user-service".parse()?);
    let runtime = Arc::new(ScriptedRuntime::new(Timings::fargate()));
    let cluster = SimCluster::new(cluster_name.clone(), Timings::fargate(), runtime.clone());
    let definition = TaskDefinition::new(serde_json::json!({
        "family": "user-service",
        "containerDefinitions": [{"name": "app", "image": image("1")}],
    }));
    let revision = cluster.register_task_definition(&definition).await?;
    cluster.create_service(ServiceSpec::new(service.clone(), revision, 2))?;
    wait(
        &cluster,
        &cluster_name,
        &service,
        None,
        &Options::default(),
        &|_| {},
    )
    .await?;

    // The third image runs for a while, then its container exits.
    runtime.part(
        image("3"),
        Behaviour::CrashAfter {
            running: Duration::from_secs(5),
            exit_code: 137,
        },
    );
    for tag in ["2", "2", "3"] {
        println!("deploy {IMAGE}:{tag}");
        let images = ImageChange::All(image(tag).parse()?);
        let request = DeployRequest::new(cluster_name.clone(), service.clone(), images);
        let outcome = deploy(&cluster, &request, &Options::default(), &show).await?;
        println!("  {} after {:.0} s", outcome.verdict, outcome.seconds);
        if let Some(reason) = outcome.reason {
            println!("  {reason}");
        }
    }
    for task in cluster
        .tasks(&service)
        .iter()
        .filter(|task| task.status == "RUNNING")
    {
        println!("running: {}", task.task_definition.short());
    }
    Ok(())
}

/// The image of this tag with its digest: a tag by itself would not prove what runs, and be deployed again.
fn image(tag: &str) -> String {
    format!("{IMAGE}:{tag}@sha256:{}", tag.repeat(64))
}

/// Prints what a person would want to follow.
fn show(event: Event) {
    match event {
        Event::Progress {
            running,
            desired,
            pending,
            old_running,
            ..
        } => {
            println!("  {running} of {desired} run, {pending} start, {old_running} of the old run");
        }
        Event::TaskStopped { cause, .. } => println!("  a task failed: {cause}"),
        Event::RollbackStarted { .. } => println!("  going back"),
        _ => {}
    }
}
