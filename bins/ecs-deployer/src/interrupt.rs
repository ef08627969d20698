//! What Ctrl-C does: it takes back what was begun, or leaves it to ECS. A second one detaches at once.

use std::collections::BTreeMap;
use std::time::Duration;

use ecs_deployer::{
    ClusterName, ControlPlane, Deployer, DeploymentId, Error, OnFailure, Options, RollbackRequest,
    ServiceName, ServiceOutcome, ServiceState, Verdict,
};
use futures_util::future::join_all;
use windlass_cli::{Exit, interrupted};

use crate::args::OnInterruptArg;
use crate::outcome::Entry;
use crate::progress::Progress;
use crate::run::Session;
use crate::track::{Back, Track};

/// How often a deployment is looked for whose begin nobody saw.
const LOOKS: u32 = 4;
/// The time between two such looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What is under way when a signal comes.
pub(crate) struct UnderWay<'a> {
    pub(crate) deployer: Deployer<'a>,
    pub(crate) cluster: &'a ClusterName,
    pub(crate) services: Vec<ServiceName>,
    pub(crate) options: &'a Options,
    pub(crate) on_interrupt: OnInterruptArg,
    /// Whether what is followed was begun by somebody else, and is to be taken back nevertheless.
    pub(crate) takes_over: bool,
    pub(crate) progress: &'a Progress,
}

impl UnderWay<'_> {
    /// Ends the run as the flag says, and tells what became of each service.
    pub(crate) async fn end(&self, signal: &str, session: &Session<'_>) -> Vec<Entry> {
        let mut tracks = self.progress.tracks();
        let takes_back =
            self.on_interrupt == OnInterruptArg::Rollback && tracks.values().any(Track::is_open);
        session.printer.note(&if takes_back {
            format!("interrupted by {signal}: what was begun is taken back; once more to leave it to ECS")
        } else {
            format!("interrupted by {signal}")
        });
        let mut ended = BTreeMap::new();
        tokio::select! {
            () = self.settle(&mut tracks, &mut ended, takes_back, session) => {}
            signal = interrupted() => session.printer.note(&format!("interrupted by {signal} once more")),
        }
        // What was heard meanwhile tells of a way back that was begun and left.
        let mut heard = self.progress.tracks();
        for (service, track) in &mut heard {
            let known = tracks
                .get(service)
                .and_then(|track| track.deployment.clone());
            track.deployment = track.deployment.take().or(known);
        }
        self.progress.close();
        self.services
            .iter()
            .map(|service| {
                let mut entry = ended
                    .remove(service)
                    .unwrap_or_else(|| self.left(service, heard.get(service), session));
                entry.exit = Exit::Interrupted;
                entry
            })
            .collect()
    }

    /// A deployment that is followed because its service was given more tasks is not ours to take back.
    const fn may_take_back(&self, track: &Track) -> bool {
        track.is_open() && (self.takes_over || track.updating || track.back.is_some())
    }

    /// Finds what may have begun, and takes back what has, if that is wanted.
    async fn settle(
        &self,
        tracks: &mut BTreeMap<ServiceName, Track>,
        ended: &mut BTreeMap<ServiceName, Entry>,
        takes_back: bool,
        session: &Session<'_>,
    ) {
        let unseen = tracks
            .iter_mut()
            .filter(|(_, track)| track.is_open() && track.deployment.is_none() && track.updating);
        join_all(unseen.map(|(service, track)| async {
            track.deployment = self.find_begun(service, track, session).await;
        }))
        .await;
        if !takes_back {
            return;
        }
        let open = tracks.iter().filter(|(_, track)| self.may_take_back(track));
        let back = open.filter_map(|(service, track)| {
            let ours = track.deployment.as_ref();
            let back = track.back.as_ref();
            (ours.is_some() || back.is_some()).then_some(async move {
                let taken = match (back, ours) {
                    (Some(back), _) => self.follow_back(service, back, ours, session).await,
                    (None, Some(ours)) => self.take_back(service, ours).await,
                    (None, None) => return None,
                };
                let entry = match taken {
                    Ok(outcome) => {
                        let superseded_by = outcome.superseded_by.clone();
                        let mut entry = Entry::of(service, Some(track))
                            .with_verdict(outcome.verdict, outcome.reason);
                        entry.previous_task_definition = outcome.previous_task_definition;
                        entry.superseded_by = superseded_by;
                        entry.notes = outcome.notes;
                        entry
                    }
                    Err(error) => {
                        let mut entry = Entry::broken_off(service, Some(track), &error);
                        entry.hint = ours.map(|ours| resume(self.cluster, service, ours));
                        entry
                    }
                };
                Some((service.clone(), entry))
            })
        });
        ended.extend(join_all(back).await.into_iter().flatten());
    }

    /// The deployment that an update began whose answer was not waited for. Only a revision that this run registered tells
    /// it from others.
    async fn find_begun(
        &self,
        service: &ServiceName,
        track: &Track,
        session: &Session<'_>,
    ) -> Option<DeploymentId> {
        let brings = track
            .task_definition
            .as_ref()
            .filter(|_| track.registered)?;
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            let state = self.look(service, session).await;
            let primary = state.as_ref().and_then(ServiceState::primary);
            if let Some(primary) = primary.filter(|primary| primary.task_definition == *brings) {
                return Some(primary.id.clone());
            }
        }
        None
    }

    async fn look(&self, service: &ServiceName, session: &Session<'_>) -> Option<ServiceState> {
        let services = std::slice::from_ref(service);
        let states = session
            .clients
            .ecs
            .describe_services(self.cluster, services)
            .await;
        states.ok()?.into_iter().next()
    }

    async fn take_back(
        &self,
        service: &ServiceName,
        ours: &DeploymentId,
    ) -> Result<ServiceOutcome, Error> {
        let request =
            RollbackRequest::new(self.cluster.clone(), service.clone()).only(ours.clone());
        self.deployer
            .rollback(&request, self.options, self.progress)
            .await
    }

    /// Follows a way back that was begun before the signal came, and does not begin another one.
    async fn follow_back(
        &self,
        service: &ServiceName,
        back: &Back,
        ours: Option<&DeploymentId>,
        session: &Session<'_>,
    ) -> Result<ServiceOutcome, Error> {
        let mut bringer = back.deployment.clone();
        if bringer.is_none() {
            let state = self.look(service, session).await;
            let primary = state.as_ref().and_then(ServiceState::primary);
            match (ours, primary) {
                // ECS may not have been told yet.
                (Some(ours), Some(primary)) if primary.id == *ours => {
                    return self.take_back(service, ours).await;
                }
                (_, Some(primary)) if Some(&primary.task_definition) == back.to.as_ref() => {
                    bringer = Some(primary.id.clone());
                }
                _ => {}
            }
        }
        let options = self.options.on_failure(OnFailure::Keep);
        let mut outcome = self
            .deployer
            .wait(
                self.cluster,
                service,
                bringer.as_ref().or(ours),
                &options,
                self.progress,
            )
            .await?;
        if bringer.is_some() {
            let (verdict, reason) = match outcome.verdict {
                Verdict::Deployed | Verdict::Unchanged => {
                    (Verdict::RolledBack, Some(back.reason.clone()))
                }
                Verdict::Failed | Verdict::RolledBack => (Verdict::RollbackFailed, outcome.reason),
                other => (other, outcome.reason),
            };
            outcome.verdict = verdict;
            outcome.reason = reason;
        }
        Ok(outcome)
    }

    /// A service that is left as it is.
    fn left(&self, service: &ServiceName, track: Option<&Track>, session: &Session<'_>) -> Entry {
        left(self.cluster, service, track, session)
    }
}

