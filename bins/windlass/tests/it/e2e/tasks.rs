//! The tasks of the simulated clusters: each pulls its image from the registry, and answers on a port of its own as that
//! image says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ecs_deployer::sim::{Observation, TaskHealth, TaskLaunch, TaskRuntime};
use ecs_deployer::{ImageRef, StopCode, StoppedContainer, TaskId};
use image_tagger::{HttpRegistry, PinnedImage, Reference, Repository, inspect, read_file, verify};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::entrance::Entrance;
use super::http;

/// What a task's image holds about how it behaves; without it the task is well.
const MANNER: &str = "app/manner";

/// Between two looks, and how long a container lives that crashes.
const MOMENT: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Tasks {
    registry: Arc<HttpRegistry>,
    /// The registry as images name it, and as hosts of the cluster get there.
    route: (String, String),
    entrance: Arc<Entrance>,
    handle: Handle,
    shared: Mutex<Shared>,
    itself: Weak<Self>,
}

#[derive(Debug, Default)]
struct Shared {
    tasks: BTreeMap<TaskId, (Observation, Option<AbortHandle>)>,
    /// Services whose image is gone when it is pulled.
    losing: BTreeSet<String>,
    /// Whether tasks stay where they are.
    held: bool,
}

/// How the containers of an image behave.
struct Part {
    commit: Option<String>,
    status: &'static str,
    crashes: bool,
}

