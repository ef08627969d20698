//! Services that still run and that the repository has no more.

use std::collections::{BTreeMap, BTreeSet};

use change_detect::{CommitId, ModuleName};
use ecs_deployer::ServiceName;

use crate::failures;
use crate::live::{Live, live};
use crate::pipeline::Pipeline;

impl Pipeline<'_> {
    /// The services that were deployed from this repository once, still run, and are none of the inventory. `known` are modules
    /// of which that is suspected; the cluster tells about the others.
    pub(crate) async fn left_behind(
        &self,
        inventory: &[ModuleName],
        mut known: BTreeSet<ModuleName>,
    ) -> BTreeMap<ModuleName, Live> {
        known.retain(|module| !inventory.contains(module));
        let of = |module: &ModuleName| self.names.service(module).ok();
        let taken: BTreeSet<ServiceName> = inventory.iter().filter_map(of).collect();
        // By the name that people know, where git knows one, else by the one that the service's gives.
        let by_service: BTreeMap<ServiceName, ModuleName> = known
            .into_iter()
            .filter_map(|module| Some((of(&module)?, module)))
            .collect();
        let running = match self.adapters.site.services(self.names.cluster()).await {
            Ok(running) => running,
            Err(error) => {
                let why = failures::deploy(&error).in_a_line();
                self.warn(format!(
                    "which services are deployed and no longer in the repository cannot be told in full: {why}"
                ));
                // Those that are suspected can be asked for by their names.
                by_service.keys().cloned().collect()
            }
        };
        let mut candidates: Vec<(ModuleName, ServiceName)> = Vec::new();
        for service in running
            .into_iter()
            .filter(|service| !taken.contains(service))
        {
            let module = match by_service.get(&service) {
                Some(module) => Some(module.clone()),
                None if self.adapters.site.is_shared() && !self.names.has_own_services() => None,
                None => self.names.module_of(&service),
            };
            candidates.extend(module.map(|module| (module, service)));
        }
        let found = match live(&*self.adapters.plane, self.names.cluster(), &candidates).await {
            Ok(found) => found,
            Err(error) => {
                let why = failures::deploy(&error).in_a_line();
                self.warn(format!(
                    "what services run that may have left the repository cannot be told: {why}"
                ));
                BTreeMap::new()
            }
        };
        found
            .into_iter()
            .filter(|(module, live)| self.is_ours(module, live))
            .collect()
    }

    /// In a cluster that others deploy to as well, ours is what runs an image of the repository that is ours.
    fn is_ours(&self, module: &ModuleName, live: &Live) -> bool {
        if !self.adapters.site.is_shared() {
            return true;
        }
        let Ok(repository) = self.names.repository(module) else {
            return false;
        };
        let repository = repository.to_string();
        let images = live.image.iter().chain(&live.unfinished);
        images.map(|image| image.as_str()).any(|image| {
            image
                .strip_prefix(&repository)
                .is_some_and(|rest| rest.starts_with([':', '@']))
        })
    }

    /// Services that a commit that still runs has: some of them may have left the repository.
    pub(crate) fn once_there(
        &self,
        live: &BTreeMap<ModuleName, Live>,
        options: &change_detect::Options,
    ) -> BTreeSet<ModuleName> {
        let commits: BTreeSet<&CommitId> = live
            .values()
            .filter_map(|live| live.commit.as_ref())
            .collect();
        let mut modules: BTreeSet<ModuleName> = BTreeSet::new();
        for commit in commits {
            // A commit that cannot be read is the detection's to judge; here it only has nothing to add.
            let there = change_detect::services_at(self.checkout.source(), commit, options)
                .unwrap_or_default();
            modules.extend(
                there
                    .into_iter()
                    .filter(|module| module.kind == change_detect::ModuleKind::Service)
                    .map(|module| module.name),
            );
        }
        modules
    }
}
