//! The deployment that must serve before anything is asked, by a cluster on loopback that answers as ECS and ELB do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::run::{Ended, PATIENT, Place};
use crate::server::Server;

const PREFIX: &str = "arn:aws:ecs:us-east-1:123456789012";
const GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/6d0ecf831eec9f09";

/// What the cluster shows at its n-th look: the deployments, and the health of the only task's target.
type Look = fn(usize) -> (Value, &'static str);

/// A running cluster, which ends with the test.
struct Cluster {
    address: SocketAddr,
    looks: Arc<AtomicUsize>,
}

impl Cluster {
    fn start(look: Look) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || serve(&stream.unwrap(), &counted, look));
            }
        });
        Self { address, looks }
    }

    fn check(&self, place: &Place, more: &[&str]) -> Ended {
        let arguments = [
            &[
                "check",
                "--ecs-cluster",
                "dev",
                "--ecs-service",
                "web",
                "--ecs-poll",
                "100ms",
            ],
            more,
        ]
        .concat();
        let mut command = place.command(&arguments);
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        Ended::of(command.output().unwrap())
    }
}

fn serve(mut stream: &TcpStream, looks: &AtomicUsize, look: Look) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let head = head.to_lowercase();
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        let length = header("content-length:").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let operation = header("x-amz-target:").unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default();
        if operation == "describeservices" {
            looks.fetch_add(1, Ordering::SeqCst);
        }
        let (deployments, health) = look(looks.load(Ordering::SeqCst));
        let answer = match operation {
            "describeservices" => json!({"services": [{
                "serviceName": "web", "status": "ACTIVE", "deployments": deployments,
                "loadBalancers": [{"targetGroupArn": GROUP, "containerPort": 8080}],
            }]})
            .to_string(),
            "listtasks" => json!({"taskArns": [format!("{PREFIX}:task/dev/t1")]}).to_string(),
            "describetasks" => json!({"tasks": [{
                "taskArn": format!("{PREFIX}:task/dev/t1"), "lastStatus": "RUNNING", "startedBy": "ecs-svc/2",
                "attachments": [{"details": [{"name": "privateIPv4Address", "value": "10.0.0.1"}]}],
            }]})
            .to_string(),
            _ => format!(
                "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
                 <DescribeTargetHealthResult><TargetHealthDescriptions><member><Target><Id>10.0.0.1</Id>\
                 <Port>8080</Port></Target><TargetHealth><State>{health}</State></TargetHealth></member>\
                 </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"
            ),
        };
        let length = answer.len();
        if write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}"
        )
        .is_err()
        {
            return;
        }
    }
}

fn deployment(number: u32, role: &str, state: &str, running: u32) -> Value {
    json!({
        "id": format!("ecs-svc/{number}"), "status": role, "rolloutState": state, "rolloutStateReason": "so it is",
        "taskDefinition": format!("{PREFIX}:task-definition/web:{number}"),
        "desiredCount": 1, "runningCount": running, "pendingCount": 0, "failedTasks": 0,
    })
}

fn complete(_: usize) -> (Value, &'static str) {
    (json!([deployment(2, "PRIMARY", "COMPLETED", 1)]), "healthy")
}

#[test]
fn targets_are_asked_when_the_deployment_serves_and_it_is_looked_at_once_more_after() {
    let (place, server) = (Place::new(), Server::up());
    let cluster = Cluster::start(|look| match look {
        1 => (
            json!([deployment(2, "PRIMARY", "IN_PROGRESS", 0)]),
            "initial",
        ),
        2 => (json!([deployment(2, "PRIMARY", "COMPLETED", 1)]), "initial"),
        _ => complete(look),
    });
    let url = format!("web={}", server.url("/actuator/health"));
    let arguments = [
        &[
            &*url,
            "--deployment",
            "ecs-svc/2",
            "--format",
            "json",
            "--events",
            "events",
            "--junit",
            "j.xml",
        ],
        PATIENT,
    ]
    .concat();
    let ended = cluster.check(&place, &arguments);
    ended.assert_said(
        0,
        &[
            "not yet: it is in progress, 0 of 1 tasks run",
            "fails open",
            "its own tasks, and no others, are reached",
        ],
    );
    let document = ended.json();
    assert_eq!(document["deployment"]["verdict"], "serving");
    assert_eq!(document["deployment"]["deployment"], "ecs-svc/2");
    assert_eq!(document["targets"][0]["verdict"], "healthy");
    assert_eq!(
        cluster.looks.load(Ordering::SeqCst),
        4,
        "three looks before, one after"
    );
    assert_eq!(server.heads().len(), 3);
    assert!(place.read("events").contains("\"deployment-finished\""));
    assert!(
        place
            .read("j.xml")
            .contains("tests=\"2\" failures=\"0\" errors=\"0\"")
    );
}