impl Tasks {
    /// Must be called within a runtime.
    pub(crate) fn new(
        registry: Arc<HttpRegistry>,
        route: (String, String),
        entrance: Arc<Entrance>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            registry,
            route,
            entrance,
            handle: Handle::current(),
            shared: Mutex::default(),
            itself: itself.clone(),
        })
    }

    /// From now on tasks that start stay PENDING, or go on.
    pub(crate) fn hold(&self, on: bool) {
        self.shared.lock().unwrap().held = on;
    }

    /// The next image that this service pulls is taken away before, as a lifecycle rule does that expires too much.
    pub(crate) fn lose_image_of(&self, service: &str) {
        let mut shared = self.shared.lock().unwrap();
        shared.losing.insert(service.to_owned());
    }

    fn set(&self, task: &TaskId, observation: Observation) {
        if let Some(entry) = self.shared.lock().unwrap().tasks.get_mut(task) {
            entry.0 = observation;
        }
    }

    async fn live(self: Arc<Self>, launch: TaskLaunch) {
        while self.shared.lock().unwrap().held {
            tokio::time::sleep(MOMENT).await;
        }
        let (_, image) = &launch.images[0];
        let part = match self.pull(launch.service.as_str(), image).await {
            Ok(part) => part,
            Err(why) => {
                let reason = format!(
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {why}"
                );
                let code = StopCode::TaskFailedToStart;
                self.set(&launch.task, stopped(&launch, code, &reason, None));
                return;
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.set(&launch.task, runs(TaskHealth::Unknown));
        if part.crashes {
            tokio::time::sleep(MOMENT).await;
            let reason = "Essential container in task exited";
            let code = StopCode::EssentialContainerExited;
            self.set(&launch.task, stopped(&launch, code, reason, Some(1)));
            return;
        }
        tokio::join!(serve(listener, &part), self.check(&launch, address));
    }

    /// Reads all that a host of ECS would pull.
    async fn pull(&self, service: &str, image: &ImageRef) -> Result<Part, String> {
        let (named, direct) = &self.route;
        let (repository, reference) = locate(&image.as_str().replace(named.as_str(), direct));
        if self.shared.lock().unwrap().losing.remove(service) {
            self.lose(&repository, &reference).await;
        }
        let registry = &*self.registry;
        verify(registry, &repository, &reference, None)
            .await
            .map_err(|error| error.to_string())?;
        let found = inspect(registry, &repository, &reference)
            .await
            .map_err(|error| error.to_string())?
            .ok_or("not found")?;
        let manner = read_file(registry, &repository, &reference, MANNER)
            .await
            .map_err(|error| error.to_string())?;
        let manner = String::from_utf8(manner.unwrap_or_default()).unwrap();
        let mut words = manner.split_whitespace();
        let mut part = Part {
            commit: found.config.revision().map(str::to_owned),
            status: "UP",
            crashes: false,
        };
        match words.next() {
            None => {}
            Some("crash") => part.crashes = true,
            Some("unhealthy") => part.status = "DOWN",
            Some("stale") => part.commit = words.next().map(str::to_owned),
            Some(other) => panic!("no manner is called `{other}`"),
        }
        Ok(part)
    }

    async fn lose(&self, repository: &Repository, reference: &Reference) {
        let address = repository.registry().parse().unwrap();
        let digest = match reference {
            Reference::Digest(digest) => digest.to_string(),
            other => panic!("{other:?} is no digest"),
        };
        let path = format!("/v2/{}/manifests/{digest}", repository.path());
        let status = http::delete(address, &path).await.unwrap();
        assert_eq!(status, 202, "{path}");
    }

    /// The balancer's own check of the task: a good answer lets people in.
    async fn check(&self, launch: &TaskLaunch, address: SocketAddr) {
        match http::get(address, "/actuator/health").await {
            Ok((200, _)) => {
                let service = launch.service.as_str();
                self.entrance.register(service, &launch.task, address);
                self.set(&launch.task, runs(TaskHealth::Healthy));
            }
            answer => {
                let code = answer.map_or(0, |(status, _)| status);
                let reason = format!("Health checks failed with these codes: [{code}]");
                self.set(&launch.task, runs(TaskHealth::Unhealthy { reason }));
            }
        }
    }
}

impl TaskRuntime for Tasks {
    fn start(&self, launch: &TaskLaunch) {
        let Some(tasks) = self.itself.upgrade() else {
            return;
        };
        let mut shared = self.shared.lock().unwrap();
        let life = self.handle.spawn(tasks.live(launch.clone()));
        let entry = (Observation::Pending, Some(life.abort_handle()));
        shared.tasks.insert(launch.task.clone(), entry);
    }

    fn observe(&self, task: &TaskId) -> Observation {
        let shared = self.shared.lock().unwrap();
        let entry = shared.tasks.get(task);
        entry.map_or(Observation::Pending, |(seen, _)| seen.clone())
    }

    fn stop(&self, task: &TaskId) {
        self.entrance.deregister(task);
        let entry = self.shared.lock().unwrap().tasks.remove(task);
        if let Some((_, Some(life))) = entry {
            life.abort();
        }
    }
}

/// Spring Boot's actuator, as long as the task lives.
async fn serve(listener: TcpListener, part: &Part) {
    let health = json!({"status": part.status}).to_string();
    let info = json!({"git": {"commit": {"id": part.commit}}}).to_string();
    while let Ok((mut stream, _)) = listener.accept().await {
        let Ok(head) = http::head(&mut stream).await else {
            continue;
        };
        match (http::path(&head), part.status) {
            ("/actuator/health", "UP") => http::answer(&mut stream, 200, &health).await,
            ("/actuator/health", _) => http::answer(&mut stream, 503, &health).await,
            ("/actuator/info", _) => http::answer(&mut stream, 200, &info).await,
            _ => http::answer(&mut stream, 404, "{}").await,
        }
    }
}

const fn runs(health: TaskHealth) -> Observation {
    Observation::Running { health }
}

fn stopped(launch: &TaskLaunch, code: StopCode, reason: &str, exit: Option<i64>) -> Observation {
    let containers = launch.images.iter().map(|(name, _)| {
        let why = exit.is_none().then(|| reason.to_owned());
        StoppedContainer::new(name.clone(), exit, why)
    });
    Observation::Stopped {
        stop_code: code,
        reason: reason.to_owned(),
        containers: containers.collect(),
    }
}

fn locate(image: &str) -> (Repository, Reference) {
    if let Ok(pinned) = image.parse::<PinnedImage>() {
        return (pinned.repository, Reference::Digest(pinned.digest));
    }
    let image: ImageRef = image.parse().unwrap();
    let tag = image.tag().unwrap_or("latest");
    (
        image.repository().parse().unwrap(),
        Reference::Tag(tag.parse().unwrap()),
    )
}
