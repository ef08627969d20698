//! As much of ECS, ECR and an OCI registry as one deployment needs, on one loopback port.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

const ARN: &str = "arn:aws:ecs:eu-central-1:123456789012";
const OLD: &str = "1000000000000000001";
const NEW: &str = "1000000000000000002";

/// `ada:hunter2` in Base64, as a login stands in a request.
const LOGIN: &str = "Basic YWRhOmh1bnRlcjI=";

/// How the fake answers.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Behaviour {
    /// An update is completed after some polls.
    Completes,
    /// Every call is denied.
    Denies,
    /// The cluster's services cannot be listed; but for `sdt-dev-alpha` and `sdt-dev-old` it has none.
    DeniesList,
    /// The cluster has no service but `sdt-dev-alpha`.
    HasOneService,
    /// The cluster has no service.
    HasNoService,
    /// The bounds of `sdt-dev-alpha` let no task be replaced.
    Deadlocked,
    /// So they are as soon as an image was pushed.
    DeadlocksLater,
    /// `sdt-dev-alpha` is CodeDeploy's.
    CodeDeploys,
    /// An update is completed, and the registry wants `ada` with `hunter2`.
    WantsLogin,
}

/// A server that lives as long as the test's process.
pub(super) struct FakeAws {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    registered: Option<Value>,
    updated: bool,
    polls: u32,
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    /// What stands in the bucket `state`, by its path.
    objects: BTreeMap<String, Vec<u8>>,
    /// An object is gone when it is read, once.
    vanishes: bool,
    /// Another run's object, which takes the place of one just before that is deleted.
    taken_over: Option<Vec<u8>>,
}

impl FakeAws {
    pub(super) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                std::thread::spawn(
                    move || while serve(&stream, &shared, behaviour, address).is_some() {},
                );
            }
        });
        Self { address, state }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The task definition that was registered last.
    pub(super) fn registered(&self) -> Value {
        self.state
            .lock()
            .unwrap()
            .registered
            .clone()
            .expect("nothing was registered")
    }

    /// What stands in the bucket `state`.
    pub(super) fn object(&self, key: &str) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap();
        state.objects.get(&format!("/state/{key}")).cloned()
    }

    /// Puts something into the bucket `state`.
    pub(super) fn put_object(&self, key: &str, body: &str) {
        let mut state = self.state.lock().unwrap();
        state.objects.insert(format!("/state/{key}"), body.into());
    }

    /// The next object that is read is gone by then.
    pub(super) fn vanish(&self) {
        self.state.lock().unwrap().vanishes = true;
    }

    /// The next object that is deleted is another one by then.
    pub(super) fn take_over(&self, body: &str) {
        self.state.lock().unwrap().taken_over = Some(body.into());
    }

    /// The digest that a tag names.
    pub(super) fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        let (_, bytes) = state
            .manifests
            .get(&(repository.to_owned(), tag.to_owned()))?;
        Some(image_tagger::Digest::of(bytes).to_string())
    }
}

struct Answer {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn json(status: &'static str, body: &Value) -> Self {
        let headers = vec![("Content-Type", "application/x-amz-json-1.1".to_owned())];
        Self {
            status,
            headers,
            body: body.to_string().into_bytes(),
        }
    }

