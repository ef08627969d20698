//! What is done under the role of the rotation function: the four steps on a secret of each run's own, and a real Redis whose password it is.

use serde_json::{Value, json};

use crate::servers::{self, REDIS, REDIS_PASSWORD};
use crate::task::Error;
use crate::venv;

use super::super::action::{ACCOUNT, REGION};
use super::super::applied::{self, Applied};
use super::super::gate::Session;
use super::super::program::Said;
use super::{Role, Row, Scene};

const FUNCTION: &str = "sdt-dev-secrets-rotator";
const PROGRAM: &str = "secrets-rotator-lambda";

/// The variable that says where Redis is. Its planned value is a name of the VPC; this one alone is another here.
const ENDPOINT: &str = "REDIS_ENDPOINT";

/// The steps in their order, each with what its success is called.
const STEPS: [(&str, &str); 4] = [
    ("createSecret", "created"),
    ("setSecret", "set"),
    ("testSecret", "tested"),
    ("finishSecret", "finished"),
];

pub(super) const ROLE: Role = Role {
    name: FUNCTION,
    policy: |applied: &Applied| applied.dev.policy(FUNCTION),
    rows: &[
        row(
            "createSecret of Redis",
            "secrets-rotator-lambda createSecret",
            |scene| step(scene, "redis", "createSecret"),
        ),
        // The first step asks no service: that of the others shows that the policy has their secrets too.
        row(
            "createSecret of MongoDB",
            "secrets-rotator-lambda createSecret",
            |scene| step(scene, "mongodb", "createSecret"),
        ),
        row(
            "createSecret of RabbitMQ",
            "secrets-rotator-lambda createSecret",
            |scene| step(scene, "rabbitmq", "createSecret"),
        ),
        row("setSecret", "secrets-rotator-lambda setSecret", |scene| {
            step(scene, "redis", "setSecret")
        }),
        row("testSecret", "secrets-rotator-lambda testSecret", |scene| {
            step(scene, "redis", "testSecret")
        }),
        row(
            "finishSecret",
            "secrets-rotator-lambda finishSecret",
            |scene| step(scene, "redis", "finishSecret"),
        ),
    ],
    others: &[
        ("WriteLogs", "for Lambda, which writes the function's log"),
        (
            "EnterNetwork",
            "for Lambda, which makes the function's network interfaces",
        ),
    ],
    own: None,
    deploys: false,
};

/// Each step is held to what it uses itself, so that no step lives on what another one asks for.
const fn row(
    name: &'static str,
    program: &'static str,
    act: fn(&Scene<'_>) -> Result<Said, Error>,
) -> Row {
    Row {
        name,
        program,
        act,
        ends: 0,
        goes_on: &[],
        does_without: &[],
    }
}

/// Begins a rotation of a service's secret, has the steps before done by one who may do everything, and does the step.
fn step(scene: &Scene<'_>, service: &str, wanted: &str) -> Result<Said, Error> {
    let rotation = Rotation::begin(scene, service)?;
    // The first step asks no service, and finds none where Terraform says that it is.
    let redis = match wanted {
        "createSecret" => None,
        _ => Some(servers::start(&REDIS, &venv::ensure()?)?),
    };
    let endpoint = redis.as_ref().map(|redis| redis.value().to_owned());
    let elder = scene.elder();
    for (step, outcome) in STEPS {
        let is_wanted = step == wanted;
        let session = if is_wanted { &scene.session } else { &elder };
        let said = rotation.invoke(scene, session, step, endpoint.clone())?;
        // What was done before would ask for less.
        if said.good() && !said.text.contains(&format!("\"outcome\":\"{outcome}\"")) {
            return Err(Error::Broken(format!(
                "{step} came to something else than `{outcome}`:\n{}",
                said.text
            )));
        }
        if is_wanted {
            return Ok(said);
        }
        if !said.good() {
            return Err(Error::Broken(format!(
                "{step}, before {wanted}, ended with {:?}:\n{}",
                said.code, said.text
            )));
        }
    }
    Err(Error::Broken(format!("there is no step `{wanted}`")))
}

/// A rotation that Secrets Manager has begun.
struct Rotation {
    /// The secret's ARN, as it was applied.
    secret: String,
    /// The run's own secret, which is behind that ARN for its sessions.
    own: String,
    version: String,
}

impl Rotation {
    fn begin(scene: &Scene<'_>, service: &str) -> Result<Self, Error> {
        let name = format!("sdt/dev/{service}-password");
        let secrets = scene.applied.dev.objects("aws_secretsmanager_secret");
        let secret = secrets
            .iter()
            .find(|secret| secret.attributes["name"] == name)
            .and_then(|secret| secret.attributes["arn"].as_str())
            .ok_or_else(|| Error::Broken(format!("dev has no secret `{name}`")))?
            .to_owned();
        let own = format!("run-{}/{name}", scene.number);
        let version = format!("00000000-0000-4000-8000-{:012}", scene.number);
        let call = |operation: &str, body: &Value| {
            let target = format!("secretsmanager.{operation}");
            scene.applied.account.call("secretsmanager", &target, body)
        };
        call(
            "CreateSecret",
            &json!({"Name": own, "SecretString": REDIS_PASSWORD}),
        )?;
        let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}");
        // moto makes the pending version, and then has no function to call; whether it did is seen below.
        let _ = call(
            "RotateSecret",
            &json!({
                "SecretId": own, "ClientRequestToken": version, "RotationLambdaARN": function,
                "RotationRules": {"AutomaticallyAfterDays": 30},
            }),
        );
        let told = call("DescribeSecret", &json!({"SecretId": own}))?;
        let is_pending = told["VersionIdsToStages"][&version] == json!(["AWSPENDING"]);
        if told["RotationEnabled"] != json!(true) || !is_pending {
            return Err(Error::Broken(format!("moto began no rotation: {told}")));
        }
        Ok(Self {
            secret,
            own,
            version,
        })
    }

    /// Hands the step to the function, as Secrets Manager does.
    fn invoke(
        &self,
        scene: &Scene<'_>,
        session: &Session,
        step: &str,
        endpoint: Option<String>,
    ) -> Result<Said, Error> {
        let planned = applied::variables(&scene.applied.dev, FUNCTION);
        if !planned.contains_key(ENDPOINT) {
            return Err(Error::Broken(format!(
                "{FUNCTION} was applied without {ENDPOINT}"
            )));
        }
        session.own_secret(&self.secret, &self.own);
        let event = json!({
            "Step": step, "SecretId": self.secret, "ClientRequestToken": self.version, "RotationToken": "of-no-account",
        });
        let more: Vec<_> = endpoint
            .into_iter()
            .map(|endpoint| (ENDPOINT, endpoint))
            .collect();
        scene.invoke_as(session, PROGRAM, FUNCTION, &event.to_string(), &more)
    }
}
