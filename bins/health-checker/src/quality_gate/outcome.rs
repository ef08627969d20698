//! What became of all gates, for other programs and as an exit code.

use std::path::Path;

use health_checker::quality_gate::{GateReport, GateVerdict};
use serde::Serialize;
use windlass_cli::Exit;

/// The document on stdout.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    schema: u32,
    pub(super) verdict: GateVerdict,
    pub(super) services: Vec<Service>,
}

/// What became of one gate.
#[derive(Debug, Serialize)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) report: String,
    #[serde(flatten)]
    pub(super) gate: GateReport,
}

impl Service {
    pub(super) fn new(name: &str, path: &Path, gate: GateReport) -> Self {
        Self {
            name: name.to_owned(),
            report: path.display().to_string(),
            gate,
        }
    }
}

impl Document {
    pub(super) fn new(services: Vec<Service>) -> Self {
        let verdicts = services.iter().map(|service| service.gate.verdict);
        Self {
            schema: 1,
            // There is at least one service; if ever there were none, nothing would be known.
            verdict: verdicts.max().unwrap_or(GateVerdict::Unknown),
            services,
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self.verdict {
            GateVerdict::Passed => Exit::Done,
            GateVerdict::Failed => Exit::Negative,
            _ if self.all_decided_but_for_time() => Exit::TimedOut,
            _ => Exit::Unreachable,
        }
    }

    fn all_decided_but_for_time(&self) -> bool {
        let mut unknown = self
            .services
            .iter()
            .filter(|service| service.gate.verdict == GateVerdict::Unknown)
            .peekable();
        unknown.peek().is_some() && unknown.all(|service| service.gate.is_undecided())
    }

    /// Outputs of a step of GitHub Actions.
    pub(super) fn outputs(&self, exit: Exit) -> Vec<(&'static str, String)> {
        let names = |verdict: GateVerdict| {
            let names: Vec<&str> = self
                .services
                .iter()
                .filter(|service| service.gate.verdict == verdict)
                .map(|service| service.name.as_str())
                .collect();
            serde_json::to_string(&names).expect("names are strings")
        };
        vec![
            ("verdict", self.verdict.to_string()),
            ("passed", names(GateVerdict::Passed)),
            ("failed", names(GateVerdict::Failed)),
            ("unknown", names(GateVerdict::Unknown)),
            ("exit_code", exit.code().to_string()),
        ]
    }
}
