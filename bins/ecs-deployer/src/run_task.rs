//! `ecs-deployer run-task`.

use std::collections::BTreeMap;

use ecs_deployer::{
    ContainerName, ContainerOverride, ControlPlane, Error, ImageChange, LaunchSettings,
    NetworkSettings, RunOptions, TaskDefinition, TaskEvent, TaskOutcome, TaskRequest, TaskRunner,
    follow_task, run_task,
};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, GithubActions, interrupted, printable};

use crate::args::{OnInterruptArg, RunTaskArgs};
use crate::failures;
use crate::run::Session;

/// What ECS calls who started the task.
const STARTED_BY: &str = "ecs-deployer";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    outcome: &'a TaskOutcome,
    api_calls: BTreeMap<String, u64>,
}

pub(crate) async fn run(args: &RunTaskArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let clients = &session.clients;
    let json = session.printer.format() == Format::Json;
    let started = std::sync::Mutex::new(args.task.clone());
    let observer = |event: TaskEvent| {
        if let Some(log) = &session.log {
            log.write(&event);
        }
        match event {
            TaskEvent::TaskStarted {
                task,
                task_definition,
            } => {
                session
                    .printer
                    .note(&format!("task {task} runs {}", task_definition.short()));
                *started
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(task);
            }
            TaskEvent::TaskStatus { status, .. } => session.printer.note(&printable(&status)),
            TaskEvent::LogLine { container, line } => {
                let line = printable(&line);
                if json {
                    session.printer.note(&format!("{container} | {line}"));
                } else {
                    // The task's log is what was asked for.
                    drop(session.printer.line(&line));
                }
            }
            TaskEvent::LogsUnread { problem, hint } => {
                let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                session.printer.warn(&format!("{problem}{hint}"));
            }
            TaskEvent::LookFailed { error } if session.verbose => {
                session.printer.note(&printable(&error))
            }
            _ => {}
        }
    };
    let ended = tokio::select! {
        ended = start(args, session, &observer) => Some(ended),
        signal = interrupted() => {
            session.printer.note(&format!("interrupted by {signal}"));
            None
        }
    };
    let outcome = match ended {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => return Err(failures::named(&error, clients).await),
        None => {
            let task = started
                .into_inner()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            return leave(args, task, session).await;
        }
    };
    if json {
        let api_calls = clients.calls();
        session.printer.json(&Document {
            outcome: &outcome,
            api_calls,
        })?;
    }
    tell(&outcome, session)?;
    Ok(match (outcome.timed_out, outcome.exit_code) {
        (true, _) => Exit::TimedOut,
        (false, Some(0)) => Exit::Done,
        (false, _) => Exit::Negative,
    })
}

async fn start(
    args: &RunTaskArgs,
    session: &Session<'_>,
    observer: &(dyn Fn(TaskEvent) + Send + Sync),
) -> Result<TaskOutcome, Error> {
    let clients = &session.clients;
    let options = RunOptions::default()
        .timeout(args.timeout.into())
        .poll(args.poll.into())
        .container(args.container.clone());
    if let Some(id) = &args.task {
        let found = clients
            .ecs
            .describe_tasks(&args.cluster, std::slice::from_ref(id))
            .await?;
        let task = found
            .into_iter()
            .next()
            .ok_or_else(|| Error::TaskForgotten { task: id.clone() })?;
        let definition = clients
            .plane
            .describe_task_definition(&task.task_definition)
            .await?;
        return follow_task(
            &clients.ecs,
            Some(&clients.logs),
            &definition,
            &args.cluster,
            task,
            &options,
            observer,
        )
        .await;
    }
    let (definition, launch) = what(args, session).await?;
    let (definition, arn) = match &args.image {
        None => {
            let arn = definition
                .arn()
                .ok_or_else(|| Error::TaskDefinitionNotFound {
                    task_definition: definition.family().to_owned(),
                })?;
            (definition, arn)
        }
        Some(image) => {
            let change = match &image.container {
                None => ImageChange::All(image.image.clone()),
                Some(container) => ImageChange::Containers(BTreeMap::from([(
                    container.clone(),
                    image.image.clone(),
                )])),
            };
            let changed = definition.with_images(&change)?;
            let arn = clients.plane.register_task_definition(&changed).await?;
            (changed, arn)
        }
    };
    let mut request = TaskRequest::new(args.cluster.clone(), arn, launch);
    request.started_by = Some(STARTED_BY.to_owned());
    request.overrides = overrides(args, &definition)?;
    run_task(
        &clients.ecs,
        Some(&clients.logs),
        &definition,
        &request,
        &options,
        observer,
    )
    .await
}

