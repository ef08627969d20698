//! A SonarQube server on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded;

use crate::quality_gate::answer::{Comparator, Line, Mode, Task};
use crate::quality_gate::error::SonarError;
use crate::quality_gate::gate::ServerCondition;
use crate::quality_gate::name::{ProjectKey, TaskId};
use crate::quality_gate::server::ServerVersion;
use crate::quality_gate::sim::SimSonar;
use crate::quality_gate::sonar::{GateAdmin, Sonar};

/// A [`SimSonar`] behind SonarQube's HTTP, on a raw socket. It answers in the shapes of a real server, wants
/// [`SonarStub::TOKEN`] in the form that its version takes, and can be told to answer badly. It stops when dropped.
#[derive(Debug)]
pub struct SonarStub {
    sonar: Arc<SimSonar>,
    address: SocketAddr,
    version: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    faults: Mutex<Vec<StubFault>>,
    requests: Mutex<Vec<StubRequest>>,
    is_over: AtomicBool,
}

/// A request as the stub saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StubRequest {
    /// `GET`, `POST`.
    pub method: String,
    /// The path without query.
    pub path: String,
    /// The parameters of query and form.
    pub parameters: Vec<(String, String)>,
    /// The token as it was shown.
    pub authorization: Option<String>,
}

/// A bad answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StubFault {
    /// This status, these headers and this body.
    Answer(u16, Vec<(String, String)>, String),
    /// A redirect to this address.
    Redirect(String),
    /// The connection is closed without an answer.
    Closed,
    /// The answer breaks off in the midst of its body.
    Truncated,
    /// No answer, and the connection stays open.
    Silence,
}

impl StubFault {
    /// A status as a proxy answers it: with a web page.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, vec![], format!("<html><h1>{status}</h1></html>"))
    }
}

impl SonarStub {
    /// The token that the stub takes.
    pub const TOKEN: &'static str = "squ_hunter2-stub";

