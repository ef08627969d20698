//! `windlass rollback`: an earlier revision of a service, brought back because somebody asks for it.

use change_detect::CommitId;
use ecs_deployer::{ImageRef, RollbackRequest, TaskDefinitionArn};
use futures_util::stream::{self, StreamExt};
use windlass_cli::Failure;

use crate::failures;
use crate::names;
use crate::outcome::ServiceRun;
use crate::pipeline::Pipeline;
use crate::plan::PlannedService;
use crate::rollout::{GoBack, RolledOut};

/// A service that is to go back, and where to.
#[derive(Debug, Clone)]
pub(crate) struct WayBack {
    pub(crate) plan: PlannedService,
    /// The revision.
    pub(crate) to: TaskDefinitionArn,
    /// What it runs.
    pub(crate) image: Option<ImageRef>,
}

impl WayBack {
    /// The commit of the revision, when its image's tag tells.
    pub(crate) fn commit(&self) -> Option<CommitId> {
        self.image.as_ref().and_then(names::commit_of)
    }
}

impl Pipeline<'_> {
    /// Finds the services that are to go back, and for each the revision. Nothing is touched, and one that cannot go back is an
    /// error.
    pub(crate) async fn find_way_back(
        &self,
        services: &[String],
        to: Option<&str>,
    ) -> Result<Vec<WayBack>, Failure> {
        if to.is_some() && services.len() > 1 {
            return Err(Failure::usage(
                "--to names one revision, and several services are to go back",
            )
            .hint("roll them back one by one, or leave --to away"));
        }
        let modules = self.wanted(services)?;
        let keys: Vec<_> = modules.iter().map(|module| module.name.clone()).collect();
        let live = self.live(&keys).await?;
        let why = match to {
            Some(to) => format!("asked to go back to {to}"),
            None => "asked to go back".to_owned(),
        };
        let environment = self.names.environment();
        let mut ways = Vec::new();
        for plan in self.planned(&modules, &live, &[], &why)? {
            if !live.contains_key(&plan.module) {
                return Err(Failure::usage(format!(
                    "`{}` was never deployed to `{environment}`",
                    plan.module
                ))
                .hint(format!(
                    "`windlass status --environment {environment}` shows what was"
                )));
            }
            let mut request = self.way_back_request(&plan);
            if let Some(to) = to {
                request = request.to(self.revision(&plan, to).await?);
            }
            let way = ecs_deployer::way_back(&*self.adapters.plane, &request)
                .await
                .map_err(|error| failures::deploy(&error))?;
            ways.push(WayBack {
                plan,
                to: way.task_definition,
                image: way.image,
            });
        }
        Ok(ways)
    }

    fn way_back_request(&self, plan: &PlannedService) -> RollbackRequest {
        RollbackRequest::new(self.names.cluster().clone(), plan.service.clone())
    }

    /// The revision that a number, `family:number` or an ARN names.
    async fn revision(
        &self,
        plan: &PlannedService,
        to: &str,
    ) -> Result<TaskDefinitionArn, Failure> {
        let text = match to.parse::<u32>().ok() {
            Some(number) => {
                let states = self
                    .adapters
                    .plane
                    .describe_services(self.names.cluster(), std::slice::from_ref(&plan.service))
                    .await
                    .map_err(|error| failures::deploy(&error))?;
                let family = states.first().map_or_else(String::new, |state| {
                    state.task_definition.family().to_owned()
                });
                format!("{family}:{number}")
            }
            None => to.to_owned(),
        };
        text.parse().map_err(|error: ecs_deployer::InvalidName| {
            Failure::usage(format!("`{to}` is no revision"))
                .caused_by(&error)
                .hint("write its number, or FAMILY:NUMBER, or the ARN of the task definition")
        })
    }

    /// Brings the revisions back, all services at once within the configured number.
    pub(crate) async fn go_back(&self, ways: &[WayBack]) {
        stream::iter(ways.iter().map(|way| self.go_back_one(way)))
            .buffer_unordered(self.config.deploy.max_parallel)
            .collect::<Vec<()>>()
            .await;
    }

    async fn go_back_one(&self, way: &WayBack) {
        let rolled = match self.bring_back(way).await {
            Ok(rolled) => rolled,
            Err(failure) => self.broken_off(&way.plan, &failure),
        };
        let image = rolled
            .deployment
            .as_ref()
            .and_then(|outcome| outcome.image.clone());
        self.ledger.ended(ServiceRun {
            plan: way.plan.clone(),
            commit: image.as_ref().and_then(names::commit_of),
            verdict: rolled.verdict,
            reason: rolled.reason,
            image: image.map(|image| image.to_string()),
            push: None,
            deployment: rolled.deployment,
            rollback: rolled.rollback,
            health: rolled.health,
            seconds: rolled.seconds,
        });
    }

    async fn bring_back(&self, way: &WayBack) -> Result<RolledOut, Failure> {
        let plan = &way.plan;
        self.adapters.site.settle_service(&plan.service).await;
        let target = self.adapters.site.target(
            &plan.module,
            &plan.service,
            self.names.health(&plan.module)?,
        )?;
        let request = self.way_back_request(plan).to(way.to.clone());
        Ok(self
            .rollouts()
            .go_back(&GoBack {
                module: plan.module.as_str(),
                request,
                target,
            })
            .await)
    }
}
