//! `ecs-deployer status`.

use std::collections::BTreeMap;

use ecs_deployer::{
    ControlPlane, Directory, ImageRef, ServiceDeployment, ServiceName, ServiceState, UnixMillis,
};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, printable};

use crate::args::StatusArgs;
use crate::failures;
use crate::run::Session;

#[derive(Serialize)]
struct Document {
    services: Vec<Status>,
    api_calls: BTreeMap<String, u64>,
}

/// A service with what was deployed to it last.
#[derive(Serialize)]
struct Status {
    #[serde(flatten)]
    state: ServiceState,
    images: BTreeMap<String, ImageRef>,
    history: Vec<ServiceDeployment>,
    /// What could not be read.
    unread: Vec<String>,
}

pub(crate) async fn run(args: &StatusArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let clients = &session.clients;
    let names = match &args.services[..] {
        [] => clients.ecs.services(&args.cluster).await,
        named => Ok(named.to_vec()),
    };
    let states = match names {
        Ok(names) => clients.plane.describe_services(&args.cluster, &names).await,
        Err(error) => Err(error),
    };
    let states = match states {
        Ok(states) => states,
        Err(error) => return Err(failures::named(&error, clients).await),
    };
    let mut services = Vec::new();
    for state in states {
        services.push(status(args, state, session).await);
    }
    let printer = session.printer;
    if printer.format() == Format::Json {
        let api_calls = clients.calls();
        printer.json(&Document {
            services,
            api_calls,
        })?;
        return Ok(Exit::Done);
    }
    for line in services.iter().flat_map(lines) {
        printer.line(&printable(&line))?;
    }
    Ok(Exit::Done)
}

async fn status(args: &StatusArgs, mut state: ServiceState, session: &Session<'_>) -> Status {
    let plane = &session.clients.plane;
    let mut unread = Vec::new();
    let mut note = |error: &ecs_deployer::Error| {
        let hint = error
            .hint()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        unread.push(format!("{error}{hint}"));
    };
    let images = match plane.describe_task_definition(&state.task_definition).await {
        Ok(definition) => definition
            .containers()
            .into_iter()
            .map(|(name, image)| (name.to_string(), image))
            .collect(),
        Err(error) => {
            note(&error);
            BTreeMap::new()
        }
    };
    let service: ServiceName = state.name.clone();
    let history = match plane.service_deployments(&args.cluster, &service).await {
        Ok(records) => records.into_iter().take(args.last).collect(),
        Err(error) => {
            note(&error);
            Vec::new()
        }
    };
    state.events.truncate(args.last);
    Status {
        state,
        images,
        history,
        unread,
    }
}

fn lines(status: &Status) -> Vec<String> {
    let state = &status.state;
    let mut lines = vec![format!(
        "{}  {}  {}/{} running{}",
        state.name,
        state.task_definition.short(),
        state.running,
        state.desired,
        if state.pending > 0 {
            format!(", {} pending", state.pending)
        } else {
            String::new()
        }
    )];
    for (container, image) in &status.images {
        lines.push(format!("  {container}  {image}"));
    }
    for deployment in &state.deployments {
        lines.push(format!(
            "  {}  {}  {}  {}/{} running{}",
            deployment.id,
            deployment.task_definition.short(),
            json_text(&deployment.rollout_state),
            deployment.running,
            deployment.desired,
            if deployment.failed_tasks > 0 {
                format!(", {} failed", deployment.failed_tasks)
            } else {
                String::new()
            }
        ));
    }
    for record in &status.history {
        lines.push(format!(
            "  {}  {}  {}{}",
            record.created_at.map_or_else(|| "-".to_owned(), time),
            record.id,
            json_text(&record.status),
            record
                .reason
                .as_ref()
                .map(|reason| format!("  {reason}"))
                .unwrap_or_default()
        ));
    }
    lines.extend(
        state
            .events
            .iter()
            .map(|event| format!("  {}", event.message)),
    );
    lines.extend(
        status
            .unread
            .iter()
            .map(|problem| format!("  unread: {problem}")),
    );
    lines
}

/// A value as it stands in JSON, without its quotation marks.
fn json_text(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => "UNKNOWN".to_owned(),
    }
}

/// A moment in UTC, to the second.
fn time(moment: UnixMillis) -> String {
    i64::try_from(moment.0 / 1000)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| "-".to_owned(), |timestamp| timestamp.to_string())
}
