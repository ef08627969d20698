//! From a request to an API of AWS to the permissions that it takes.
//!
//! The service authorization reference says which actions, resources and condition keys there are:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use serde_json::Value;

use super::http::{Request, decoded, parameters};
use super::iam::Need;

/// The account and the region of everything that is emulated.
pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const REGION: &str = "us-east-1";

/// A request, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// As signatures call the service; `ecr-registry` for the registry of ECR, which has credentials of its own.
    pub(super) service: String,
    /// The operation, where the protocol names it.
    pub(super) operation: String,
    pub(super) protocol: Protocol,
    /// The access key that it is signed with.
    pub(super) key: String,
}

/// How errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Json,
    Cbor,
    Query,
    Rest,
    Registry,
}

impl Asked {
    /// Reads the service and the operation; `None` if the request is not signed.
    pub(super) fn of(request: &Request) -> Option<Self> {
        if request
            .host()
            .is_some_and(|host| host.contains(".dkr.ecr."))
        {
            return Some(Self {
                service: "ecr-registry".into(),
                operation: format!("{} {}", request.method, request.path()),
                protocol: Protocol::Registry,
                key: registry_key(request.headers.get("authorization")?)?,
            });
        }
        let authorization = request.headers.get("authorization")?;
        let (_, scope) = authorization.split_once("Credential=")?;
        let scope = scope.split(',').next()?.trim();
        let [key, _, _, service, _] = scope.split('/').collect::<Vec<_>>()[..] else {
            return None;
        };
        let (operation, protocol) = if let Some(target) = request.headers.get("x-amz-target") {
            let operation = target.rsplit('.').next().unwrap_or(target);
            (operation.to_owned(), Protocol::Json)
        } else if let Some((_, operation)) = request.path().split_once("/operation/") {
            (operation.to_owned(), Protocol::Cbor)
        } else {
            let body = String::from_utf8_lossy(&request.body);
            match parameters(&body).remove("Action") {
                Some(operation) if service != "s3" => (operation, Protocol::Query),
                _ => (request.method.clone(), Protocol::Rest),
            }
        };
        Some(Self {
            service: service.to_owned(),
            operation,
            protocol,
            key: key.to_owned(),
        })
    }

    /// What it takes. An error for what is not known here: it is not let through.
    pub(super) fn needs(&self, request: &Request) -> Result<Vec<Need>, String> {
        let needs = match self.service.as_str() {
            "s3" => s3(request),
            "ecr-registry" => registry(request),
            "monitoring" => metrics(&self.operation, &request.body),
            _ => {
                let body = match self.protocol {
                    Protocol::Query => parameters(&String::from_utf8_lossy(&request.body))
                        .into_iter()
                        .map(|(name, value)| (name, Value::String(value)))
                        .collect(),
                    _ => serde_json::from_slice(&request.body).unwrap_or(Value::Null),
                };
                called(&self.service, &self.operation, &body)
            }
        };
        needs.ok_or_else(|| {
            format!(
                "what {}:{} takes is not known: {} {}",
                self.service, self.operation, request.method, request.target
            )
        })
    }
}

