//! Tasks.

use serde_json::{Value, json};

use super::api::Call;
use super::refusal::{Answer, Refusal};
use super::{arns, definitions, task_json};
use crate::TaskId;
use crate::sim::alone::Alone;
use crate::sim::model::group_of;

/// How many tasks one description takes.
const TASKS_A_CALL: usize = 100;

/// How many tasks one call starts.
const STARTED_A_CALL: u32 = 10;

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let service = match call.body.text("serviceName") {
        None => None,
        Some(_) => {
            let name = call.body.service("serviceName")?;
            if call.state.service(&cluster, &name).is_none() {
                return Err(Refusal::no_service());
            }
            Some(group_of(&name))
        }
    };
    let desired = call.body.text("desiredStatus").unwrap_or("RUNNING");
    let family = call.body.text("family");
    let started_by = call.body.text("startedBy");
    let arns: Vec<Value> = call
        .state
        .tasks(&cluster)
        .filter(|task| service.as_ref().is_none_or(|group| task.group == *group))
        .filter(|task| task_json::desired(task) == desired)
        .filter(|task| family.is_none_or(|family| task.task_definition.family() == family))
        .filter(|task| started_by.is_none_or(|by| task.started_by.as_deref() == Some(by)))
        .map(|task| call.api.place.task(&cluster, &task.id).into())
        .collect();
    call.body.page("taskArns", arns, 100)
}

pub(super) fn describe(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let given = call.body.texts_up_to("tasks", TASKS_A_CALL)?;
    if given.is_empty() {
        return Err(Refusal::invalid("Tasks cannot be empty."));
    }
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for given in given {
        let last = arns::last(given);
        let task = last
            .parse::<TaskId>()
            .ok()
            .and_then(|id| call.state.task(&cluster, &id));
        match task {
            Some(task) => tasks.push(task_json::document(call, &cluster, task)),
            None => {
                let place = &call.api.place;
                let arn = format!(
                    "arn:aws:ecs:{}:{}:task/{cluster}/{last}",
                    place.region, place.account
                );
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            }
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

pub(super) fn run(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let task_definition = definitions::runnable(call, call.body.required("taskDefinition")?)?;
    let count = call.body.count("count")?.unwrap_or(1);
    if !(1..=STARTED_A_CALL).contains(&count) {
        return Err(Refusal::invalid(format!(
            "count must be between 1 and {STARTED_A_CALL}, and is {count}."
        )));
    }
    let text = |name: &str| call.body.text(name).map(str::to_owned);
    let wanted = Alone {
        task_definition,
        group: text("group"),
        started_by: text("startedBy"),
        overrides: call.body.get("overrides").cloned(),
        token: None,
    };
    let token = text("clientToken");
    let mut tasks = Vec::new();
    for number in 0..count {
        let mut wanted = wanted.clone();
        wanted.token = token.as_ref().map(|token| format!("{token}-{number}"));
        let id = call
            .state
            .run_alone(call.api.inner(), &cluster, wanted, call.now)?;
        if let Some(task) = call.state.task(&cluster, &id) {
            tasks.push(task_json::document(call, &cluster, task));
        }
    }
    Ok(json!({"tasks": tasks, "failures": []}))
}

pub(super) fn stop(call: &mut Call<'_>) -> Answer {
    let cluster = call.cluster()?;
    let missing = || Refusal::invalid("The referenced task was not found.");
    let id: TaskId = arns::last(call.body.required("task")?)
        .parse()
        .map_err(|_| missing())?;
    let reason = call.body.text("reason").unwrap_or("Task stopped by user");
    let found = call
        .state
        .stop_any(call.api.inner(), &cluster, &id, reason, call.now);
    let task = call.state.task(&cluster, &id).filter(|_| found);
    let task = task.ok_or_else(missing)?;
    Ok(json!({"task": task_json::document(call, &cluster, task)}))
}
