//! `ecs-deployer deploy`.

use ecs_deployer::{
    Deployer, Error, Fleet, FleetOptions, OnFleetFailure, Preflight, ServiceName, ServiceResult,
    deploy_all,
};
use windlass_cli::{Exit, Failure, interrupted};

use crate::args::DeployArgs;
use crate::images::Registries;
use crate::interrupt::{UnderWay, resume};
use crate::outcome::{Document, Entry, together};
use crate::progress::Progress;
use crate::run::Session;
use crate::{failures, plan, preflight, render, requests};

/// What is to be deployed, as far as the command line alone tells.
pub(crate) fn prepare(args: &DeployArgs) -> Result<Fleet, Failure> {
    let pairs = args
        .depends_on
        .iter()
        .map(|pair| (pair.0.clone(), pair.1.clone()))
        .collect();
    let fleet = Fleet::new(requests::requests(&args.target)?).depends_on(pairs);
    fleet.waves().map_err(|error| failures::deploy(&error))?;
    Ok(fleet)
}

pub(crate) async fn run(
    args: &DeployArgs,
    mut fleet: Fleet,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let registries = Registries::new(session.region, args.target.insecure_http)?;
    let mutable_tag = args.target.mutable_tag;
    requests::resolve(
        &mut fleet.deployments,
        mutable_tag,
        &registries,
        session.printer,
    )
    .await?;
    if args.dry_run {
        return plan::show(&fleet.deployments, ecs_deployer::Reveal::Nothing, session).await;
    }
    let mut checked: Vec<Preflight> = Vec::new();
    if !args.skip_preflight {
        checked = preflight::check(&fleet.deployments, &registries, session).await?;
        if args.preflight_only {
            return preflight::show(&checked, session);
        }
        if checked.iter().any(|preflight| !preflight.is_clear()) {
            return preflight::refuse(&checked, session);
        }
        preflight::tell_unchecked(&checked, session);
    }
    follow(args, &fleet, checked, session).await
}

async fn follow(
    args: &DeployArgs,
    fleet: &Fleet,
    preflight: Vec<Preflight>,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let services: Vec<ServiceName> = fleet
        .deployments
        .iter()
        .map(|deployment| deployment.service.clone())
        .collect();
    let progress = Progress::new(
        session.printer,
        &services,
        session.log.as_ref(),
        session.verbose,
    );
    let clients = &session.clients;
    let deployer = Deployer::new(&clients.plane)
        .logs(&clients.logs)
        .tasks(&clients.ecs);
    let each = requests::options(&args.follow);
    let on_failure = if args.continue_on_failure {
        OnFleetFailure::Continue
    } else {
        OnFleetFailure::Stop
    };
    let options = FleetOptions::default()
        .each(each)
        .max_parallel(args.max_parallel)
        .on_failure(on_failure)
        .roll_back_wave(args.rollback_wave);
    let deployed = tokio::select! {
        results = deploy_all(&deployer, fleet, &options, &progress) => Ok(results),
        signal = interrupted() => Err(signal),
    };
    let results = match deployed {
        Ok(results) => {
            progress.close();
            match results {
                Ok(results) => results,
                Err(error) => return Err(failures::named(&error, clients).await),
            }
        }
        Err(signal) => {
            let under_way = UnderWay {
                deployer,
                cluster: &args.target.cluster,
                services,
                options: &each,
                on_interrupt: args.follow.on_interrupt,
                progress: &progress,
            };
            let services = under_way.end(signal, session).await;
            let api_calls = clients.calls();
            render::deployed(
                &Document {
                    services,
                    preflight,
                    api_calls,
                },
                session,
            )?;
            return Ok(Exit::Interrupted);
        }
    };
    ended(args, results, preflight, &progress, session).await
}

async fn ended(
    args: &DeployArgs,
    mut results: Vec<ServiceResult>,
    preflight: Vec<Preflight>,
    progress: &Progress,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let begun = progress.begun();
    let clients = &session.clients;
    // One service of which nothing was begun: the error is all that there is to say.
    if let [
        ServiceResult {
            service,
            result: Err(error),
            ..
        },
    ] = results.as_slice()
        && !begun.contains_key(service)
    {
        return Err(failures::named(error, clients).await);
    }
    let mut services = Vec::new();
    for result in results.drain(..) {
        let deployment = begun
            .get(&result.service)
            .map(|begun| begun.deployment.to_string());
        if let Err(error) = &result.result {
            tell(error, &result.service, deployment.as_deref(), args, session).await;
        }
        services.push(Entry::of(result, deployment));
    }
    let exit = together(&services);
    let api_calls = clients.calls();
    render::deployed(
        &Document {
            services,
            preflight,
            api_calls,
        },
        session,
    )?;
    Ok(exit)
}

async fn tell(
    error: &Error,
    service: &ServiceName,
    deployment: Option<&str>,
    args: &DeployArgs,
    session: &Session<'_>,
) {
    session
        .printer
        .failure(&failures::named(error, &session.clients).await);
    if let Some(deployment) = deployment {
        let resume = resume(&args.target.cluster, service, deployment);
        session.printer.note(&format!(
            "{service}: what became of {deployment} is not known; take it up again with: {resume}"
        ));
    }
}
