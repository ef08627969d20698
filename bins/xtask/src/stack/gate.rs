//! A door before the emulated account: it asks IAM's question for each request, as AWS does, and writes down what was used.
//!
//! Whoever stands behind it, moto, the simulated ECS, a registry, thus is held to a policy with its resources and conditions, which none of
//! them does by itself. Each access key is a session with a policy of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::action::{self, ACCOUNT, Asked, Protocol, REGION, base64};
use super::costs;
use super::http::{self, Request, Response};
use super::iam::{Grant, Need, Policy};
use super::refusal::{cbor, denied, not_known};

/// Keys of those who set the account up: they may do everything, and nothing is written down.
const SETTERS: [&str; 2] = ["test", "testing"];

/// One emulated cluster with the registry that its images are in.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) ecs: String,
    pub(super) registry: String,
}

/// The door.
#[derive(Debug)]
pub(super) struct Gate {
    server: http::Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    moto: String,
    /// All alike after the stack was applied; each then goes its own way.
    sites: Vec<Site>,
    sessions: Mutex<BTreeMap<String, Arc<Session>>>,
    /// How often the setters called an operation.
    calls: Mutex<BTreeMap<String, u64>>,
}

/// Who comes with an access key, and what became of it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: String,
    principal: String,
    policy: Policy,
    site: usize,
    /// Behind the names of its buckets, when they are to be its own.
    suffix: Option<String>,
    /// Its own secrets, by the ids of those in whose place they are.
    secrets: Mutex<BTreeMap<String, String>>,
    seen: Mutex<Seen>,
}

/// What a session did.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Each action that was allowed, and by what.
    pub(super) used: BTreeSet<(String, Grant)>,
    /// Each action that was refused, with the resource.
    pub(super) refused: BTreeSet<(String, String)>,
    /// Requests whose permissions are not known.
    pub(super) unknown: BTreeSet<String>,
}

