//! All that changes: the clusters, task definitions and images of one account.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Knobs;
use super::model::{Service, Task};
use super::plan::Agenda;
use super::rates::Rates;
use crate::{
    ClusterName, DeploymentId, Error, ServiceName, TaskDefinition, TaskDefinitionArn, TaskId,
};

/// All that changes: one account's clusters.
#[derive(Debug)]
pub(super) struct State {
    pub(super) next_pass: Duration,
    pub(super) definitions: BTreeMap<String, Vec<Definition>>,
    pub(super) clusters: BTreeMap<ClusterName, Content>,
    pub(super) counter: u64,
    /// Calls that are to fail, by how they do.
    pub(super) faults: VecDeque<CallFault>,
    pub(super) calls: BTreeMap<&'static str, u64>,
    pub(super) rates: Rates,
    pub(super) agenda: Agenda,
    pub(super) knobs: Knobs,
    /// Alarms that are on.
    pub(super) alarms: BTreeSet<String>,
    /// Digests that images were pushed with.
    pub(super) pushed: BTreeMap<String, String>,
    /// The tasks that were run with a token.
    pub(super) tokens: BTreeMap<String, TaskId>,
}

/// What one cluster holds.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) services: BTreeMap<ServiceName, Service>,
    /// Tasks that were run by themselves.
    pub(super) alone: Vec<Task>,
}

/// A registered task definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Definition {
    pub(super) document: Value,
    pub(super) registered: Duration,
    pub(super) deregistered: Option<Duration>,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallFault {
    Throttled,
    Unreachable,
    /// It is carried out, and the answer does not arrive.
    AnswerLost,
}

impl State {
    pub(super) fn new(next_pass: Duration) -> Self {
        Self {
            next_pass,
            definitions: BTreeMap::new(),
            clusters: BTreeMap::new(),
            counter: 0,
            faults: VecDeque::new(),
            calls: BTreeMap::new(),
            rates: Rates::default(),
            agenda: Agenda::default(),
            knobs: Knobs::default(),
            alarms: BTreeSet::new(),
            pushed: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    pub(super) fn service(&self, cluster: &ClusterName, name: &ServiceName) -> Option<&Service> {
        self.clusters.get(cluster)?.services.get(name)
    }

    pub(super) fn service_mut(
        &mut self,
        cluster: &ClusterName,
        name: &ServiceName,
    ) -> Option<&mut Service> {
        self.clusters.get_mut(cluster)?.services.get_mut(name)
    }

    pub(super) fn definition(&self, arn: &TaskDefinitionArn) -> Result<&Definition, Error> {
        let revision = arn.revision() as usize;
        self.definitions
            .get(arn.family())
            .and_then(|revisions| revisions.get(revision.checked_sub(1)?))
            .ok_or_else(|| Error::TaskDefinitionNotFound {
                task_definition: arn.to_string(),
            })
    }

    #[cfg(feature = "server")]
    pub(super) fn definition_mut(
        &mut self,
        arn: &TaskDefinitionArn,
    ) -> Result<&mut Definition, Error> {
        let revision = arn.revision() as usize;
        self.definitions
            .get_mut(arn.family())
            .and_then(|revisions| revisions.get_mut(revision.checked_sub(1)?))
            .ok_or_else(|| Error::TaskDefinitionNotFound {
                task_definition: arn.to_string(),
            })
    }

    pub(super) fn register(
        &mut self,
        definition: &TaskDefinition,
        at: Duration,
    ) -> Result<TaskDefinitionArn, Error> {
        let family = definition.family();
        let revisions = self.definitions.get(family).map_or(0, Vec::len) + 1;
        let arn = format!("{family}:{revisions}")
            .parse()
            .map_err(|_| Error::Refused {
                operation: "register the task definition",
                code: Some("ClientException".to_owned()),
                message: Some("Family contains invalid characters.".to_owned()),
                request_id: None,
            })?;
        self.definitions
            .entry(family.to_owned())
            .or_default()
            .push(Definition {
                document: definition.for_registration(),
                registered: at,
                deregistered: None,
            });
        Ok(arn)
    }

    pub(super) fn supersede(
        &mut self,
        cluster: &ClusterName,
        name: &ServiceName,
        image: Option<&str>,
        at: Duration,
    ) -> Result<DeploymentId, Error> {
        let missing = || Error::ServiceNotFound {
            cluster: cluster.clone(),
            service: name.clone(),
        };
        let current = self
            .service(cluster, name)
            .ok_or_else(missing)?
            .spec
            .task_definition
            .clone();
        let task_definition = match image {
            None => current,
            Some(image) => {
                let mut document = self.definition(&current)?.document.clone();
                let containers = document
                    .get_mut("containerDefinitions")
                    .and_then(Value::as_array_mut);
                if let Some(first) = containers.and_then(|containers| containers.first_mut()) {
                    first["image"] = image.into();
                }
                self.register(&TaskDefinition::new(document), at)?
            }
        };
        let id = self.next_deployment();
        let alarms = self.alarms.clone();
        let service = self.service_mut(cluster, name).ok_or_else(missing)?;
        service.spec.task_definition = task_definition;
        service.begin(id.clone(), at, &alarms);
        Ok(id)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(super) fn next_task(&mut self) -> TaskId {
        format!("{:032x}", self.next())
            .parse()
            .expect("hexadecimal digits make an id")
    }

    pub(super) fn next_deployment(&mut self) -> DeploymentId {
        // 19 digits, as ECS has them.
        let number = 1_000_000_000_000_000_000 + self.next();
        format!("ecs-svc/{number}")
            .parse()
            .expect("digits follow the prefix")
    }

    /// The digest that an image has at this moment.
    pub(super) fn digest(&self, image: &crate::ImageRef) -> String {
        if let Some(digest) = image.digest() {
            return digest.to_owned();
        }
        self.pushed
            .get(image.as_str())
            .cloned()
            .unwrap_or_else(|| invented_digest(image.as_str()))
    }
}

/// A digest for an image that nobody pushed: the same text has the same one.
fn invented_digest(text: &str) -> String {
    let mut digest = String::from("sha256:");
    for part in 0..4_u64 {
        // FNV-1a; it need not be hard to guess.
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325 ^ part, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        digest.push_str(&format!("{hash:016x}"));
    }
    digest
}