/// A service that nobody follows any more, and how it is taken up again.
pub(crate) fn left(
    cluster: &ClusterName,
    service: &ServiceName,
    track: Option<&Track>,
    session: &Session<'_>,
) -> Entry {
    let mut entry = Entry::of(service, track);
    entry.exit = Exit::Interrupted;
    let open = track.filter(|track| track.ended.is_some() || track.is_open());
    let Some(track) = open else {
        let mut reason = format!("{service}: interrupted before it was begun");
        if let Some(registered) = track.and_then(|track| track.task_definition.as_ref()) {
            reason.push_str(&format!("; nothing uses {}", registered.short()));
        }
        return entry.with_verdict(Verdict::Cancelled, Some(reason));
    };
    if let Some((verdict, reason)) = &track.ended {
        return entry.with_verdict(*verdict, reason.clone());
    }
    let followed = track
        .back
        .as_ref()
        .and_then(|back| back.deployment.as_ref())
        .or(track.deployment.as_ref());
    let (reason, hint) = match (followed, &track.back) {
        (Some(id), None) => (
            format!("{service}: interrupted, ECS goes on with it"),
            resume(cluster, service, id),
        ),
        (Some(id), Some(back)) => (
            format!("{service}: interrupted on its way back{}", to(back)),
            resume(cluster, service, id),
        ),
        (None, Some(back)) => (
            format!("{service}: interrupted on its way back{}", to(back)),
            look_at(cluster, service),
        ),
        (None, None) => (
            format!(
                "{service}: interrupted while the service was being updated: whether a deployment was begun is not known"
            ),
            look_at(cluster, service),
        ),
    };
    let goes_on = followed.map_or_else(
        || reason.clone(),
        |id| format!("{service}: ECS goes on with {id}"),
    );
    session
        .printer
        .note(&format!("{goes_on}; take it up again with: {hint}"));
    entry.reason = Some(reason);
    entry.hint = Some(hint);
    entry
}

fn to(back: &Back) -> String {
    back.to
        .as_ref()
        .map(|to| format!(" to {}", to.short()))
        .unwrap_or_default()
}

/// The command that takes a deployment up again.
pub(crate) fn resume(
    cluster: &ClusterName,
    service: &ServiceName,
    deployment: &DeploymentId,
) -> String {
    format!("ecs-deployer wait --cluster {cluster} --service {service} --deployment {deployment}")
}

/// The command that tells how a service is.
fn look_at(cluster: &ClusterName, service: &ServiceName) -> String {
    format!("ecs-deployer status --cluster {cluster} --service {service}")
}