    /// Starts a stub that says it has this version.
    pub fn start(sonar: Arc<SimSonar>, version: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let site = Site {
            sonar: Arc::clone(&sonar),
            version: version.to_owned(),
            takes_bearer: version
                .parse()
                .is_ok_and(|version: ServerVersion| version.takes_bearer()),
            shared: Arc::clone(&shared),
        };
        let site = Arc::new(site);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if site.shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let site = Arc::clone(&site);
                thread::spawn(move || site.serve(stream));
            }
        });
        Self {
            sonar,
            address,
            version: version.to_owned(),
            shared,
        }
    }

    /// The simulated server behind it.
    pub fn sonar(&self) -> &SimSonar {
        &self.sonar
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The text of a scanner's report about it.
    pub fn report(&self, project: &ProjectKey, task: &TaskId) -> String {
        let url = self.url();
        let id: String = form_urlencoded::byte_serialize(project.as_str().as_bytes()).collect();
        format!(
            "projectKey={project}\nserverUrl={url}\nserverVersion={}\ndashboardUrl={url}/dashboard?id={id}\n\
             ceTaskId={task}\nceTaskUrl={url}/api/ce/task?id={task}\n",
            self.version
        )
    }

    /// The next requests, but for the version, are answered like this, one each, in this order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = StubFault>) {
        lock(&self.shared.faults).extend(faults);
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<StubRequest> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for SonarStub {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Site {
    sonar: Arc<SimSonar>,
    version: String,
    takes_bearer: bool,
    shared: Arc<Shared>,
}

/// Status and body.
type Answer = (u16, String);

impl Site {
    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = read(&stream) else {
            return;
        };
        let is_version = request.path == "/api/server/version";
        lock(&self.shared.requests).push(request.clone());
        let fault = {
            let mut faults = lock(&self.shared.faults);
            (!is_version && !faults.is_empty()).then(|| faults.remove(0))
        };
        let (status, headers, body) = match fault {
            None => {
                let (status, body) = self.answer(&request);
                (status, vec![], body)
            }
            Some(StubFault::Answer(status, headers, body)) => (status, headers, body),
            Some(StubFault::Redirect(to)) => {
                (302, vec![("Location".to_owned(), to)], String::new())
            }
            Some(StubFault::Truncated) => {
                let (status, body) = self.answer(&request);
                let half = &body[..body.len() / 2];
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{half}",
                    body.len()
                );
                return;
            }
            Some(StubFault::Closed) => return,
            Some(StubFault::Silence) => {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
                let _ = stream.read(&mut [0; 16]);
                return;
            }
        };
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }

    fn answer(&self, request: &StubRequest) -> Answer {
        if request.path == "/api/server/version" {
            return (200, self.version.clone());
        }
        let token = SonarStub::TOKEN;
        let expected = match self.takes_bearer {
            true => format!("Bearer {token}"),
            false => format!("Basic {}", STANDARD.encode(format!("{token}:"))),
        };
        if request.authorization.as_ref() != Some(&expected) {
            return (401, String::new());
        }
        match self.route(request) {
            Some(Ok(document)) => (200, document.to_string()),
            Some(Err(error)) => refusal(&error),
            None => (
                404,
                json!({"errors": [{"msg": format!("Unknown url : {}", request.path)}]}).to_string(),
            ),
        }
    }

    fn route(&self, request: &StubRequest) -> Option<Result<Value, SonarError>> {
        let sonar = &*self.sonar;
        let get = |name| request.get(name);
        let line = || match (get("branch"), get("pullRequest")) {
            (Some(name), _) => Line::Branch(name.to_owned()),
            (None, Some(key)) => Line::PullRequest(key.to_owned()),
            (None, None) => Line::Main,
        };
        let condition = || {
            let comparator = match get("op")? {
                "LT" => Comparator::Less,
                _ => Comparator::Greater,
            };
            Some(ServerCondition::new(
                get("metric")?.parse().ok()?,
                comparator,
                get("error")?,
            ))
        };
        Some(match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/api/ce/task") => {
                let id: TaskId = get("id")?.parse().ok()?;
                now(sonar.task(&id)).map(|task| task_document(&id, &task))
            }
            ("GET", "/api/qualitygates/project_status") => {
                let id = get("analysisId")?.parse().ok()?;
                now(sonar.gate_status(&id)).map(|gate| {
                    let conditions: Vec<Value> = gate
                        .conditions
                        .iter()
                        .map(|condition| {
                            let mut document = json!({
                                "status": condition.level.to_string(),
                                "metricKey": condition.metric,
                                "comparator": condition.comparator,
                                "errorThreshold": condition.limit,
                            });
                            if let Some(actual) = &condition.actual {
                                document["actualValue"] = json!(actual);
                            }
                            document
                        })
                        .collect();
                    json!({"projectStatus": {
                        "status": gate.level.to_string(),
                        "conditions": conditions,
                        "ignoredConditions": gate.has_ignored_conditions,
                        "period": {"mode": "previous_version", "date": "2024-05-01T08:00:00+0000"},
                        "caycStatus": "non-compliant",
                    }})
                })
            }
            ("GET", "/api/project_analyses/search") => {
                let project = get("project")?.parse().ok()?;
                now(sonar.analyses(&project, &line())).map(|analyses| {
                    let total = analyses.len();
                    let list: Vec<Value> = analyses
                        .iter()
                        .map(|one| {
                            let mut document = json!({
                                "key": one.id, "date": "2024-05-17T09:30:00+0200", "events": [],
                                "projectVersion": "1.0", "manualNewCodePeriodBaseline": false,
                            });
                            if let Some(revision) = &one.revision {
                                document["revision"] = json!(revision);
                            }
                            document
                        })
                        .collect();
                    json!({"paging": {"pageIndex": 1, "pageSize": 100, "total": total}, "analyses": list})
                })
            }
            ("GET", "/api/measures/component") => {
                let project: ProjectKey = get("component")?.parse().ok()?;
                let metrics: Option<Vec<_>> = get("metricKeys")?
                    .split(',')
                    .map(|key| key.parse().ok())
                    .collect();
                now(sonar.measures(&project, &line(), &metrics?)).map(|measures| {
                    let list: Vec<Value> = measures
                        .iter()
                        .map(|one| {
                            json!({"metric": one.metric, "value": one.value, "bestValue": false})
                        })
                        .collect();
                    json!({"component": {
                        "key": project, "name": project, "qualifier": "TRK", "measures": list,
                    }})
                })
            }
            ("GET", "/api/v2/clean-code-policy/mode") => now(sonar.mode()).map(|mode| {
                let word = match mode {
                    Mode::Classic => "STANDARD_EXPERIENCE",
                    Mode::MultiQualityRule => "MQR",
                };
                json!({"mode": word, "modified": true})
            }),
            ("GET", "/api/qualitygates/show") => {
                let name = get("name")?.parse().ok()?;
                match now(sonar.gate(&name)) {
                    Ok(Some(gate)) => {
                        let conditions: Vec<Value> = gate
                            .conditions
                            .iter()
                            .map(|(id, one)| {
                                json!({"id": id, "metric": one.metric, "op": one.comparator, "error": one.limit})
                            })
                            .collect();
                        Ok(json!({
                            "name": name, "conditions": conditions, "isBuiltIn": gate.is_built_in,
                            "isDefault": gate.is_built_in, "caycStatus": "non-compliant",
                            "actions": {"manageConditions": !gate.is_built_in},
                        }))
                    }
                    Ok(None) => Err(SonarError::NotFound {
                        doing: String::new(),
                        message: Some(format!("No quality gate has been found for name {name}")),
                    }),
                    Err(error) => Err(error),
                }
            }
            ("POST", "/api/qualitygates/create") => {
                let name = get("name")?.parse().ok()?;
                now(sonar.create_gate(&name)).map(|()| json!({"name": name}))
            }
            ("POST", "/api/qualitygates/create_condition") => {
                let gate = get("gateName")?.parse().ok()?;
                now(sonar.put_condition(&gate, None, &condition()?)).map(|()| json!({"id": "new"}))
            }
            ("POST", "/api/qualitygates/update_condition") => {
                let id = get("id")?.parse().ok()?;
                // The real server finds the gate by the condition, too.
                let gate = sonar.gate_with(&id)?;
                now(sonar.put_condition(&gate, Some(&id), &condition()?))
                    .map(|()| json!({"id": id}))
            }
            ("POST", "/api/qualitygates/delete_condition") => {
                let id = get("id")?.parse().ok()?;
                now(sonar.remove_condition(&id)).map(|()| json!({}))
            }
            ("GET", "/api/qualitygates/get_by_project") => {
                let project = get("project")?.parse().ok()?;
                now(sonar.gate_of(&project))
                    .map(|gate| json!({"qualityGate": {"name": gate, "default": false}}))
            }
            ("POST", "/api/qualitygates/select") => {
                let gate = get("gateName")?.parse().ok()?;
                let project = get("projectKey")?.parse().ok()?;
                now(sonar.select(&gate, &project)).map(|()| json!({}))
            }
            _ => return None,
        })
    }
}

