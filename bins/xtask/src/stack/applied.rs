//! dev, applied into an emulated account: its outputs are what the programs work with, and afterwards Terraform has nothing to change.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::task::Error;

use super::account::{self, Account};
use super::balancer::Balancer;
use super::checkout::{self, Checkout, arguments};
use super::gate::Session;
use super::modules::skipped;
use super::program::Said;
use super::state::{Object, State};
use super::terraform::Terraform;
use super::{Bench, Job, Outcome, copy};

/// Whose subjects may deploy; bootstrap has no default for it.
const BOOTSTRAP: [&str; 1] = [
    "-var=subjects={dev=[\"repo:acme/skill-tracker:environment:dev\"],staging=[\"repo:acme/skill-tracker:environment:staging\"]}",
];
/// The functions are switched on by their packages, which are in the bucket that bootstrap makes.
const DEV: [&str; 3] = [
    "-var=artifacts_bucket=sdt-artifacts-123456789012",
    "-var=packages={cost_exporter=\"cost-exporter.zip\",log_exporter=\"log-exporter.zip\",alarm_notifier=\"alarm-notifier.zip\"}",
    "-var=data_services={rotation_package=\"secrets-rotator.zip\"}",
];
/// So many clusters are alike; the checks of privileges have each service of each to themselves.
pub(super) const SITES: usize = 8;
/// A log that is written before anything is read.
const GROUP: &str = "/ecs/sdt-dev-user-service";

/// The account with bootstrap and dev applied into it.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) account: Account,
    pub(super) bootstrap: State,
    pub(super) dev: State,
    pub(super) balancer: Balancer,
    /// Types that are in the account, and those that the stand-in of the provider made up.
    made: usize,
    made_up: Vec<String>,
}

/// What several checks work in, made by the first of them.
#[derive(Debug)]
pub(super) struct World<'a> {
    bench: &'a Bench,
    applied: OnceLock<Result<Applied, Outcome>>,
}

impl<'a> World<'a> {
    pub(super) const fn new(bench: &'a Bench) -> Self {
        Self {
            bench,
            applied: OnceLock::new(),
        }
    }

    /// The account, or how a check ends without it.
    pub(super) fn applied(&self) -> Result<&Applied, Outcome> {
        self.applied
            .get_or_init(|| {
                Applied::make(self.bench)
                    .unwrap_or_else(|error| Err(Outcome::Failed(error.to_string())))
            })
            .as_ref()
            .map_err(Clone::clone)
    }
}

impl Applied {
    fn make(bench: &Bench) -> Result<Result<Self, Outcome>, Error> {
        let Ok(terraform) = &bench.terraform else {
            return skipped(bench).map(Err);
        };
        if let Some(missing) = account::missing() {
            return Ok(Err(Outcome::Skipped(missing)));
        }
        let account = Account::start(bench, bench.scratch.join("account"), SITES)?;
        let bootstrap = account.apply(terraform, "bootstrap", &BOOTSTRAP)?;
        let dev = account.apply(terraform, "envs/dev", &DEV)?;
        let (made, made_up) = match account.made(&dev) {
            Ok((made, made_up)) => (made.len(), made_up),
            Err(reason) => return Ok(Err(Outcome::Skipped(reason))),
        };
        complete(&account, &dev)?;
        fill(&account, GROUP)?;
        let balancer =
            Balancer::start().map_err(|source| Error::broken("cannot start a balancer", source))?;
        Ok(Ok(Self {
            account,
            bootstrap,
            dev,
            balancer,
            made,
            made_up,
        }))
    }

    /// The buckets that programs work with.
    pub(super) fn buckets(&self) -> Vec<String> {
        let states = [&self.bootstrap, &self.dev];
        let buckets = states
            .iter()
            .flat_map(|state| state.objects("aws_s3_bucket"));
        buckets
            .filter(|bucket| ["locks", "log-archive", "cost-ledger"].contains(&bucket.key))
            .filter_map(|bucket| bucket.attributes["bucket"].as_str().map(str::to_owned))
            .collect()
    }

