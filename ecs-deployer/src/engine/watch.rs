//! One service under watch: polling, counting, telling.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::Deployer;
use super::failures::Failures;
use super::judgement::Known;
use super::pace::next_look;
use crate::diagnosis::cause;
use crate::{
    ClusterName, ControlPlane, DeployRequest, Deployment, DeploymentId, Error, Event, ImageRef,
    LifecycleStage, Observer, Options, ServiceDeployment, ServiceEvent, ServiceName,
    ServiceOutcome, ServiceState, TaskDefinition, TaskDefinitionArn, Verdict,
};

/// How many of the last lines of a failed container are shown.
const LOG_LINES: usize = 20;

/// Of how many failed tasks the logs are read: the last ones.
const LOGGED_TASKS: usize = 2;

/// What is known about a service while it is followed.
pub(super) struct Watch<'a> {
    deployer: Deployer<'a>,
    pub(super) cluster: &'a ClusterName,
    pub(super) service: &'a ServiceName,
    pub(super) options: &'a Options,
    pub(super) observer: &'a dyn Observer,
    pub(super) known: Known,
    pub(super) image: Option<ImageRef>,
    /// The request of a deployment of tags that move.
    pub(super) moving: Option<DeployRequest>,
    /// Where the logs of our tasks are.
    pub(super) log_source: Option<TaskDefinition>,
    pub(super) superseded_by: Option<DeploymentId>,
    pub(super) failures: Failures,
    started: Instant,
    events: Vec<ServiceEvent>,
    seen_events: BTreeSet<String>,
    numbers: Option<[u32; 5]>,
    stage: Option<LifecycleStage>,
    seen_hooks: BTreeSet<String>,
    /// Looks in a row that were refused.
    refused: u32,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    blind: BTreeSet<&'static str>,
    texts: Vec<String>,
}

/// What came of reading a record.
pub(super) enum Reading {
    /// The record, or ECS has none, or it may not be read at all.
    Known(Option<Box<ServiceDeployment>>),
    /// Not this time.
    NotNow,
}

impl Reading {
    pub(super) fn into_known(self) -> Option<ServiceDeployment> {
        match self {
            Self::Known(record) => record.map(|record| *record),
            Self::NotNow => None,
        }
    }
}

impl<'a> Watch<'a> {
    /// How often a call is tried that ECS cannot be reached for, before anything was begun, and how often a look may be
    /// refused in a row.
    pub(super) const TRIES: u32 = 3;

    pub(super) fn new(
        deployer: Deployer<'a>,
        cluster: &'a ClusterName,
        service: &'a ServiceName,
        options: &'a Options,
        observer: &'a dyn Observer,
    ) -> Self {
        Self {
            deployer,
            cluster,
            service,
            options,
            observer,
            known: Known::default(),
            image: None,
            moving: None,
            log_source: None,
            superseded_by: None,
            failures: Failures::default(),
            started: Instant::now(),
            events: Vec::new(),
            seen_events: BTreeSet::new(),
            numbers: None,
            stage: None,
            seen_hooks: BTreeSet::new(),
            refused: 0,
            notes: Mutex::default(),
        }
    }