    fn plain(status: &'static str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Answers one request of a connection; `None` at its end.
fn serve(
    stream: &TcpStream,
    state: &Mutex<State>,
    behaviour: Behaviour,
    address: SocketAddr,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let body = if headers
        .get("transfer-encoding")
        .is_some_and(|value| value.contains("chunked"))
    {
        chunked(&mut reader)?
    } else {
        let mut body = vec![
            0;
            headers
                .get("content-length")
                .map_or(0, |length| length.parse().unwrap())
        ];
        reader.read_exact(&mut body).ok()?;
        body
    };
    let answer = match headers
        .get("x-amz-target")
        .and_then(|target| target.split_once('.'))
    {
        Some((_, operation)) => aws(
            operation,
            &body,
            &mut state.lock().unwrap(),
            behaviour,
            address,
        ),
        None if path.starts_with("/v2/")
            && behaviour == Behaviour::WantsLogin
            && headers.get("authorization").map(String::as_str) != Some(LOGIN) =>
        {
            Answer::plain("401 Unauthorized").header("WWW-Authenticate", "Basic realm=\"registry\"")
        }
        None if path.starts_with("/v2/") => {
            registry(&method, &path, &headers, body, &mut state.lock().unwrap())
        }
        None if path.starts_with("/state/") => {
            bucket(&method, &path, &headers, body, &mut state.lock().unwrap())
        }
        None => actuator(&path, &state.lock().unwrap()),
    };
    let mut head = format!(
        "HTTP/1.1 {}\r\nx-amzn-requestid: fake-request-id\r\n",
        answer.status
    );
    let length = answer
        .headers
        .iter()
        .any(|(name, _)| *name == "Content-Length");
    if !length {
        head += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    for (name, value) in answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = stream;
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    if method != "HEAD" {
        stream.write_all(&answer.body).ok()?;
    }
    Some(())
}

fn chunked(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// S3 as far as a lock needs it, with its conditional put.
fn bucket(
    method: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
    body: Vec<u8>,
    state: &mut State,
) -> Answer {
    let key = path.split('?').next().unwrap().to_owned();
    let missing = || Answer {
        status: "404 Not Found",
        headers: vec![("Content-Type", "application/xml".to_owned())],
        body: b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>".to_vec(),
    };
    match method {
        "PUT"
            if headers.get("if-none-match").is_some_and(|etag| etag == "*")
                && state.objects.contains_key(&key) =>
        {
            Answer {
                status: "412 Precondition Failed",
                headers: vec![("Content-Type", "application/xml".to_owned())],
                body:
                    b"<Error><Code>PreconditionFailed</Code><Message>there is one</Message></Error>"
                        .to_vec(),
            }
        }
        "PUT" => {
            state.objects.insert(key, body);
            Answer::plain("200 OK")
        }
        "DELETE" => {
            if let Some(other) = state.taken_over.take() {
                state.objects.insert(key.clone(), other);
            }
            let there = state.objects.get(&key).map(|body| etag(body));
            if headers
                .get("if-match")
                .is_some_and(|asked| there.as_ref() != Some(asked))
            {
                return Answer::plain("412 Precondition Failed");
            }
            state.objects.remove(&key);
            Answer::plain("204 No Content")
        }
        _ if std::mem::take(&mut state.vanishes) => {
            state.objects.remove(&key);
            missing()
        }
        _ => match state.objects.get(&key) {
            Some(body) => Answer {
                status: "200 OK",
                headers: vec![("ETag", etag(body))],
                body: body.clone(),
            },
            None => missing(),
        },
    }
}

fn etag(body: &[u8]) -> String {
    format!("\"{}\"", image_tagger::Digest::of(body))
}

fn aws(
    operation: &str,
    body: &[u8],
    state: &mut State,
    behaviour: Behaviour,
    address: SocketAddr,
) -> Answer {
    let input: Value = serde_json::from_slice(body).unwrap();
    let denied = behaviour == Behaviour::DeniesList && operation == "ListServices";
    if denied || behaviour == Behaviour::Denies {
        let error = json!({"__type": "AccessDeniedException", "message": "User is not authorized"});
        return Answer::json("400 Bad Request", &error);
    }
    let output = match operation {
        "GetAuthorizationToken" => json!({"authorizationData": [{
            // AWS:password
            "authorizationToken": "QVdTOnBhc3N3b3Jk",
            "expiresAt": 4_000_000_000_u64,
            "proxyEndpoint": format!("http://{address}"),
        }]}),
        "DescribeServices" if behaviour == Behaviour::HasNoService => {
            let arn = format!(
                "{ARN}:service/sdt-dev/{}",
                input["services"][0].as_str().unwrap()
            );
            json!({"services": [], "failures": [{"arn": arn, "reason": "MISSING"}]})
        }
        "DescribeServices" if behaviour == Behaviour::HasOneService => {
            state.polls += u32::from(state.updated);
            let known = |name: &&Value| **name == json!("sdt-dev-alpha");
            let names = input["services"].as_array().unwrap();
            let missing: Vec<Value> = names
                .iter()
                .filter(|name| !known(name))
                .map(|name| json!({"arn": format!("{ARN}:service/sdt-dev/{}", name.as_str().unwrap()), "reason": "MISSING"}))
                .collect();
            let found: Vec<Value> = names.iter().filter(known).map(|_| service(state)).collect();
            json!({"services": found, "failures": missing})
        }
        "ListServices" => {
            let arns = ["alpha", "old", "redis"]
                .map(|name| format!("{ARN}:service/sdt-dev/sdt-dev-{name}"));
            json!({"serviceArns": arns})
        }
        "DescribeServices"
            if behaviour == Behaviour::DeniesList
                && input["services"]
                    .as_array()
                    .unwrap()
                    .contains(&json!("sdt-dev-gone")) =>
        {
            let arn = format!("{ARN}:service/sdt-dev/sdt-dev-gone");
            json!({"services": [], "failures": [{"arn": arn, "reason": "MISSING"}]})
        }
        // Two more of the cluster: one that left the repository, and one that never was in it.
        "DescribeServices"
            if input["services"][0]
                .as_str()
                .is_some_and(|name| name != "sdt-dev-alpha") =>
        {
            let other = |name: &Value| {
                let mut other = service(&State::default());
                let family = format!("{ARN}:task-definition/{}:7", name.as_str().unwrap());
                other["serviceName"] = name.clone();
                other["taskDefinition"] = json!(family);
                other["deployments"][0]["taskDefinition"] = json!(family);
                other
            };
            let names = input["services"].as_array().unwrap();
            let others: Vec<Value> = names.iter().map(other).collect();
            json!({"services": others, "failures": []})
        }
        "DescribeServices" => {
            state.polls += u32::from(state.updated);
            let mut service = service(state);
            let later = behaviour == Behaviour::DeadlocksLater && !state.manifests.is_empty();
            if later || behaviour == Behaviour::Deadlocked {
                service["deploymentConfiguration"]["maximumPercent"] = json!(100);
            }
            if behaviour == Behaviour::CodeDeploys {
                service["deploymentController"]["type"] = json!("CODE_DEPLOY");
            }
            json!({"services": [service], "failures": []})
        }
        "DescribeTaskDefinition" => {
            let asked = input["taskDefinition"].as_str().unwrap();
            let mut definition = match &state.registered {
                Some(registered) if asked.ends_with(":2") => registered.clone(),
                _ if asked.contains("sdt-dev-old:") => definition(&format!(
                    "{address}/sdt-dev/old:sha-00112233445566778899aabbccddeeff00112233"
                )),
                _ if asked.contains("sdt-dev-redis:") => definition("docker.io/library/redis:7"),
                _ => definition(&format!("{address}/sdt-dev/alpha:latest")),
            };
            definition["taskDefinitionArn"] = json!(asked);
            definition["revision"] =
                json!(asked.rsplit(':').next().unwrap().parse::<u32>().unwrap());
            definition["status"] = json!("ACTIVE");
            json!({"taskDefinition": definition, "tags": []})
        }
        "RegisterTaskDefinition" => {
            state.registered = Some(input.clone());
            let mut definition = input;
            definition["taskDefinitionArn"] =
                json!(format!("{ARN}:task-definition/sdt-dev-alpha:2"));
            definition["revision"] = json!(2);
            json!({"taskDefinition": definition})
        }
        "UpdateService" => {
            state.updated = true;
            json!({"service": service(state)})
        }
        "ListServiceDeployments" => json!({"serviceDeployments": []}),
        "DescribeServiceDeployments" => json!({"serviceDeployments": [], "failures": []}),
        "ListTasks" => json!({"taskArns": []}),
        "DescribeTasks" => json!({"tasks": [], "failures": []}),
        other => {
            let error = json!({"__type": "InvalidAction", "message": other});
            return Answer::json("400 Bad Request", &error);
        }
    };
    Answer::json("200 OK", &output)
}

fn definition(image: &str) -> Value {
    json!({
        "family": "sdt-dev-alpha",
        "containerDefinitions": [{"name": "alpha", "image": image, "essential": true, "newKnob": {"level": 3}}],
        "aFieldOfNextYear": {"kept": true},
    })
}

fn service(state: &State) -> Value {
    let done = state.updated && state.polls > 2;
    let deployment = |id: &str, revision: u32, status: &str, done: bool, running: u32| {
        json!({
            "id": format!("ecs-svc/{id}"),
            "status": status,
            "taskDefinition": format!("{ARN}:task-definition/sdt-dev-alpha:{revision}"),
            "desiredCount": 1, "pendingCount": 0, "runningCount": running, "failedTasks": 0,
            "createdAt": 1_790_000_000.0, "updatedAt": 1_790_000_000.0,
            "rolloutState": if done { "COMPLETED" } else { "IN_PROGRESS" },
            "rolloutStateReason": "",
        })
    };
    let deployments = match (state.updated, done) {
        (false, _) => vec![deployment(OLD, 1, "PRIMARY", true, 1)],
        (true, false) => vec![
            deployment(NEW, 2, "PRIMARY", false, 0),
            deployment(OLD, 1, "ACTIVE", true, 1),
        ],
        (true, true) => vec![deployment(NEW, 2, "PRIMARY", true, 1)],
    };
    json!({
        "serviceArn": format!("{ARN}:service/sdt-dev/sdt-dev-alpha"),
        "serviceName": "sdt-dev-alpha",
        "clusterArn": format!("{ARN}:cluster/sdt-dev"),
        "status": "ACTIVE",
        "desiredCount": 1, "runningCount": 1, "pendingCount": 0,
        "taskDefinition": format!("{ARN}:task-definition/sdt-dev-alpha:{}", 1 + u32::from(state.updated)),
        "deploymentConfiguration": {
            "maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true},
        },
        "deploymentController": {"type": "ECS"},
        "deployments": deployments,
        "events": [],
        "schedulingStrategy": "REPLICA",
    })
}

/// What the service answers: the build of the image that is deployed.
fn actuator(path: &str, state: &State) -> Answer {
    let image = state
        .registered
        .as_ref()
        .filter(|_| state.updated && state.polls > 2)
        .and_then(|definition| definition["containerDefinitions"][0]["image"].as_str());
    let revision = image
        .and_then(|image| image.split_once(":sha-"))
        .and_then(|(_, tag)| tag.split('@').next())
        .unwrap_or("00000000aaaaaaaa00000000aaaaaaaa00000000");
    match path {
        "/api/alpha/actuator/health" => Answer::json("200 OK", &json!({"status": "UP"})),
        "/api/alpha/actuator/info" => {
            Answer::json("200 OK", &json!({"git": {"commit": {"id": revision}}}))
        }
        _ => Answer::plain("404 Not Found"),
    }
}

/// The distribution protocol, as far as a push goes.
fn registry(
    method: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
    body: Vec<u8>,
    state: &mut State,
) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = path.strip_prefix("/v2/").unwrap();
    if let Some((repository, reference)) = path.split_once("/manifests/") {
        let key = |reference: &str| (repository.to_owned(), reference.to_owned());
        if method == "PUT" {
            let digest = image_tagger::Digest::of(&body).to_string();
            let manifest = (headers["content-type"].clone(), body);
            state.manifests.insert(key(&digest), manifest.clone());
            state.manifests.insert(key(reference), manifest);
            return Answer::plain("201 Created").header("Docker-Content-Digest", digest);
        }
        return state.manifests.get(&key(reference)).map_or_else(
            || {
                Answer::json(
                    "404 Not Found",
                    &json!({"errors": [{"code": "MANIFEST_UNKNOWN"}]}),
                )
            },
            |(media_type, bytes)| Answer {
                status: "200 OK",
                headers: vec![
                    ("Content-Type", media_type.clone()),
                    (
                        "Docker-Content-Digest",
                        image_tagger::Digest::of(bytes).to_string(),
                    ),
                ],
                body: bytes.clone(),
            },
        );
    }
    if let Some(repository) = path.strip_suffix("/tags/list") {
        let is_tag = |key: &&(String, String)| key.0 == repository && !key.1.contains(':');
        let tags: Vec<&String> = state
            .manifests
            .keys()
            .filter(is_tag)
            .map(|key| &key.1)
            .collect();
        return Answer::json("200 OK", &json!({"name": repository, "tags": tags}));
    }
    if path.ends_with("/blobs/uploads/") {
        return Answer::plain("202 Accepted").header("Location", format!("/v2/{path}session"));
    }
    if method == "PUT" {
        let digest = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("digest="))
            .unwrap()
            .replace("%3A", ":");
        state.blobs.insert(digest.clone(), body);
        return Answer::plain("201 Created").header("Docker-Content-Digest", digest);
    }
    if let Some((_, digest)) = path.split_once("/blobs/") {
        return state.blobs.get(digest).map_or_else(
            || {
                Answer::json(
                    "404 Not Found",
                    &json!({"errors": [{"code": "BLOB_UNKNOWN"}]}),
                )
            },
            |bytes| Answer {
                status: "200 OK",
                headers: Vec::new(),
                body: bytes.clone(),
            },
        );
    }
    Answer::plain("200 OK")
}