    /// The bucket of the locks, as `windlass.toml` has it.
    pub(super) fn lock(&self) -> &str {
        self.bootstrap.output("lock").as_str().unwrap_or_default()
    }
}

/// The environment of a function, as it was applied.
pub(super) fn variables(state: &State, function: &str) -> BTreeMap<String, String> {
    let functions = state.objects("aws_lambda_function");
    let environment = functions
        .iter()
        .find(|object| object.attributes["function_name"] == function)
        .map(|object| &object.attributes["environment"][0]["variables"]);
    environment
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// Where costs are remembered and put, as the function's environment says.
pub(super) fn costs_of(state: &State) -> (String, String) {
    let mut planned = variables(state, "sdt-dev-cost-exporter");
    let config: Value = planned
        .get("COST_EXPORTER_CONFIG")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let namespace = config["cloudwatch"]["namespace"]
        .as_str()
        .unwrap_or_default();
    (
        planned.remove("COST_EXPORTER_LEDGER").unwrap_or_default(),
        format!("cloudwatch={namespace}"),
    )
}

/// The tags that the provider puts on each task definition, which its stand-in leaves out; and a cluster `sdt-staging` like `sdt-dev`, to promote to.
fn complete(account: &Account, dev: &State) -> Result<(), Error> {
    const ECS: &str = "AmazonEC2ContainerServiceV20141113";
    let call =
        |operation: &str, body: &Value| account.call("ecs", &format!("{ECS}.{operation}"), body);
    let staging = |text: &Value| {
        text.as_str()
            .unwrap_or_default()
            .replace("sdt-dev", "sdt-staging")
    };
    call("CreateCluster", &json!({"clusterName": "sdt-staging"}))?;
    for object in dev.objects("aws_ecs_task_definition") {
        let Object {
            name: "service",
            key,
            attributes,
        } = object
        else {
            continue;
        };
        let tags: Vec<Value> = attributes["tags_all"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect();
        call(
            "TagResource",
            &json!({"resourceArn": attributes["arn"], "tags": tags}),
        )?;
        let containers: Value =
            serde_json::from_str(&staging(&attributes["container_definitions"]))
                .map_err(|source| Error::broken("cannot read a task definition", source))?;
        let registered = call(
            "RegisterTaskDefinition",
            &json!({
                "family": staging(&attributes["family"]), "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
                "cpu": attributes["cpu"], "memory": attributes["memory"], "containerDefinitions": containers, "tags": tags,
                "executionRoleArn": staging(&attributes["execution_role_arn"]), "taskRoleArn": staging(&attributes["task_role_arn"]),
            }),
        )?;
        call(
            "CreateService",
            &json!({
                "cluster": "sdt-staging", "serviceName": format!("sdt-staging-{key}"), "desiredCount": 1,
                "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"],
            }),
        )?;
    }
    Ok(())
}

pub(super) fn job<'a>(bench: &'a Bench, world: &'a World<'a>) -> Job<'a> {
    Job::new("dev applied", move || {
        let applied = match world.applied() {
            Ok(applied) => applied,
            Err(outcome) => return Ok(outcome),
        };
        let Ok(terraform) = &bench.terraform else {
            return skipped(bench);
        };
        println!(
            "stack: dev is applied into moto, ECS into ecs-simulator too, for moto rolls nothing out; images go to docker-registry, under ECR's name\n\
             stack: {} of dev's types are in it; made up by the stand-in of the provider, and left out of it: {}",
            applied.made,
            applied.made_up.join(", ")
        );
        let mut steps = Steps::default();
        steps.work(applied)?;
        steps.plan_again(applied, terraform)?;
        Ok(match steps.failed {
            None => Outcome::Passed(steps.passed),
            Some(found) => Outcome::Failed(found),
        })
    })
}

/// What was done, up to the first thing that went wrong.
#[derive(Debug, Default)]
struct Steps {
    passed: u64,
    failed: Option<String>,
}

