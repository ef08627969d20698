//! From an action to what carries it out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::arns::Place;
use super::body::Body;
use super::refusal::{Answer, Refusal};
use super::{clusters, definitions, deployments, logs, services, tags, tasks};
use crate::ClusterName;
use crate::sim::cluster::Inner;
use crate::sim::state::{CallFault, Content, State};
use crate::sim::{ScriptedRuntime, SimCluster};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) cluster: SimCluster,
    pub(super) runtime: Arc<ScriptedRuntime>,
    pub(super) place: Place,
    pub(super) epoch: u64,
    pub(super) denied: BTreeSet<String>,
    /// Whether described task definitions have the defaults that ECS writes into them.
    pub(super) fills_in: bool,
    /// The tags of all but task definitions, by ARN.
    pub(super) tags: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum Ended {
    Answered(Answer),
    /// No answer arrives.
    Lost,
}

/// One call: what it may look at and change.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) api: &'a Api,
    pub(super) state: &'a mut State,
    pub(super) body: Body<'a>,
    pub(super) now: Duration,
}

type Action = fn(&mut Call<'_>) -> Answer;

/// Every action, with what carries it out.
pub(super) const ACTIONS: [(&str, Action); 31] = [
    ("ContinueServiceDeployment", deployments::go_on),
    ("CreateCluster", clusters::create),
    ("CreateService", services::create),
    ("DeleteService", services::delete),
    ("DeregisterTaskDefinition", definitions::deregister),
    ("DescribeAlarms", logs::describe_alarms),
    ("DescribeClusters", clusters::describe),
    ("DescribeLogGroups", logs::describe_groups),
    ("DescribeLogStreams", logs::describe_streams),
    ("DescribeServiceDeployments", deployments::describe),
    ("DescribeServiceRevisions", deployments::revisions),
    ("DescribeServices", services::describe),
    ("DescribeTaskDefinition", definitions::describe),
    ("DescribeTasks", tasks::describe),
    ("GetLogEvents", logs::events),
    ("ListClusters", clusters::list),
    ("ListServiceDeployments", deployments::list),
    ("ListServices", services::list),
    ("ListTagsForResource", tags::list),
    ("ListTaskDefinitionFamilies", definitions::families),
    ("ListTaskDefinitions", definitions::list),
    ("ListTasks", tasks::list),
    ("RegisterTaskDefinition", definitions::register),
    ("RunTask", tasks::run),
    ("StopServiceDeployment", deployments::stop),
    ("StopTask", tasks::stop),
    ("TagResource", tags::tag),
    ("UntagResource", tags::untag),
    ("UpdateService", services::update),
    // Without it `aws ecs wait` and consoles work as well; some tools ask first.
    ("ListAccountSettings", clusters::settings),
    ("DeleteCluster", clusters::delete),
];

impl Api {
    /// Makes a call: denied, throttled, lost or carried out.
    pub(super) fn call(&self, name: &str, document: &Value) -> Ended {
        let Some((_, action)) = ACTIONS.iter().find(|(known, _)| *known == name) else {
            return Ended::Answered(Err(Refusal::new(
                "UnknownOperationException",
                format!("The operation {name} is not simulated."),
            )));
        };
        let mut state = self.cluster.lock();
        self.inner().advance(&mut state);
        if self.denied.contains(name) {
            return Ended::Answered(Err(self.denial(name)));
        }
        if !state.rates.take(name) {
            return Ended::Answered(Err(Refusal::throttled()));
        }
        let fault = state.faults.pop_front();
        match fault {
            Some(CallFault::Throttled) => {
                state.rates.count_throttled();
                return Ended::Answered(Err(Refusal::throttled()));
            }
            Some(CallFault::Unreachable) => return Ended::Lost,
            Some(CallFault::AnswerLost) | None => {}
        }
        let now = self.cluster.now();
        let answer = action(&mut Call {
            api: self,
            state: &mut state,
            body: Body(document),
            now,
        });
        if fault.is_some() {
            return Ended::Lost;
        }
        Ended::Answered(answer)
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.cluster.inner
    }

    fn denial(&self, name: &str) -> Refusal {
        let prefix = match name {
            "GetLogEvents" | "DescribeLogStreams" | "DescribeLogGroups" => "logs",
            "DescribeAlarms" => "cloudwatch",
            _ => "ecs",
        };
        let user = format!("arn:aws:iam::{}:user/simulator", self.place.account);
        Refusal::new(
            "AccessDeniedException",
            format!(
                "User: {user} is not authorized to perform: {prefix}:{name} on resource: * because no identity-based policy \
                 allows the {prefix}:{name} action"
            ),
        )
    }
}

impl Call<'_> {
    /// The cluster that the request names, if there is one of the name.
    pub(super) fn cluster(&self) -> Result<ClusterName, Refusal> {
        let name = self.body.cluster()?;
        if self.state.clusters.contains_key(&name) {
            Ok(name)
        } else {
            Err(Refusal::no_cluster())
        }
    }

    pub(super) fn content(&self, cluster: &ClusterName) -> Result<&Content, Refusal> {
        self.state
            .clusters
            .get(cluster)
            .ok_or_else(Refusal::no_cluster)
    }

    pub(super) fn moment(&self, at: Duration) -> Value {
        super::body::seconds(self.api.epoch, at)
    }
}
