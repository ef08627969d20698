//! The adapter against replayed answers: what goes over the wire, and what is made of what comes back.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_ecs::config::http::HttpRequest;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use ecs_deployer::aws::EcsControlPlane;
use ecs_deployer::{
    ControlPlane, Error, Options, RollbackRequest, ServiceDeployment, ServiceDeploymentStatus,
    ServiceName, ServiceUpdate, StopCode, StopType, TaskDefinitionArn, Verdict, rollback,
};
use serde_json::{Value, json};

use crate::stage::{name, service};

const PREFIX: &str = "arn:aws:ecs:eu-west-1:123456789012";

type Answer = (u16, String);
type Answers = dyn Fn(&str, &Value) -> Answer + Send + Sync;

/// Answers by operation and body, and keeps what it was asked.
#[derive(Clone)]
struct Replay {
    answer: Arc<Answers>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replay")
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap();
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let bytes = request.body().bytes().unwrap();
        let length = request.headers().get("content-length").unwrap();
        assert_eq!(length, bytes.len().to_string(), "{operation}");
        let body: Value = serde_json::from_slice(bytes).unwrap();
        let (status, text) = (self.answer)(&operation, &body);
        self.asked.lock().unwrap().push((operation, body));
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(text));
        response
            .headers_mut()
            .insert("x-amzn-requestid", "request-7");
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Replay {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Replay {
    fn new(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            asked: Arc::default(),
        }
    }

    fn plane(&self) -> EcsControlPlane {
        self.plane_with(RetryConfig::disabled())
    }

    fn retrying_plane(&self) -> EcsControlPlane {
        let quick = std::time::Duration::from_millis(1);
        self.plane_with(RetryConfig::standard().with_initial_backoff(quick))
    }

    fn plane_with(&self, retries: RetryConfig) -> EcsControlPlane {
        let config = aws_sdk_ecs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "none", None, None, "test"))
            .retry_config(retries)
            .http_client(self.clone())
            .build();
        EcsControlPlane::new(aws_sdk_ecs::Client::from_conf(config))
    }

    fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}

fn ok(body: &Value) -> Answer {
    (200, body.to_string())
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    (
        status,
        json!({"__type": code, "message": message}).to_string(),
    )
}

fn arn(text: &str) -> TaskDefinitionArn {
    text.parse().unwrap()
}

/// A service of one deployment, in ECS's words.
fn described(name: &str, definition: &str, number: u32, state: &str) -> Value {
    json!({
        "serviceName": name, "status": "ACTIVE", "taskDefinition": definition,
        "desiredCount": 2, "runningCount": 2, "pendingCount": 0,
        "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50},
        "deployments": [{
            "id": format!("ecs-svc/{number}"), "status": "PRIMARY", "taskDefinition": definition,
            "desiredCount": 2, "runningCount": 2, "pendingCount": 0, "failedTasks": 0, "rolloutState": state,
        }],
        "events": [{"id": "e1", "createdAt": 1.5, "message": "(service web) has reached a steady state."}],
    })
}

#[tokio::test]
async fn unknown_fields_at_three_levels_survive_the_wire() {
    let definition = json!({
        "family": "web", "ofNextYear": {"deep": [1, null, ""]},
        "containerDefinitions": [{
            "name": "app", "image": "registry.example/web:1", "command": [""], "ofNextYear": true,
            "portMappings": [{"containerPort": 8080, "protocol": "quic", "ofNextYear": "x"}],
        }],
    });
    let tags = json!([{"key": "team", "value": ""}]);
    let answer = {
        let (mut definition, tags) = (definition.clone(), tags.clone());
        move |operation: &str, _: &Value| {
            if operation == "RegisterTaskDefinition" {
                let arn = format!("{PREFIX}:task-definition/web:4");
                return ok(&json!({"taskDefinition": {"taskDefinitionArn": arn}}));
            }
            for (field, value) in [
                (
                    "taskDefinitionArn",
                    json!(format!("{PREFIX}:task-definition/web:3")),
                ),
                ("revision", json!(3)),
                ("status", json!("ACTIVE")),
                ("requiresAttributes", json!([{"name": "x"}])),
                ("compatibilities", json!(["EC2"])),
                ("registeredAt", json!(1_700_000_000.5)),
                ("registeredBy", json!("arn:aws:iam::123456789012:user/a")),
            ] {
                definition[field] = value;
            }
            ok(&json!({"taskDefinition": definition, "tags": tags}))
        }
    };
    let answer = Mutex::new(answer);
    let replay = Replay::new(move |operation, body| (answer.lock().unwrap())(operation, body));
    let plane = replay.plane();
    let read = plane.describe_task_definition(&arn("web:3")).await.unwrap();
    let made = plane.register_task_definition(&read).await.unwrap();
    assert_eq!(made.short(), "web:4");
    let mut expected = definition;
    expected["tags"] = tags;
    let asked = replay.asked();
    assert_eq!(
        asked[0].1,
        json!({"taskDefinition": "web:3", "include": ["TAGS"]})
    );
    assert_eq!(asked[1], ("RegisterTaskDefinition".to_owned(), expected));
}

