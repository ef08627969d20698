//! moto's own access control, in a moto of its own: the roles are assumed, requests signed and their signatures checked, actions denied.
//!
//! It knows resources for S3 alone, and denies every statement with a condition. Elsewhere the policies are put without both, and the gate is what
//! holds the programs to them.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::servers::{self, MOTO};
use crate::task::Error;
use crate::venv;

use super::super::account::binary;
use super::super::action::{ACCOUNT, REGION};
use super::super::applied::{self, Applied};
use super::super::checkout::{self, Checkout};
use super::super::http::{self, Request};
use super::super::program::{self, Said};
use super::super::{Outcome, function};

const GROUP: &str = "/ecs/sdt-dev-user-service";
const CLUSTER: &str = "sdt-dev";
const SERVICE: &str = "user-service";

/// What is done, under which role, and the actions that moto asks for then, in the order in which one after the other is denied: what the last one
/// keeps from being done, those before it have not done yet.
struct Case {
    name: &'static str,
    role: &'static str,
    act: fn(&Moto<'_>, &Keys) -> Result<Said, Error>,
    actions: &'static [&'static str],
}

const CASES: [Case; 3] = [
    Case {
        name: "windlass status",
        role: "sdt-dev-deployer",
        act: status,
        actions: &["ecs:DescribeServices", "ecs:DescribeTaskDefinition"],
    },
    Case {
        name: "log-exporter-lambda",
        role: "sdt-dev-log-exporter",
        act: log_function,
        actions: &[
            "logs:DescribeLogGroups",
            "logs:FilterLogEvents",
            "s3:ListBucket",
            "s3:GetObject",
            "s3:PutObject",
        ],
    },
    Case {
        name: "log-exporter export",
        role: "sdt-dev-log-exporter",
        act: log_export,
        actions: &[
            "logs:DescribeLogGroups",
            "logs:FilterLogEvents",
            "s3:ListBucket",
            "s3:GetObject",
            "s3:PutObject",
        ],
    },
];

/// What a role's session signs with.
struct Keys {
    id: String,
    secret: String,
    token: String,
}

struct Moto<'a> {
    applied: &'a Applied,
    server: servers::Server,
    checkout: Checkout,
}

pub(super) fn check(applied: &Applied) -> Result<Outcome, Error> {
    let place = applied.account.scratch("moto")?;
    let configuration =
        checkout::configuration("dev", &applied.dev, "http://127.0.0.1:9", applied.lock())?;
    let moto = Moto {
        applied,
        server: servers::start(&MOTO, &venv::ensure()?)?,
        checkout: Checkout::make(place, &[SERVICE], &configuration)?,
    };
    moto.furnish()?;
    let mut passed = 0;
    for case in &CASES {
        moto.empty()?;
        let policies = moto.policies(case.role)?;
        let keys = moto.assume(case.role)?;
        for action in case.actions {
            let said = moto.under(case, &policies, Some(action), &keys)?;
            // moto refuses in XML where a service speaks JSON, and so without a name.
            let names = !action.starts_with("s3:") || said.text.contains(action);
            if said.good() || !names {
                return Ok(Outcome::Failed(format!(
                    "{} without {action} ended with {:?}:\n{}",
                    case.name, said.code, said.text
                )));
            }
        }
        let said = moto.under(case, &policies, None, &keys)?;
        if !said.good() {
            return Ok(Outcome::Failed(format!(
                "{} under its policy ended with {:?}:\n{}",
                case.name, said.code, said.text
            )));
        }
        passed += case.actions.len() as u64 + 1;
    }
    println!(
        "stack: moto itself asks for signatures and actions, and for resources of S3; not for other resources, conditions, iam:PassRole, what a registry is asked, \
         nor the right to list for what is not there, and it refuses in XML where a service speaks JSON: the gate before it does all of these as AWS does"
    );
    Ok(Outcome::Passed(passed))
}

/// A policy as moto can hold somebody to it.
fn projected(text: &str) -> Result<Value, Error> {
    let mut policy: Value = serde_json::from_str(text)
        .map_err(|source| Error::broken("cannot read a policy", source))?;
    for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
        let of_s3 = statement["Action"].to_string().contains("\"s3:");
        if let Some(statement) = statement.as_object_mut() {
            statement.remove("Condition");
            if !of_s3 {
                statement.insert("Resource".into(), "*".into());
            }
        }
    }
    Ok(policy)
}

