//! `ecs-deployer plan`, and `deploy --dry-run`.

use std::collections::BTreeMap;

use ecs_deployer::{Action, DeployRequest, Plan, Preflight, Reveal, plan};
use serde::Serialize;
use windlass_cli::{Exit, Failure, Format, printable};

use crate::args::PlanArgs;
use crate::images::Registries;
use crate::run::Session;
use crate::{failures, preflight, requests};

#[derive(Serialize)]
struct Document<'a> {
    services: &'a [Plan],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    preflight: &'a [Preflight],
    api_calls: BTreeMap<String, u64>,
}

pub(crate) async fn run(args: &PlanArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let mut requests = requests::requests(&args.target)?;
    let registries = Registries::new(session.region, args.target.insecure_http)?;
    let mutable_tag = args.target.mutable_tag;
    requests::resolve(&mut requests, mutable_tag, &registries, session.printer).await?;
    let reveal = if args.show_environment {
        Reveal::Environment
    } else {
        Reveal::Nothing
    };
    let mut checked = Vec::new();
    if !args.skip_preflight {
        checked = preflight::check(&requests, &registries, session).await?;
    }
    let plans = plans(&requests, reveal, session).await?;
    write(&plans, &checked, session)?;
    if checked.iter().any(|preflight| !preflight.is_clear()) {
        preflight::tell_problems(&checked, session);
        return Ok(Exit::Usage);
    }
    Ok(Exit::Done)
}

/// Plans and writes them.
pub(crate) async fn show(
    requests: &[DeployRequest],
    reveal: Reveal,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let plans = plans(requests, reveal, session).await?;
    write(&plans, &[], session)?;
    Ok(Exit::Done)
}

async fn plans(
    requests: &[DeployRequest],
    reveal: Reveal,
    session: &Session<'_>,
) -> Result<Vec<Plan>, Failure> {
    let mut plans = Vec::new();
    for request in requests {
        match plan(&session.clients.plane, request, reveal).await {
            Ok(plan) => plans.push(plan),
            Err(error) => return Err(failures::named(&error, &session.clients).await),
        }
    }
    Ok(plans)
}

fn write(plans: &[Plan], checked: &[Preflight], session: &Session<'_>) -> Result<(), Failure> {
    let printer = session.printer;
    if printer.format() == Format::Json {
        let api_calls = session.clients.calls();
        return printer.json(&Document {
            services: plans,
            preflight: checked,
            api_calls,
        });
    }
    for line in plans.iter().flat_map(lines) {
        printer.line(&printable(&line))?;
    }
    Ok(())
}

fn lines(plan: &Plan) -> Vec<String> {
    let now = plan.task_definition.short();
    let action = match plan.action {
        Action::Nothing => format!("nothing to do: it runs {now}"),
        Action::Scale => format!("change the desired count, and keep {now}"),
        Action::Redeploy => format!("deploy {now} once more"),
        Action::Deploy => format!("register a new revision after {now} and deploy it"),
        _ => "unknown".to_owned(),
    };
    let mut lines = vec![format!("{}  {action}", plan.service)];
    if let Some((before, after)) = plan.desired_count {
        lines.push(format!("  ~ desiredCount: {before} -> {after}"));
    }
    lines.extend(plan.changes.iter().map(|change| format!("  {change}")));
    lines
}