/// Every field of the API's model of RegisterTaskDefinition, as of aws-sdk-ecs 1.157, each filled.
const MAXIMAL: &str = include_str!("../data/maximal-task-definition.json");

/// All paths to a value in a document.
fn paths(value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                paths(field, &format!("{path}.{name}"), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                paths(item, &format!("{path}[{index}]"), into);
            }
        }
        leaf => into.push(format!("{path} = {leaf}")),
    }
}

#[tokio::test]
async fn no_field_of_a_maximal_task_definition_is_lost_on_the_wire() {
    let mut maximal: Value = serde_json::from_str(MAXIMAL).unwrap();
    for place in [
        "",
        "/containerDefinitions/0",
        "/containerDefinitions/0/portMappings/0",
    ] {
        maximal.pointer_mut(place).unwrap()["ofNextYear"] = json!({"deep": ["", null, 0]});
    }
    let described = {
        let mut described = maximal.clone();
        let tags = described.as_object_mut().unwrap().remove("tags").unwrap();
        described["taskDefinitionArn"] = format!("{PREFIX}:task-definition/maximal:1").into();
        described["revision"] = 1.into();
        described["status"] = "ACTIVE".into();
        json!({"taskDefinition": described, "tags": tags})
    };
    let replay = Replay::new(move |operation, _| match operation {
        "DescribeTaskDefinition" => ok(&described),
        _ => {
            let arn = format!("{PREFIX}:task-definition/maximal:2");
            ok(&json!({"taskDefinition": {"taskDefinitionArn": arn}}))
        }
    });
    let plane = replay.plane();
    let read = plane
        .describe_task_definition(&arn("maximal:1"))
        .await
        .unwrap();
    plane.register_task_definition(&read).await.unwrap();
    let (mut expected, mut sent) = (Vec::new(), Vec::new());
    paths(&maximal, "", &mut expected);
    paths(&replay.asked()[1].1, "", &mut sent);
    assert!(
        expected.len() > 130,
        "the fixture has {} values",
        expected.len()
    );
    assert_eq!(sent, expected, "of {} values none is lost", expected.len());
    let registered = ecs_deployer::TaskDefinition::new(maximal);
    assert_eq!(
        read.differences(&registered, ecs_deployer::Reveal::Nothing),
        []
    );
}