impl Moto<'_> {
    fn address(&self) -> &str {
        self.server.value().trim_start_matches("http://")
    }

    fn send(&self, service: &str, request: Request) -> Result<Vec<u8>, Error> {
        let what = format!("{service}: {} {}", request.method, request.target);
        let request = request.header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"),
        );
        let answer =
            http::ask(self.address(), &request).map_err(|source| Error::broken(&what, source))?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status < 300 {
            Ok(answer.body)
        } else {
            Err(Error::Broken(format!(
                "{what} was answered with {}: {text}",
                answer.status
            )))
        }
    }

    fn call(&self, service: &str, target: &str, body: &Value) -> Result<Value, Error> {
        let request = Request::new("POST", "/")
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .body(body.to_string());
        let answer = self.send(service, request)?;
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }

    fn query(&self, service: &str, parameters: &[(&str, &str)]) -> Result<String, Error> {
        let body: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let request = Request::new("POST", "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        Ok(String::from_utf8_lossy(&self.send(service, request)?).into_owned())
    }

    /// Whether access is controlled from now on.
    fn control(&self, on: bool) -> Result<(), Error> {
        let request =
            Request::new("POST", "/moto-api/reset-auth").body(if on { "0" } else { "inf" });
        let answer = http::ask(self.address(), &request)
            .map_err(|source| Error::broken("moto's access control", source))?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(Error::Broken(format!(
                "moto's access control answers {}",
                answer.status
            )))
        }
    }

    /// What the programs look at: a service, and a log with events.
    fn furnish(&self) -> Result<(), Error> {
        const ECS: &str = "AmazonEC2ContainerServiceV20141113";
        self.call(
            "ecs",
            &format!("{ECS}.CreateCluster"),
            &json!({"clusterName": CLUSTER}),
        )?;
        let name = format!("{CLUSTER}-{SERVICE}");
        let url = self.applied.dev.output("repository_urls")[SERVICE].clone();
        let image = format!("{}:latest", url.as_str().unwrap_or_default());
        let container = json!({"name": SERVICE, "image": image, "memory": 512, "essential": true});
        self.call(
            "ecs",
            &format!("{ECS}.RegisterTaskDefinition"),
            &json!({"family": name, "containerDefinitions": [container]}),
        )?;
        // None is wanted, so that all run, and the deployment is a completed one.
        self.call("ecs", &format!("{ECS}.CreateService"), &json!({"cluster": CLUSTER, "serviceName": name, "taskDefinition": name, "desiredCount": 0}))?;
        self.call(
            "logs",
            "Logs_20140328.CreateLogGroup",
            &json!({"logGroupName": GROUP}),
        )?;
        applied::fill_with(GROUP, &|target, body| self.call("logs", target, body))
    }

    /// An archive with nothing in it, so that all has to be read.
    fn empty(&self) -> Result<(), Error> {
        let bucket = self.bucket();
        self.control(false)?;
        self.send("s3", Request::new("PUT", format!("/{bucket}")))?;
        let listed = self.send("s3", Request::new("GET", format!("/{bucket}?list-type=2")))?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        for key in listed
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| rest.split("</Key>").next())
        {
            self.send(
                "s3",
                Request::new("DELETE", format!("/{bucket}/{}", encoded(key))),
            )?;
        }
        Ok(())
    }

    fn bucket(&self) -> &str {
        self.applied
            .dev
            .output("log_archive_bucket")
            .as_str()
            .unwrap_or_default()
    }

    /// The policies of a role, as they were applied.
    fn policies(&self, role: &str) -> Result<BTreeMap<String, Value>, Error> {
        let states = [&self.applied.bootstrap, &self.applied.dev];
        let found = states
            .iter()
            .find_map(|state| state.role(role).ok())
            .ok_or_else(|| Error::Broken(format!("no state has the role `{role}`")))?;
        found
            .into_iter()
            .map(|(name, text)| Ok((name, projected(&text)?)))
            .collect()
    }

    fn assume(&self, role: &str) -> Result<Keys, Error> {
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
        // A role of the case before is there already.
        let _ = self.query(
            "iam",
            &[
                ("Action", "CreateRole"),
                ("Version", "2010-05-08"),
                ("RoleName", role),
                ("AssumeRolePolicyDocument", &trust.to_string()),
            ],
        );
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let answer = self.query(
            "sts",
            &[
                ("Action", "AssumeRole"),
                ("Version", "2011-06-15"),
                ("RoleArn", &arn),
                ("RoleSessionName", "check"),
            ],
        )?;
        let part = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>"))?;
            rest.split_once("</").map(|(value, _)| value.to_owned())
        };
        match (
            part("AccessKeyId"),
            part("SecretAccessKey"),
            part("SessionToken"),
        ) {
            (Some(id), Some(secret), Some(token)) => Ok(Keys { id, secret, token }),
            _ => Err(Error::Broken(format!(
                "moto hands out no keys for `{role}`"
            ))),
        }
    }

    /// Does it under the policies, and without an action if one is named.
    fn under(
        &self,
        case: &Case,
        policies: &BTreeMap<String, Value>,
        without: Option<&str>,
        keys: &Keys,
    ) -> Result<Said, Error> {
        self.control(false)?;
        let nothing = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": without.unwrap_or("none:Such"), "Resource": "*"}]});
        for (name, policy) in policies.iter().chain([(&"without".to_owned(), &nothing)]) {
            self.query(
                "iam",
                &[
                    ("Action", "PutRolePolicy"),
                    ("Version", "2010-05-08"),
                    ("RoleName", case.role),
                    ("PolicyName", name),
                    ("PolicyDocument", &policy.to_string()),
                ],
            )?;
        }
        self.control(true)?;
        let said = (case.act)(self, keys);
        self.control(false)?;
        said
    }

    fn variables(&self, keys: &Keys) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.server.value().to_owned()),
            ("AWS_ACCESS_KEY_ID", keys.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", keys.secret.clone()),
            ("AWS_SESSION_TOKEN", keys.token.clone()),
            ("RATE", "1000".into()),
        ]
    }

    fn run(&self, keys: &Keys, name: &str, words: &[&str]) -> Result<Said, Error> {
        let mut command = Command::new(binary(name));
        command.args(words).current_dir(&self.checkout.folder);
        program::run_with(command, &self.variables(keys))
    }
}

