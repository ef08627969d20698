//! `ecs-deployer run-task`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ecs_deployer::{
    ContainerName, ContainerOverride, ContainerState, ControlPlane, Error, ImageChange,
    LaunchSettings, NetworkSettings, RunOptions, StopCode, TaskDefinition, TaskDefinitionArn,
    TaskEvent, TaskId, TaskOutcome, TaskRequest, TaskRunner, follow_task, run_task,
};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, GithubActions, interrupted, printable};

use crate::args::{OnInterruptArg, RunTaskArgs};
use crate::failures;
use crate::run::Session;

/// What ECS calls who started the task.
const STARTED_BY: &str = "ecs-deployer";

/// The document on stdout. All keys are there, whatever is known.
#[derive(Serialize)]
struct Document {
    task: Option<TaskId>,
    task_definition: Option<TaskDefinitionArn>,
    exit_code: Option<i64>,
    stop_code: Option<StopCode>,
    reason: Option<String>,
    containers: Vec<ContainerState>,
    timed_out: bool,
    seconds: f64,
    /// What to do about it.
    hint: Option<String>,
    api_calls: BTreeMap<String, u64>,
}

/// What is known of the task so far.
#[derive(Debug, Default)]
struct Seen {
    task: Option<(TaskId, Option<TaskDefinitionArn>)>,
    /// Whether ECS was asked for a task: it may have started one, whatever became of the answer.
    asked: bool,
    /// The first line of its log that could not be written.
    unwritten: Option<Failure>,
}

pub(crate) async fn run(args: &RunTaskArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let clients = &session.clients;
    let began = Instant::now();
    let seen = Mutex::new(Seen {
        task: args.task.clone().map(|task| (task, None)),
        ..Seen::default()
    });
    let observer = |event: TaskEvent| hear(event, &seen, session);
    let ended = tokio::select! {
        ended = start(args, session, &seen, &observer) => Ok(ended),
        signal = interrupted() => Err(signal),
    };
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unwritten = seen.unwritten.take();
    let (document, exit) = match ended {
        Ok(Ok(outcome)) => {
            tell(&outcome, session)?;
            let exit = if outcome.is_success() {
                Exit::Done
            } else if outcome.timed_out {
                Exit::TimedOut
            } else {
                Exit::Negative
            };
            (document_of(outcome), exit)
        }
        // Nothing was started: the error is all that there is to say.
        Ok(Err(error))
            if seen.task.is_none()
                && !(seen.asked && matches!(error, Error::Unreachable { .. })) =>
        {
            return Err(failures::named(&error, clients).await);
        }
        Ok(Err(error)) => {
            session
                .printer
                .failure(&failures::named(&error, clients).await);
            let hint = left(args, &seen, session);
            let reason = error.to_string();
            (broken_off(seen, reason, hint, began), Exit::Unreachable)
        }
        Err(signal) => {
            session.printer.note(&format!("interrupted by {signal}"));
            let reason = "interrupted".to_owned();
            let hint = leave(args, &seen, session).await;
            (broken_off(seen, reason, hint, began), Exit::Interrupted)
        }
    };
    if session.printer.format() == Format::Json {
        session.printer.json(&Document {
            api_calls: clients.calls(),
            ..document
        })?;
    }
    match unwritten {
        // A log that was lost is no success; how the task itself failed weighs more.
        Some(failure) if exit == Exit::Done => Err(failure),
        Some(failure) => {
            session.printer.failure(&failure);
            Ok(exit)
        }
        None => Ok(exit),
    }
}