/// The simulated server never waits.
fn now<T>(call: impl Future<Output = Result<T, SonarError>>) -> Result<T, SonarError> {
    call.now_or_never().expect("the simulation does not wait")
}

fn task_document(id: &TaskId, task: &Task) -> Value {
    let mut document = json!({
        "id": id,
        "type": "REPORT",
        "status": task.status.to_string(),
        // Unless it is said: just now.
        "submittedAt": task.submitted.unwrap_or_else(Timestamp::now).strftime("%Y-%m-%dT%H:%M:%S+0000").to_string(),
        "submitterLogin": "ci",
        "executionTimeMs": 2345,
        "hasScannerContext": true,
        "warningCount": task.warnings.len(),
        "warnings": task.warnings,
    });
    if let Some(project) = &task.project {
        document["componentKey"] = json!(project);
        document["componentName"] = json!(project);
        document["componentQualifier"] = json!("TRK");
    }
    if let Some(analysis) = &task.analysis {
        document["analysisId"] = json!(analysis);
    }
    if let Some(error) = &task.error {
        document["errorMessage"] = json!(error);
        document["hasErrorStacktrace"] = json!(true);
    }
    match &task.line {
        Line::Branch(name) => {
            document["branch"] = json!(name);
            document["branchType"] = json!("BRANCH");
        }
        Line::PullRequest(key) => document["pullRequest"] = json!(key),
        Line::Main => {}
    }
    json!({"task": document})
}

fn refusal(error: &SonarError) -> Answer {
    let said = |message: &Option<String>| match message {
        Some(message) => json!({"errors": [{"msg": message}]}).to_string(),
        None => String::new(),
    };
    match error {
        SonarError::Unauthorized { .. } => (401, String::new()),
        SonarError::Forbidden { message, .. } => (403, said(message)),
        SonarError::NotFound { message, .. } => (404, said(message)),
        SonarError::Refused {
            status, message, ..
        } => (*status, said(message)),
        _ => (503, "<html>Service Unavailable</html>".to_owned()),
    }
}

impl StubRequest {
    /// A parameter of query or form.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

fn read(stream: &TcpStream) -> Option<StubRequest> {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let method = words.next()?.to_owned();
    let url = Url::parse("http://stub").ok()?.join(words.next()?).ok()?;
    let (mut authorization, mut length) = (None, 0_u64);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut form = Vec::new();
    reader.take(length).read_to_end(&mut form).ok()?;
    let parameters = url
        .query_pairs()
        .chain(form_urlencoded::parse(&form))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    Some(StubRequest {
        method,
        path: url.path().to_owned(),
        parameters,
        authorization,
    })
}