#[tokio::test]
async fn a_record_is_read_with_its_details_and_found_again_without_a_list() {
    let revision = format!("{PREFIX}:service-revision/dev/web/12");
    let described = json!({"serviceDeployments": [{
        "serviceDeploymentArn": format!("{PREFIX}:service-deployment/dev/web/d12"),
        "status": "IN_PROGRESS", "createdAt": 1.5, "lifecycleStage": "BAKE_TIME",
        "targetServiceRevision": {
            "arn": revision, "requestedTaskCount": 2, "runningTaskCount": 1, "pendingTaskCount": 1,
            "requestedProductionTrafficWeight": 10.0,
        },
        "sourceServiceRevisions": [{"arn": format!("{PREFIX}:service-revision/dev/web/11")}],
        "lifecycleHookDetails": [{"hookId": "h1", "targetType": "PAUSE", "status": "AWAITING_ACTION", "timeoutAction": "ROLLBACK"}],
        "deploymentCircuitBreaker": {"status": "TRIGGERED", "failureCount": 3, "threshold": 3},
        "alarms": {"status": "MONITORING", "alarmNames": ["5xx"], "triggeredAlarmNames": []},
        "rollback": {"reason": "because", "serviceRevisionArn": format!("{PREFIX}:service-revision/dev/web/11")},
    }]});
    let replay = Replay::new(move |operation, _| match operation {
        "ListServiceDeployments" => ok(&json!({"serviceDeployments": [{
            "serviceDeploymentArn": format!("{PREFIX}:service-deployment/dev/web/d12"),
            "targetServiceRevisionArn": format!("{PREFIX}:service-revision/dev/web/12"), "status": "PENDING",
        }]})),
        _ => ok(&described),
    });
    let plane = replay.plane();
    let id = "ecs-svc/12".parse().unwrap();
    for _ in 0..2 {
        let record = plane
            .service_deployment(&name(), &service(), &id)
            .await
            .unwrap()
            .unwrap();
        let details = record.details.unwrap();
        assert_eq!(record.status, ServiceDeploymentStatus::InProgress);
        assert_eq!(details.stage.as_ref().unwrap().as_str(), "BAKE_TIME");
        assert_eq!(details.production_traffic, Some(10.0));
        assert_eq!(details.waiting_hooks().next().unwrap().id, "h1");
        assert_eq!(details.breaker.unwrap().failures, 3);
        assert_eq!(details.alarms.unwrap().names, ["5xx"]);
        let back = details.rollback.unwrap().revision.unwrap();
        assert_eq!(back.deployment().as_str(), "ecs-svc/11");
    }
    let asked: Vec<String> = replay
        .asked()
        .into_iter()
        .map(|(operation, _)| operation)
        .collect();
    assert_eq!(
        asked,
        [
            "ListServiceDeployments",
            "DescribeServiceDeployments",
            "DescribeServiceDeployments"
        ]
    );
    assert_eq!(plane.calls().counts()["DescribeServiceDeployments"], 2);
}