#[test]
fn a_deployment_that_does_not_serve_keeps_the_targets_from_being_asked() {
    let (place, server) = (Place::new(), Server::up());
    let url = format!("web={}", server.url("/actuator/health"));
    let cases: [(Look, i32, &str, &str); 5] = [
        (
            |_| (json!([deployment(2, "PRIMARY", "FAILED", 0)]), "initial"),
            1,
            "failed",
            "failed: so it is",
        ),
        (
            |_| {
                (
                    json!([
                        deployment(3, "PRIMARY", "COMPLETED", 1),
                        deployment(2, "ACTIVE", "IN_PROGRESS", 0)
                    ]),
                    "healthy",
                )
            },
            7,
            "superseded",
            "ecs-svc/3 of web:3 took its place",
        ),
        (
            |_| {
                (
                    json!([deployment(2, "PRIMARY", "COMPLETED", 1)]),
                    "unhealthy",
                )
            },
            1,
            "not-serving",
            "fails open and sends requests to all of them",
        ),
        (
            |_| {
                (
                    json!([deployment(2, "PRIMARY", "IN_PROGRESS", 0)]),
                    "initial",
                )
            },
            8,
            "timed-out",
            "0 of 1 tasks run",
        ),
        (
            |_| (json!([deployment(9, "PRIMARY", "COMPLETED", 1)]), "healthy"),
            8,
            "timed-out",
            "is not there; the primary deployment is ecs-svc/9 of web:9",
        ),
    ];
    for (look, code, verdict, part) in cases {
        let cluster = Cluster::start(look);
        let ended = cluster.check(
            &place,
            &[
                &url,
                "--deployment",
                "ecs-svc/2",
                "--timeout",
                "700ms",
                "--format",
                "json",
            ],
        );
        ended.assert_said(code, &[part]);
        assert_eq!(ended.json()["deployment"]["verdict"], verdict);
        let target = &ended.json()["targets"][0];
        assert_eq!(target["verdict"], "inconclusive");
        assert_eq!(
            target["reason"],
            "was not asked: the deployment does not serve"
        );
    }
    assert_eq!(server.heads().len(), 0);
}

#[test]
fn a_rollback_while_the_targets_are_asked_is_noticed() {
    let (place, server) = (Place::new(), Server::up());
    let cluster = Cluster::start(|look| match look {
        1 => complete(look),
        _ => (
            json!([
                deployment(3, "PRIMARY", "COMPLETED", 1),
                deployment(2, "ACTIVE", "FAILED", 0)
            ]),
            "healthy",
        ),
    });
    let url = format!("web={}", server.url("/actuator/health"));
    let ended = cluster.check(&place, &[&[&*url], PATIENT].concat());
    ended.assert_said(1, &["web:3 serves in its place"]);
    assert!(ended.stdout.contains("healthy       web"), "{ended:?}");
}

#[test]
fn a_rollback_that_is_over_at_the_last_look_is_a_failure() {
    let (place, server) = (Place::new(), Server::up());
    let cluster = Cluster::start(|look| match look {
        1 => complete(look),
        _ => {
            let mut back = deployment(3, "PRIMARY", "COMPLETED", 1);
            back["taskDefinition"] = json!(format!("{PREFIX}:task-definition/web:1"));
            (json!([back]), "healthy")
        }
    });
    let url = format!("web={}", server.url("/actuator/health"));
    let ended = cluster.check(&place, &[&[&*url], PATIENT].concat());
    ended.assert_said(1, &["was rolled back: ecs-svc/3 of web:1"]);
}

#[test]
fn a_bad_target_weighs_more_than_a_last_look_that_tells_nothing() {
    let place = Place::new();
    let server = Server::start(|_, _| crate::server::body(503, crate::server::DOWN));
    let cluster = Cluster::start(|look| match look {
        1 => complete(look),
        _ => (
            json!([deployment(2, "PRIMARY", "IN_PROGRESS", 0)]),
            "initial",
        ),
    });
    let url = format!("web={}", server.url("/actuator/health"));
    let ended = cluster.check(&place, &[&url, "--timeout", "700ms", "--interval", "10ms"]);
    ended.assert_said(1, &["answers 503 DOWN"]);
}

#[test]
fn a_service_that_grew_while_the_targets_were_asked_is_waited_for() {
    let (place, server) = (Place::new(), Server::up());
    let cluster = Cluster::start(|look| match look {
        2 | 3 => (json!([deployment(2, "PRIMARY", "COMPLETED", 0)]), "healthy"),
        _ => complete(look),
    });
    let url = format!("web={}", server.url("/actuator/health"));
    cluster
        .check(&place, &[&[&*url], PATIENT].concat())
        .assert_said(0, &["is complete, but 0 of 1 tasks run"]);
    assert_eq!(cluster.looks.load(Ordering::SeqCst), 4);
}

#[test]
fn a_cluster_that_hangs_at_the_last_look_does_not_prolong_the_run() {
    let (place, server) = (Place::new(), Server::up());
    let cluster = Cluster::start(|look| {
        if look > 1 {
            thread::sleep(std::time::Duration::from_secs(30));
        }
        complete(look)
    });
    let url = format!("web={}", server.url("/actuator/health"));
    let began = std::time::Instant::now();
    let quick = [&*url, "--interval", "10ms", "--timeout", "2s"];
    let ended = cluster.check(&place, &quick);
    let took = began.elapsed();
    ended.assert_said(8, &["could not be looked at once more in time"]);
    assert!((2..6).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn a_deployment_alone_can_be_looked_at() {
    let place = Place::new();
    let cluster = Cluster::start(complete);
    let ended = cluster.check(&place, &["--deployment", "web:2"]);
    ended.assert_said(0, &[]);
    assert!(
        ended
            .stdout
            .starts_with("serving       dev/web  ecs-svc/2 of web:2, 1 of 1 tasks"),
        "{ended:?}"
    );
    cluster
        .check(&place, &["--deployment", "latest"])
        .assert_said(2, &["task definition `family:revision`"]);
    place
        .run(&["check", "--ecs-service", "web"])
        .assert_said(2, &["--ecs-cluster"]);
}

#[test]
fn an_endpoint_that_is_no_url_is_named_before_anybody_is_asked() {
    let place = Place::new();
    let mut command = place.command(&["check", "--ecs-cluster", "dev", "--ecs-service", "web"]);
    command.env("AWS_ENDPOINT_URL_ECS", "localhost:1");
    Ended::of(command.output().unwrap())
        .assert_said(2, &["AWS_ENDPOINT_URL_ECS", "http://HOST:PORT"]);
}
