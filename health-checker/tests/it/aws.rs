//! The adapter against replayed answers: what goes over the wire, and what is made of what comes back.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_ecs::config::http::HttpRequest;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use health_checker::aws::EcsView;
use health_checker::deployment::{
    DeploymentView, Expected, Past, Role, Rollout, ServiceRef, Standing, TargetHealth, ViewError,
    judge,
};
use health_checker::testing::{DeploymentScene, DeploymentStage, deployment_contract};
use serde_json::{Value, json};

const PREFIX: &str = "arn:aws:ecs:eu-west-1:123456789012";
const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web-blue/6d0ecf831eec9f09";

type Answer = (u16, String);
type Answers = dyn Fn(&str, &Value) -> Answer + Send + Sync;

/// Answers by operation and body, and keeps what it was asked. ECS speaks JSON; ELB is asked in form fields and answers in
/// XML, and its operation is called `elb`.
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
        let text = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        let (operation, body) = match request.headers().get("x-amz-target") {
            Some(target) => (
                target.rsplit('.').next().unwrap().to_owned(),
                serde_json::from_str(&text).unwrap(),
            ),
            None => ("elb".to_owned(), Value::String(text)),
        };
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

    fn view(&self) -> EcsView {
        let credentials = || Credentials::new("AKIDEXAMPLE", "none", None, None, "test");
        let ecs = aws_sdk_ecs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(credentials())
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone())
            .build();
        let elb = aws_sdk_elasticloadbalancingv2::Config::builder()
            .behavior_version(aws_sdk_elasticloadbalancingv2::config::BehaviorVersion::latest())
            .region(aws_sdk_elasticloadbalancingv2::config::Region::new(
                "eu-west-1",
            ))
            .credentials_provider(credentials())
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone())
            .build();
        EcsView::new(
            aws_sdk_ecs::Client::from_conf(ecs),
            aws_sdk_elasticloadbalancingv2::Client::from_conf(elb),
        )
    }
}

fn service() -> ServiceRef {
    ServiceRef::new("dev", "web").unwrap()
}

fn ok(body: &Value) -> Answer {
    (200, body.to_string())
}

fn deployment(number: u32, role: &str, state: &str, desired: u32, running: u32) -> Value {
    json!({
        "id": format!("ecs-svc/{number}"), "status": role, "rolloutState": state,
        "rolloutStateReason": format!("ECS deployment ecs-svc/{number}."),
        "taskDefinition": format!("{PREFIX}:task-definition/web:{number}"),
        "desiredCount": desired, "runningCount": running, "pendingCount": 0, "failedTasks": 0,
    })
}

fn task(id: &str, deployment: u32, ip: &str, status: &str) -> Value {
    json!({
        "taskArn": format!("{PREFIX}:task/dev/{id}"), "lastStatus": status, "desiredStatus": "RUNNING",
        "startedBy": format!("ecs-svc/{deployment}"),
        "attachments": [{"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": [
            {"name": "subnetId", "value": "subnet-1"}, {"name": "privateIPv4Address", "value": ip},
        ]}],
        "containers": [{"name": "app", "networkInterfaces": [{"privateIpv4Address": ip}]}],
    })
}

/// ELB's answer: address, state and reason of each target.
fn health(targets: &[(&str, &str, Option<&str>)]) -> Answer {
    let members: String = targets
        .iter()
        .map(|(ip, state, reason)| {
            let reason = reason.map(|reason| format!("<Reason>{reason}</Reason>")).unwrap_or_default();
            format!(
                "<member><Target><Id>{ip}</Id><Port>8080</Port></Target><HealthCheckPort>8080</HealthCheckPort>\
                 <TargetHealth><State>{state}</State>{reason}</TargetHealth></member>"
            )
        })
        .collect();
    (
        200,
        format!(
            "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <DescribeTargetHealthResult><TargetHealthDescriptions>{members}</TargetHealthDescriptions>\
             </DescribeTargetHealthResult></DescribeTargetHealthResponse>"
        ),
    )
}

