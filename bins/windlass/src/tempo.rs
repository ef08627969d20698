//! How fast things go in an environment, where the configuration does not say.

use std::time::Duration;

/// An environment's own tempo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tempo {
    /// How long one rollout, there or back, may take.
    pub(crate) rollout_timeout: Duration,
    /// Between two looks at a deployment.
    pub(crate) poll: Duration,
    /// Between two health probes.
    pub(crate) health_interval: Duration,
    /// How long a deployed service may take to answer as the new build.
    pub(crate) health_timeout: Duration,
}