/// The task definition, and where and how it is started.
async fn what(
    args: &RunTaskArgs,
    session: &Session<'_>,
) -> Result<(TaskDefinition, LaunchSettings), Error> {
    let plane = &session.clients.plane;
    let mut launch = LaunchSettings::default();
    let mut arn = args.task_definition.clone();
    if let Some(service) = &args.service {
        let states = plane
            .describe_services(&args.cluster, std::slice::from_ref(service))
            .await?;
        if let Some(state) = states.into_iter().next() {
            arn.get_or_insert(state.task_definition);
            launch = state.launch;
        }
    }
    if !args.subnet.is_empty() {
        launch.network = Some(NetworkSettings::new(
            args.subnet.clone(),
            args.security_group.clone(),
            args.public_ip,
        ));
    }
    if let Some(kind) = &args.launch_type {
        launch.launch_type = Some(kind.to_uppercase());
        // ECS takes one or the other.
        launch.capacity_providers = Vec::new();
    }
    let arn = arn.ok_or_else(|| Error::TaskDefinitionNotFound {
        task_definition: String::new(),
    })?;
    Ok((plane.describe_task_definition(&arn).await?, launch))
}

fn overrides(
    args: &RunTaskArgs,
    definition: &TaskDefinition,
) -> Result<BTreeMap<ContainerName, ContainerOverride>, Error> {
    if args.command.is_empty() && args.env.is_empty() {
        return Ok(BTreeMap::new());
    }
    let known: Vec<ContainerName> = definition
        .containers()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let missing = |wanted: String| Error::NoSuchContainer {
        family: definition.family().to_owned(),
        wanted,
        containers: known.clone(),
    };
    let container = args
        .container
        .clone()
        .or_else(|| definition.main_container())
        .ok_or_else(|| missing("--container".to_owned()))?;
    if !known.contains(&container) {
        return Err(missing(container.to_string()));
    }
    let environment = args
        .env
        .iter()
        .map(|variable| (variable.name.clone(), variable.value.clone()))
        .collect();
    let command = (!args.command.is_empty()).then(|| args.command.clone());
    Ok(BTreeMap::from([(
        container,
        ContainerOverride::new(command, environment),
    )]))
}

fn tell(outcome: &TaskOutcome, session: &Session<'_>) -> Result<(), Failure> {
    let code = outcome.exit_code.map_or_else(
        || "it never ran".to_owned(),
        |code| format!("exit code {code}"),
    );
    let mut text = format!("task {}: {code}", outcome.task);
    if outcome.timed_out {
        text.push_str("; it took too long and was stopped");
    }
    if outcome.exit_code != Some(0)
        && let Some(reason) = &outcome.reason
    {
        text.push_str(&format!("; {reason}"));
    }
    session.printer.note(&printable(&text));
    GithubActions::from_env().outputs(&[
        ("task", outcome.task.to_string()),
        (
            "exit_code",
            outcome
                .exit_code
                .map(|code| code.to_string())
                .unwrap_or_default(),
        ),
    ])
}

/// After Ctrl-C: stops the task, or leaves it running.
async fn leave(
    args: &RunTaskArgs,
    task: Option<ecs_deployer::TaskId>,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let Some(task) = task else {
        return Ok(Exit::Interrupted);
    };
    if args.on_interrupt == OnInterruptArg::Rollback {
        let reason = "interrupted";
        match session
            .clients
            .ecs
            .stop_task(&args.cluster, &task, reason)
            .await
        {
            Ok(()) => session
                .printer
                .note(&format!("task {task} is being stopped")),
            Err(error) => session.printer.failure(&failures::deploy(&error)),
        }
    } else {
        session.printer.note(&format!(
            "task {task} goes on; take it up again with: ecs-deployer run-task --cluster {} --task {task}",
            args.cluster
        ));
    }
    Ok(Exit::Interrupted)
}