/// The key in the password of the registry, where the stand-in of `ecr:GetAuthorizationToken` puts it.
fn registry_key(authorization: &str) -> Option<String> {
    let bytes = unbase64(authorization.strip_prefix("Basic ")?)?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix("AWS:").map(str::to_owned)
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

fn list<'a>(body: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    body[name]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// An operation by its name, with its input.
fn called(service: &str, operation: &str, body: &Value) -> Option<Vec<Need>> {
    let action = format!("{service}:{operation}");
    let one = |resource: String| Some(vec![Need::new(action.clone(), resource)]);
    match (service, operation) {
        ("ecs", _) => ecs(operation, body),
        ("ecr", "GetAuthorizationToken")
        | ("ce", "GetCostAndUsage" | "GetCostForecast")
        | ("ssm", "DescribeParameters")
        | ("secretsmanager", "GetRandomPassword") => one("*".into()),
        ("ecr", "DescribeRepositories") => Some(
            list(body, "repositoryNames")
                .map(|name| Need::new(action.clone(), arn("ecr", &format!("repository/{name}"))))
                .collect(),
        ),
        ("ecr", _) => one(arn(
            "ecr",
            &format!("repository/{}", text(body, "repositoryName")),
        )),
        ("budgets", "DescribeBudgets") => Some(vec![Need::new(
            "budgets:ViewBudget",
            format!("arn:aws:budgets::{ACCOUNT}:budget/*"),
        )]),
        ("logs", "DescribeLogGroups") => one(arn("logs", "log-group:*")),
        ("logs", "GetLogEvents") => one(arn(
            "logs",
            &format!(
                "log-group:{}:log-stream:{}",
                text(body, "logGroupName"),
                text(body, "logStreamName")
            ),
        )),
        ("logs", "FilterLogEvents" | "PutRetentionPolicy") => one(arn(
            "logs",
            &format!("log-group:{}:log-stream:", text(body, "logGroupName")),
        )),
        ("iam", "GetRole") => one(format!(
            "arn:aws:iam::{ACCOUNT}:role/{}",
            text(body, "RoleName")
        )),
        ("secretsmanager", _) => {
            let id = text(body, "SecretId");
            match (id.is_empty(), id.starts_with("arn:")) {
                (true, _) => None,
                (_, true) => one(id.to_owned()),
                // By its name alone: the six characters that Secrets Manager adds are any.
                _ => one(arn("secretsmanager", &format!("secret:{id}-AbCdEf"))),
            }
        }
        // Nobody can be refused this.
        ("sts", "GetCallerIdentity") => Some(Vec::new()),
        _ => None,
    }
}

fn ecs(operation: &str, body: &Value) -> Option<Vec<Need>> {
    let action = format!("ecs:{operation}");
    let cluster = text(body, "cluster").rsplit('/').next().unwrap_or_default();
    let cluster_arn = arn("ecs", &format!("cluster/{cluster}"));
    let service = |name: &str| {
        let name = name.rsplit('/').next().unwrap_or(name);
        arn("ecs", &format!("service/{cluster}/{name}"))
    };
    let within = |resource: String| {
        Need::new(action.clone(), resource).with("ecs:cluster", cluster_arn.clone())
    };
    let all = |name: &str| -> Vec<Need> {
        list(body, name)
            .map(|arn| Need::new(action.clone(), arn))
            .collect()
    };
    Some(match operation {
        "DescribeServices" => list(body, "services")
            .map(|name| within(service(name)))
            .collect(),
        "UpdateService" | "ListServiceDeployments" => vec![within(service(text(body, "service")))],
        "DescribeServiceDeployments" => all("serviceDeploymentArns"),
        "DescribeServiceRevisions" => all("serviceRevisionArns"),
        "StopServiceDeployment" | "ContinueServiceDeployment" => {
            vec![Need::new(action, text(body, "serviceDeploymentArn"))]
        }
        "DescribeTaskDefinition" => vec![Need::new(action, "*")],
        "RegisterTaskDefinition" => {
            let family = arn(
                "ecs",
                &format!("task-definition/{}:1", text(body, "family")),
            );
            let mut needs = vec![Need::new(action, family.clone())];
            for role in ["executionRoleArn", "taskRoleArn"] {
                if let Some(role) = body[role].as_str() {
                    needs.push(
                        Need::new("iam:PassRole", role)
                            .with("iam:PassedToService", "ecs-tasks.amazonaws.com"),
                    );
                }
            }
            if body["tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
                needs.push(
                    Need::new("ecs:TagResource", family)
                        .with("ecs:CreateAction", "RegisterTaskDefinition"),
                );
            }
            needs
        }
        "ListTasks" | "ListServices" => vec![within("*".into())],
        "ListClusters" => vec![Need::new(action, "*")],
        "DescribeTasks" => list(body, "tasks")
            .map(|task| {
                let id = task.rsplit('/').next().unwrap_or(task);
                within(arn("ecs", &format!("task/{cluster}/{id}")))
            })
            .collect(),
        _ => return None,
    })
}

fn metrics(operation: &str, body: &[u8]) -> Option<Vec<Need>> {
    let need = Need::new(format!("cloudwatch:{operation}"), "*");
    match operation {
        "PutMetricData" => Some(vec![
            need.with("cloudwatch:namespace", cbor_text(body, "Namespace")?),
        ]),
        _ => None,
    }
}

/// The text behind a key of a CBOR map (RFC 8949): a head of the major type 3, and the bytes.
fn cbor_text(body: &[u8], key: &str) -> Option<String> {
    let wanted = [&[0x60 + u8::try_from(key.len()).ok()?], key.as_bytes()].concat();
    let at = body
        .windows(wanted.len())
        .position(|window| window == wanted)?
        + wanted.len();
    let (length, begin) = match *body.get(at)? {
        head @ 0x60..=0x77 => (usize::from(head - 0x60), at + 1),
        0x78 => (usize::from(*body.get(at + 1)?), at + 2),
        _ => return None,
    };
    String::from_utf8(body.get(begin..begin + length)?.to_vec()).ok()
}

/// The bucket and the key of a path.
pub(super) fn object(path: &str) -> (String, String) {
    let path = path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (decoded(bucket), decoded(key))
}

fn s3(request: &Request) -> Option<Vec<Need>> {
    let (bucket, key) = object(request.path());
    let bucket = format!("arn:aws:s3:::{bucket}");
    let object = format!("{bucket}/{key}");
    let query = request.query();
    let sub = |name: &str| query.contains_key(name);
    Some(match (request.method.as_str(), key.is_empty()) {
        ("GET", true) if sub("list-type") => vec![Need::new("s3:ListBucket", bucket).with(
            "s3:prefix",
            query.get("prefix").cloned().unwrap_or_default(),
        )],
        ("HEAD", true) => vec![Need::new("s3:ListBucket", bucket)],
        ("GET" | "HEAD", false) => vec![Need::new("s3:GetObject", object)],
        ("PUT", false) => {
            let mut needs = vec![Need::new("s3:PutObject", object.clone())];
            // Whether the state is still the one that was read is read by S3.
            if request.headers.get("if-match").is_some() {
                needs.push(Need::new("s3:GetObject", object));
            }
            needs
        }
        ("POST", false) if sub("uploads") || sub("uploadId") => {
            vec![Need::new("s3:PutObject", object)]
        }
        ("DELETE", false) if !sub("uploadId") => vec![Need::new("s3:DeleteObject", object)],
        _ => return None,
    })
}

/// What tells whoever asks for an object that there is none. Without it S3 says 403 instead of 404; a listing's condition keys
/// are no part of such a request.
pub(super) fn tells_absent(request: &Request) -> Need {
    let (bucket, _) = object(request.path());
    Need::new("s3:ListBucket", format!("arn:aws:s3:::{bucket}"))
}

/// The registry of ECR, which speaks the OCI distribution protocol and asks IAM for each request.
fn registry(request: &Request) -> Option<Vec<Need>> {
    let path = request.path().strip_prefix("/v2/")?;
    let (name, rest) = ["/manifests/", "/blobs/", "/tags/", "/referrers/"]
        .iter()
        .find_map(|part| {
            path.split_once(part)
                .map(|(name, rest)| (name, format!("{part}{rest}")))
        })
        .unwrap_or_default();
    let need = |action: &str| {
        Need::new(
            format!("ecr:{action}"),
            arn("ecr", &format!("repository/{name}")),
        )
    };
    let is_upload = rest.starts_with("/blobs/uploads");
    let actions: &[&str] = match request.method.as_str() {
        _ if path.is_empty() => &[],
        "GET" | "HEAD" if rest.starts_with("/manifests/") => &["BatchGetImage"],
        // Which action ECR asks for here it does not say; what is listed are manifests.
        "GET" if rest.starts_with("/referrers/") => &["BatchGetImage"],
        "PUT" if rest.starts_with("/manifests/") => &["PutImage"],
        "GET" if rest.starts_with("/tags/") => &["ListImages"],
        "POST" if is_upload => &["InitiateLayerUpload"],
        "PATCH" if is_upload => &["UploadLayerPart"],
        "PUT" if is_upload && request.body.is_empty() => &["CompleteLayerUpload"],
        "PUT" if is_upload => &["UploadLayerPart", "CompleteLayerUpload"],
        "GET" | "DELETE" if is_upload => &[],
        "HEAD" => &["BatchCheckLayerAvailability"],
        "GET" => &["GetDownloadUrlForLayer"],
        _ => return None,
    };
    Some(actions.iter().map(|action| need(action)).collect())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64, for a user name and its password.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = BASE64[(word >> (18 - 6 * index)) as usize & 63];
            out.push(if index <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut word, mut bits) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = BASE64.iter().position(|known| *known == byte)?;
        word = word << 6 | u32::try_from(digit).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(word >> bits & 255).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signed(service: &str, method: &str, target: &str) -> Request {
        Request::new(method, target).header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential=AKID/20261126/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"),
        )
    }

    fn needs(request: &Request) -> Vec<(String, String)> {
        let asked = Asked::of(request).unwrap();
        assert_eq!(asked.key, "AKID");
        let needs = asked.needs(request).unwrap();
        needs
            .into_iter()
            .map(|need| (need.action, need.resource))
            .collect()
    }

    fn json(service: &str, operation: &str, body: &Value) -> Request {
        signed(service, "POST", "/")
            .header("x-amz-target", format!("Service.{operation}"))
            .body(body.to_string())
    }

    fn pair(action: &str, resource: &str) -> (String, String) {
        (action.to_owned(), resource.to_owned())
    }

    #[test]
    fn a_registered_task_definition_passes_its_roles_and_sets_its_tags() {
        let body = json!({
            "family": "web", "executionRoleArn": "arn:x", "taskRoleArn": "arn:y",
            "tags": [{"key": "a", "value": "b"}],
        });
        let family = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1";
        assert_eq!(
            needs(&json("ecs", "RegisterTaskDefinition", &body)),
            [
                pair("ecs:RegisterTaskDefinition", family),
                pair("iam:PassRole", "arn:x"),
                pair("iam:PassRole", "arn:y"),
                pair("ecs:TagResource", family),
            ]
        );
    }

    #[test]
    fn services_are_named_with_their_cluster_however_they_are_written() {
        let arn = "arn:aws:ecs:us-east-1:123456789012:service/dev/web";
        let body = json!({"cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/dev", "services": ["web", arn]});
        assert_eq!(
            needs(&json("ecs", "DescribeServices", &body)),
            [
                pair("ecs:DescribeServices", arn),
                pair("ecs:DescribeServices", arn)
            ]
        );
        assert!(
            Asked::of(&json("ecs", "DeleteCluster", &body))
                .unwrap()
                .needs(&json("ecs", "DeleteCluster", &body))
                .is_err()
        );
    }

    #[test]
    fn requests_to_s3_are_told_apart_by_method_path_and_query() {
        let get = |method, target| needs(&signed("s3", method, target));
        assert_eq!(
            get("GET", "/b?list-type=2&prefix=x"),
            [pair("s3:ListBucket", "arn:aws:s3:::b")]
        );
        assert_eq!(
            get("GET", "/b/k%3D1/x?x-id=GetObject"),
            [pair("s3:GetObject", "arn:aws:s3:::b/k=1/x")]
        );
        assert_eq!(
            get("HEAD", "/b/k"),
            [pair("s3:GetObject", "arn:aws:s3:::b/k")]
        );
        assert_eq!(
            get("DELETE", "/b/k"),
            [pair("s3:DeleteObject", "arn:aws:s3:::b/k")]
        );
        let put = signed("s3", "PUT", "/b/k").header("if-match", "x");
        assert_eq!(
            needs(&put),
            [
                pair("s3:PutObject", "arn:aws:s3:::b/k"),
                pair("s3:GetObject", "arn:aws:s3:::b/k")
            ]
        );
        let acl = signed("s3", "PUT", "/b");
        assert!(Asked::of(&acl).unwrap().needs(&acl).is_err());
    }

    #[test]
    fn the_registrys_requests_are_actions_of_ecr() {
        let repository = "arn:aws:ecr:us-east-1:123456789012:repository/sdt-dev/web";
        for (method, rest, action) in [
            ("HEAD", "manifests/latest", "ecr:BatchGetImage"),
            ("PUT", "manifests/latest", "ecr:PutImage"),
            ("HEAD", "blobs/sha256:0", "ecr:BatchCheckLayerAvailability"),
            ("GET", "blobs/sha256:0", "ecr:GetDownloadUrlForLayer"),
            ("POST", "blobs/uploads/", "ecr:InitiateLayerUpload"),
            ("PATCH", "blobs/uploads/1", "ecr:UploadLayerPart"),
            (
                "PUT",
                "blobs/uploads/1?digest=sha256:0",
                "ecr:CompleteLayerUpload",
            ),
        ] {
            let request = Request::new(
                method,
                format!(
                    "http://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/sdt-dev/web/{rest}"
                ),
            )
            .header("authorization", format!("Basic {}", base64(b"AWS:AKID")));
            assert_eq!(needs(&request), [pair(action, repository)]);
        }
    }

    #[test]
    fn queries_and_cbor_name_their_operations() {
        let role =
            signed("iam", "POST", "/").body("Action=GetRole&Version=2010-05-08&RoleName=a-task");
        assert_eq!(
            needs(&role),
            [pair("iam:GetRole", "arn:aws:iam::123456789012:role/a-task")]
        );
        let mut body = b"\xbf\x69Namespace\x74SkillTracker/Costs/ab".to_vec();
        body.push(0xff);
        let put = signed(
            "monitoring",
            "POST",
            "/service/GraniteServiceVersion20100801/operation/PutMetricData",
        )
        .body(body);
        let asked = Asked::of(&put).unwrap();
        let needs = asked.needs(&put).unwrap();
        assert_eq!(
            needs[0].context["cloudwatch:namespace"],
            "SkillTracker/Costs/a"
        );
        assert_eq!(asked.protocol, Protocol::Cbor);
    }

    #[test]
    fn a_request_that_is_not_signed_is_nobodys() {
        assert_eq!(Asked::of(&Request::new("GET", "/")), None);
    }

    #[test]
    fn base64_is_its_own_way_back() {
        for text in ["", "a", "ab", "abc", "AWS:ASIA0001"] {
            assert_eq!(unbase64(&base64(text.as_bytes())).unwrap(), text.as_bytes());
        }
        assert_eq!(base64(b"AWS:x"), "QVdTOng=");
        assert_eq!(unbase64("%"), None);
    }
}