#[tokio::test]
async fn a_record_that_may_not_be_described_is_listed_at_every_look() {
    let replay = Replay::new(|operation, _| {
        if operation == "DescribeServiceDeployments" {
            return refused(400, "AccessDeniedException", "no");
        }
        ok(&json!({"serviceDeployments": [{
            "serviceDeploymentArn": format!("{PREFIX}:service-deployment/dev/web/d12"),
            "targetServiceRevisionArn": format!("{PREFIX}:service-revision/dev/web/12"),
            "status": "STOPPED", "statusReason": "Stop requested by the user.",
        }]}))
    });
    let plane = replay.plane();
    let id = "ecs-svc/12".parse().unwrap();
    for look in 1..4 {
        let record = plane.service_deployment(&name(), &service(), &id).await;
        let status = record.unwrap().map(|record| record.status);
        assert_eq!(
            status,
            Some(ServiceDeploymentStatus::Stopped),
            "look {look}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_does_not_repeat_an_update_whose_answer_was_lost() {
    let replay = Replay::new(|_, _| (503, "<html>busy</html>".to_owned()));
    let plane = replay.retrying_plane();
    let update = ServiceUpdate::new(name(), service()).task_definition(arn("web:4"));
    let error = plane.update_service(&update).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(replay.asked().len(), 1);
    // What only reads is repeated.
    let read = plane.describe_services(&name(), &[service()]).await;
    assert!(read.is_err());
    assert_eq!(replay.asked().len(), 1 + 3);
}

#[tokio::test]
async fn a_revision_is_asked_for_once_however_often_it_is_named() {
    let replay = Replay::new(|_, body| {
        let revisions: Vec<Value> = body["serviceRevisionArns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arn| {
                json!({
                    "serviceRevisionArn": arn, "taskDefinition": format!("{PREFIX}:task-definition/web:3"),
                    "containerImages": [{"containerName": "app", "image": "h/a:1", "imageDigest": "sha256:00"}],
                })
            })
            .collect();
        ok(&json!({"serviceRevisions": revisions}))
    });
    let one = format!("{PREFIX}:service-revision/dev/web/1")
        .parse()
        .unwrap();
    let two = format!("{PREFIX}:service-revision/dev/web/2")
        .parse()
        .unwrap();
    let wanted: Vec<ecs_deployer::ServiceRevisionArn> = vec![two, one];
    let twice = [wanted.clone(), wanted.clone()].concat();
    let found = replay.plane().service_revisions(&twice).await.unwrap();
    assert_eq!(found.len(), 4);
    assert!(found.iter().map(|revision| &revision.arn).eq(&twice));
    assert_eq!(found[0].images[0].digest.as_deref(), Some("sha256:00"));
    assert_eq!(
        replay.asked()[0].1["serviceRevisionArns"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_desired_count_is_sent_only_when_asked_for() {
    let replay = Replay::new(|_, _| {
        let definition = format!("{PREFIX}:task-definition/web:3");
        ok(&json!({"service": described("web", &definition, 17, "IN_PROGRESS")}))
    });
    let plane = replay.plane();
    let update = ServiceUpdate::new(name(), service()).task_definition(arn("web:3"));
    plane.update_service(&update).await.unwrap();
    plane
        .update_service(&update.desired_count(Some(3)))
        .await
        .unwrap();
    let asked = replay.asked();
    assert_eq!(asked[0].1.get("desiredCount"), None, "{:?}", asked[0]);
    assert_eq!(asked[1].1["desiredCount"], 3);
}

#[tokio::test]
async fn a_task_that_finds_no_place_is_told_with_the_reason() {
    let replay = Replay::new(|_, _| {
        ok(&json!({"tasks": [], "failures": [{"arn": "x", "reason": "RESOURCE:MEMORY"}]}))
    });
    let request = ecs_deployer::TaskRequest::new(
        name(),
        arn("web:1"),
        ecs_deployer::LaunchSettings::default(),
    );
    let error = ecs_deployer::TaskRunner::run_task(&replay.plane(), &request)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::TaskNotStarted { reason, .. } if reason == "RESOURCE:MEMORY"),
        "{error:?}"
    );
}

#[tokio::test]
async fn services_are_described_ten_at_a_time_and_in_order() {
    let replay = Replay::new(|_, body| {
        // ECS answers in an order of its own.
        let services: Vec<Value> = body["services"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .map(|name| {
                described(
                    name.as_str().unwrap(),
                    &format!("{PREFIX}:task-definition/web:3"),
                    17,
                    "COMPLETED",
                )
            })
            .collect();
        ok(&json!({"services": services, "failures": []}))
    });
    let names: Vec<ServiceName> = (0..21)
        .map(|n| format!("web-{n}").parse().unwrap())
        .collect();
    let states = replay
        .plane()
        .describe_services(&name(), &names)
        .await
        .unwrap();
    let sizes: Vec<usize> = replay
        .asked()
        .iter()
        .map(|(_, body)| body["services"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [10, 10, 1]);
    assert!(
        states
            .iter()
            .map(|state| &state.name)
            .eq(names.iter().collect::<Vec<_>>())
    );
    let state = &states[20];
    assert_eq!(
        (state.minimum_healthy_percent, state.maximum_percent),
        (50, 150)
    );
    assert_eq!(state.events[0].id, "e1");
    let primary = state.primary().unwrap();
    assert_eq!((primary.id.number(), primary.is_completed()), ("17", true));
}

#[tokio::test]
async fn refusals_keep_what_aws_says_and_name_the_remedy() {
    let read = |answer: Answer| async move {
        let replay = Replay::new(move |_, _| answer.clone());
        replay
            .plane()
            .describe_services(&name(), &[service()])
            .await
            .unwrap_err()
    };
    let denied = read(refused(400, "AccessDeniedException", "User: x is not")).await;
    assert!(matches!(denied, Error::Denied { .. }), "{denied:?}");
    assert!(denied.hint().unwrap().contains("ecs:DescribeServices"));
    for part in ["AccessDeniedException", "User: x is not", "request-7"] {
        assert!(denied.to_string().contains(part), "{denied}");
    }
    let expired = read(refused(400, "ExpiredTokenException", "expired")).await;
    assert!(
        expired.hint().unwrap().contains("log in again"),
        "{expired:?}"
    );
    let throttled = read(refused(400, "ThrottlingException", "Rate exceeded")).await;
    assert!(
        matches!(&throttled, Error::Throttled { request_id: Some(id), .. } if id == "request-7"),
        "{throttled:?}"
    );
    let cluster = read(refused(400, "ClusterNotFoundException", "none")).await;
    assert!(matches!(cluster, Error::ClusterNotFound { .. }));
    let other = read(refused(400, "InvalidParameterException", "no")).await;
    assert!(matches!(other, Error::Refused { .. }), "{other:?}");
    // Trouble at ECS or on the way to it is no judgement of the request.
    for trouble in [
        refused(500, "ServerException", "sorry"),
        (503, "<html>busy</html>".to_owned()),
        (200, "<html>captive portal</html>".to_owned()),
    ] {
        let error = read(trouble.clone()).await;
        assert!(
            matches!(error, Error::Unreachable { .. }),
            "{trouble:?}: {error:?}"
        );
    }
    let missing = json!({"services": [], "failures": [{"arn": "x", "reason": "MISSING"}]});
    let missing = read(ok(&missing)).await;
    assert!(
        matches!(missing, Error::ServiceNotFound { .. }),
        "{missing:?}"
    );
    let mut deleted = described(
        "web",
        &format!("{PREFIX}:task-definition/web:3"),
        1,
        "COMPLETED",
    );
    deleted["status"] = "INACTIVE".into();
    let deleted = read(ok(&json!({"services": [deleted]}))).await;
    assert!(
        matches!(deleted, Error::ServiceNotFound { .. }),
        "{deleted:?}"
    );
}

#[tokio::test]
async fn each_denied_call_names_its_action() {
    let replay = Replay::new(|_, _| refused(400, "AccessDeniedException", "no"));
    let plane = replay.plane();
    let record = ServiceDeployment::new(
        "arn",
        "ecs-svc/1".parse().unwrap(),
        ServiceDeploymentStatus::InProgress,
        None,
    );
    let id = record.id.clone();
    let definition = crate::stage::definition("registry.example/web:1");
    let update = ServiceUpdate::new(name(), service());
    for (error, action) in [
        (
            plane
                .describe_task_definition(&arn("web:1"))
                .await
                .unwrap_err(),
            "ecs:DescribeTaskDefinition",
        ),
        (
            plane
                .register_task_definition(&definition)
                .await
                .unwrap_err(),
            "ecs:RegisterTaskDefinition and iam:PassRole",
        ),
        (
            plane.update_service(&update).await.unwrap_err(),
            "ecs:UpdateService",
        ),
        (
            plane
                .service_deployment(&name(), &service(), &id)
                .await
                .unwrap_err(),
            "ecs:ListServiceDeployments",
        ),
        (
            plane
                .stop_deployment(&record, StopType::Abort)
                .await
                .unwrap_err(),
            "ecs:StopServiceDeployment",
        ),
        (
            plane
                .stopped_tasks(&name(), &service(), &id)
                .await
                .unwrap_err(),
            "ecs:ListTasks",
        ),
    ] {
        assert!(
            error.hint().is_some_and(|hint| hint.contains(action)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_task_definition_is_told_from_other_refusals() {
    let with = |message: &'static str| async move {
        let replay = Replay::new(move |_, _| refused(400, "ClientException", message));
        replay
            .plane()
            .describe_task_definition(&arn("web:9"))
            .await
            .unwrap_err()
    };
    let missing = with("Unable to describe task definition.").await;
    assert!(
        matches!(missing, Error::TaskDefinitionNotFound { .. }),
        "{missing:?}"
    );
    let other = with("Something else.").await;
    assert!(matches!(other, Error::Refused { .. }), "{other:?}");
}

#[tokio::test]
async fn a_deployment_is_found_by_its_revision_on_any_page() {
    let replay = Replay::new(|_, body| {
        let brief = |number: u32, status: &str| {
            json!({
                "serviceDeploymentArn": format!("{PREFIX}:service-deployment/dev/web/d{number}"),
                "targetServiceRevisionArn": format!("{PREFIX}:service-revision/dev/web/{number}"),
                "status": status, "statusReason": "because",
            })
        };
        if body.get("nextToken").is_none() {
            // 112 ends like 12, and is another one.
            ok(&json!({"serviceDeployments": [brief(112, "IN_PROGRESS")], "nextToken": "2"}))
        } else {
            ok(&json!({"serviceDeployments": [brief(12, "ROLLBACK_IN_PROGRESS")]}))
        }
    });
    let plane = replay.plane();
    let find = |id: &str| {
        let id = id.parse().unwrap();
        let plane = plane.clone();
        async move {
            plane
                .service_deployment(&name(), &service(), &id)
                .await
                .unwrap()
        }
    };
    let found = find("ecs-svc/12").await.unwrap();
    assert_eq!(found.status, ServiceDeploymentStatus::RollbackInProgress);
    assert!(found.arn.ends_with("/d12"), "{found:?}");
    assert_eq!(find("ecs-svc/2").await, None);
}

#[tokio::test]
async fn stopped_tasks_are_those_of_the_deployment_oldest_first() {
    let task = |id: &str, by: &str, at: f64| {
        json!({
            "taskArn": format!("{PREFIX}:task/dev/{id}"), "startedBy": by, "stoppingAt": at,
            "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "app", "exitCode": 3}, {"name": "log"}],
        })
    };
    let replay = Replay::new(move |operation, body| match operation {
        "ListTasks" => {
            assert_eq!(body["desiredStatus"], "STOPPED");
            let arns: Vec<String> = (0..101).map(|n| format!("{PREFIX}:task/dev/{n}")).collect();
            ok(&json!({"taskArns": arns}))
        }
        _ if body["tasks"].as_array().unwrap().len() == 100 => ok(&json!({"tasks": [
            task("late", "ecs-svc/12", 20.0), task("other", "ecs-svc/11", 5.0)
        ]})),
        _ => ok(&json!({"tasks": [task("early", "ecs-svc/12", 10.0)]})),
    });
    let id = "ecs-svc/12".parse().unwrap();
    let tasks = replay
        .plane()
        .stopped_tasks(&name(), &service(), &id)
        .await
        .unwrap();
    let names: Vec<&str> = tasks.iter().map(|task| task.task.as_str()).collect();
    assert_eq!(names, ["early", "late"]);
    assert_eq!(tasks[0].stop_code, StopCode::EssentialContainerExited);
    let exits: Vec<Option<i64>> = tasks[0].containers.iter().map(|c| c.exit_code).collect();
    assert_eq!(
        exits,
        [Some(3), None],
        "no exit code means that it never ran"
    );
}

#[tokio::test]
async fn an_update_sends_no_desired_count() {
    let replay = Replay::new(|_, _| {
        let arn = format!("{PREFIX}:task-definition/web:4");
        ok(&json!({"service": described("web", &arn, 18, "IN_PROGRESS")}))
    });
    let update = ServiceUpdate::new(name(), service()).task_definition(arn("web:4"));
    let state = replay.plane().update_service(&update).await.unwrap();
    assert_eq!(state.primary().unwrap().id.number(), "18");
    let expected = json!({
        "cluster": "dev", "service": "web", "taskDefinition": "web:4", "forceNewDeployment": false,
    });
    assert_eq!(replay.asked()[0].1, expected);
}

/// People write `web:3`; what ECS then lists is the ARN.
#[tokio::test(start_paused = true)]
async fn going_back_by_family_and_revision_ends() {
    let updated = AtomicBool::new(false);
    let replay = Replay::new(move |operation, _| {
        let arn = |revision: u32| format!("{PREFIX}:task-definition/web:{revision}");
        match operation {
            "DescribeTaskDefinition" => ok(&json!({"taskDefinition": {
                "taskDefinitionArn": arn(3), "family": "web",
                "containerDefinitions": [{"name": "app", "image": "registry.example/web:3"}],
            }})),
            "UpdateService" => {
                updated.store(true, Ordering::Relaxed);
                ok(&json!({"service": described("web", &arn(3), 18, "IN_PROGRESS")}))
            }
            _ if updated.load(Ordering::Relaxed) => {
                ok(&json!({"services": [described("web", &arn(3), 18, "COMPLETED")]}))
            }
            _ => ok(&json!({"services": [described("web", &arn(4), 17, "COMPLETED")]})),
        }
    });
    let request = RollbackRequest::new(name(), service()).to(arn("web:3"));
    let plane = replay.plane();
    let outcome = rollback(&plane, &request, &Options::default(), &|_| {})
        .await
        .unwrap();
    assert_eq!(outcome.verdict, Verdict::RolledBack, "{outcome:?}");
}
