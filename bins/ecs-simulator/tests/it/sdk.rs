//! The AWS SDK against the server: the calls, their answers and their errors.

use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{
    ContainerDefinition, DeploymentRolloutState, DesiredStatus, ServiceField,
    StopServiceDeploymentStopType, Tag, TaskDefinitionField,
};
use serde_json::json;

use crate::site::Site;

fn container(image: &str) -> ContainerDefinition {
    ContainerDefinition::builder()
        .name("app")
        .image(image)
        .build()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_a_whole_life() {
    let site = Site::new("healthy").await;
    let client = &site.client;
    client
        .create_cluster()
        .cluster_name("second")
        .send()
        .await
        .unwrap();
    let registered = client
        .register_task_definition()
        .family("api")
        .container_definitions(container("h/api:1"))
        .tags(Tag::builder().key("team").value("a").build())
        .send()
        .await
        .unwrap();
    let arn = registered
        .task_definition()
        .unwrap()
        .task_definition_arn()
        .unwrap();
    assert_eq!(
        arn,
        "arn:aws:ecs:us-east-1:123456789012:task-definition/api:1"
    );
    let described = client
        .describe_task_definition()
        .task_definition("api")
        .include(TaskDefinitionField::Tags)
        .send()
        .await
        .unwrap();
    assert_eq!(described.tags()[0].value(), Some("a"));

    let created = client
        .create_service()
        .cluster("second")
        .service_name("api")
        .task_definition("api")
        .desired_count(3)
        .tags(Tag::builder().key("owner").value("b").build())
        .send()
        .await
        .unwrap();
    let deployment = &created.service().unwrap().deployments()[0];
    assert_eq!(
        deployment.rollout_state(),
        Some(&DeploymentRolloutState::InProgress)
    );
    site.post("advance", json!({"seconds": 300})).await;
    let services = client
        .describe_services()
        .cluster("second")
        .services("api")
        .services("nobody")
        .include(ServiceField::Tags)
        .send()
        .await
        .unwrap();
    let service = &services.services()[0];
    assert_eq!(service.running_count(), 3);
    assert_eq!(service.tags()[0].key(), Some("owner"));
    assert_eq!(services.failures()[0].reason(), Some("MISSING"));

    let tasks = client
        .list_tasks()
        .cluster("second")
        .service_name("api")
        .send()
        .await
        .unwrap();
    let tasks = client
        .describe_tasks()
        .cluster("second")
        .set_tasks(tasks.task_arns)
        .send()
        .await
        .unwrap();
    let task = &tasks.tasks()[0];
    assert_eq!(task.last_status(), Some("RUNNING"));
    assert_eq!(task.started_by(), service.deployments()[0].id());
    assert_eq!(task.group(), Some("service:api"));
    assert!(
        task.containers()[0]
            .image_digest()
            .unwrap()
            .starts_with("sha256:")
    );
    assert!(task.started_at() > task.created_at());

    let scaled_up = client
        .delete_service()
        .cluster("second")
        .service("api")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        scaled_up.into_service_error().code(),
        Some("InvalidParameterException")
    );
    client
        .delete_service()
        .cluster("second")
        .service("api")
        .force(true)
        .send()
        .await
        .unwrap();
    site.post("advance", json!({"seconds": 300})).await;
    let gone = client
        .describe_services()
        .cluster("second")
        .services("api")
        .send()
        .await
        .unwrap();
    assert_eq!(gone.services()[0].status(), Some("INACTIVE"));
    let update = client
        .update_service()
        .cluster("second")
        .service("api")
        .send()
        .await
        .unwrap_err();
    assert!(
        update
            .into_service_error()
            .is_service_not_active_exception()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_has_a_record_a_revision_and_an_end() {
    let site = Site::new("breaker-rollback").await;
    let client = &site.client;
    client
        .register_task_definition()
        .family("web")
        .container_definitions(container("registry.example/web:2"))
        .send()
        .await
        .unwrap();
    let updated = client
        .update_service()
        .cluster("dev")
        .service("web")
        .task_definition("web")
        .send()
        .await
        .unwrap();
    let id = updated.service().unwrap().deployments()[0]
        .id()
        .unwrap()
        .to_owned();
    let listed = client
        .list_service_deployments()
        .cluster("dev")
        .service("web")
        .send()
        .await
        .unwrap();
    let newest = &listed.service_deployments()[0];
    let revision = newest.target_service_revision_arn().unwrap();
    assert_eq!(
        revision.rsplit('/').next(),
        id.rsplit('/').next(),
        "the same number"
    );
    let arn = newest.service_deployment_arn().unwrap();

    client
        .stop_service_deployment()
        .service_deployment_arn(arn)
        .stop_type(StopServiceDeploymentStopType::Rollback)
        .send()
        .await
        .unwrap();
    site.post("advance", json!({"seconds": 600})).await;
    let record = client
        .describe_service_deployments()
        .service_deployment_arns(arn)
        .send()
        .await
        .unwrap();
    let record = &record.service_deployments()[0];
    assert_eq!(record.status().unwrap().as_str(), "ROLLBACK_SUCCESSFUL");
    assert!(record.rollback().unwrap().service_revision_arn().is_some());
    assert!(record.finished_at() > record.started_at());
    let again = client
        .stop_service_deployment()
        .service_deployment_arn(arn)
        .send()
        .await
        .unwrap_err();
    assert!(again.into_service_error().is_conflict_exception());

    let revisions = client
        .describe_service_revisions()
        .service_revision_arns(revision)
        .send()
        .await
        .unwrap();
    let images = revisions.service_revisions()[0].container_images();
    assert_eq!(images[0].image(), Some("registry.example/web:2"));
    let twice = client
        .describe_service_revisions()
        .service_revision_arns(revision)
        .service_revision_arns(revision)
        .send()
        .await
        .unwrap_err();
    assert!(twice.into_service_error().is_server_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_tasks_are_listed_with_why() {
    let site = Site::new("breaker-rollback").await;
    let client = &site.client;
    site.post(
        "supersede",
        json!({"service": "web", "image": "registry.example/web:2"}),
    )
    .await;
    site.post("advance", json!({"seconds": 100})).await;
    let stopped = client
        .list_tasks()
        .cluster("dev")
        .service_name("web")
        .desired_status(DesiredStatus::Stopped)
        .send()
        .await
        .unwrap();
    let tasks = client
        .describe_tasks()
        .cluster("dev")
        .set_tasks(stopped.task_arns)
        .send()
        .await
        .unwrap();
    let task = &tasks.tasks()[0];
    assert_eq!(
        task.stop_code().unwrap().as_str(),
        "EssentialContainerExited"
    );
    assert_eq!(task.containers()[0].exit_code(), Some(1));

    // What it wrote before it went.
    let id = task.task_arn().unwrap().rsplit('/').next().unwrap();
    let answer = reqwest::Client::new()
        .post(site.server.url())
        .header("X-Amz-Target", "Logs_20140328.GetLogEvents")
        .body(json!({"logGroupName": "/ecs/web", "logStreamName": format!("web/app/{id}"), "limit": 1}).to_string())
        .send()
        .await
        .unwrap();
    let events: serde_json::Value = answer.json().await.unwrap();
    let line = events["events"][0]["message"].as_str().unwrap();
    assert!(line.contains("DATABASE_URL"), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_run_by_itself_and_stopped() {
    let site = Site::new("healthy").await;
    let client = &site.client;
    let run = || {
        client
            .run_task()
            .cluster("dev")
            .task_definition("web")
            .started_by("me")
            .client_token("once")
            .send()
    };
    let first = run().await.unwrap();
    let again = run().await.unwrap();
    let arn = first.tasks()[0].task_arn().unwrap();
    assert_eq!(
        again.tasks()[0].task_arn(),
        Some(arn),
        "the same token, the same task"
    );
    site.post("advance", json!({"seconds": 60})).await;
    client
        .stop_task()
        .cluster("dev")
        .task(arn)
        .reason("enough")
        .send()
        .await
        .unwrap();
    site.post("advance", json!({"seconds": 60})).await;
    let tasks = client
        .describe_tasks()
        .cluster("dev")
        .tasks(arn)
        .send()
        .await
        .unwrap();
    let task = &tasks.tasks()[0];
    assert_eq!(task.last_status(), Some("STOPPED"));
    assert_eq!(task.stop_code().unwrap().as_str(), "UserInitiated");
    assert_eq!(task.stopped_reason(), Some("enough"));
    let missing = client
        .stop_task()
        .cluster("dev")
        .task("nothing")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        missing.into_service_error().code(),
        Some("InvalidParameterException")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_too_many_are_refused() {
    let site = Site::new("fleet-50").await;
    let client = &site.client;
    let (mut names, mut token, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = client
            .list_services()
            .cluster("dev")
            .set_next_token(token)
            .send()
            .await
            .unwrap();
        names.extend(page.service_arns().iter().cloned());
        pages += 1;
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!((names.len(), pages), (50, 5), "ten a page");
    names.truncate(11);
    let many = client
        .describe_services()
        .cluster("dev")
        .set_services(Some(names))
        .send()
        .await
        .unwrap_err();
    let many = many.into_service_error();
    assert!(many.is_invalid_parameter_exception(), "{many:?}");
    assert!(many.message().unwrap().contains("at most 10"), "{many:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_rates_are_kept() {
    let site = Site::with("healthy", |builder| builder).await;
    let mut throttled = 0;
    for number in 0..25 {
        let answer = site
            .client
            .register_task_definition()
            .family(format!("family-{number}"))
            .container_definitions(container("h/x:1"))
            .send()
            .await;
        if let Err(error) = answer {
            assert_eq!(error.code(), Some("ThrottlingException"));
            throttled += 1;
        }
    }
    // Twenty at once; what is refilled meanwhile depends on how fast this machine is.
    assert!((1..=5).contains(&throttled), "{throttled}");
    assert_eq!(site.get("calls").await["throttled"], throttled);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_things_have_their_own_errors() {
    let site = Site::new("healthy").await;
    let client = &site.client;
    let cluster = client
        .list_services()
        .cluster("nowhere")
        .send()
        .await
        .unwrap_err();
    assert!(
        cluster
            .into_service_error()
            .is_cluster_not_found_exception()
    );
    let service = client
        .update_service()
        .cluster("dev")
        .service("nobody")
        .send()
        .await
        .unwrap_err();
    assert!(
        service
            .into_service_error()
            .is_service_not_found_exception()
    );
    let definition = client
        .update_service()
        .cluster("dev")
        .service("web")
        .task_definition("web:9")
        .send()
        .await
        .unwrap_err();
    let definition = definition.into_service_error();
    assert_eq!(definition.message(), Some("TaskDefinition not found."));
    let operation = client.put_attributes().cluster("dev").send().await;
    let operation = operation.unwrap_err().into_service_error();
    assert_eq!(operation.code(), Some("UnknownOperationException"));
    assert!(
        operation.message().unwrap().contains("PutAttributes"),
        "{operation:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn described_task_definitions_have_the_defaults_of_ecs() {
    let site = Site::new("healthy").await;
    let register = site
        .client
        .register_task_definition()
        .family("plain")
        .container_definitions(container("h/x:1"));
    let registered = register.send().await.unwrap();
    let container = &registered
        .task_definition()
        .unwrap()
        .container_definitions()[0];
    assert_eq!(container.essential(), Some(true));
    assert_eq!(container.cpu(), 0);
    assert!(container.environment.as_ref().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_of_a_task_definition_survive() {
    let site = Site::with("healthy", |builder| builder.fill_in_defaults(false)).await;
    let call = |target: &str, body: serde_json::Value| {
        let request = reqwest::Client::new()
            .post(site.server.url())
            .header(
                "X-Amz-Target",
                format!("AmazonEC2ContainerServiceV20141113.{target}"),
            )
            .body(body.to_string());
        async {
            request
                .send()
                .await
                .unwrap()
                .json::<serde_json::Value>()
                .await
                .unwrap()
        }
    };
    let document = json!({
        "family": "next-year",
        "ofNextYear": {"deep": [1, null, ""]},
        "containerDefinitions": [{
            "name": "app", "image": "h/x:1", "command": [""], "ofNextYear": true,
            "portMappings": [{"containerPort": 1, "ofNextYear": "x"}],
        }],
    });
    call("RegisterTaskDefinition", document.clone()).await;
    let described = call(
        "DescribeTaskDefinition",
        json!({"taskDefinition": "next-year"}),
    )
    .await;
    for (key, value) in document.as_object().unwrap() {
        assert_eq!(&described["taskDefinition"][key], value, "{key}");
    }
}