/// Tells of an event, and keeps what is needed when nobody follows the task any more.
fn hear(event: TaskEvent, seen: &Mutex<Seen>, session: &Session<'_>) {
    if let Some(log) = &session.log {
        log.write(&event);
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let printer = session.printer;
    match event {
        TaskEvent::TaskStarted {
            task,
            task_definition,
        } => {
            printer.note(&format!("task {task} runs {}", task_definition.short()));
            seen.task = Some((task, Some(task_definition)));
        }
        TaskEvent::TaskStatus { status, .. } => printer.note(&printable(&status)),
        TaskEvent::LogLine { container, line } => {
            let line = printable(&line);
            if printer.format() == Format::Json {
                printer.note(&format!("{container} | {line}"));
            } else if let Err(failure) = printer.line(&line) {
                // The task's log is what was asked for. It is followed to its end nevertheless.
                seen.unwritten.get_or_insert(failure);
            }
        }
        TaskEvent::LogsUnread { problem, hint } => {
            let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            printer.warn(&format!("{problem}{hint}"));
        }
        TaskEvent::LookFailed { error } if session.verbose => printer.note(&printable(&error)),
        _ => {}
    }
}

fn document_of(outcome: TaskOutcome) -> Document {
    Document {
        task: Some(outcome.task),
        task_definition: Some(outcome.task_definition),
        exit_code: outcome.exit_code,
        stop_code: outcome.stop_code,
        reason: outcome.reason,
        containers: outcome.containers,
        timed_out: outcome.timed_out,
        seconds: outcome.seconds,
        hint: None,
        api_calls: BTreeMap::new(),
    }
}

/// A task that nobody follows any more.
fn broken_off(seen: Seen, reason: String, hint: Option<String>, began: Instant) -> Document {
    let (task, task_definition) = seen.task.unzip();
    Document {
        task,
        task_definition: task_definition.flatten(),
        exit_code: None,
        stop_code: None,
        reason: Some(reason),
        containers: Vec::new(),
        timed_out: false,
        seconds: began.elapsed().as_secs_f64(),
        hint,
        api_calls: BTreeMap::new(),
    }
}

async fn start(
    args: &RunTaskArgs,
    session: &Session<'_>,
    seen: &Mutex<Seen>,
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
    // What is meant for a container that is not there is refused before a revision is registered.
    let overrides = overrides(args, &definition)?;
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
    request.overrides = overrides;
    seen.lock().unwrap_or_else(PoisonError::into_inner).asked = true;
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
    let changes_nothing = args.command.is_empty() && args.env.is_empty();
    if changes_nothing && args.container.is_none() {
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
    if changes_nothing {
        return Ok(BTreeMap::new());
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
    if !outcome.is_success() {
        let why = [
            outcome.stop_code.as_ref().map(StopCode::as_str),
            outcome.reason.as_deref(),
        ];
        for part in why.into_iter().flatten() {
            text.push_str(&format!("; {part}"));
        }
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

/// After Ctrl-C: stops the task, or leaves it running. Returns how it is taken up again.
async fn leave(args: &RunTaskArgs, seen: &Seen, session: &Session<'_>) -> Option<String> {
    let task = seen.task.as_ref().map(|(task, _)| task);
    let (Some(task), OnInterruptArg::Rollback) = (task, args.on_interrupt) else {
        return left(args, seen, session);
    };
    let stopped = session
        .clients
        .ecs
        .stop_task(&args.cluster, task, "interrupted")
        .await;
    match stopped {
        Ok(()) => session
            .printer
            .note(&format!("task {task} is being stopped")),
        Err(error) => session.printer.failure(&failures::deploy(&error)),
    }
    None
}

/// Says how a task is taken up again that nobody follows any more.
fn left(args: &RunTaskArgs, seen: &Seen, session: &Session<'_>) -> Option<String> {
    let cluster = &args.cluster;
    let Some((task, _)) = &seen.task else {
        let hint = format!(
            "whether a task was started is not known: look with `aws ecs list-tasks --cluster {cluster} --started-by {STARTED_BY}`"
        );
        return seen.asked.then(|| {
            session.printer.note(&hint);
            hint
        });
    };
    let resume = format!("ecs-deployer run-task --cluster {cluster} --task {task}");
    session.printer.note(&format!(
        "task {task} goes on; take it up again with: {resume}"
    ));
    Some(resume)
}
