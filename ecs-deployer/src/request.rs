//! What is asked of the engine.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::{
    ClusterName, DeploymentId, ImageChange, ImageFacts, ImageRef, ServiceName, TaskDefinition,
    TaskDefinitionArn,
};

/// A deployment that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeployRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// The images that it is to run.
    pub images: ImageChange,
    /// What is registered with these images; `None` takes what the service runs now.
    pub base: Option<TaskDefinition>,
    /// Begin a deployment even when the images run already.
    pub force_new_deployment: bool,
    /// Another desired count; `None` leaves it alone, as an autoscaler needs it.
    pub desired_count: Option<u32>,
    /// Whether the images are named by tags that move.
    pub moving: bool,
    /// What the tasks must have pulled in the end, by the image, where the images are named by tags that move.
    pub expected: BTreeMap<ImageRef, ImageFacts>,
}

impl DeployRequest {
    /// A deployment of these images.
    pub const fn new(cluster: ClusterName, service: ServiceName, images: ImageChange) -> Self {
        Self {
            cluster,
            service,
            images,
            base: None,
            force_new_deployment: false,
            desired_count: None,
            moving: false,
            expected: BTreeMap::new(),
        }
    }

    /// Registers this task definition with the images, in place of a copy of what the service runs.
    #[must_use]
    pub fn base(mut self, definition: TaskDefinition) -> Self {
        self.base = Some(definition);
        self
    }

    /// Changes the desired count as well.
    #[must_use]
    pub const fn desired_count(mut self, count: Option<u32>) -> Self {
        self.desired_count = count;
        self
    }

    /// Takes the images as named by a tag that moves, such as `:latest`: a deployment is begun in any case, and when it is
    /// done, the digests that its tasks pulled are compared with what the tag names now.
    ///
    /// This is for one image; several need [`moving_tags`](Self::moving_tags), for each has a digest of its own.
    #[must_use]
    pub fn moving_tag(self, expected: Option<ImageFacts>) -> Self {
        let images = self.images.images();
        let expected = match (images.as_slice(), expected) {
            ([image], Some(facts)) => BTreeMap::from([((*image).clone(), facts)]),
            _ => BTreeMap::new(),
        };
        self.moving_tags(expected)
    }

    /// As [`moving_tag`](Self::moving_tag), with what is known of each image. What nothing is known of is not compared,
    /// and the outcome's notes say so.
    #[must_use]
    pub fn moving_tags(mut self, expected: BTreeMap<ImageRef, ImageFacts>) -> Self {
        self.force_new_deployment = true;
        self.moving = true;
        self.expected = expected;
        self
    }

    /// Begins a deployment even when the images run already.
    #[must_use]
    pub const fn force_new_deployment(mut self, force: bool) -> Self {
        self.force_new_deployment = force;
        self
    }
}

/// A way back that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RollbackRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// Where to; `None` takes the last revision that was deployed with success, other than the one that runs.
    pub to: Option<TaskDefinitionArn>,
    /// The deployment that is to be taken back; when another one has taken over meanwhile, nothing is done.
    pub only: Option<DeploymentId>,
}

impl RollbackRequest {
    /// A way back to the revision before.
    pub const fn new(cluster: ClusterName, service: ServiceName) -> Self {
        Self {
            cluster,
            service,
            to: None,
            only: None,
        }
    }

    /// Takes back this deployment, and no other that has taken over meanwhile.
    #[must_use]
    pub fn only(mut self, deployment: DeploymentId) -> Self {
        self.only = Some(deployment);
        self
    }

    /// A way back to this revision.
    #[must_use]
    pub fn to(mut self, task_definition: TaskDefinitionArn) -> Self {
        self.to = Some(task_definition);
        self
    }
}

/// Where a rollback leads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WayBack {
    /// The revision that is brought back.
    pub task_definition: TaskDefinitionArn,
    /// The image of its first container.
    pub image: Option<ImageRef>,
}

/// How to follow a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long one way, there or back, may take.
    pub timeout: Duration,
    /// Between two looks at the service.
    pub poll: Duration,
    /// What to do with a failed deployment.
    pub on_failure: OnFailure,
    /// After how many failed tasks the verdict is negative, whatever ECS still hopes for.
    pub permanent_failures: u32,
    /// After how many failed tasks it is when what they say of themselves may pass, such as a registry's rate limit.
    pub transient_failures: u32,
    /// What to do when a newer deployment takes over.
    pub on_superseded: OnSuperseded,
    /// Looks are taken at this moment plus whole polls, so that services that are followed together are asked for
    /// together. `None` looks whenever a poll has passed.
    pub beat: Option<Instant>,
}

impl Default for Options {
    /// 15 minutes, a look every 5 seconds, back after 2 failed tasks, or 6 whose trouble may pass.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15 * 60),
            poll: Duration::from_secs(5),
            on_failure: OnFailure::Rollback,
            permanent_failures: 2,
            transient_failures: 6,
            on_superseded: OnSuperseded::End,
            beat: None,
        }
    }
}

impl Options {
    /// Sets how long one way may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the time between two looks.
    #[must_use]
    pub const fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Sets what to do with a failed deployment.
    #[must_use]
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets after how many failed tasks the verdict is negative when their trouble may pass; never fewer than for others.
    #[must_use]
    pub const fn transient_failures(mut self, tasks: u32) -> Self {
        self.transient_failures = tasks;
        self
    }

    /// Sets what to do when a newer deployment takes over.
    #[must_use]
    pub const fn on_superseded(mut self, on_superseded: OnSuperseded) -> Self {
        self.on_superseded = on_superseded;
        self
    }

    /// Sets the common beat of services that are followed together.
    #[must_use]
    pub const fn beat(mut self, beat: Instant) -> Self {
        self.beat = Some(beat);
        self
    }

    /// Sets after how many failed tasks the verdict is negative; 0 counts as 1.
    #[must_use]
    pub const fn permanent_failures(mut self, tasks: u32) -> Self {
        self.permanent_failures = tasks;
        self
    }
}

/// What to do with a failed deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// Bring the revision before back.
    #[default]
    Rollback,
    /// Leave it as it is.
    Keep,
}

/// What to do when a newer deployment takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnSuperseded {
    /// The verdict is [`Verdict::Superseded`](crate::Verdict::Superseded).
    #[default]
    End,
    /// The newer deployment is followed in its place.
    Follow,
}
