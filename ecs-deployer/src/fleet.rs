//! Several services, in waves.

mod waves;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use self::waves::waves;
use crate::batched::Batched;
use crate::{
    ControlPlane, DeployRequest, Deployer, Error, Event, Observer, Options, RollbackRequest,
    ServiceName, ServiceOutcome, Verdict,
};

/// Services that are to be deployed together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fleet {
    /// What is to be deployed; each service once.
    pub deployments: Vec<DeployRequest>,
    /// Who depends on whom: the second is deployed before the first.
    pub depends_on: Vec<(ServiceName, ServiceName)>,
}

impl Fleet {
    /// These deployments, which do not depend on each other.
    pub const fn new(deployments: Vec<DeployRequest>) -> Self {
        Self {
            deployments,
            depends_on: Vec::new(),
        }
    }

    /// Sets who depends on whom.
    #[must_use]
    pub fn depends_on(mut self, pairs: Vec<(ServiceName, ServiceName)>) -> Self {
        self.depends_on = pairs;
        self
    }

    /// The services in the waves that they are deployed in: each after those that it depends on.
    ///
    /// # Errors
    /// [`Error::NamedTwice`], [`Error::UnknownDependency`] and [`Error::DependencyCircle`].
    pub fn waves(&self) -> Result<Vec<Vec<ServiceName>>, Error> {
        let mut services = BTreeSet::new();
        for deployment in &self.deployments {
            if !services.insert(deployment.service.clone()) {
                return Err(Error::NamedTwice {
                    service: deployment.service.clone(),
                });
            }
        }
        waves(services, &self.depends_on)
    }
}

/// How to deploy a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetOptions {
    /// How each service is followed.
    pub each: Options,
    /// How many deployments may be under way at once.
    pub max_parallel: usize,
    /// What happens to the others when one fails.
    pub on_failure: OnFleetFailure,
    /// When one of a wave fails, those of the wave that succeeded are rolled back as well.
    pub roll_back_wave: bool,
}

impl Default for FleetOptions {
    /// Ten at once, stopping at the first failure.
    fn default() -> Self {
        Self {
            each: Options::default(),
            max_parallel: 10,
            on_failure: OnFleetFailure::Stop,
            roll_back_wave: false,
        }
    }
}

impl FleetOptions {
    /// Sets how each service is followed.
    #[must_use]
    pub const fn each(mut self, options: Options) -> Self {
        self.each = options;
        self
    }

    /// Sets how many deployments may be under way at once; 0 counts as 1.
    #[must_use]
    pub const fn max_parallel(mut self, deployments: usize) -> Self {
        self.max_parallel = deployments;
        self
    }

    /// Sets what happens to the others when one fails.
    #[must_use]
    pub const fn on_failure(mut self, on_failure: OnFleetFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets whether those of a wave that succeeded are rolled back when another one failed.
    #[must_use]
    pub const fn roll_back_wave(mut self, on: bool) -> Self {
        self.roll_back_wave = on;
        self
    }
}

/// What happens to the others when one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFleetFailure {
    /// What is under way is followed to its end, and nothing more is begun.
    #[default]
    Stop,
    /// All are deployed but those that depend on what failed.
    Continue,
}

/// What became of one of a fleet's services.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceResult {
    /// The service.
    pub service: ServiceName,
    /// How it ended; an error where that is not known, or where it could not be begun.
    pub result: Result<ServiceOutcome, Error>,
}

impl ServiceResult {
    /// Whether the wanted revision runs.
    pub fn is_good(&self) -> bool {
        matches!(&self.result, Ok(outcome) if matches!(outcome.verdict, Verdict::Deployed | Verdict::Unchanged))
    }
}

/// Deploys several services in waves, each after those that it depends on, and follows all of them together: services that
/// are looked at in the same moment are asked for in one call.
///
/// The results are in the fleet's order. What was not begun is [`Verdict::Cancelled`], with the reason.
///
/// # Errors
/// Before anything is begun: when the fleet does not hold together, or one of its services cannot be found.
pub async fn deploy_all(
    deployer: &Deployer<'_>,
    fleet: &Fleet,
    options: &FleetOptions,
    observer: &dyn Observer,
) -> Result<Vec<ServiceResult>, Error> {
    let waves = fleet.waves()?;
    let together = Batched::new(deployer.plane());
    let deployer = deployer.on(&together);
    find_all(&together, fleet).await?;
    let each = options.each.beat(Instant::now());
    let mut run = Run {
        deployer,
        fleet,
        options,
        each,
        observer,
        results: BTreeMap::new(),
    };
    let count = waves.len();
    for (index, wave) in waves.into_iter().enumerate() {
        if count > 1 {
            observer.observe(Event::WaveStarted {
                wave: index + 1,
                of: count,
                services: wave.clone(),
            });
        }
        run.wave(wave).await;
    }
    let mut results = run.results;
    Ok(fleet
        .deployments
        .iter()
        .filter_map(|deployment| {
            let result = results.remove(&deployment.service)?;
            Some(ServiceResult {
                service: deployment.service.clone(),
                result,
            })
        })
        .collect())
}

/// A name that leads nowhere must not turn up after others were deployed.
async fn find_all(plane: &dyn ControlPlane, fleet: &Fleet) -> Result<(), Error> {
    let mut by_cluster = BTreeMap::new();
    for deployment in &fleet.deployments {
        let services: &mut Vec<ServiceName> = by_cluster.entry(&deployment.cluster).or_default();
        services.push(deployment.service.clone());
    }
    for (cluster, services) in by_cluster {
        plane.describe_services(cluster, &services).await?;
    }
    Ok(())
}

