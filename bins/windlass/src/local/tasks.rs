//! The tasks of the local environment: each pulls its image from the layouts on disk and answers real HTTP.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ecs_deployer::sim::{Observation, TaskHealth, TaskLaunch, TaskRuntime};
use ecs_deployer::{ContainerName, ImageRef, ServiceName, StopCode, StoppedContainer, TaskId};
use health_checker::{NetworkProbe, Probe, State, Target, TargetKind};
use image_tagger::{OciLayout, PinnedImage, Reference, Repository, inspect, read_file, verify};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::actuator::Actuator;
use super::balancer::Balancer;
use super::manner::{self, Manner};
use super::pace::Pace;

/// A target is healthy, or unhealthy, after this many checks in a row.
const CHECKS_IN_A_ROW: u32 = 2;

/// How long one health check of a target may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs tasks as loopback servers behind a balancer for each service.
#[derive(Debug)]
pub(super) struct LocalTasks {
    registry: Arc<OciLayout>,
    pace: Pace,
    handle: Handle,
    shared: Mutex<Shared>,
    itself: Weak<Self>,
}

#[derive(Debug, Default)]
struct Shared {
    tasks: BTreeMap<TaskId, Task>,
    balancers: BTreeMap<ServiceName, Arc<Balancer>>,
}

#[derive(Debug)]
struct Task {
    service: ServiceName,
    observation: Observation,
    life: Option<AbortHandle>,
}

