//! An emulated account with the reference stack in it: moto for all but ECS, which the simulator plays, and a registry.
//!
//! The stand-in of the provider makes what it can in an emulator of AWS when `MOTO` names one. Here that is the gate, so that the simulated clusters
//! get what is made in ECS.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::cargo;
use crate::servers::{self, Kind, Launch, MOTO, REGISTRY, Server, Sign};
use crate::task::Error;
use crate::venv;

use super::action::REGION;
use super::environments::{BACKEND, MADE_UP};
use super::gate::{Gate, Session, Site};
use super::http::{self, Request, Response};
use super::program::{self, Said};
use super::state::State;
use super::terraform::Terraform;
use super::{Bench, copy};

/// Five minutes of the model in the five seconds between two looks of windlass.
const FACTOR: &str = "60";

const SIMULATOR: Kind = Kind {
    name: "ecs-simulator",
    variable: "",
    scheme: "",
    sign: Sign::Get("/_windlass/time"),
    launch: simulator,
};

fn simulator(launch: &Launch<'_>) -> io::Result<Vec<String>> {
    let program = binary("ecs-simulator");
    Ok([
        &*program.to_string_lossy(),
        "--listen",
        &format!("127.0.0.1:{}", launch.port),
        "--time-factor",
        FACTOR,
        "--no-throttle",
    ]
    .map(str::to_owned)
    .to_vec())
}

/// Types that the stand-in of the provider really makes in an emulator, each by the call that makes one.
const MADE: [(&str, &str); 16] = [
    ("aws_cloudwatch_log_group", "logs:CreateLogGroup"),
    ("aws_cloudwatch_metric_alarm", "monitoring:PutMetricAlarm"),
    ("aws_ecr_repository", "ecr:CreateRepository"),
    ("aws_ecs_cluster", "ecs:CreateCluster"),
    ("aws_ecs_service", "ecs:CreateService"),
    ("aws_ecs_task_definition", "ecs:RegisterTaskDefinition"),
    ("aws_iam_role", "iam:CreateRole"),
    ("aws_lb", "elasticloadbalancing:CreateLoadBalancer"),
    ("aws_lb_listener", "elasticloadbalancing:CreateListener"),
    (
        "aws_lb_target_group",
        "elasticloadbalancing:CreateTargetGroup",
    ),
    ("aws_s3_bucket", "s3:PUT"),
    ("aws_secretsmanager_secret", "secretsmanager:CreateSecret"),
    ("aws_security_group", "ec2:CreateSecurityGroup"),
    ("aws_sns_topic", "sns:CreateTopic"),
    ("aws_subnet", "ec2:CreateSubnet"),
    ("aws_vpc", "ec2:CreateVpc"),
];

/// The stand-in of the provider cannot make a fixed response in an emulator: the listener's default is a target group there.
const LISTENER: (&str, &str) = (
    "modules/ecs/listener_override.tf",
    "resource \"aws_lb_listener\" \"http\" {\n  default_action {\n    type             = \"forward\"\n    target_group_arn = aws_lb_target_group.blue[\"api-gateway\"].arn\n  }\n}\n",
);

/// The account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) gate: Gate,
    _moto: Server,
    sites: Vec<(Server, Server)>,
    /// A copy of the stack, with the states beside its folders.
    place: PathBuf,
}

/// A program of the workspace.
pub(super) fn binary(name: &str) -> PathBuf {
    cargo::keep()
        .parent()
        .map_or_else(PathBuf::new, |target| target.join("debug").join(name))
}

/// The packages whose programs are held to the stack, with all that they can do.
const PACKAGES: [&str; 10] = [
    "alarm-notifier-lambda",
    "cost-exporter-cli",
    "cost-exporter-lambda",
    "ecs-deployer-cli",
    "ecs-simulator",
    "image-tagger-cli",
    "log-exporter-cli",
    "log-exporter-lambda",
    "secrets-rotator-lambda",
    "windlass",
];