impl Steps {
    fn hold(&mut self, what: &str, said: &Said, holds: bool) {
        if self.failed.is_some() {
            return;
        }
        if holds {
            self.passed += 1;
        } else {
            self.failed = Some(format!("{what} ended with {:?}:\n{}", said.code, said.text));
        }
    }

    /// Feeds the outputs to the programs.
    fn work(&mut self, applied: &Applied) -> Result<(), Error> {
        let Applied {
            account,
            dev,
            balancer,
            ..
        } = applied;
        let place = account.scratch("work")?;
        let configuration =
            checkout::configuration("dev", dev, &balancer.url("work"), applied.lock())?;
        let services = checkout::services(dev);
        let repository = Checkout::make(place.clone(), &services, &configuration)?;
        let deployer = account.gate.admit(Session::new(
            "ASIADEPLOYER",
            "sdt-dev-deployer",
            applied.bootstrap.policy("sdt-dev-deployer")?,
        ));
        let mut run = |program: &str,
                       words: &[&str],
                       session: &Arc<Session>,
                       code: i32,
                       holds: &dyn Fn(&str) -> bool| {
            if self.failed.is_none() {
                let said = account.run(session, &place, program, &arguments(words))?;
                let good = said.code == Some(code) && holds(&said.text);
                self.hold(&format!("{program} {}", words.join(" ")), &said, good);
            }
            Ok::<(), Error>(())
        };

        // Terraform's image runs, and windlass knows each service.
        run(
            "windlass",
            &["status", "--environment", "dev", "--format", "json"],
            &deployer,
            0,
            &|text| {
                services.iter().all(|name| {
                    text.contains(&format!("\"service\": \"sdt-dev-{name}\""))
                        || text.contains(&format!("\"service\":\"sdt-dev-{name}\""))
                })
            },
        )?;
        let changed = ["config-server", "api-gateway", "user-service"];
        let commit = repository.change(&changed, "second")?;
        balancer.serve("work", &commit);
        run(
            "windlass",
            &["run", "--environment", "dev", "--base", "HEAD~1"],
            &deployer,
            0,
            &|text| changed.iter().all(|name| text.contains(name)),
        )?;
        run(
            "windlass",
            &["status", "--environment", "dev"],
            &deployer,
            0,
            &|text| text.contains(&commit[..7]),
        )?;

        let repository_url = dev.output("repository_urls")["task-service"]
            .as_str()
            .unwrap_or_default();
        repository.build("task-service")?;
        run(
            "image-tagger",
            &[
                "push",
                "oci:services/task-service/target/image",
                "--repository",
                repository_url,
                "--tag",
                "by-hand",
                "--insecure-http",
            ],
            &deployer,
            0,
            &|_| true,
        )?;
        let image = format!("{repository_url}:by-hand");
        run(
            "ecs-deployer",
            &[
                "deploy",
                "--cluster",
                "sdt-dev",
                "--service",
                "sdt-dev-task-service",
                "--image",
                &image,
                "--insecure-http",
            ],
            &deployer,
            0,
            &|_| true,
        )?;

        let bucket = dev
            .output("log_archive_bucket")
            .as_str()
            .unwrap_or_default();
        let logs = account.gate.admit(Session::new(
            "ASIALOGS",
            "sdt-dev-log-exporter",
            dev.policy("sdt-dev-log-exporter")?,
        ));
        run(
            "log-exporter",
            &[
                "export",
                "--prefix",
                "/ecs/sdt-dev-",
                "--bucket",
                bucket,
                "--from",
                "6h",
                "--rate",
                "1000",
            ],
            &logs,
            0,
            &|text| text.contains("20"),
        )?;
        run(
            "log-exporter",
            &["verify", "--bucket", bucket],
            &logs,
            0,
            &|_| true,
        )?;
        run(
            "log-exporter",
            &[
                "retention",
                "--prefix",
                "/ecs/sdt-dev-",
                "--days",
                "30",
                "--dry-run",
            ],
            &logs,
            0,
            &|text| {
                services
                    .iter()
                    .all(|name| text.contains(&format!("/ecs/sdt-dev-{name}")))
            },
        )?;

        let costs = account.gate.admit(Session::new(
            "ASIACOSTS",
            "sdt-dev-cost-exporter",
            dev.policy("sdt-dev-cost-exporter")?,
        ));
        let (ledger, sink) = costs_of(dev);
        run(
            "cost-exporter",
            &[
                "export",
                "--sink",
                &sink,
                "--tag",
                "Environment",
                "--ledger",
                &ledger,
            ],
            &costs,
            0,
            &|_| true,
        )
    }