impl Session {
    pub(super) fn new(
        key: impl Into<String>,
        principal: impl Into<String>,
        policy: Policy,
    ) -> Self {
        Self {
            key: key.into(),
            principal: principal.into(),
            policy,
            site: 0,
            suffix: None,
            secrets: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// In another site than the first.
    pub(super) const fn site(mut self, site: usize) -> Self {
        self.site = site;
        self
    }

    /// With buckets of its own: the same names, and this behind them.
    pub(super) fn own_buckets(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = Some(suffix.into());
        self
    }

    /// From now on it gets `own` where it asks for the secret `id`.
    pub(super) fn own_secret(&self, id: impl Into<String>, own: impl Into<String>) {
        held(&self.secrets).insert(id.into(), own.into());
    }

    pub(super) fn seen(&self) -> Seen {
        held(&self.seen).clone()
    }

    /// The refusal, if there is one.
    fn refuse(&self, need: &Need) -> Option<Need> {
        let grant = self.policy.allows(need);
        let mut seen = held(&self.seen);
        match grant {
            Some(grant) => {
                seen.used.insert((need.action.clone(), grant));
                None
            }
            None => {
                seen.refused
                    .insert((need.action.clone(), need.resource.clone()));
                Some(need.clone())
            }
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    pub(super) fn start(moto: String, sites: Vec<Site>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            moto,
            sites,
            sessions: Mutex::default(),
            calls: Mutex::default(),
        });
        let handler = Arc::clone(&shared);
        let server = http::Server::start(Arc::new(move |request| handler.answer(request)))?;
        Ok(Self { server, shared })
    }

    /// `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL` and, for the registry's own name, `HTTP_PROXY`.
    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    pub(super) fn address(&self) -> String {
        self.server.address()
    }

    /// Lets a session in.
    pub(super) fn admit(&self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        held(&self.shared.sessions).insert(session.key.clone(), Arc::clone(&session));
        session
    }

    /// How often those who set the account up called `service:Operation`.
    pub(super) fn calls(&self, operation: &str) -> u64 {
        held(&self.shared.calls)
            .get(operation)
            .copied()
            .unwrap_or(0)
    }
}

impl Shared {
    fn answer(&self, request: Request) -> Response {
        let Some(asked) = Asked::of(&request) else {
            return unsigned(&request);
        };
        let session = held(&self.sessions).get(&asked.key).cloned();
        let answer = match session {
            Some(session) => self.session(&session, &asked, &request),
            None if SETTERS.contains(&asked.key.as_str()) => self.setter(&asked, &request),
            None => Ok(not_known(
                asked.protocol,
                &format!("nobody has the access key {}", asked.key),
            )),
        };
        answer.unwrap_or_else(|error| not_known(asked.protocol, &error.to_string()))
    }

    /// All sites learn of what is set up, and moto too, so that they stay alike.
    fn setter(&self, asked: &Asked, request: &Request) -> io::Result<Response> {
        *held(&self.calls)
            .entry(format!("{}:{}", asked.service, asked.operation))
            .or_default() += 1;
        if asked.service != "ecs" {
            return http::ask(&self.moto, request);
        }
        let mut first = None;
        for site in &self.sites {
            let answer = http::ask(&site.ecs, request)?;
            first.get_or_insert(answer);
        }
        let moto = http::ask(&self.moto, request)?;
        Ok(first.unwrap_or(moto))
    }

    fn session(&self, session: &Session, asked: &Asked, request: &Request) -> io::Result<Response> {
        let needs = match asked.needs(request) {
            Ok(needs) => needs,
            Err(what) => {
                held(&session.seen).unknown.insert(what.clone());
                return Ok(not_known(asked.protocol, &what));
            }
        };
        let refused = |need: &Need| {
            session
                .refuse(need)
                .map(|need| denied(asked.protocol, &session.principal, &need))
        };
        if let Some(answer) = needs.iter().find_map(refused) {
            return Ok(answer);
        }
        let site = &self.sites[session.site.min(self.sites.len() - 1)];
        match (asked.service.as_str(), asked.operation.as_str()) {
            ("ecs", _) => http::ask(&site.ecs, request),
            ("ecr-registry", _) => http::ask(&site.registry, request),
            // The registry's password tells whose request it is.
            ("ecr", "GetAuthorizationToken") => Ok(token(&session.key)),
            ("monitoring", "PutMetricData") => Ok(cbor(200, vec![0xa0])),
            ("ce", "GetCostAndUsage") => Ok(costs::usage(&request.body)),
            ("ce", "GetCostForecast") => Ok(costs::forecast(&request.body)),
            ("s3", _) => {
                let answer = http::ask(&self.moto, &renamed(request, session.suffix.as_deref()))?;
                let (_, key) = action::object(request.path());
                let reads = matches!(request.method.as_str(), "GET" | "HEAD") && !key.is_empty();
                if answer.status == 404 && reads {
                    // The refusal is of the object, as S3 writes it; what is missing is the listing.
                    return Ok(refused(&action::tells_absent(request)).unwrap_or(answer));
                }
                Ok(answer)
            }
            ("secretsmanager", _) => {
                let own = held(&session.secrets).clone();
                http::ask(&self.moto, &with_own_secret(request, &own))
            }
            _ => http::ask(&self.moto, request),
        }
    }
}

fn unsigned(request: &Request) -> Response {
    if request
        .host()
        .is_some_and(|host| host.contains(".dkr.ecr."))
    {
        return Response::new(
            401,
            "application/json",
            "{\"errors\": [{\"code\": \"UNAUTHORIZED\"}]}",
        )
        .header(
            "www-authenticate",
            "Basic realm=\"https://ecr.example/\",service=\"ecr.amazonaws.com\"",
        );
    }
    not_known(Protocol::Json, "the request is not signed")
}

fn token(key: &str) -> Response {
    let token = base64(format!("AWS:{key}").as_bytes());
    let host = format!("https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com");
    let body = serde_json::json!({"authorizationData": [
        {"authorizationToken": token, "expiresAt": 4_000_000_000_u64, "proxyEndpoint": host}
    ]});
    Response::new(200, "application/x-amz-json-1.1", body.to_string())
}

/// The request with the bucket of the session.
fn renamed(request: &Request, suffix: Option<&str>) -> Request {
    let mut request = request.clone();
    if let Some(suffix) = suffix {
        let origin = request.origin().to_owned();
        let end = origin[1..]
            .find(['/', '?'])
            .map_or(origin.len(), |at| at + 1);
        request.target = format!("{}{suffix}{}", &origin[..end], &origin[end..]);
    }
    request
}

/// The request with the secret of the session.
fn with_own_secret(request: &Request, secrets: &BTreeMap<String, String>) -> Request {
    let mut request = request.clone();
    let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else {
        return request;
    };
    if let Some(own) = body["SecretId"].as_str().and_then(|id| secrets.get(id)) {
        body["SecretId"] = own.as_str().into();
        request.body = body.to_string().into_bytes();
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Statement": [
        {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"},
        {"Sid": "Login", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
    ]}"#;

    fn request(key: &str, service: &str, method: &str, target: &str) -> Request {
        Request::new(method, target).header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={key}/20261126/us-east-1/{service}/aws4_request, Signature=0"),
        )
    }

    /// A moto in which `b-1/there` is all that there is.
    fn moto() -> http::Server {
        http::Server::start(Arc::new(|request: Request| match request.path() {
            "/b-1/there" => Response::new(200, "text/plain", "x"),
            _ => Response::new(
                404,
                "application/xml",
                "<Error><Code>NoSuchKey</Code></Error>",
            ),
        }))
        .unwrap()
    }

    #[test]
    fn a_policy_is_asked_for_each_request_and_what_is_used_is_written_down() {
        let moto = moto();
        let site = Site {
            ecs: moto.address(),
            registry: moto.address(),
        };
        let gate = Gate::start(moto.address(), vec![site]).unwrap();
        let session =
            Session::new("ASIA1", "role", Policy::parse(POLICY).unwrap()).own_buckets("-1");
        let session = gate.admit(session);
        let ask = |request: &Request| http::ask(&gate.address(), request).unwrap();
        assert_eq!(ask(&request("ASIA1", "s3", "GET", "/b/there")).status, 200);
        let put = ask(&request("ASIA1", "s3", "PUT", "/b/there"));
        assert_eq!(put.status, 403);
        assert!(String::from_utf8_lossy(&put.body).contains("s3:PutObject"));
        // Without the right to list, what is not there is denied.
        let absent = ask(&request("ASIA1", "s3", "GET", "/b/absent"));
        assert_eq!(absent.status, 403);
        assert!(String::from_utf8_lossy(&absent.body).contains("s3:ListBucket"));
        assert_ne!(ask(&request("ASIA9", "s3", "GET", "/b/there")).status, 200);
        assert_ne!(ask(&Request::new("GET", "/b/there")).status, 200);
        let seen = session.seen();
        assert_eq!(
            seen.used
                .iter()
                .map(|(action, _)| action.as_str())
                .collect::<Vec<_>>(),
            ["s3:GetObject"]
        );
        assert_eq!(
            seen.refused
                .iter()
                .map(|(action, _)| action.as_str())
                .collect::<Vec<_>>(),
            ["s3:ListBucket", "s3:PutObject"]
        );
    }

    #[test]
    fn the_registry_knows_a_session_by_the_password_that_ecr_gave_it() {
        let moto = moto();
        let site = Site {
            ecs: moto.address(),
            registry: moto.address(),
        };
        let gate = Gate::start(moto.address(), vec![site]).unwrap();
        let session = gate.admit(Session::new(
            "ASIA1",
            "role",
            Policy::parse(POLICY).unwrap(),
        ));
        let login =
            request("ASIA1", "ecr", "POST", "/").header("x-amz-target", "X.GetAuthorizationToken");
        let answer = http::ask(&gate.address(), &login).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let token = body["authorizationData"][0]["authorizationToken"]
            .as_str()
            .unwrap();
        let url =
            "http://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/sdt-dev/web/manifests/latest";
        let proxied = |request: Request| {
            // `ask` sends paths; a client of a proxy sends the URL.
            gate.shared.answer(request).status
        };
        assert_eq!(proxied(Request::new("GET", url)), 401);
        assert_eq!(
            proxied(Request::new("GET", url).header("authorization", format!("Basic {token}"))),
            403
        );
        assert!(
            session
                .seen()
                .refused
                .iter()
                .any(|(action, _)| action == "ecr:BatchGetImage")
        );
    }

    #[test]
    fn a_sessions_secrets_are_its_own() {
        let secrets = [("arn:1".to_owned(), "run-7/x".to_owned())].into();
        let sent = |body: &str| {
            let request = Request::new("POST", "/").body(body);
            String::from_utf8(with_own_secret(&request, &secrets).body).unwrap()
        };
        assert_eq!(sent(r#"{"SecretId":"arn:1"}"#), r#"{"SecretId":"run-7/x"}"#);
        for other in [r#"{"SecretId": "arn:2"}"#, "{}", "[1]", "no JSON"] {
            assert_eq!(sent(other), other);
        }
    }

    #[test]
    fn a_sessions_buckets_are_its_own() {
        let target = |target: &str| renamed(&Request::new("GET", target), Some("-7")).target;
        assert_eq!(target("/b/k?x"), "/b-7/k?x");
        assert_eq!(target("/b?list-type=2"), "/b-7?list-type=2");
        assert_eq!(target("/b"), "/b-7");
        assert_eq!(renamed(&Request::new("GET", "/b"), None).target, "/b");
    }
}