/// Builds the programs. The workspace's tests do so too, so that after them there is no need.
pub(super) fn build() -> Result<(), Error> {
    let mut command = cargo::cargo(["build", "--all-features", "--locked", "--quiet"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    if cargo::succeeds(&mut command)? {
        Ok(())
    } else {
        Err(Error::Broken("the programs could not be built".into()))
    }
}

/// Which of the programs is not there.
pub(super) fn missing() -> Option<String> {
    PACKAGES
        .iter()
        .map(|package| package.trim_end_matches("-cli"))
        .find(|name| !binary(name).is_file())
        .map(|name| {
            format!("the debug build of {name} is not there: cargo xtask test stack builds it")
        })
}

impl Account {
    /// Starts everything, and lays a copy of the stack down in `place`.
    pub(super) fn start(bench: &Bench, place: PathBuf, sites: usize) -> Result<Self, Error> {
        let python = venv::ensure()?;
        let moto = servers::start(&MOTO, &python)?;
        let mut running = Vec::new();
        for _ in 0..sites {
            running.push((
                servers::start(&SIMULATOR, &python)?,
                servers::start(&REGISTRY, &python)?,
            ));
        }
        let known = running
            .iter()
            .map(|(ecs, registry)| Site {
                ecs: ecs.value().to_owned(),
                registry: registry.value().to_owned(),
            })
            .collect();
        let address = moto.value().trim_start_matches("http://").to_owned();
        let gate = Gate::start(address, known)
            .map_err(|source| Error::broken("cannot start the gate before moto", source))?;
        for folder in ["infrastructure", "prometheus"] {
            copy::tree(&bench.stack.join(folder), &place.join(folder))?;
        }
        for (file, text) in MADE_UP.into_iter().chain([LISTENER]) {
            copy::write(&place.join("infrastructure").join(file), text)?;
        }
        let account = Self {
            gate,
            _moto: moto,
            sites: running,
            place,
        };
        account.database_secret()?;
        Ok(account)
    }

    /// The secret that RDS makes and manages, whose ARN the stand-in of the provider would make up in a form that no secret has.
    fn database_secret(&self) -> Result<(), Error> {
        let name = "rds!db-0b7a4f5e-3f0c-4f2b-9a57-4b0d6f0c8d11";
        let made = self.call(
            "secretsmanager",
            "secretsmanager.CreateSecret",
            &json!({"Name": name, "SecretString": "{}"}),
        )?;
        copy::write(
            &self.folder("modules/rds").join("secret_override.tf"),
            &format!("output \"secret_arn\" {{\n  value = {}\n}}\n", made["ARN"]),
        )
    }

    /// A folder of the stack's copy.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.place.join("infrastructure").join(name)
    }

    /// A folder to work in.
    pub(super) fn scratch(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.place.join(name);
        std::fs::create_dir_all(&folder).map_err(|source| {
            Error::broken(format!("cannot make `{}`", folder.display()), source)
        })?;
        Ok(folder)
    }

    /// Applies a folder with its state in a file, and reads the state.
    pub(super) fn apply(
        &self,
        terraform: &Terraform,
        name: &str,
        variables: &[&str],
    ) -> Result<State, Error> {
        let folder = self.folder(name);
        copy::write(&folder.join("backend_override.tf"), BACKEND)?;
        // Its client reads no device.
        let empty = self.place.join("aws-config");
        copy::write(&empty, "")?;
        let emulator = [
            ("MOTO", self.gate.url()),
            ("AWS_CONFIG_FILE", empty.to_string_lossy().into_owned()),
            (
                "AWS_SHARED_CREDENTIALS_FILE",
                empty.to_string_lossy().into_owned(),
            ),
        ];
        // One after the other: the stand-in's clients come from one session, which is not made for threads.
        let apply: Vec<&str> = [
            "apply",
            "-input=false",
            "-no-color",
            "-auto-approve",
            "-parallelism=1",
        ]
        .into_iter()
        .chain(variables.iter().copied())
        .collect();
        for step in [&["init", "-input=false", "-no-color"][..], &apply] {
            let said = terraform.run_with(&folder, step, &emulator)?;
            if !said.good() {
                return Err(Error::Broken(format!(
                    "terraform {} in {name} ended with {:?}:\n{}",
                    step.join(" "),
                    said.code,
                    said.text
                )));
            }
        }
        State::read(&folder)
    }

    /// The types of a state that are in the account, and those that the stand-in made up, each with how many. An error if one that should be
    /// there is not.
    pub(super) fn made<'s>(&self, state: &'s State) -> Result<(Vec<&'s str>, Vec<String>), String> {
        let (mut made, mut made_up) = (Vec::new(), Vec::new());
        for (kind, count) in state.types() {
            match MADE.iter().find(|(known, _)| *known == kind) {
                Some((_, call)) if self.gate.calls(call) >= count => made.push(kind),
                Some((_, call)) => {
                    return Err(format!(
                        "the state has {count} of {kind}, and {call} was called {} times: the Terraform command makes nothing in the \
                         emulator that MOTO names",
                        self.gate.calls(call)
                    ));
                }
                None => made_up.push(format!("{kind} ({count})")),
            }
        }
        Ok((made, made_up))
    }

    /// Calls an operation of a service that speaks JSON, as one who may do everything.
    pub(super) fn call(&self, service: &str, target: &str, body: &Value) -> Result<Value, Error> {
        let answer = self.set_up(
            service,
            Request::new("POST", "/")
                .header("x-amz-target", target)
                .header("content-type", "application/x-amz-json-1.1")
                .body(body.to_string()),
        )?;
        // Some operations answer with nothing.
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|source| Error::broken(target, source))
    }

    /// Sends a request as one who may do everything.
    pub(super) fn set_up(&self, service: &str, request: Request) -> Result<Response, Error> {
        let what = format!("{} {}", request.method, request.target);
        let request = request.header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"),
        );
        let answer = http::ask(&self.gate.address(), &request)
            .map_err(|source| Error::broken(&what, source))?;
        if answer.status >= 300 {
            return Err(Error::Broken(format!(
                "{what} of {service} was answered with {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            )));
        }
        Ok(answer)
    }

    /// Tells the simulator of a site something beside ECS's own protocol.
    pub(super) fn tell(&self, site: usize, path: &str, body: &Value) -> Result<(), Error> {
        let request = Request::new("POST", format!("/_windlass/{path}"))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = http::ask(self.sites[site].0.value(), &request)
            .map_err(|source| Error::broken(path, source))?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(Error::Broken(format!(
                "the simulator does not take {body}: {}",
                String::from_utf8_lossy(&answer.body)
            )))
        }
    }

    /// Runs a program of the workspace as a session.
    pub(super) fn run(
        &self,
        session: &Session,
        folder: &Path,
        program: &str,
        arguments: &[String],
    ) -> Result<Said, Error> {
        let mut command = Command::new(binary(program));
        command.args(arguments).current_dir(folder);
        program::run_with(command, &self.variables(&session.key, folder))
    }

    /// The environment of a session's programs.
    pub(super) fn variables(&self, key: &str, folder: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.gate.url()),
            ("AWS_ACCESS_KEY_ID", key.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "of-no-account".into()),
            ("AWS_SESSION_TOKEN", "of-no-account".into()),
            // The namespace is looked for in the request.
            ("AWS_DISABLE_REQUEST_COMPRESSION", "true".into()),
            // The registry has the name that ECR's has, and is reached through the gate.
            ("HTTP_PROXY", self.gate.url()),
            ("NO_PROXY", "127.0.0.1".into()),
            ("HOME", folder.to_string_lossy().into_owned()),
        ]
    }
}