struct Run<'a> {
    deployer: Deployer<'a>,
    fleet: &'a Fleet,
    options: &'a FleetOptions,
    each: Options,
    observer: &'a dyn Observer,
    results: BTreeMap<ServiceName, Result<ServiceOutcome, Error>>,
}

impl Run<'_> {
    async fn wave(&mut self, wave: Vec<ServiceName>) {
        let mut waiting: Vec<&DeployRequest> = wave
            .iter()
            .rev()
            .filter_map(|service| {
                self.fleet
                    .deployments
                    .iter()
                    .find(|deployment| deployment.service == *service)
            })
            .collect();
        let (deployer, each, observer) = (self.deployer, self.each, self.observer);
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.options.max_parallel.max(1) {
                let Some(request) = waiting.pop() else {
                    break;
                };
                if let Some(reason) = self.obstacle(&request.service) {
                    self.leave(&request.service, reason);
                    continue;
                }
                under_way.push(async move {
                    let result = deployer.deploy(request, &each, observer).await;
                    (request.service.clone(), result)
                });
            }
            let Some((service, result)) = under_way.next().await else {
                break;
            };
            self.results.insert(service, result);
        }
        drop(under_way);
        if self.options.roll_back_wave {
            self.roll_back(&wave).await;
        }
    }

    /// Why a service must not be begun any more.
    fn obstacle(&self, service: &ServiceName) -> Option<String> {
        let failed = |service: &&ServiceName| {
            self.results.get(*service).is_some_and(|result| {
                !matches!(result, Ok(outcome) if matches!(outcome.verdict, Verdict::Deployed | Verdict::Unchanged))
            })
        };
        let culprit = match self.options.on_failure {
            OnFleetFailure::Stop => self.results.keys().find(failed),
            OnFleetFailure::Continue => self
                .fleet
                .depends_on
                .iter()
                .filter(|(dependent, _)| dependent == service)
                .map(|(_, on)| on)
                .find(failed),
        }?;
        Some(format!(
            "{service}: not begun, because {culprit} was not deployed"
        ))
    }

    fn leave(&mut self, service: &ServiceName, reason: String) {
        self.observer.observe(Event::Finished {
            service: service.clone(),
            verdict: Verdict::Cancelled,
            reason: Some(reason.clone()),
        });
        let outcome = ServiceOutcome::not_begun(service.clone(), reason);
        self.results.insert(service.clone(), Ok(outcome));
    }

    /// Takes back what succeeded in a wave in which something failed.
    async fn roll_back(&mut self, wave: &[ServiceName]) {
        let is = |service: &ServiceName, verdicts: &[Verdict]| matches!(self.results.get(service), Some(Ok(outcome)) if verdicts.contains(&outcome.verdict));
        let culprit = wave
            .iter()
            .find(|service| !is(service, &[Verdict::Deployed, Verdict::Unchanged]))
            .cloned();
        let Some(culprit) = culprit else {
            return;
        };
        let deployed: Vec<ServiceName> = wave
            .iter()
            .filter(|service| is(service, &[Verdict::Deployed]))
            .cloned()
            .collect();
        let (deployer, each, observer) = (self.deployer, self.each, self.observer);
        let mut going_back = FuturesUnordered::new();
        for service in deployed {
            let Some(request) = self.way_back(&service) else {
                continue;
            };
            going_back.push(async move {
                let result = deployer.rollback(&request, &each, observer).await;
                (service, result)
            });
        }
        let mut ended = Vec::new();
        while let Some(back) = going_back.next().await {
            ended.push(back);
        }
        drop(going_back);
        for (service, result) in ended {
            let because =
                format!("{service}: taken back with its wave, because {culprit} was not deployed");
            let Some(Ok(outcome)) = self.results.get_mut(&service) else {
                continue;
            };
            match result {
                Ok(back) if back.verdict == Verdict::RolledBack => {
                    outcome.verdict = Verdict::RolledBack;
                    outcome.reason = Some(because);
                }
                // A forced deployment of the same revision: there is no other to go back to.
                Ok(back) if back.verdict == Verdict::Unchanged => {
                    outcome.notes.push(format!(
                        "{service}: not taken back with its wave: the revision before is the same"
                    ));
                }
                Ok(back) if matches!(back.verdict, Verdict::TimedOut | Verdict::Superseded) => {
                    outcome.verdict = back.verdict;
                    outcome.superseded_by = back.superseded_by;
                    let why = back.reason.unwrap_or_else(|| back.verdict.to_string());
                    outcome.reason = Some(format!("{because}; and that did not end: {why}"));
                }
                Ok(back) => {
                    outcome.verdict = Verdict::RollbackFailed;
                    let why = back.reason.unwrap_or_else(|| back.verdict.to_string());
                    outcome.reason = Some(format!("{because}; and that failed: {why}"));
                }
                Err(error) => {
                    outcome.verdict = Verdict::RollbackFailed;
                    outcome.reason = Some(format!("{because}; and that failed: {error}"));
                }
            }
        }
    }

    fn way_back(&self, service: &ServiceName) -> Option<RollbackRequest> {
        let Some(Ok(outcome)) = self.results.get(service) else {
            return None;
        };
        let deployment = self
            .fleet
            .deployments
            .iter()
            .find(|deployment| deployment.service == *service)?;
        let mut request = RollbackRequest::new(deployment.cluster.clone(), service.clone());
        request.to.clone_from(&outcome.previous_task_definition);
        request.only.clone_from(&outcome.deployment);
        Some(request)
    }
}
