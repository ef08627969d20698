//! `ecs-deployer wait`.

use ecs_deployer::Deployer;
use windlass_cli::{Exit, Failure, interrupted};

use crate::args::WaitArgs;
use crate::deploy::broken_off;
use crate::interrupt::UnderWay;
use crate::outcome::{Document, Entry, together};
use crate::progress::Progress;
use crate::run::Session;
use crate::track::Track;
use crate::{failures, render, requests};

pub(crate) async fn run(args: &WaitArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let clients = &session.clients;
    let deployer = Deployer::new(&clients.plane)
        .logs(&clients.logs)
        .tasks(&clients.ecs);
    let options = requests::options(&args.follow);
    let progress = Progress::new(
        session.printer,
        [&args.service],
        session.log.as_ref(),
        session.verbose,
    );
    let waiting = deployer.wait(
        &args.cluster,
        &args.service,
        args.deployment.as_ref(),
        &options,
        &progress,
    );
    let ended = tokio::select! {
        outcome = waiting => Ok(outcome),
        signal = interrupted() => Err(signal),
    };
    let (entries, exit) = match ended {
        Ok(Ok(outcome)) => {
            let entries = vec![Entry::from(outcome)];
            let exit = together(&entries);
            (entries, exit)
        }
        Ok(Err(error)) => {
            progress.close();
            let tracks = progress.tracks();
            let track = tracks.get(&args.service);
            if !track.is_some_and(Track::has_changed_something) {
                return Err(failures::named(&error, clients).await);
            }
            // It was there when it was taken up: what became of it is not known.
            let entry = broken_off(&args.cluster, &args.service, track, &error, session).await;
            let exit = entry.exit;
            (vec![entry], exit)
        }
        Err(signal) => {
            let under_way = UnderWay {
                deployer,
                cluster: &args.cluster,
                services: vec![args.service.clone()],
                options: &options,
                on_interrupt: args.follow.on_interrupt,
                takes_over: true,
                progress: &progress,
            };
            (under_way.end(signal, session).await, Exit::Interrupted)
        }
    };
    progress.close();
    let document = Document {
        services: entries,
        preflight: Vec::new(),
        api_calls: clients.calls(),
    };
    render::deployed(&document, session)?;
    Ok(exit)
}