    pub(super) fn plane(&self) -> &'a dyn ControlPlane {
        self.deployer.plane
    }

    /// Repeats a call while ECS limits our rate, and a few times when it cannot be reached.
    pub(super) async fn insist<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, Error>
    where
        T: Send,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let mut lost = 0;
        loop {
            match self.insist_unless_lost(&call).await {
                Err(error @ Error::Unreachable { .. }) if lost + 1 < Self::TRIES => {
                    lost += 1;
                    self.tell_failed_poll(&error);
                    tokio::time::sleep(self.options.poll).await;
                }
                other => return other,
            }
        }
    }

    /// Repeats a call while ECS limits our rate, as long as one way may take.
    pub(super) async fn insist_unless_lost<T, F>(
        &self,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T, Error>
    where
        T: Send,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let deadline = Instant::now() + self.options.timeout;
        loop {
            match call().await {
                Err(error @ Error::Throttled { .. }) if Instant::now() < deadline => {
                    self.tell_failed_poll(&error);
                    tokio::time::sleep(self.options.poll).await;
                }
                other => return other,
            }
        }
    }

    /// The service as it is, before anything is begun.
    pub(super) async fn first_look(&self) -> Result<ServiceState, Error> {
        self.insist(|| self.look()).await
    }

    async fn look(&self) -> Result<ServiceState, Error> {
        let states = self
            .plane()
            .describe_services(self.cluster, std::slice::from_ref(self.service))
            .await?;
        states
            .into_iter()
            .next()
            .ok_or_else(|| Error::ServiceNotFound {
                cluster: self.cluster.clone(),
                service: self.service.clone(),
            })
    }

    pub(super) async fn definition(
        &self,
        arn: &TaskDefinitionArn,
    ) -> Result<TaskDefinition, Error> {
        self.insist(|| self.plane().describe_task_definition(arn))
            .await
    }

    /// Takes note of what a deployment brings; without it, image and logs stay unknown.
    pub(super) async fn take_up(&mut self, brings: &TaskDefinitionArn) {
        self.known.brings = Some(brings.clone());
        match self.definition(brings).await {
            Ok(definition) => {
                self.image = definition
                    .containers()
                    .into_iter()
                    .next()
                    .map(|(_, image)| image);
                self.log_source = Some(definition);
            }
            Err(error) => self.tell_blind("the task definition", &error),
        }
    }

    /// The service's history so far is not news.
    pub(super) fn skip_history(&mut self, state: &ServiceState) {
        self.seen_events
            .extend(state.events.iter().map(|event| event.id.clone()));
    }

    /// Looks until the deadline; a look that fails is told and repeated. `None` at the deadline.
    ///
    /// # Errors
    /// When looks are refused again and again.
    pub(super) async fn look_again(
        &mut self,
        deadline: Instant,
    ) -> Result<Option<ServiceState>, Error> {
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Ok(None);
            }
            let next = next_look(now, self.options.poll, self.options.beat);
            tokio::time::sleep_until(next.min(deadline)).await;
            match tokio::time::timeout_at(deadline, self.look()).await {
                Err(_) => return Ok(None),
                Ok(Ok(state)) => {
                    self.refused = 0;
                    self.tell_events(&state);
                    return Ok(Some(state));
                }
                Ok(Err(error)) => {
                    if !error.is_passing() {
                        self.refused += 1;
                        if self.refused >= Self::TRIES {
                            return Err(error);
                        }
                    }
                    self.tell_failed_poll(&error);
                }
            }
        }
    }

    /// Reads the record of a deployment.
    pub(super) async fn record(&mut self, id: &DeploymentId) -> Reading {
        match self
            .plane()
            .service_deployment(self.cluster, self.service, id)
            .await
        {
            Ok(record) => {
                if let Some(record) = &record {
                    self.tell_stage(record);
                }
                Reading::Known(record.map(Box::new))
            }
            Err(error) if error.is_passing() => {
                self.tell_failed_poll(&error);
                Reading::NotNow
            }
            Err(error) => {
                self.tell_blind("the deployment's record", &error);
                Reading::Known(None)
            }
        }
    }

    /// What failed so far is not held against what comes.
    pub(super) async fn skip_failures(&mut self, id: &DeploymentId) {
        let stopped = self
            .insist(|| self.plane().stopped_tasks(self.cluster, self.service, id))
            .await;
        match stopped {
            Ok(tasks) => self.failures.skip(&tasks),
            Err(error) => self.tell_blind("why tasks stopped", &error),
        }
    }

    /// Takes note of the deployment's failed tasks.
    pub(super) async fn count_failures(&mut self, id: &DeploymentId, listed: Option<&Deployment>) {
        let stopped = self
            .plane()
            .stopped_tasks(self.cluster, self.service, id)
            .await;
        match stopped {
            Ok(tasks) => {
                for task in tasks {
                    if self.failures.add(&task) {
                        let cause = cause(&task, &self.events);
                        let service = self.service.clone();
                        self.observer.observe(Event::TaskStopped {
                            service,
                            task,
                            cause,
                        });
                    }
                }
            }
            Err(error) if error.is_passing() => self.tell_failed_poll(&error),
            Err(error) => {
                self.tell_blind("why tasks stopped", &error);
                self.failures
                    .counted(listed.map_or(0, |ours| ours.failed_tasks));
            }
        }
    }

    /// Reads what the last failed containers wrote.
    pub(super) async fn read_logs(&mut self) {
        let (Some(logs), Some(source)) = (self.deployer.logs, self.log_source.clone()) else {
            return;
        };
        let tasks = self.failures.tasks().len();
        for index in tasks.saturating_sub(LOGGED_TASKS)..tasks {
            let task = self.failures.tasks()[index].clone();
            let streams = source.log_streams(&task.task);
            for (at, container) in task.containers.iter().enumerate() {
                // A container that never ran has written nothing.
                let Some(stream) = container.exit_code.and(streams.get(&container.name)) else {
                    continue;
                };
                match logs.last_lines(stream, LOG_LINES).await {
                    Ok(lines) => self.failures.tasks_mut()[index].containers[at].log = lines,
                    Err(error) => self.tell_blind("the containers' logs", &error),
                }
            }
        }
    }

    /// Compares what the deployment's tasks pulled with what they were to pull: `Err` says what they run instead.
    pub(super) async fn compare_digests(&self, id: &DeploymentId) -> Result<(), String> {
        let Some(request) = &self.moving else {
            return Ok(());
        };
        for image in request.images.without_digest() {
            if !request.expected.contains_key(image) {
                self.note(format!(
                    "what the tag of `{image}` names could not be looked up: what the tasks run was not compared with it"
                ));
            }
        }
        if request.expected.is_empty() {
            return Ok(());
        }
        let Some(tasks) = self.deployer.tasks else {
            self.note("what the tasks run was not compared: nobody looks at tasks".to_owned());
            return Ok(());
        };
        let running = self
            .insist(|| tasks.running_tasks(self.cluster, self.service))
            .await;
        let running = match running {
            Ok(running) => running,
            Err(error) => {
                self.tell_blind("which digests the tasks run", &error);
                return Ok(());
            }
        };
        // Tasks of the deployment before may be cleaned up later.
        let ours = running
            .iter()
            .filter(|task| task.deployment.as_ref() == Some(id));
        let mut compared = BTreeSet::new();
        let mut any = false;
        for task in ours {
            any = true;
            for container in &task.containers {
                let Some((digest, named)) = container
                    .image_digest
                    .as_ref()
                    .zip(container.image.as_ref())
                else {
                    continue;
                };
                let meant = request.expected.iter().find(|(image, _)| {
                    image.repository() == named.repository() && image.tag() == named.tag()
                });
                let Some((image, facts)) = meant else {
                    continue;
                };
                compared.insert(image);
                if !facts.is(digest) {
                    return Err(format!(
                        "the task {} runs {digest}, and the tag names {}",
                        task.task, facts.digest
                    ));
                }
            }
        }
        for image in request.expected.keys() {
            if any && !compared.contains(image) {
                self.note(format!(
                    "ECS does not say which digest of `{image}` the tasks run: it could not be compared"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn tell_failed_poll(&self, error: &Error) {
        self.observer.observe(Event::PollFailed {
            service: self.service.clone(),
            error: error.to_string(),
        });
    }

    /// Says once that something cannot be seen; of what one permission is missing for, the first.
    pub(super) fn tell_blind(&self, what: &'static str, error: &Error) {
        let key = match error {
            Error::Denied { action, .. } => action,
            _ => what,
        };
        let problem = format!("{what} cannot be seen: {error}");
        {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            if !notes.blind.insert(key) {
                return;
            }
            let hint = error
                .hint()
                .map(|hint| format!(" ({hint})"))
                .unwrap_or_default();
            notes.texts.push(format!("{problem}{hint}"));
        }
        self.observer.observe(Event::Blind {
            service: self.service.clone(),
            problem,
            hint: error.hint(),
        });
    }

    /// Something that belongs into the outcome.
    pub(super) fn note(&self, text: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.texts.push(text);
    }

    fn tell_events(&mut self, state: &ServiceState) {
        for event in state.events.iter().rev() {
            if self.seen_events.insert(event.id.clone()) {
                self.events.push(event.clone());
                let (service, message) = (self.service.clone(), event.message.clone());
                self.observer
                    .observe(Event::ServiceEvent { service, message });
            }
        }
    }

    fn tell_stage(&mut self, record: &ServiceDeployment) {
        let Some(details) = &record.details else {
            return;
        };
        if details.stage.is_some() && details.stage != self.stage {
            self.stage.clone_from(&details.stage);
            if let Some(stage) = details.stage.clone() {
                self.observer.observe(Event::Stage {
                    service: self.service.clone(),
                    stage,
                    production_traffic: details.production_traffic,
                });
            }
        }
        for hook in details.waiting_hooks() {
            if self.seen_hooks.insert(hook.id.clone()) {
                self.observer.observe(Event::HookWaiting {
                    service: self.service.clone(),
                    deployment: record.id.clone(),
                    hook: hook.clone(),
                });
            }
        }
    }

    pub(super) fn tell_progress(&mut self, state: &ServiceState, id: &DeploymentId) {
        let ours = state.deployment(id);
        let running = ours.map_or(0, |deployment| deployment.running);
        let numbers = [
            state.desired,
            running,
            ours.map_or(0, |deployment| deployment.pending),
            ours.map_or(0, |deployment| deployment.failed_tasks),
            state.running.saturating_sub(running),
        ];
        if self.numbers.replace(numbers) != Some(numbers) {
            let [desired, running, pending, failed, old_running] = numbers;
            let service = self.service.clone();
            self.observer.observe(Event::Progress {
                service,
                desired,
                running,
                pending,
                failed,
                old_running,
            });
        }
    }

    /// Why it fails: the tasks' causes, else what ECS says.
    pub(super) fn reason(&self, otherwise: &str) -> String {
        self.failures.reason(self.service, &self.events, otherwise)
    }

    /// Puts the outcome together and tells it.
    pub(super) fn end(
        &self,
        verdict: Verdict,
        deployment: Option<DeploymentId>,
        task_definition: Option<TaskDefinitionArn>,
        reason: Option<String>,
    ) -> ServiceOutcome {
        self.observer.observe(Event::Finished {
            service: self.service.clone(),
            verdict,
            reason: reason.clone(),
        });
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        ServiceOutcome {
            service: self.service.clone(),
            verdict,
            deployment,
            task_definition,
            previous_task_definition: self.known.previous.clone(),
            image: self.image.clone(),
            reason,
            stopped_tasks: self.failures.tasks().to_vec(),
            superseded_by: self.superseded_by.clone(),
            notes: notes.texts.clone(),
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }
}
