//! What a check amounts to, for other programs and as an exit code.

use health_checker::deployment::{DeploymentReport, DeploymentVerdict};
use health_checker::{Report, TargetReport, Verdict};
use serde::Serialize;
use windlass_cli::Exit;

/// The document on stdout.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    /// The worst of all; `null` if nothing was to be checked.
    pub(super) verdict: Option<Verdict>,
    /// What was seen of the deployment, if one was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deployment: Option<&'a DeploymentReport>,
    pub(super) targets: &'a [TargetReport],
}

impl<'a> Document<'a> {
    pub(super) fn new(deployment: Option<&'a DeploymentReport>, report: &'a Report) -> Self {
        let of_deployment = deployment.map(|report| match report.verdict {
            DeploymentVerdict::Serving => Verdict::Healthy,
            DeploymentVerdict::NotServing
            | DeploymentVerdict::Failed
            | DeploymentVerdict::Superseded => Verdict::Unhealthy,
            _ => Verdict::Inconclusive,
        });
        Self {
            verdict: report.verdict().max(of_deployment),
            deployment,
            targets: &report.targets,
        }
    }

    pub(super) fn exit(&self) -> Exit {
        // A deployment that does not serve says more than the answers of whatever serves in its place.
        match self.deployment.map(|deployment| deployment.verdict) {
            None | Some(DeploymentVerdict::Serving) => self.exit_of_targets(),
            Some(DeploymentVerdict::NotServing | DeploymentVerdict::Failed) => Exit::Negative,
            Some(DeploymentVerdict::Superseded) => Exit::Superseded,
            Some(DeploymentVerdict::NotFound) => Exit::Usage,
            // What is known to be bad weighs more than what could not be told.
            Some(_) if self.is_any_bad() => Exit::Negative,
            Some(DeploymentVerdict::TimedOut) => Exit::TimedOut,
            Some(_) => Exit::Unreachable,
        }
    }

    fn is_any_bad(&self) -> bool {
        let mut verdicts = self.targets.iter().map(|target| target.verdict);
        verdicts.any(|verdict| !matches!(verdict, Verdict::Healthy | Verdict::Inconclusive))
    }

    fn exit_of_targets(&self) -> Exit {
        match self.verdict {
            None | Some(Verdict::Healthy) => Exit::Done,
            Some(Verdict::Inconclusive) => {
                let mut undecided = self
                    .targets
                    .iter()
                    .filter(|target| target.verdict == Verdict::Inconclusive);
                match undecided.all(TargetReport::ran_out) {
                    true => Exit::TimedOut,
                    false => Exit::Unreachable,
                }
            }
            Some(_) => Exit::Negative,
        }
    }

    /// Outputs of a step of GitHub Actions.
    pub(super) fn outputs(&self) -> Vec<(&'static str, String)> {
        let names = |wanted: &dyn Fn(Verdict) -> bool| {
            let names: Vec<&str> = self
                .targets
                .iter()
                .filter(|target| wanted(target.verdict))
                .map(|target| target.name.as_str())
                .collect();
            serde_json::Value::from(names).to_string()
        };
        vec![
            (
                "verdict",
                self.verdict.map_or("none", Verdict::as_str).to_owned(),
            ),
            ("healthy", names(&|verdict| verdict == Verdict::Healthy)),
            ("not_healthy", names(&|verdict| verdict != Verdict::Healthy)),
            (
                "deployment",
                self.deployment
                    .and_then(|deployment| deployment.deployment.clone())
                    .unwrap_or_default(),
            ),
            ("count", self.targets.len().to_string()),
            ("exit_code", self.exit().code().to_string()),
        ]
    }
}
