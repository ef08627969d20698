//! What is known of a run so far. Whoever ends it, by itself, by a failure or by a signal, tells the rest from here.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use change_detect::{Graph, ModuleName};
use health_checker::quality_gate::GateReport;

use crate::outcome::{Commit, ServiceRun};
use crate::plan::PlannedService;
use crate::verdict::Verdict;

/// Shared by the stages of one run.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Entries>);

/// What the stages have written down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    /// The commit that the run is about, if it is about one.
    pub(crate) head: Option<Commit>,
    /// The modules of the commit and what they depend on.
    pub(crate) graph: Option<Graph>,
    /// Modules that have to be rebuilt and are no services.
    pub(crate) rebuilt: Vec<ModuleName>,
    /// Deployed once, and no longer in the repository.
    pub(crate) removed: Vec<ModuleName>,
    /// Why there is nothing to do, if so.
    pub(crate) nothing: Option<String>,
    /// Where the build's logs are.
    pub(crate) logs: Option<PathBuf>,
    /// What the quality gate said.
    pub(crate) gates: Vec<GateReport>,
    /// What people should know and what stopped nothing.
    pub(crate) warnings: Vec<String>,
    /// People were told that it begins.
    pub(crate) announced: bool,
    services: Vec<PlannedService>,
    ended: Vec<ServiceRun>,
}

impl Ledger {
    /// Writes something down.
    pub(crate) fn note(&self, write: impl FnOnce(&mut Entries)) {
        write(&mut self.lock());
    }

    /// The services that the run is about.
    pub(crate) fn planned(&self, services: impl IntoIterator<Item = PlannedService>) {
        self.lock().services = services.into_iter().collect();
    }

    /// A service's part has ended.
    pub(crate) fn ended(&self, service: ServiceRun) {
        self.lock().ended.push(service);
    }

    /// All that is known now.
    pub(crate) fn entries(&self) -> Entries {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Every service of the run in its order: those that ended as they did, all others with this verdict and reason.
    pub(crate) fn services(&self, others: Verdict, reason: &str) -> Vec<ServiceRun> {
        self.services
            .iter()
            .map(|plan| {
                let ended = self
                    .ended
                    .iter()
                    .find(|ended| ended.plan.module == plan.module);
                ended.cloned().unwrap_or_else(|| ServiceRun {
                    verdict: others,
                    ..ServiceRun::not_started(plan.clone(), reason)
                })
            })
            .collect()
    }
}