/// A form's value, percent-encoded.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn status(moto: &Moto<'_>, keys: &Keys) -> Result<Said, Error> {
    moto.run(keys, "windlass", &["status", "--environment", "dev"])
}

fn log_function(moto: &Moto<'_>, keys: &Keys) -> Result<Said, Error> {
    let planned = applied::variables(&moto.applied.dev, "sdt-dev-log-exporter");
    let mut all: Vec<(&str, String)> = planned
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    all.extend(moto.variables(keys));
    function::invoke(
        Command::new(binary("log-exporter-lambda")),
        "sdt-dev-log-exporter",
        "{}",
        &all,
    )
}

fn log_export(moto: &Moto<'_>, keys: &Keys) -> Result<Said, Error> {
    moto.run(
        keys,
        "log-exporter",
        &[
            "export",
            "--prefix",
            "/ecs/sdt-dev-",
            "--bucket",
            moto.bucket(),
            "--from",
            "6h",
            "--rate",
            "1000",
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_for_moto_keeps_its_actions_and_the_resources_of_s3() {
        let text = r#"{"Statement": [
            {"Effect": "Allow", "Action": "ecs:ListTasks", "Resource": "arn:x", "Condition": {"ArnEquals": {"ecs:cluster": "y"}}},
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::b/*"}
        ]}"#;
        assert_eq!(
            projected(text).unwrap()["Statement"],
            json!([
                {"Effect": "Allow", "Action": "ecs:ListTasks", "Resource": "*"},
                {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::b/*"}
            ])
        );
    }

    #[test]
    fn a_forms_value_is_encoded() {
        assert_eq!(encoded("a b=é/1"), "a%20b%3D%C3%A9/1");
    }
}
