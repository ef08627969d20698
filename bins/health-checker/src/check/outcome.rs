//! What a check amounts to, for other programs and as an exit code.

use health_checker::{Report, TargetReport, Verdict};
use serde::Serialize;
use windlass_cli::Exit;

/// The document on stdout.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    /// The worst of all; `null` if nothing was to be checked.
    pub(super) verdict: Option<Verdict>,
    pub(super) targets: &'a [TargetReport],
}

impl<'a> Document<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        Self {
            verdict: report.verdict(),
            targets: &report.targets,
        }
    }

    pub(super) fn exit(&self) -> Exit {
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
            ("count", self.targets.len().to_string()),
            ("exit_code", self.exit().code().to_string()),
        ]
    }
}
