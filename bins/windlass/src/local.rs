//! The local environment: images in OCI layouts on disk, a simulated ECS cluster, tasks that answer on loopback.

mod actuator;
mod balancer;
mod manner;
mod pace;
mod state;
mod tasks;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use change_detect::ModuleName;
use ecs_deployer::sim::{ServiceSpec, SimCluster, TaskHealth, TaskLaunch, TaskRuntime};
use ecs_deployer::{ControlPlane, ImageRef, ServiceName, TaskDefinition, TaskId};
use image_tagger::OciLayout;
use serde_json::json;
use tokio::task::JoinHandle;
use url::Url;
use windlass_cli::Failure;

use self::pace::Pace;
use self::state::StateFolder;
use self::tasks::LocalTasks;
use crate::config::Environment;
use crate::failures;
use crate::names::Names;
use crate::tempo::Tempo;

pub(crate) use self::manner::FILE_NAME as MANNER_FILE;
pub(crate) use self::pace::DEFAULT_SPEED;

/// Tasks per service if nobody says: two, so that a rollout has something to roll.
const DESIRED_COUNT: u32 = 2;

/// How often the saved state follows the cluster.
const SAVE_INTERVAL: Duration = Duration::from_millis(100);

/// An open environment, with the registry that its images are in.
pub(crate) type Opened = (LocalSite, Arc<OciLayout>);

/// One local environment, from opening to closing.
#[derive(Debug)]
pub(crate) struct LocalSite {
    cluster: SimCluster,
    /// `None` while only looking.
    tasks: Option<Arc<LocalTasks>>,
    saver: Option<Saver>,
    pace: Pace,
    desired_count: u32,
}

impl LocalSite {
    /// Opens the environment for a run: what was saved is started again.
    pub(crate) async fn open(
        root: &Path,
        names: &Names,
        environment: &Environment,
    ) -> Result<Opened, Failure> {
        let folder = StateFolder::open(root, names.environment())?;
        let pace = Pace::new(environment.speed.unwrap_or(DEFAULT_SPEED));
        let registry = Arc::new(OciLayout::new(folder.registry()));
        let tasks = LocalTasks::new(Arc::clone(&registry), pace);
        let runtime: Arc<dyn TaskRuntime> = Arc::clone(&tasks) as Arc<dyn TaskRuntime>;
        let cluster = cluster(&folder, names, pace, runtime)?;
        let saver = Saver::start(folder, cluster.clone(), pace);
        let site = Self {
            cluster,
            tasks: Some(tasks),
            saver: Some(saver),
            pace,
            desired_count: environment.desired_count.unwrap_or(DESIRED_COUNT),
        };
        Ok((site, registry))
    }

    /// Opens the environment for a look: no file is written, no task is started.
    pub(crate) async fn peek(
        root: &Path,
        names: &Names,
        environment: &Environment,
    ) -> Result<Opened, Failure> {
        let pace = Pace::new(environment.speed.unwrap_or(DEFAULT_SPEED));
        let folder = StateFolder::peek(root, names.environment());
        let (registry, cluster) = match &folder {
            Some(folder) => (
                folder.registry(),
                cluster(folder, names, pace, Arc::new(NoTasks))?,
            ),
            None => {
                // Nothing was ever deployed: an empty registry at a place that is never made.
                let nowhere = crate::folder::of(root, names.environment()).join("registry");
                (
                    nowhere,
                    SimCluster::new(names.cluster().clone(), pace.timings(), Arc::new(NoTasks)),
                )
            }
        };
        let site = Self {
            cluster,
            tasks: None,
            saver: None,
            pace,
            desired_count: environment.desired_count.unwrap_or(DESIRED_COUNT),
        };
        Ok((site, Arc::new(OciLayout::new(registry))))
    }

    /// The cluster's control plane.
    pub(crate) fn plane(&self) -> Arc<dyn ControlPlane> {
        Arc::new(self.cluster.clone())
    }

    /// All services of the cluster.
    pub(crate) fn services(&self) -> Vec<ServiceName> {
        self.cluster.services()
    }

    /// Of these services, those that the cluster has.
    pub(crate) fn existing(
        &self,
        services: &[(ModuleName, ServiceName)],
    ) -> Vec<(ModuleName, ServiceName)> {
        let known = self.cluster.services();
        services
            .iter()
            .filter(|(_, service)| known.contains(service))
            .cloned()
            .collect()
    }

