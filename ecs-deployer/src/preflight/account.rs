//! Checks of what the account must have.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Check, CheckName, Finding};
use crate::{AccountLookUp, AlarmState, Error, ServiceState, TaskDefinition};

/// Looks everything up by itself: where nobody can, each look-up says so.
#[derive(Debug)]
struct Nobody;

impl AccountLookUp for Nobody {}

pub(super) async fn checks(
    state: &ServiceState,
    definition: &TaskDefinition,
    account: Option<&dyn AccountLookUp>,
) -> Vec<Check> {
    let account = account.unwrap_or(&Nobody);
    let needs = Needs::of(definition);
    let mut checks = Vec::new();
    if let Some(missing) = needs.missing_execution_role() {
        checks.push(Check::new(
            CheckName::Role,
            Some("executionRoleArn"),
            missing,
        ));
    }
    for role in &needs.roles {
        let finding = found(
            account.role(role).await,
            "the role does not exist",
            "create it, or correct the task definition",
        );
        checks.push(Check::new(CheckName::Role, Some(role), finding));
    }
    for (group, region) in &needs.log_groups {
        let finding = found(
            account.log_group(group, region.as_deref()).await,
            "the log group does not exist, and tasks cannot start without it",
            "create it, or let the driver do so with the option awslogs-create-group",
        );
        checks.push(Check::new(CheckName::LogGroup, Some(group), finding));
    }
    for secret in &needs.secrets {
        let finding = if is_parameter_elsewhere(secret, state.task_definition.as_str()) {
            Finding::unchecked("it is another account's, whose parameters cannot be listed")
        } else {
            found(
                account.secret(secret).await,
                "the secret does not exist, and tasks cannot start without it",
                "create it, or correct valueFrom in the task definition",
            )
        };
        checks.push(Check::new(CheckName::Secret, Some(secret), finding));
    }
    for secret in &needs.registry_secrets {
        let finding = found(
            account.registry_secret(secret).await,
            "the registry's secret does not exist, and images cannot be pulled without it",
            "create it, or correct credentialsParameter in the task definition",
        );
        checks.push(Check::new(CheckName::Secret, Some(secret), finding));
    }
    checks.extend(alarms(state, account).await);
    checks
}

/// Whether a secret is a parameter of another account than a task definition: that can be shared and still not be listed.
fn is_parameter_elsewhere(secret: &str, task_definition: &str) -> bool {
    let account = |arn: &str, service: &str| {
        let parts: Vec<&str> = arn.split(':').collect();
        match parts.as_slice() {
            ["arn", _, of, _, account, ..] if *of == service => Some((*account).to_owned()),
            _ => None,
        }
    };
    account(secret, "ssm")
        .zip(account(task_definition, "ecs"))
        .is_some_and(|(theirs, ours)| theirs != ours)
}

fn found(answer: Result<bool, Error>, problem: &str, hint: &str) -> Finding {
    match answer {
        Ok(true) => Finding::Ok,
        Ok(false) => Finding::problem(problem, hint),
        Err(error) => Finding::failed(&error),
    }
}

async fn alarms(state: &ServiceState, account: &dyn AccountLookUp) -> Vec<Check> {
    let Some(settings) = &state.alarms else {
        return Vec::new();
    };
    let states = match account.alarms(&settings.names).await {
        Ok(states) => states,
        Err(error) => {
            let finding = Finding::failed(&error);
            let names = settings.names.join(", ");
            return vec![Check::new(CheckName::Alarm, Some(&names), finding)];
        }
    };
    let judge = |state: &Option<AlarmState>| match state {
        Some(AlarmState::Alarm) => Finding::problem(
            "it is in ALARM already: ECS would ignore it for this deployment",
            "see to the alarm first",
        ),
        Some(_) => Finding::Ok,
        None => Finding::problem(
            "the alarm does not exist: it protects nothing",
            "create it, or take it out of the service's deployment configuration",
        ),
    };
    settings
        .names
        .iter()
        .zip(&states)
        .map(|(name, state)| Check::new(CheckName::Alarm, Some(name), judge(state)))
        .collect()
}

/// What a task definition needs of the account.
#[derive(Debug, Default, PartialEq, Eq)]
struct Needs {
    roles: BTreeSet<String>,
    has_execution_role: bool,
    log_groups: BTreeSet<(String, Option<String>)>,
    secrets: BTreeSet<String>,
    registry_secrets: BTreeSet<String>,
    on_fargate: bool,
}

impl Needs {
    fn of(definition: &TaskDefinition) -> Self {
        let document = definition.document();
        let mut needs = Self::default();
        for field in ["executionRoleArn", "taskRoleArn"] {
            if let Some(role) = document[field].as_str().filter(|role| !role.is_empty()) {
                needs.roles.insert(role.to_owned());
                needs.has_execution_role |= field == "executionRoleArn";
            }
        }
        needs.on_fargate = document["requiresCompatibilities"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "FARGATE"));
        for container in document["containerDefinitions"]
            .as_array()
            .into_iter()
            .flatten()
        {
            needs.take_container(container);
        }
        needs
    }

    fn take_container(&mut self, container: &Value) {
        let log = &container["logConfiguration"];
        let options = &log["options"];
        let creates = options["awslogs-create-group"].as_str() == Some("true");
        if log["logDriver"].as_str() == Some("awslogs")
            && !creates
            && let Some(group) = options["awslogs-group"].as_str()
        {
            let region = options["awslogs-region"].as_str().map(str::to_owned);
            self.log_groups.insert((group.to_owned(), region));
        }
        let lists = [&container["secrets"], &log["secretOptions"]];
        let listed = lists
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(|secret| secret["valueFrom"].as_str());
        self.secrets.extend(listed.map(str::to_owned));
        if let Some(secret) = container["repositoryCredentials"]["credentialsParameter"].as_str() {
            self.registry_secrets.insert(secret.to_owned());
        }
    }

    fn missing_execution_role(&self) -> Option<Finding> {
        let needs_one = !self.secrets.is_empty()
            || !self.registry_secrets.is_empty()
            || (self.on_fargate && !self.log_groups.is_empty());
        (needs_one && !self.has_execution_role).then(|| {
            Finding::problem(
                "the task definition has secrets or logs and no execution role that could fetch or write them",
                "give the task definition an executionRoleArn",
            )
        })
    }
}
