//! `ecs-deployer continue`.

use ecs_deployer::{ControlPlane, Error, HookAction, ServiceDeployment};
use windlass_cli::{Exit, Failure, Format};

use crate::args::ContinueArgs;
use crate::failures;
use crate::run::Session;

pub(crate) async fn run(args: &ContinueArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let clients = &session.clients;
    let found = match find(args, session).await {
        Ok(found) => found,
        Err(error) => return Err(failures::named(&error, clients).await),
    };
    let Some(record) = found else {
        let which = args.deployment.as_ref().map_or_else(
            || "a deployment that is under way".to_owned(),
            |id| format!("the deployment `{id}`"),
        );
        return Err(
            Failure::usage(format!("`{}` does not have {which}", args.service))
                .hint("`ecs-deployer status` shows the last deployments"),
        );
    };
    let waiting: Vec<String> = record
        .details
        .iter()
        .flat_map(|details| details.waiting_hooks())
        .map(|hook| hook.id.clone())
        .collect();
    let hook = match (&args.hook, waiting.as_slice()) {
        (Some(hook), _) => hook.clone(),
        (None, [hook]) => hook.clone(),
        (None, []) => {
            return Err(
                Failure::usage(format!("{} does not wait at a hook", record.id))
                    .hint("`ecs-deployer wait` tells when it does"),
            );
        }
        (None, several) => {
            return Err(
                Failure::usage(format!("{} waits at several hooks", record.id)).hint(format!(
                    "name one with --hook; there are: {}",
                    several.join(", ")
                )),
            );
        }
    };
    let (action, done) = if args.rollback {
        (HookAction::Rollback, "goes back")
    } else {
        (HookAction::Continue, "goes on")
    };
    if let Err(error) = clients
        .plane
        .continue_deployment(&record, &hook, action)
        .await
    {
        return Err(failures::named(&error, clients).await);
    }
    if session.printer.format() == Format::Json {
        session.printer.json(&serde_json::json!({
            "service": args.service, "deployment": record.id, "hook": hook, "action": action,
            "api_calls": clients.calls(),
        }))?;
    } else {
        session
            .printer
            .line(&format!("{}  {} {done}", args.service, record.id))?;
    }
    Ok(Exit::Done)
}

/// The deployment that is meant, with its details.
async fn find(
    args: &ContinueArgs,
    session: &Session<'_>,
) -> Result<Option<ServiceDeployment>, Error> {
    let plane = &session.clients.plane;
    let id = match &args.deployment {
        Some(id) => id.clone(),
        None => {
            let records = plane
                .service_deployments(&args.cluster, &args.service)
                .await?;
            match records
                .into_iter()
                .find(|record| !record.status.is_terminal())
            {
                Some(record) => record.id,
                None => return Ok(None),
            }
        }
    };
    plane
        .service_deployment(&args.cluster, &args.service, &id)
        .await
}