    /// Makes a service that the cluster does not have, with its first deployment; says whether it did.
    pub(crate) async fn create(
        &self,
        service: &ServiceName,
        image: &ImageRef,
    ) -> Result<bool, Failure> {
        if self.cluster.services().contains(service) {
            self.settle(service).await;
            return Ok(false);
        }
        let definition = TaskDefinition::new(json!({
            "family": service.as_str(),
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{
                "name": service.as_str(),
                "image": image.as_str(),
                "essential": true,
                "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            }],
        }));
        let failed = |error: ecs_deployer::Error| failures::deploy(&error);
        let arn = self
            .cluster
            .register_task_definition(&definition)
            .await
            .map_err(failed)?;
        let spec = ServiceSpec::new(service.clone(), arn, self.desired_count)
            .health_check(true)
            .circuit_breaker_rollback();
        self.cluster.create_service(spec).map_err(failed)?;
        Ok(true)
    }

    /// Waits until the tasks of a service that was restored answer again, so that it is as it was left. One that was left
    /// half-way, or whose tasks do not come up, is not waited for.
    pub(crate) async fn settle(&self, service: &ServiceName) {
        let ready = async {
            loop {
                let tasks = self.cluster.tasks(service);
                let mut wanted = tasks
                    .iter()
                    .filter(|task| matches!(task.status, "PENDING" | "RUNNING"));
                if wanted.all(|task| task.health == Some(TaskHealth::Healthy)) {
                    return;
                }
                tokio::time::sleep(self.pace.poll()).await;
            }
        };
        let _ = tokio::time::timeout(self.pace.settle_timeout(), ready).await;
    }

    /// Where the service's health is asked for: its balancer.
    pub(crate) fn health(&self, service: &ServiceName) -> Result<Url, Failure> {
        let tasks = self
            .tasks
            .as_ref()
            .ok_or_else(|| Failure::unreachable("the environment was opened for a look only"))?;
        let address = tasks.entrance(service).map_err(|error| {
            Failure::unreachable(format!("cannot open a loopback port for `{service}`"))
                .caused_by(&error)
        })?;
        Ok(format!("http://{address}/actuator/health")
            .parse()
            .expect("a socket address makes a URL"))
    }

    /// The tempo of this environment.
    pub(crate) fn tempo(&self) -> Tempo {
        Tempo {
            rollout_timeout: self.pace.rollout_timeout(),
            poll: self.pace.poll(),
            health_interval: Duration::from_millis(150),
            health_timeout: Duration::from_secs(5),
        }
    }

    /// Saves the cluster for the next run.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        match &self.saver {
            Some(saver) => saver.finish(&self.cluster),
            None => Ok(()),
        }
    }
}

fn cluster(
    folder: &StateFolder,
    names: &Names,
    pace: Pace,
    runtime: Arc<dyn TaskRuntime>,
) -> Result<SimCluster, Failure> {
    match folder.load()? {
        Some(snapshot) => SimCluster::restore(snapshot, pace.timings(), runtime)
            .map_err(|error| failures::deploy(&error)),
        None => Ok(SimCluster::new(
            names.cluster().clone(),
            pace.timings(),
            runtime,
        )),
    }
}

/// Keeps the cluster's time going and its saved state up to date, so that even a killed run leaves a state to go on from.
#[derive(Debug)]
struct Saver {
    folder: Arc<StateFolder>,
    last: Arc<Mutex<Vec<u8>>>,
    driver: JoinHandle<()>,
}

impl Saver {
    fn start(folder: StateFolder, cluster: SimCluster, pace: Pace) -> Self {
        let folder = Arc::new(folder);
        let last = Arc::new(Mutex::new(Vec::new()));
        let tick =
            (pace.timings().scheduler_pass / 2).clamp(Duration::from_millis(5), SAVE_INTERVAL);
        let driver = {
            let (folder, last) = (Arc::clone(&folder), Arc::clone(&last));
            tokio::spawn(async move {
                let mut saved = tokio::time::Instant::now();
                loop {
                    tokio::time::sleep(tick).await;
                    cluster.advance();
                    if saved.elapsed() >= SAVE_INTERVAL {
                        // A failed save is reported when the environment is closed, where it is tried again.
                        let _ = save(&folder, &cluster, &last);
                        saved = tokio::time::Instant::now();
                    }
                }
            })
        };
        Self {
            folder,
            last,
            driver,
        }
    }

    fn finish(&self, cluster: &SimCluster) -> Result<(), Failure> {
        self.driver.abort();
        save(&self.folder, cluster, &self.last)
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn save(folder: &StateFolder, cluster: &SimCluster, last: &Mutex<Vec<u8>>) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(&cluster.snapshot()).map_err(|error| {
        Failure::unreachable("cannot write the cluster's state as JSON").caused_by(&error)
    })?;
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if *last != bytes {
        folder.save(&bytes)?;
        *last = bytes;
    }
    Ok(())
}

/// A runtime for looking at a saved cluster: it runs nothing.
#[derive(Debug)]
struct NoTasks;

impl TaskRuntime for NoTasks {
    fn start(&self, _launch: &TaskLaunch) {}

    fn observe(&self, _task: &TaskId) -> ecs_deployer::sim::Observation {
        ecs_deployer::sim::Observation::Pending
    }

    fn stop(&self, _task: &TaskId) {}
}
