use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::sim::{ScriptedRuntime, ServiceSpec, SimCluster, Timings};
use crate::{
    AlarmSettings, AlarmState, Controller, ImageChange, ImageFacts, ImageRef, Platform,
    ServiceState,
};

#[derive(Debug, Clone, Copy)]
struct Account {
    exists: bool,
}

#[async_trait]
impl AccountLookUp for Account {
    async fn role(&self, _arn: &str) -> Result<bool, Error> {
        Ok(self.exists)
    }

    async fn log_group(&self, _name: &str, _region: Option<&str>) -> Result<bool, Error> {
        Ok(self.exists)
    }

    async fn secret(&self, _value_from: &str) -> Result<bool, Error> {
        Err(Error::Denied {
            operation: "look up a secret",
            action: "secretsmanager:DescribeSecret",
            code: None,
            message: None,
            request_id: None,
        })
    }

    async fn registry_secret(&self, secret: &str) -> Result<bool, Error> {
        Ok(secret == "registry-login")
    }

    async fn alarms(&self, names: &[String]) -> Result<Vec<Option<AlarmState>>, Error> {
        let state = |name: &String| match name.as_str() {
            "loud" => Some(AlarmState::Alarm),
            "quiet" => Some(AlarmState::InsufficientData),
            _ => None,
        };
        Ok(names.iter().map(state).collect())
    }
}

#[derive(Debug)]
struct Registry(Option<ImageFacts>);

#[async_trait]
impl ImageLookUp for Registry {
    async fn image(&self, _image: &ImageRef) -> Result<Option<ImageFacts>, Error> {
        Ok(self.0.clone())
    }
}

fn definition() -> TaskDefinition {
    TaskDefinition::new(json!({
        "family": "web", "executionRoleArn": "arn:aws:iam::1:role/exec",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "containerDefinitions": [{
            "name": "app", "image": "h/app:1",
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:r:1:secret:k"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/web"}},
        }],
    }))
}

async fn found(percent: (u32, u32), exists: bool, facts: Option<ImageFacts>) -> Preflight {
    let runtime = Arc::new(ScriptedRuntime::new(Timings::fargate()));
    let cluster = SimCluster::new("dev".parse().unwrap(), Timings::fargate(), runtime);
    let arn = cluster.register(&definition()).unwrap();
    let spec = ServiceSpec::new("web".parse().unwrap(), arn, 2).percent(percent.0, percent.1);
    cluster.create_service(spec).unwrap();
    let images = ImageChange::All("h/app:2".parse().unwrap());
    let request = DeployRequest::new("dev".parse().unwrap(), "web".parse().unwrap(), images);
    let (account, registry) = (Account { exists }, Registry(facts));
    let look_ups = LookUps::new(Some(&registry), Some(&account));
    preflight(&cluster, &request, look_ups).await.unwrap()
}

fn problems(preflight: &Preflight) -> Vec<&'static str> {
    preflight
        .problems()
        .map(|check| check.check.as_str())
        .collect()
}

fn arm() -> Option<ImageFacts> {
    Some(ImageFacts::new(
        "sha256:aa",
        vec![Platform::new("linux", "arm64")],
    ))
}

#[tokio::test(start_paused = true)]
async fn nothing_stands_in_the_way_and_what_could_not_be_checked_names_its_action() {
    let clear = found((100, 200), true, arm()).await;
    assert!(clear.is_clear(), "{clear:?}");
    let secret = clear
        .checks
        .iter()
        .find(|check| check.check == CheckName::Secret)
        .unwrap();
    assert!(
        matches!(&secret.finding, Finding::Unchecked { reason } if reason.contains("secretsmanager:DescribeSecret")),
        "{secret:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_problem_is_found_at_once() {
    let amd = Some(ImageFacts::new(
        "sha256:aa",
        vec![Platform::new("linux", "amd64")],
    ));
    assert_eq!(
        problems(&found((100, 100), false, amd).await),
        ["bounds", "architecture", "role", "log-group"]
    );
    assert_eq!(problems(&found((100, 200), true, None).await), ["image"]);
}

#[tokio::test(start_paused = true)]
async fn without_look_ups_nothing_is_said_to_be_well_that_was_not_looked_at() {
    let definition = definition();
    let state = ServiceState::new("web".parse().unwrap(), "web:1".parse().unwrap());
    let checks = account::checks(&state, &definition, None).await;
    assert_eq!(checks.len(), 3);
    assert!(
        checks
            .iter()
            .all(|check| matches!(check.finding, Finding::Unchecked { .. })),
        "{checks:?}"
    );
}

#[tokio::test]
async fn a_registrys_secret_goes_by_its_name_and_a_foreign_parameter_is_not_judged() {
    let definition = TaskDefinition::new(json!({
        "family": "web", "executionRoleArn": "arn:aws:iam::1:role/exec",
        "containerDefinitions": [{
            "name": "app", "image": "h/app:1",
            "repositoryCredentials": {"credentialsParameter": "registry-login"},
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:eu-west-1:222222222222:parameter/key"}],
        }],
    }));
    let ours = "arn:aws:ecs:eu-west-1:111111111111:task-definition/web:1";
    let state = ServiceState::new("web".parse().unwrap(), ours.parse().unwrap());
    let checks = account::checks(&state, &definition, Some(&Account { exists: true })).await;
    let secrets: Vec<&Finding> = checks
        .iter()
        .filter(|check| check.check == CheckName::Secret)
        .map(|check| &check.finding)
        .collect();
    assert!(
        matches!(secrets.as_slice(), [Finding::Unchecked { reason }, Finding::Ok] if reason.contains("another account")),
        "{secrets:?}"
    );
}

#[tokio::test]
async fn an_alarm_must_be_at_rest_and_exist() {
    let mut state = ServiceState::new("web".parse().unwrap(), "web:1".parse().unwrap());
    let names = ["loud", "quiet", "gone"].map(str::to_owned).to_vec();
    state.alarms = Some(AlarmSettings::new(names, true));
    let empty = TaskDefinition::new(json!({"family": "web"}));
    let checks = account::checks(&state, &empty, Some(&Account { exists: true })).await;
    let problems: Vec<bool> = checks.iter().map(Check::is_problem).collect();
    assert_eq!(problems, [true, false, true]);
}

#[test]
fn controllers_and_zones_are_refused_with_the_reason() {
    let mut state = ServiceState::new("web".parse().unwrap(), "web:1".parse().unwrap());
    assert!(!service::controller(&state).is_problem());
    for (controller, word) in [
        (Controller::CodeDeploy, "CODE_DEPLOY"),
        (Controller::External, "task sets"),
    ] {
        state.controller = controller;
        let check = service::controller(&state);
        assert!(
            matches!(&check.finding, Finding::Problem { problem, .. } if problem.contains(word)),
            "{check:?}"
        );
    }
    state.zone_rebalancing = true;
    state.maximum_percent = 100;
    assert!(service::zones(&state).is_problem());
    state.maximum_percent = 101;
    assert!(!service::zones(&state).is_problem());
}

#[test]
fn secrets_without_a_role_that_could_fetch_them_are_a_problem() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let state = ServiceState::new("web".parse().unwrap(), "web:1".parse().unwrap());
    let mut document = definition().document().clone();
    document.as_object_mut().unwrap().remove("executionRoleArn");
    let checks = runtime.block_on(account::checks(
        &state,
        &TaskDefinition::new(document),
        None,
    ));
    assert!(checks[0].is_problem(), "{checks:?}");
}
