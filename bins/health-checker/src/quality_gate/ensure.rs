//! `health-checker quality-gate ensure`.

use health_checker::quality_gate::{
    Change, EnsureError, EnsureReport, EnsureRequest, GateEvent, GateName, GateOptions, Mode,
    ServerCondition, ensure_gate, plan_gate,
};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, GithubActions, interrupted, markdown_cell, printable};

use super::args::EnsureArgs;
use super::server;
use crate::run::Session;

/// The document on stdout.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    gate: &'a GateName,
    mode: Option<Mode>,
    /// `unchanged`, `changed`, `drift` or `failed`.
    state: &'static str,
    changes: &'a [Change],
    /// Conditions that no rule asks for and that were left alone.
    extra: &'a [ServerCondition],
    error: Option<String>,
}

pub(super) async fn run(args: &EnsureArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let address = server::address(&args.server)?;
    let token = server::token(&args.token)?;
    let printer = session.printer;
    let sonar = server::connect(&address, None, token, args.time.try_timeout, printer)?;
    let mut request = EnsureRequest::new(args.name.clone(), args.rules.rules())
        .mode(args.mode.into())
        .exact(args.exact);
    for project in &args.project {
        request = request.project(project.clone());
    }
    let options = GateOptions::default()
        .timeout(args.time.timeout)
        .retry_budget(args.time.retry_budget);
    let observer = |event: GateEvent| {
        if let Some(log) = &session.log {
            log.write(&event);
        }
        match &event {
            GateEvent::Retrying {
                reason, wait_ms, ..
            } => {
                let wait = *wait_ms as f64 / 1000.0;
                printer.note(&printable(&format!(
                    "{reason}; asking again in {wait:.1} s"
                )));
            }
            // At once, so that whoever interrupts this knows what was done.
            GateEvent::GateChanged { change, .. } if printer.format() != Format::Json => {
                if let Err(failure) = printer.line(&one_line(&change.to_string())) {
                    printer.failure(&failure);
                }
            }
            _ => {}
        }
    };
    let work = async {
        match args.check {
            true => plan_gate(&sonar, &request, &options, &observer).await,
            false => ensure_gate(&sonar, &request, &options, &observer).await,
        }
    };
    let ended = tokio::select! {
        ended = work => ended,
        signal = interrupted() => {
            let text = format!("interrupted by {signal}: what was changed stays changed; a second run goes on from there");
            printer.note(&text);
            return Ok(Exit::Interrupted);
        }
    };
    match ended {
        Ok(report) => conclude(args, session, &report),
        Err(error) => Err(fail(session, error)?),
    }
}

fn conclude(
    args: &EnsureArgs,
    session: &Session<'_>,
    report: &EnsureReport,
) -> Result<Exit, Failure> {
    let (state, exit) = match (report.changes.is_empty(), args.check) {
        (true, _) => ("unchanged", Exit::Done),
        (false, true) => ("drift", Exit::Negative),
        (false, false) => ("changed", Exit::Done),
    };
    let document = Document {
        schema: 1,
        gate: &report.gate,
        mode: Some(report.mode),
        state,
        changes: &report.changes,
        extra: &report.extra,
        error: None,
    };
    show(session, &document)?;
    if session.printer.format() != Format::Json {
        let gate = &report.gate;
        session.printer.note(&printable(&match state {
            "unchanged" => format!(
                "the gate `{gate}` is as it should be ({} mode)",
                report.mode
            ),
            "drift" => format!("the gate `{gate}` is not as it should be; nothing was changed"),
            _ => format!(
                "the gate `{gate}` is now as it should be ({} mode)",
                report.mode
            ),
        }));
        for extra in &report.extra {
            let text = format!("left alone: {extra}, which no rule asks for (--exact removes it)");
            session.printer.note(&printable(&text));
        }
    }
    let github = GithubActions::from_env();
    github.outputs(&[
        ("state", state.to_owned()),
        ("changes", report.changes.len().to_string()),
        ("exit_code", exit.code().to_string()),
    ])?;
    github.summary(&summary(&document))?;
    Ok(exit)
}

/// Shows what was changed before it went wrong, and makes a failure of the rest.
fn fail(session: &Session<'_>, error: EnsureError) -> Result<Failure, Failure> {
    let applied = error.applied();
    let exit = match &error {
        EnsureError::NoRules { .. }
        | EnsureError::Conflict { .. }
        | EnsureError::BuiltIn { .. } => Exit::Usage,
        _ if !applied.is_empty() => Exit::Partial,
        EnsureError::TimedOut { .. } => Exit::TimedOut,
        _ => Exit::Unreachable,
    };
    let gate = match &error {
        EnsureError::NotKept { gate, .. }
        | EnsureError::TimedOut { gate, .. }
        | EnsureError::Server { gate, .. } => Some(gate),
        _ => None,
    };
    if let Some(gate) = gate {
        let document = Document {
            schema: 1,
            gate,
            mode: None,
            state: "failed",
            changes: applied,
            extra: &[],
            error: Some(error.to_string()),
        };
        show(session, &document)?;
        GithubActions::from_env().outputs(&[
            ("state", "failed".to_owned()),
            ("changes", applied.len().to_string()),
            ("exit_code", exit.code().to_string()),
        ])?;
    }
    Ok(Failure::from_error(exit, &error).hint(error.hint()))
}

fn show(session: &Session<'_>, document: &Document<'_>) -> Result<(), Failure> {
    if session.printer.format() == Format::Json {
        return session.printer.json(document);
    }
    // What was changed was said when it was.
    if document.state == "drift" {
        for change in document.changes {
            let line = one_line(&format!("would {change}"));
            session.printer.line(&line)?;
        }
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

fn summary(document: &Document<'_>) -> String {
    let name = markdown_cell(document.gate.as_str());
    let mut text = format!("## Quality gate {name}: {}\n\n", document.state);
    for change in document.changes {
        text.push_str(&format!("- {}\n", markdown_cell(&change.to_string())));
    }
    text.push('\n');
    text
}
