//! The function as a process, and the Secrets Manager that it works on.

use std::future::Future;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Credentials;
use secrets_rotator_lambda::Step;
use serde_json::{Value, json};

use crate::runtime::{Runtime, Said};

const LONG: Duration = Duration::from_secs(60);

/// The function. Dropping it ends it.
pub(crate) struct Function {
    runtime: Runtime,
    child: Child,
    invocations: usize,
    said: String,
}

impl Function {
    pub(crate) fn start(variables: &[(&str, String)]) -> Self {
        let runtime = Runtime::start();
        let mut command = Command::new(env!("CARGO_BIN_EXE_secrets-rotator-lambda"));
        runtime.tell(&mut command);
        command
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "key-hunter2")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        Self {
            child: command.spawn().unwrap(),
            runtime,
            invocations: 0,
            said: String::new(),
        }
    }

    /// Hands over an event and returns what came of it.
    pub(crate) fn invoke(&mut self, event: &Value, time: Duration) -> Result<Value, Value> {
        self.invocations += 1;
        let id = format!("request-{}", self.invocations);
        self.runtime.invoke(&id, &event.to_string(), time);
        loop {
            let (of, body, is_response) = match self.runtime.said() {
                Said::Next(_) => continue,
                Said::Response(of, body) => (of, body, true),
                Said::Error(of, body) => (of, body, false),
            };
            assert_eq!(of, id);
            self.said.push_str(&body);
            let body = serde_json::from_str(&body).unwrap();
            return if is_response { Ok(body) } else { Err(body) };
        }
    }

    pub(crate) fn step(&mut self, step: Step, secret: &str, version: &str) -> Result<Value, Value> {
        let event = json!({"Step": step.as_str(), "SecretId": secret, "ClientRequestToken": version, "RotationToken": "token-hunter2"});
        self.invoke(&event, LONG)
    }

    /// Ends the function and returns its log. Neither in it nor in what the function said is one of these secrets.
    pub(crate) fn log(mut self, secrets: &[String]) -> Vec<Value> {
        self.child.kill().unwrap();
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        for secret in secrets.iter().map(String::as_str).chain(["hunter2"]) {
            assert!(!text.contains(secret), "{secret}: {text}");
            assert!(!self.said.contains(secret), "{secret}: {}", self.said);
        }
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Secrets Manager of moto.
pub(crate) struct Vault {
    pub(crate) url: String,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Vault {
    /// Opens it; `None` where nobody says where it is.
    #[expect(
        clippy::print_stdout,
        reason = "this is how a test says that it was skipped"
    )]
    pub(crate) fn open() -> Option<Self> {
        let Ok(url) = std::env::var("WINDLASS_TEST_MOTO") else {
            println!("skipped: WINDLASS_TEST_MOTO is not set");
            return None;
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let keys = Credentials::new("testing", "testing", None, None, "test");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&url)
            .credentials_provider(keys);
        let client = Client::new(&runtime.block_on(config.load()));
        Some(Self {
            url,
            client,
            runtime,
        })
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A secret of this test alone, and its ARN.
    pub(crate) fn create(&self, name: &str, value: &str) -> String {
        let unique = format!("test-{}-{}/{name}", std::process::id(), self.url.len());
        let asked = self
            .client
            .create_secret()
            .name(unique)
            .secret_string(value);
        let made = self.block_on(asked.send()).unwrap();
        made.arn().unwrap().to_owned()
    }

    /// Begins a rotation and returns its version.
    pub(crate) fn begin(&self, secret: &str) -> String {
        self.switch_on(secret, true)
    }

    /// Switches rotation on, with a rotation at once or with a trial of the function alone: a pending version that has the
    /// current value. Returns the version.
    pub(crate) fn switch_on(&self, secret: &str, at_once: bool) -> String {
        let days = aws_sdk_secretsmanager::types::RotationRulesType::builder()
            .automatically_after_days(30);
        let asked = self
            .client
            .rotate_secret()
            .secret_id(secret)
            .rotate_immediately(at_once)
            .rotation_rules(days.build())
            .rotation_lambda_arn(
                "arn:aws:lambda:us-east-1:123456789012:function:the-tests-call-it",
            );
        // moto makes the pending version and then wants to call the function, which it cannot.
        let error = self.block_on(asked.send()).unwrap_err();
        assert!(
            format!("{error:?}").contains("the-tests-call-it"),
            "{error:?}"
        );
        self.staged(secret, "AWSPENDING").unwrap()
    }

    /// The version with a label.
    pub(crate) fn staged(&self, secret: &str, stage: &str) -> Option<String> {
        let asked = self.client.describe_secret().secret_id(secret);
        let told = self.block_on(asked.send()).unwrap();
        let mut versions = told.version_ids_to_stages().unwrap().iter();
        versions.find_map(|(version, stages)| {
            stages
                .iter()
                .any(|other| other == stage)
                .then(|| version.clone())
        })
    }

    /// The value with a label.
    pub(crate) fn value(&self, secret: &str, stage: &str) -> String {
        let asked = self.client.get_secret_value().secret_id(secret);
        let told = self.block_on(asked.version_stage(stage).send()).unwrap();
        told.secret_string().unwrap().to_owned()
    }
}

/// Rotates a secret, each step called twice as Secrets Manager may do, and returns the new password.
pub(crate) fn rotate(
    function: &mut Function,
    vault: &Vault,
    secret: &str,
    service: &str,
) -> String {
    let old = vault.value(secret, "AWSCURRENT");
    let version = vault.begin(secret);
    for step in Step::ALL {
        assert_eq!(vault.value(secret, "AWSCURRENT"), old);
        let done = function.step(step, secret, &version).unwrap();
        assert_eq!(
            (&done["step"], &done["service"]),
            (&step.as_str().into(), &service.into())
        );
        function.step(step, secret, &version).unwrap();
    }
    let new = vault.value(secret, "AWSCURRENT");
    assert_eq!(vault.staged(secret, "AWSCURRENT"), Some(version));
    assert_eq!(vault.value(secret, "AWSPREVIOUS"), old);
    assert_eq!(vault.staged(secret, "AWSPENDING"), None);
    assert!(new.len() == 48 && new.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    new
}