impl LocalTasks {
    /// Tasks that pull from `registry`. Must be called within a tokio runtime.
    pub(super) fn new(registry: Arc<OciLayout>, pace: Pace) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            registry,
            pace,
            handle: Handle::current(),
            shared: Mutex::new(Shared::default()),
            itself: itself.clone(),
        })
    }

    /// Where a service is reached; its balancer is opened on the first call.
    pub(super) fn entrance(&self, service: &ServiceName) -> io::Result<SocketAddr> {
        self.balancer(service).map(|balancer| balancer.address())
    }

    fn balancer(&self, service: &ServiceName) -> io::Result<Arc<Balancer>> {
        let mut shared = self.lock();
        if let Some(balancer) = shared.balancers.get(service) {
            return Ok(Arc::clone(balancer));
        }
        let _inside = self.handle.enter();
        let balancer = Arc::new(Balancer::open()?);
        shared
            .balancers
            .insert(service.clone(), Arc::clone(&balancer));
        Ok(balancer)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, task: &TaskId, observation: Observation) {
        if let Some(entry) = self.lock().tasks.get_mut(task) {
            entry.observation = observation;
        }
    }

    /// A task's whole life: pull, start, answer, be checked; ends only by an exit or a failure.
    async fn live(self: Arc<Self>, launch: TaskLaunch) {
        let ended = match self.start_up(&launch).await {
            Ok((listener, address, actuator, manner)) => {
                self.run(&launch, listener, address, actuator, &manner)
                    .await
            }
            Err(failure) => failure.observation(&launch),
        };
        if let Ok(balancer) = self.balancer(&launch.service) {
            balancer.deregister(&launch.task);
        }
        self.set(&launch.task, ended);
    }

    async fn start_up(
        &self,
        launch: &TaskLaunch,
    ) -> Result<(TcpListener, SocketAddr, Actuator, Manner), StartFailure> {
        tokio::time::sleep(self.pace.before_pull()).await;
        let mut answers = None;
        for (container, image) in &launch.images {
            let pulled = self
                .pull(image)
                .await
                .map_err(|reason| StartFailure::Pull {
                    container: container.clone(),
                    reason,
                })?;
            answers.get_or_insert(pulled);
        }
        let (revision, manner) = answers.ok_or(StartFailure::NoContainer)?;
        tokio::time::sleep(self.pace.pull_and_start()).await;
        let listening = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            io::Result::Ok((listener, address))
        };
        let (listener, address) = listening.await.map_err(|error| StartFailure::Start {
            reason: error.to_string(),
        })?;
        let actuator = Actuator {
            service: launch.service.to_string(),
            status: manner.status().to_owned(),
            revision: manner.revision.clone().or(revision),
        };
        Ok((listener, address, actuator, manner))
    }

    /// Reads what ECS would pull: the manifest and every blob must be there, or the reason is the pull's.
    async fn pull(&self, image: &ImageRef) -> Result<(Option<String>, Manner), String> {
        let (repository, reference) = locate(image)?;
        let gone = || {
            format!(
                "pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {image}: not found"
            )
        };
        verify(&*self.registry, &repository, &reference, None)
            .await
            .map_err(|error| chain(&error))?;
        let inspection = inspect(&*self.registry, &repository, &reference)
            .await
            .map_err(|error| chain(&error))?
            .ok_or_else(gone)?;
        let file = read_file(
            &*self.registry,
            &repository,
            &reference,
            manner::PATH_IN_IMAGE,
        )
        .await
        .map_err(|error| chain(&error))?;
        let manner = Manner::parse(&file.unwrap_or_default())?;
        let revision = inspection
            .config
            .labels
            .get("org.opencontainers.image.revision")
            .cloned();
        Ok((revision, manner))
    }

    async fn run(
        &self,
        launch: &TaskLaunch,
        listener: TcpListener,
        address: SocketAddr,
        actuator: Actuator,
        manner: &Manner,
    ) -> Observation {
        self.set(
            &launch.task,
            Observation::Running {
                health: TaskHealth::Unknown,
            },
        );
        let exit = async {
            match manner.exit_code {
                Some(code) => {
                    tokio::time::sleep(self.pace.scaled_duration(manner::EXIT_AFTER)).await;
                    code
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            code = exit => exited(launch, code),
            () = actuator.serve(listener) => exited(launch, 1),
            () = self.check(launch, address) => exited(launch, 1),
        }
    }

    /// The balancer's health checks of one target. Never returns.
    async fn check(&self, launch: &TaskLaunch, address: SocketAddr) {
        let probe = NetworkProbe::new().try_timeout(CHECK_TIMEOUT);
        let url = format!("http://{address}/actuator/health")
            .parse()
            .expect("a socket address makes a URL");
        let name = launch
            .task
            .as_str()
            .parse()
            .expect("a task's id is a target's name");
        let target = Target::new(name, url).kind(TargetKind::Plain);
        let (mut good, mut bad) = (0_u32, 0_u32);
        loop {
            let observation = probe.probe(&target).await;
            if matches!(observation.state, State::Up) {
                (good, bad) = (good.saturating_add(1), 0);
            } else {
                (good, bad) = (0, bad.saturating_add(1));
            }
            if good == CHECKS_IN_A_ROW {
                if let Ok(balancer) = self.balancer(&launch.service) {
                    balancer.register(&launch.task, address);
                }
                self.set(
                    &launch.task,
                    Observation::Running {
                        health: TaskHealth::Healthy,
                    },
                );
            } else if bad == CHECKS_IN_A_ROW {
                if let Ok(balancer) = self.balancer(&launch.service) {
                    balancer.deregister(&launch.task);
                }
                let reason = observation.status.map_or_else(
                    || "Request timed out".to_owned(),
                    |status| format!("Health checks failed with these codes: [{status}]"),
                );
                self.set(
                    &launch.task,
                    Observation::Running {
                        health: TaskHealth::Unhealthy { reason },
                    },
                );
            }
            tokio::time::sleep(self.pace.check_interval()).await;
        }
    }
}

impl TaskRuntime for LocalTasks {
    fn start(&self, launch: &TaskLaunch) {
        let Some(tasks) = self.itself.upgrade() else {
            return;
        };
        let task = Task {
            service: launch.service.clone(),
            observation: Observation::Pending,
            life: None,
        };
        self.lock().tasks.insert(launch.task.clone(), task);
        let life = self.handle.spawn(tasks.live(launch.clone())).abort_handle();
        if let Some(entry) = self.lock().tasks.get_mut(&launch.task) {
            entry.life = Some(life);
        }
    }

    fn observe(&self, task: &TaskId) -> Observation {
        self.lock()
            .tasks
            .get(task)
            .map_or(Observation::Pending, |entry| entry.observation.clone())
    }

    fn stop(&self, task: &TaskId) {
        let Some(entry) = self.lock().tasks.remove(task) else {
            return;
        };
        if let Ok(balancer) = self.balancer(&entry.service) {
            balancer.deregister(task);
        }
        if let Some(life) = entry.life {
            // Requests that are being answered have tasks of their own and come to their end.
            life.abort();
        }
    }
}

enum StartFailure {
    NoContainer,
    Pull {
        container: ContainerName,
        reason: String,
    },
    Start {
        reason: String,
    },
}

impl StartFailure {
    fn observation(self, launch: &TaskLaunch) -> Observation {
        let (failed, reason) = match self {
            Self::NoContainer => (
                None,
                "CannotStartContainerError: the task definition has no container".to_owned(),
            ),
            Self::Pull { container, reason } => (
                Some(container),
                format!("CannotPullContainerError: {reason}"),
            ),
            Self::Start { reason } => (None, format!("CannotStartContainerError: {reason}")),
        };
        let containers = launch
            .images
            .iter()
            .map(|(name, _)| {
                let own = (failed.as_ref() == Some(name)).then(|| reason.clone());
                StoppedContainer::new(name.clone(), None, own)
            })
            .collect();
        Observation::Stopped {
            stop_code: StopCode::TaskFailedToStart,
            reason,
            containers,
        }
    }
}

fn exited(launch: &TaskLaunch, code: i64) -> Observation {
    let containers = launch
        .images
        .iter()
        .map(|(name, _)| StoppedContainer::new(name.clone(), Some(code), None))
        .collect();
    let reason = "Essential container in task exited".to_owned();
    Observation::Stopped {
        stop_code: StopCode::EssentialContainerExited,
        reason,
        containers,
    }
}

fn locate(image: &ImageRef) -> Result<(Repository, Reference), String> {
    if let Ok(pinned) = image.as_str().parse::<PinnedImage>() {
        return Ok((pinned.repository, Reference::Digest(pinned.digest)));
    }
    let repository = image
        .repository()
        .parse()
        .map_err(|error| format!("invalid reference {image}: {error}"))?;
    let tag = image
        .tag()
        .unwrap_or("latest")
        .parse()
        .map_err(|error| format!("invalid reference {image}: {error}"))?;
    Ok((repository, Reference::Tag(tag)))
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