    /// What the deployments changed in ECS is what the provider would read; Terraform wants none of it back.
    fn plan_again(&mut self, applied: &Applied, terraform: &Terraform) -> Result<(), Error> {
        if self.failed.is_some() {
            return Ok(());
        }
        let account = &applied.account;
        let mut state = applied.dev.clone();
        let deployed = read_services(account, &mut state)?;
        state.write()?;
        let folder = account.folder("envs/dev");
        let plan: Vec<&str> = ["plan", "-input=false", "-no-color", "-detailed-exitcode"]
            .into_iter()
            .chain(DEV)
            .collect();
        let said = terraform.run(&folder, &plan)?;
        self.hold(
            &format!("terraform plan after {deployed} deployments"),
            &said,
            said.code == Some(0) && deployed == 4,
        );
        // The same plan has to see them when Terraform is not told to leave them alone.
        let module = account.folder("modules/ecs/main.tf");
        let text = copy::read(&module)?;
        copy::write(
            &module,
            &text.replace(
                "ignore_changes = [task_definition, desired_count]",
                "ignore_changes = [desired_count]",
            ),
        )?;
        let said = terraform.run(&folder, &plan)?;
        copy::write(&module, &text)?;
        self.hold(
            "terraform plan without ignore_changes",
            &said,
            said.code == Some(2) && said.text.contains(&format!("{deployed} to change")),
        );
        Ok(())
    }
}

/// Writes what ECS says of each service into the state, as a refresh does; says how many run another task definition than Terraform's.
fn read_services(account: &Account, state: &mut State) -> Result<usize, Error> {
    let names: Vec<String> = state
        .objects("aws_ecs_service")
        .iter()
        .filter_map(|service| service.attributes["name"].as_str().map(str::to_owned))
        .collect();
    let mut live = BTreeMap::new();
    for some in names.chunks(10) {
        let body = json!({"cluster": "sdt-dev", "services": some});
        let answer = account.call(
            "ecs",
            "AmazonEC2ContainerServiceV20141113.DescribeServices",
            &body,
        )?;
        for service in answer["services"].as_array().into_iter().flatten() {
            live.insert(service["serviceName"].to_string(), service.clone());
        }
    }
    let mut changed = 0;
    state.attributes_mut("aws_ecs_service", |attributes| {
        if let Some(service) = live.get(&attributes["name"].to_string()) {
            changed += usize::from(attributes["task_definition"] != service["taskDefinition"]);
            attributes["task_definition"] = service["taskDefinition"].clone();
            attributes["desired_count"] = service["desiredCount"].clone();
        }
    });
    Ok(changed)
}

/// Twenty events of the hours before the last three.
fn fill(account: &Account, group: &str) -> Result<(), Error> {
    fill_with(group, &|target, body| account.call("logs", target, body))
}

/// The same through any client of CloudWatch Logs.
pub(super) fn fill_with(
    group: &str,
    call: &dyn Fn(&str, &Value) -> Result<Value, Error>,
) -> Result<(), Error> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    let events: Vec<Value> = (0..20)
        .map(|n| json!({"timestamp": now - 4 * 3_600_000 + n * 180_000, "message": format!("event {n}")}))
        .collect();
    let stream = json!({"logGroupName": group, "logStreamName": "ecs/web/1"});
    call("Logs_20140328.CreateLogStream", &stream)?;
    let body = json!({"logGroupName": group, "logStreamName": "ecs/web/1", "logEvents": events});
    call("Logs_20140328.PutLogEvents", &body)?;
    Ok(())
}
