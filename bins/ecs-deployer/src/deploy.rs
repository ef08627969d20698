//! `ecs-deployer deploy`.

use ecs_deployer::{
    ClusterName, Deployer, Error, Fleet, FleetOptions, OnFleetFailure, Preflight, ServiceName,
    ServiceResult, Verdict, deploy_all,
};
use windlass_cli::{Exit, Failure, interrupted};

use crate::args::DeployArgs;
use crate::images::Registries;
use crate::interrupt::{UnderWay, resume};
use crate::outcome::{Document, Entry, together};
use crate::progress::Progress;
use crate::run::Session;
use crate::track::Track;
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
            preflight::tell_problems(&checked, session);
            return refuse(&fleet, checked, session);
        }
        preflight::tell_unchecked(&checked, session);
    }
    follow(args, &fleet, checked, session).await
}

/// Problems end the deployment before anything is registered.
fn refuse(
    fleet: &Fleet,
    preflight: Vec<Preflight>,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let images = requests::images(&fleet.deployments);
    let services = fleet.deployments.iter().map(|deployment| {
        let service = &deployment.service;
        let reason = format!("{service}: not begun, because preflight found a problem");
        let mut entry = Entry::of(service, None).with_verdict(Verdict::Cancelled, Some(reason));
        entry.image = images.get(service).cloned();
        entry
    });
    let document = Document {
        services: services.collect(),
        preflight,
        api_calls: session.clients.calls(),
    };
    render::deployed(&document, session)?;
    session
        .printer
        .note("nothing was changed; --skip-preflight deploys nevertheless");
    Ok(Exit::Usage)
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
    )
    .images(requests::images(&fleet.deployments));
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
                takes_over: false,
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
    let tracks = progress.tracks();
    let clients = &session.clients;
    // One service of which nothing was changed: the error is all that there is to say.
    if let [
        ServiceResult {
            service,
            result: Err(error),
            ..
        },
    ] = results.as_slice()
        && !tracks
            .get(service)
            .is_some_and(Track::has_changed_something)
    {
        return Err(failures::named(error, clients).await);
    }
    let mut services = Vec::new();
    for result in results.drain(..) {
        let track = tracks.get(&result.service);
        services.push(match result.result {
            Ok(outcome) => Entry::from(outcome),
            Err(error) => {
                broken_off(
                    &args.target.cluster,
                    &result.service,
                    track,
                    &error,
                    session,
                )
                .await
            }
        });
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

/// Tells of an error that ended the following of a service, and what is known of the service.
pub(crate) async fn broken_off(
    cluster: &ClusterName,
    service: &ServiceName,
    track: Option<&Track>,
    error: &Error,
    session: &Session<'_>,
) -> Entry {
    let mut entry = Entry::broken_off(service, track, error);
    session
        .printer
        .failure(&failures::named(error, &session.clients).await);
    let followed = track.and_then(|track| {
        let back = track
            .back
            .as_ref()
            .and_then(|back| back.deployment.as_ref());
        back.or(track.deployment.as_ref())
    });
    if let Some(deployment) = followed {
        let resume = resume(cluster, service, deployment);
        session.printer.note(&format!(
            "{service}: what became of {deployment} is not known; take it up again with: {resume}"
        ));
        entry.hint = Some(resume);
    }
    entry
}
