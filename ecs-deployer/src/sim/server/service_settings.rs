//! What a request says a service is to be.

use std::time::Duration;

use serde_json::Value;

use super::body::Body;
use super::refusal::Refusal;
use crate::Controller;
use crate::sim::{AlarmRule, Breaker, Hook, ServiceSpec, Strategy, Threshold};

/// Fields that the model only keeps, and whether a change of them begins a deployment.
const KEPT: [(&str, bool); 15] = [
    ("networkConfiguration", true),
    ("platformVersion", true),
    ("loadBalancers", true),
    ("serviceRegistries", true),
    ("serviceConnectConfiguration", true),
    ("volumeConfigurations", true),
    ("vpcLatticeConfigurations", true),
    ("launchType", false),
    ("capacityProviderStrategy", false),
    ("placementConstraints", false),
    ("placementStrategy", false),
    ("propagateTags", false),
    ("enableECSManagedTags", false),
    ("enableExecuteCommand", false),
    ("availabilityZoneRebalancing", false),
];

/// Takes over what a request says; tells whether it begins a deployment by itself.
pub(super) fn apply(spec: &mut ServiceSpec, body: Body<'_>) -> Result<bool, Refusal> {
    if let Some(desired) = body.count("desiredCount")? {
        spec.desired_count = desired;
    }
    if let Some(grace) = body.count("healthCheckGracePeriodSeconds")? {
        spec.grace = Duration::from_secs(grace.into());
    }
    if let Some(configuration) = body.get("deploymentConfiguration") {
        configure(spec, Body(configuration))?;
    }
    let mut begins = false;
    for (name, deploys) in KEPT {
        let Some(value) = body.get(name) else {
            continue;
        };
        let changed = spec.settings.insert(name.to_owned(), value.clone());
        begins |= deploys && changed.as_ref() != Some(value);
    }
    spec.health_check = spec
        .settings
        .get("loadBalancers")
        .and_then(Value::as_array)
        .is_some_and(|balancers| !balancers.is_empty());
    Ok(begins)
}

fn configure(spec: &mut ServiceSpec, body: Body<'_>) -> Result<(), Refusal> {
    if let Some(percent) = body.count("minimumHealthyPercent")? {
        spec.minimum_healthy_percent = percent;
    }
    if let Some(percent) = body.count("maximumPercent")? {
        spec.maximum_percent = percent;
    }
    if spec.maximum_percent == 0 || spec.maximum_percent < spec.minimum_healthy_percent {
        return Err(Refusal::invalid(format!(
            "maximumPercent {} must be greater than 0 and not below minimumHealthyPercent {}.",
            spec.maximum_percent, spec.minimum_healthy_percent
        )));
    }
    if let Some(breaker) = body.get("deploymentCircuitBreaker") {
        spec.circuit_breaker = breaker_of(Body(breaker))?;
    }
    if let Some(alarms) = body.get("alarms") {
        let alarms = Body(alarms);
        spec.alarms = alarms
            .flag("enable")
            .then(|| AlarmRule::new(alarms.texts("alarmNames"), alarms.flag("rollback")));
    }
    if let Some(minutes) = body.count("bakeTimeInMinutes")? {
        spec.bake = Some(Duration::from_secs(u64::from(minutes) * 60));
    }
    if body.get("strategy").is_some() {
        spec.strategy = strategy(body)?;
    }
    if let Some(hooks) = body.get("lifecycleHooks").and_then(Value::as_array) {
        spec.hooks = hooks.iter().flat_map(|hook| hooks_of(Body(hook))).collect();
    }
    Ok(())
}

fn breaker_of(body: Body<'_>) -> Result<Option<Breaker>, Refusal> {
    if !body.flag("enable") {
        return Ok(None);
    }
    let mut breaker = Breaker::new(body.flag("rollback"));
    if let Some(reset) = body.get("resetOnHealthyTask").and_then(Value::as_bool) {
        breaker.reset_on_healthy_task = reset;
    }
    if let Some(threshold) = body.get("thresholdConfiguration") {
        let threshold = Body(threshold);
        let value = threshold.count("value")?.unwrap_or(50);
        breaker.threshold = match threshold.text("type").unwrap_or("BOUNDED_PERCENT") {
            "COUNT" => Threshold::Count(value),
            "BOUNDED_PERCENT" => Threshold::BoundedPercent(value),
            "UNBOUNDED_PERCENT" => Threshold::UnboundedPercent(value),
            other => {
                return Err(Refusal::invalid(format!(
                    "Threshold type {other} is not one of COUNT, BOUNDED_PERCENT, UNBOUNDED_PERCENT."
                )));
            }
        };
    }
    Ok(Some(breaker))
}

fn strategy(body: Body<'_>) -> Result<Strategy, Refusal> {
    let number = |group: &str, field: &str, default: f64| {
        body.get(group)
            .and_then(|group| group[field].as_f64())
            .unwrap_or(default)
    };
    let minutes = |group: &str, field: &str, default: f64| {
        Duration::try_from_secs_f64(number(group, field, default) * 60.0).unwrap_or_default()
    };
    let (linear, canary) = ("linearConfiguration", "canaryConfiguration");
    Ok(match body.text("strategy").unwrap_or("ROLLING") {
        "ROLLING" => Strategy::Rolling,
        "BLUE_GREEN" => Strategy::BlueGreen,
        "LINEAR" => Strategy::Linear {
            step_percent: number(linear, "stepPercent", 10.0),
            step_bake: minutes(linear, "stepBakeTimeInMinutes", 6.0),
        },
        "CANARY" => Strategy::Canary {
            percent: number(canary, "canaryPercent", 5.0),
            bake: minutes(canary, "canaryBakeTimeInMinutes", 10.0),
        },
        other => {
            return Err(Refusal::invalid(format!(
                "Strategy {other} is not one of ROLLING, BLUE_GREEN, LINEAR, CANARY."
            )));
        }
    })
}

/// The hooks of one entry: one for each of its stages. A function always lets the deployment go on.
fn hooks_of(body: Body<'_>) -> Vec<Hook> {
    let pause = body.text("targetType") == Some("PAUSE");
    let minutes = body
        .get("timeoutConfiguration")
        .and_then(|timeout| timeout["timeoutInMinutes"].as_u64());
    body.texts("lifecycleStages")
        .into_iter()
        .map(|stage| {
            let mut hook = if pause {
                Hook::pause(stage)
            } else {
                Hook::function(stage, false)
            };
            if let Some(minutes) = minutes {
                hook.timeout = Duration::from_secs(minutes * 60);
            }
            hook
        })
        .collect()
}

/// Who deploys, as a request names it.
pub(super) fn controller(body: Body<'_>) -> Result<Controller, Refusal> {
    let kind = body
        .get("deploymentController")
        .and_then(|controller| controller["type"].as_str());
    match kind.unwrap_or("ECS") {
        "ECS" => Ok(Controller::Ecs),
        "CODE_DEPLOY" => Ok(Controller::CodeDeploy),
        "EXTERNAL" => Ok(Controller::External),
        other => Err(Refusal::invalid(format!(
            "Deployment controller {other} is not one of ECS, CODE_DEPLOY, EXTERNAL."
        ))),
    }
}
