//! Services.

use serde_json::{Value, json};

use super::api::Call;
use super::refusal::{Answer, Refusal};
use super::{definitions, service_json, service_settings};
use crate::sim::ServiceSpec;
use crate::sim::model::Service;
use crate::{ClusterName, Controller, Error, ServiceName, TaskDefinitionArn};

/// How many services one description takes.
const SERVICES_A_CALL: usize = 10;

/// How many services a page has if the request does not say.
const PAGE: usize = 10;

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let given = call.body.required("serviceName")?;
    let name: ServiceName = given
        .parse()
        .map_err(|_| Refusal::invalid(format!("The service name {given} is not valid.")))?;
    if call.body.text("schedulingStrategy") == Some("DAEMON") {
        return Err(Refusal::invalid(
            "The scheduling strategy DAEMON is not simulated: use REPLICA.",
        ));
    }
    let existing = call.state.service(&cluster, &name);
    if existing.is_some_and(|service| !service.is_gone()) {
        return Err(Refusal::invalid("Creation of service was not idempotent."));
    }
    let task_definition = definitions::runnable(call, call.body.required("taskDefinition")?)?;
    let desired = call.body.count("desiredCount")?.unwrap_or(0);
    let mut spec = ServiceSpec::new(name.clone(), task_definition, desired)
        .controller(service_settings::controller(call.body)?);
    service_settings::apply(&mut spec, call.body)?;
    let id = call.state.next_deployment();
    let mut service = Service::new(spec, call.now);
    service.begin(id, call.now, &call.state.alarms);
    if let Some(content) = call.state.clusters.get_mut(&cluster) {
        content.services.insert(name.clone(), service);
    }
    if let Some(tags) = call.body.get("tags") {
        let arn = call.api.place.service(&cluster, &name);
        super::tags::set(call, &arn, tags)?;
    }
    answer(call, &cluster, &name)
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let name = call.body.service("service")?;
    let service = call
        .state
        .service(&cluster, &name)
        .ok_or_else(Refusal::no_service)?;
    if service.draining {
        return Err(Refusal::new(
            "ServiceNotActiveException",
            "Service was not ACTIVE.",
        ));
    }
    let mut spec = service.spec.clone();
    let mut begins = call.body.flag("forceNewDeployment");
    if let Some(given) = call.body.text("taskDefinition") {
        refuse_foreign(&spec.controller)?;
        let task_definition = definitions::runnable(call, given)?;
        begins |= differs(&task_definition, &spec.task_definition);
        spec.task_definition = task_definition;
    }
    begins |= service_settings::apply(&mut spec, call.body)?;
    if begins {
        refuse_foreign(&spec.controller)?;
    }
    let id = call.state.next_deployment();
    let (now, alarms) = (call.now, call.state.alarms.clone());
    let service = call
        .state
        .service_mut(&cluster, &name)
        .ok_or_else(Refusal::no_service)?;
    service.spec = spec;
    if begins {
        service.begin(id, now, &alarms);
        call.state.agenda.begun(&cluster, &name, now);
    }
    answer(call, &cluster, &name)
}

fn differs(one: &TaskDefinitionArn, other: &TaskDefinitionArn) -> bool {
    one.short() != other.short()
}

fn refuse_foreign(controller: &Controller) -> Result<(), Refusal> {
    match controller {
        Controller::Ecs => Ok(()),
        Controller::CodeDeploy => Err(Refusal::invalid(
            "Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to \
             trigger a new deployment.",
        )),
        Controller::External => Err(Refusal::invalid(
            "Unable to update task definition on services with an EXTERNAL deployment controller. Use task sets.",
        )),
    }
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let name = call.body.service("service")?;
    let force = call.body.flag("force");
    let service = call
        .state
        .service_mut(&cluster, &name)
        .filter(|service| !service.is_gone())
        .ok_or_else(Refusal::no_service)?;
    if service.spec.desired_count > 0 && !force {
        return Err(Refusal::invalid(
            "The service cannot be stopped while it is scaled above 0.",
        ));
    }
    service.delete();
    answer(call, &cluster, &name)
}

pub(super) fn describe(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let given = call.body.texts_up_to("services", SERVICES_A_CALL)?;
    if given.is_empty() {
        return Err(Refusal::invalid("Services cannot be empty."));
    }
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for given in given {
        let last = super::arns::last(given);
        let service = last
            .parse::<ServiceName>()
            .ok()
            .and_then(|name| call.state.service(&cluster, &name));
        match service {
            Some(service) => services.push(service_json::document(call, &cluster, service)),
            None => {
                let place = &call.api.place;
                let arn = format!(
                    "arn:aws:ecs:{}:{}:service/{cluster}/{last}",
                    place.region, place.account
                );
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            }
        }
    }
    Ok(json!({"services": services, "failures": failures}))
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let content = call.content(&cluster)?;
    let arns: Vec<Value> = content
        .services
        .values()
        .filter(|service| !service.is_gone())
        .map(|service| call.api.place.service(&cluster, &service.spec.name).into())
        .collect();
    call.body.page("serviceArns", arns, PAGE)
}

fn answer(call: &Call<'_>, cluster: &ClusterName, name: &ServiceName) -> Answer {
    let service = call.state.service(cluster, name).ok_or_else(|| {
        Refusal::from(Error::ServiceNotFound {
            cluster: cluster.clone(),
            service: name.clone(),
        })
    })?;
    Ok(json!({"service": service_json::document(call, cluster, service)}))
}
