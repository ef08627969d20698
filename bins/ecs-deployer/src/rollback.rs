//! `ecs-deployer rollback`.

use ecs_deployer::{
    ControlPlane, Deployer, RollbackRequest, ServiceOutcome, TaskDefinitionArn, Verdict,
};
use windlass_cli::{Exit, Failure, interrupted};

use crate::args::{RevisionArg, RollbackArgs};
use crate::deploy::broken_off;
use crate::interrupt::left;
use crate::outcome::{Document, Entry, exit};
use crate::progress::Progress;
use crate::run::Session;
use crate::track::Track;
use crate::{failures, render, requests};

pub(crate) async fn run(args: &RollbackArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let clients = &session.clients;
    let deployer = Deployer::new(&clients.plane).logs(&clients.logs);
    let mut request = RollbackRequest::new(args.cluster.clone(), args.service.clone());
    if let Some(to) = &args.to {
        request = request.to(revision(args, to, session).await?);
    }
    let options = requests::options(&args.follow);
    let progress = Progress::new(
        session.printer,
        [&args.service],
        session.log.as_ref(),
        session.verbose,
    );
    let ended = tokio::select! {
        outcome = deployer.rollback(&request, &options, &progress) => Ok(outcome),
        signal = interrupted() => Err(signal),
    };
    progress.close();
    let tracks = progress.tracks();
    let track = tracks.get(&args.service);
    let (entry, exit) = match ended {
        Ok(Ok(outcome)) => {
            let exit = asked_for(&outcome);
            (Entry::from(outcome), exit)
        }
        Ok(Err(error)) if !track.is_some_and(Track::has_changed_something) => {
            return Err(failures::named(&error, clients).await);
        }
        Ok(Err(error)) => {
            let entry = broken_off(&args.cluster, &args.service, track, &error, session).await;
            let exit = entry.exit;
            (entry, exit)
        }
        Err(signal) => {
            // A way back is not taken back: ECS goes on with it.
            session.printer.note(&format!("interrupted by {signal}"));
            let entry = left(&args.cluster, &args.service, track, session);
            (entry, Exit::Interrupted)
        }
    };
    let document = Document {
        services: vec![entry],
        preflight: Vec::new(),
        api_calls: clients.calls(),
    };
    render::deployed(&document, session)?;
    Ok(exit)
}

/// Who asks for a rollback and gets one has what was wanted.
fn asked_for(outcome: &ServiceOutcome) -> Exit {
    match outcome.verdict {
        Verdict::RolledBack => Exit::Done,
        verdict => exit(verdict),
    }
}

/// A number alone is a revision of the family that the service has.
async fn revision(
    args: &RollbackArgs,
    to: &RevisionArg,
    session: &Session<'_>,
) -> Result<TaskDefinitionArn, Failure> {
    let number = match to {
        RevisionArg::Full(arn) => return Ok(arn.clone()),
        RevisionArg::Number(number) => number,
    };
    let services = std::slice::from_ref(&args.service);
    let states = match session
        .clients
        .plane
        .describe_services(&args.cluster, services)
        .await
    {
        Ok(states) => states,
        Err(error) => return Err(failures::named(&error, &session.clients).await),
    };
    let family = states
        .first()
        .map(|state| state.task_definition.family().to_owned())
        .unwrap_or_default();
    format!("{family}:{number}")
        .parse()
        .map_err(|error: ecs_deployer::InvalidName| Failure::from_error(Exit::Usage, &error))
}