/// A service with these deployments and tasks, one page of the list for each task.
fn cluster(
    deployments: Value,
    tasks: Vec<Value>,
    targets: &'static [(&'static str, &'static str, Option<&'static str>)],
) -> Replay {
    let arns: Vec<Value> = tasks.iter().map(|task| task["taskArn"].clone()).collect();
    Replay::new(move |operation, body| match operation {
        "DescribeServices" if body["services"][0] == "web" => ok(&json!({"services": [{
            "serviceName": "web", "status": "ACTIVE", "deployments": deployments,
            "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8080}],
        }]})),
        "DescribeServices" => ok(&json!({
            "services": [], "failures": [{"arn": "x", "reason": "MISSING"}],
        })),
        "ListTasks" => {
            let page = body["nextToken"]
                .as_str()
                .map_or(0, |token| token.parse().unwrap());
            let next = (page + 1 < arns.len()).then(|| (page + 1).to_string());
            ok(&json!({"taskArns": arns.get(page).map(|arn| vec![arn]), "nextToken": next}))
        }
        "DescribeTasks" => ok(&json!({"tasks": tasks})),
        "elb" => health(targets),
        other => panic!("{other} was not expected"),
    })
}

fn complete() -> Replay {
    cluster(
        json!([deployment(2, "PRIMARY", "COMPLETED", 2, 2)]),
        vec![
            task("t2", 2, "10.0.0.2", "RUNNING"),
            task("t1", 2, "10.0.0.1", "RUNNING"),
        ],
        &[
            ("10.0.0.2", "healthy", None),
            ("10.0.0.1", "healthy", None),
            (
                "10.0.0.9",
                "draining",
                Some("Target.DeregistrationInProgress"),
            ),
        ],
    )
}

fn rolling() -> Replay {
    cluster(
        json!([
            deployment(2, "PRIMARY", "IN_PROGRESS", 2, 1),
            deployment(1, "ACTIVE", "COMPLETED", 2, 1)
        ]),
        vec![
            task("t3", 2, "10.0.0.3", "RUNNING"),
            task("t1", 1, "10.0.0.1", "RUNNING"),
            task("t4", 2, "10.0.0.4", "PENDING"),
        ],
        &[
            ("10.0.0.3", "initial", Some("Elb.RegistrationInProgress")),
            ("10.0.0.1", "healthy", None),
        ],
    )
}

#[tokio::test]
async fn a_service_is_seen_with_its_tasks_and_what_its_target_group_thinks_of_them() {
    let replay = complete();
    let snapshot = replay.view().look(&service()).await.unwrap();
    let [deployment] = &snapshot.deployments[..] else {
        panic!("{snapshot:?}")
    };
    assert_eq!(
        (deployment.id.as_str(), deployment.role),
        ("ecs-svc/2", Role::Primary)
    );
    assert_eq!(deployment.rollout, Some(Rollout::Completed));
    assert_eq!(
        deployment.rollout_reason.as_deref(),
        Some("ECS deployment ecs-svc/2.")
    );
    let tasks: Vec<(&str, String)> = snapshot
        .tasks
        .iter()
        .map(|task| (task.id.as_str(), task.addresses[0].to_string()))
        .collect();
    assert_eq!(
        tasks,
        [("t1", "10.0.0.1".to_owned()), ("t2", "10.0.0.2".to_owned())]
    );
    let group = &snapshot.target_groups[0];
    assert_eq!((group.name.as_str(), group.port), ("web-blue", Some(8080)));
    assert_eq!(group.targets[2].health, TargetHealth::Draining);
    assert_eq!(
        judge(&snapshot, &Expected::Primary, &Past::default()),
        Standing::Ready { note: None }
    );
    let asked = replay.asked.lock().unwrap().clone();
    let operations: Vec<&str> = asked
        .iter()
        .map(|(operation, _)| operation.as_str())
        .collect();
    assert_eq!(
        operations,
        [
            "DescribeServices",
            "elb",
            "ListTasks",
            "ListTasks",
            "DescribeTasks"
        ]
    );
    assert_eq!(asked[0].1, json!({"cluster": "dev", "services": ["web"]}));
    let form = asked[1].1.as_str().unwrap();
    assert!(
        form.contains("Action=DescribeTargetHealth") && form.contains("targetgroup%2Fweb-blue"),
        "{form}"
    );
    assert_eq!(
        asked[2].1,
        json!({"cluster": "dev", "serviceName": "web", "desiredStatus": "RUNNING"})
    );
    assert_eq!(asked[3].1["nextToken"], "1");
}

