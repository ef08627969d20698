//! Judging the analyses of reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt};
use health_checker::quality_gate::{
    GateEvent, GateOptions, GateReport, GateRequest, GateVerdict, Policy, ServerUrl, SonarHttp,
    check_gate,
};
use jiff::Timestamp;
use serde::Serialize;
use windlass_cli::{EventLog, Exit, Failure, Format, GithubActions, Rows, interrupted};

use super::args::CheckArgs;
use super::outcome::{Document, Service};
use super::reports::{self, Found};
use super::{cases, server, summary, table};
use crate::junit;
use crate::run::Session;

/// An event and which service it is about.
#[derive(Serialize)]
struct Line<'a> {
    service: &'a str,
    #[serde(flatten)]
    event: &'a GateEvent,
}

pub(super) async fn run(args: &CheckArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let found = reports::all(args)?;
    let servers = connect(&found, args, session)?;
    let policy = policy(args);
    let options = GateOptions::default()
        .timeout(args.time.timeout)
        .since(Instant::now())
        .retry_budget(args.time.retry_budget)
        .poll(args.poll);
    let names = names(&found);
    let rows = Rows::new(session.printer, names.iter().map(String::as_str));
    let (policy, options, rows) = (&policy, &options, &rows);
    let checks = found.iter().zip(&names).map(|(one, name)| {
        let sonar = &servers[&one.task.server];
        let log = session.log.clone();
        async move {
            let observer = |event: GateEvent| observe(name, &event, rows, log.as_ref());
            let request = GateRequest::new(one.task.clone()).now(Timestamp::now());
            let report = check_gate(sonar, &request, policy, options, &observer).await;
            rows.finish(name, &last_word(&report));
            Service::new(name, &one.path, report)
        }
    });
    let checks = stream::iter(checks).buffered(args.max_parallel.max(1));
    let services: Vec<Service> = tokio::select! {
        services = checks.collect() => services,
        signal = interrupted() => {
            rows.close();
            let text = format!("interrupted by {signal}: there is no verdict; the server works on, and this can be run again");
            session.printer.note(&text);
            return Ok(Exit::Interrupted);
        }
    };
    rows.close();
    conclude(args, session, &Document::new(services))
}

/// Says what became of it, everywhere where it is wanted. A place that cannot be written makes no red gate less red, and a
/// green one no success.
fn conclude(args: &CheckArgs, session: &Session<'_>, document: &Document) -> Result<Exit, Failure> {
    let exit = document.exit();
    match tell(args, session, document, exit) {
        Err(failure) if exit != Exit::Done => {
            session.printer.failure(&failure);
            Ok(exit)
        }
        told => told.map(|()| exit),
    }
}

fn tell(
    args: &CheckArgs,
    session: &Session<'_>,
    document: &Document,
    exit: Exit,
) -> Result<(), Failure> {
    match session.printer.format() {
        Format::Json => session.printer.json(document)?,
        _ => session.printer.line(&table::render(document))?,
    }
    if let Some(path) = &args.junit {
        junit::write(path, "quality-gate", &cases::of(document))?;
    }
    let github = GithubActions::from_env();
    github.outputs(&document.outputs(exit))?;
    github.summary(&summary::render(document))
}

/// One client for each server. Without --server the token goes to one alone: it is of one.
fn connect(
    found: &[Found],
    args: &CheckArgs,
    session: &Session<'_>,
) -> Result<BTreeMap<ServerUrl, SonarHttp>, Failure> {
    let token = server::token(&args.token)?;
    let mut servers = BTreeMap::new();
    for one in found {
        let task = &one.task;
        if servers.contains_key(&task.server) {
            continue;
        }
        if let (Some((first, _)), Some(_)) = (servers.first_key_value(), &token) {
            return Err(Failure::usage(format!(
                "the reports are of two servers, {first} and {}, and there is one token",
                task.server
            ))
            .hint("check each server in a run of its own, with its own --server and --token-env"));
        }
        let client = server::connect(
            &task.server,
            task.version,
            token.clone(),
            args.time.try_timeout,
            session.printer,
        )?;
        servers.insert(task.server.clone(), client);
    }
    Ok(servers)
}

fn policy(args: &CheckArgs) -> Policy {
    let mut policy = Policy::default()
        .strict(args.strict)
        .max_age(args.max_age.0);
    for rule in args.rules.rules() {
        policy = policy.rule(rule);
    }
    if let Some(revision) = &args.expect_revision {
        policy = policy.expect_revision(revision.clone());
    }
    policy
}

/// What to call each report: its project, and where it was found if the project has several.
fn names(found: &[Found]) -> Vec<String> {
    let name = |one: &Found| {
        let project = &one.task.project;
        let same = found.iter().filter(|other| other.task.project == *project);
        match same.count() {
            1 => project.to_string(),
            _ => format!("{project} ({})", one.path.display()),
        }
    };
    found.iter().map(name).collect()
}

fn observe(name: &str, event: &GateEvent, rows: &Rows, log: Option<&Arc<EventLog>>) {
    if let Some(log) = log {
        log.write(&Line {
            service: name,
            event,
        });
    }
    match event {
        GateEvent::TaskSeen { status, .. } => rows.set(name, &format!("the analysis is {status}")),
        GateEvent::Retrying {
            reason, wait_ms, ..
        } => rows.set(
            name,
            &format!(
                "{reason}; asking again in {:.1} s",
                *wait_ms as f64 / 1000.0
            ),
        ),
        _ => {}
    }
}

fn last_word(report: &GateReport) -> String {
    match (report.verdict, report.reason()) {
        (GateVerdict::Passed, _) | (_, None) => report.verdict.to_string(),
        (verdict, Some(reason)) => format!("{verdict}: {}", reason.message),
    }
}