#[tokio::test]
async fn tasks_that_do_not_run_yet_are_not_among_those_that_do() {
    let snapshot = rolling().view().look(&service()).await.unwrap();
    let ids: Vec<&str> = snapshot.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["t1", "t3"]);
    let Standing::NotYet {
        reason,
        is_bad: false,
    } = judge(&snapshot, &Expected::Primary, &Past::default())
    else {
        panic!("{snapshot:?}")
    };
    assert!(
        reason.starts_with("is in progress, 1 of 2 tasks run"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_group_that_fails_open_is_recognised() {
    let replay = cluster(
        json!([deployment(2, "PRIMARY", "COMPLETED", 1, 1)]),
        vec![task("t1", 2, "10.0.0.1", "RUNNING")],
        &[("10.0.0.1", "unhealthy", Some("Target.ResponseCodeMismatch"))],
    );
    let snapshot = replay.view().look(&service()).await.unwrap();
    let Standing::NotYet {
        reason,
        is_bad: true,
    } = judge(&snapshot, &Expected::Primary, &Past::default())
    else {
        panic!("{snapshot:?}")
    };
    assert!(
        reason.contains("fails open") && reason.contains("Target.ResponseCodeMismatch"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_task_whose_containers_are_unhealthy_is_recognised() {
    for (health, is_bad) in [("HEALTHY", false), ("UNKNOWN", false), ("UNHEALTHY", true)] {
        let mut task = task("t1", 2, "10.0.0.1", "RUNNING");
        task["healthStatus"] = json!(health);
        let replay = cluster(
            json!([deployment(2, "PRIMARY", "COMPLETED", 1, 1)]),
            vec![task],
            &[("10.0.0.1", "healthy", None)],
        );
        let snapshot = replay.view().look(&service()).await.unwrap();
        let standing = judge(&snapshot, &Expected::Primary, &Past::default());
        let found = matches!(&standing, Standing::NotYet { is_bad: true, reason } if reason.ends_with("fail: t1"));
        assert_eq!(found, is_bad, "{health}: {standing:?}");
    }
}

#[tokio::test]
async fn refusals_keep_their_code_and_request_and_name_the_permission() {
    let denied = Replay::new(|_, _| {
        (
            400,
            json!({"__type": "AccessDeniedException", "message": "no"}).to_string(),
        )
    });
    let error = denied.view().look(&service()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "not allowed to describe services: AccessDeniedException: no (request request-7)"
    );
    assert_eq!(error.hint().as_deref(), Some("allow ecs:DescribeServices"));
    let gone = Replay::new(|_, _| {
        (
            400,
            json!({"__type": "ClusterNotFoundException", "message": "Cluster not found."})
                .to_string(),
        )
    });
    assert!(matches!(
        gone.view().look(&service()).await,
        Err(ViewError::NotFound { .. })
    ));
    for (status, code) in [(400, "ThrottlingException"), (503, "ServerException")] {
        let busy = Replay::new(move |_, _| (status, json!({"__type": code}).to_string()));
        assert!(
            busy.view()
                .look(&service())
                .await
                .unwrap_err()
                .is_transient(),
            "{code}"
        );
    }
    let elb = Replay::new(|operation, body| {
        match operation {
        "elb" => (
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>\
             <RequestId>r</RequestId></ErrorResponse>"
                .to_owned(),
        ),
        _ => (complete().answer)(operation, body),
    }
    });
    let error = elb.view().look(&service()).await.unwrap_err();
    assert_eq!(
        error.hint().as_deref(),
        Some("allow elasticloadbalancing:DescribeTargetHealth")
    );
}

#[derive(Debug)]
struct Replayed;

#[async_trait]
impl DeploymentStage for Replayed {
    async fn set(&self, scene: DeploymentScene, _: &ServiceRef) -> Box<dyn DeploymentView> {
        Box::new(
            match scene {
                DeploymentScene::Rolling => rolling(),
                DeploymentScene::Complete => complete(),
                DeploymentScene::Denied => Replay::new(|_, _| {
                    (400, json!({"__type": "AccessDeniedException"}).to_string())
                }),
                DeploymentScene::Unreachable => Replay::new(|_, _| (500, String::new())),
            }
            .view(),
        )
    }
}

#[tokio::test]
async fn the_adapter_keeps_the_contract_of_views() {
    deployment_contract(&Replayed).await;
}
