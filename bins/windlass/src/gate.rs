//! The quality gate of a run: after the build and before anything is pushed.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::stream::{self, StreamExt};
use health_checker::quality_gate::{
    GateOptions, GateReport, GateRequest, GateVerdict, InvalidReportTask, Policy, ReportTask, Rule,
    ServerUrl, SonarError, SonarHttp, Token, check_gate,
};
use windlass_cli::{Exit, Failure};

use crate::config::Gate;
use crate::event::Event;
use crate::pipeline::Pipeline;
use crate::plan::PlannedService;

/// How many analyses are asked for at once.
const MAX_PARALLEL: usize = 4;

/// A report is a few lines; what is longer is another file.
const REPORT_CAP: u64 = 64 * 1024;

/// What the configuration says of a gate, read.
#[derive(Debug)]
pub(crate) struct Rules {
    policy: Policy,
    options: GateOptions,
    server: Option<ServerUrl>,
    token: Option<Token>,
}

impl Rules {
    /// Reads the section; the token comes from the variable that it names.
    pub(crate) fn read(gate: &Gate) -> Result<Self, Failure> {
        let mut policy = Policy::default().strict(gate.strict);
        for text in &gate.rules {
            let rule: Rule =
                text.parse()
                    .map_err(|error: health_checker::quality_gate::InvalidRule| {
                        Failure::usage(format!("gate.rules has `{text}`, which is no rule"))
                            .caused_by(&error)
                            .hint(
                                "write it as METRIC OPERATOR NUMBER, for example \"coverage > 80\"",
                            )
                    })?;
            policy = policy.rule(rule);
        }
        let mut options = GateOptions::default();
        if let Some(timeout) = gate.timeout {
            options = options.timeout(timeout);
        }
        let server = gate.server.as_deref().map(str::parse).transpose().map_err(
            |error: health_checker::quality_gate::InvalidServerUrl| {
                Failure::usage("gate.server is no address of a server")
                    .caused_by(&error)
                    .hint("write it as https://sonar.example.com, without a token in it")
            },
        )?;
        Ok(Self {
            policy,
            options,
            server,
            token: token(gate)?,
        })
    }

    /// A client for the server of a report. The token goes to no server but the configured one, if one is configured.
    fn connect(&self, report: &ReportTask) -> Result<SonarHttp, Failure> {
        if let Some(server) = &self.server
            && !server.is_same(&report.server)
        {
            return Err(Failure::usage(format!(
                "the report of `{}` names the server {}, and gate.server is {server}",
                report.project, report.server
            ))
            .hint("let the scanner report to the configured server, or change gate.server"));
        }
        SonarHttp::new(report.server.clone(), self.token.clone())
            .map(|sonar| sonar.version(report.version))
            .map_err(|error: SonarError| {
                Failure::from_error(Exit::Usage, &error).hint(error.hint())
            })
    }
}

fn token(gate: &Gate) -> Result<Option<Token>, Failure> {
    let Some(variable) = &gate.token_env else {
        return Ok(None);
    };
    let missing = || {
        Failure::usage(format!("the variable `{variable}` holds no token")).hint(
            "gate.token-env says that it holds a token of SonarQube; set it, or remove the key",
        )
    };
    let value = std::env::var(variable).map_err(|_| missing())?;
    // The error says only what is wrong with it, never what it is.
    value
        .trim()
        .parse()
        .map(Some)
        .map_err(|error: health_checker::quality_gate::InvalidToken| missing().caused_by(&error))
}

impl Pipeline<'_> {
    /// Asks for the gate of every analysis that the build has left behind. One that did not pass ends the run.
    pub(crate) async fn pass_gate(
        &self,
        rules: &Rules,
        gate: &Gate,
        services: &[PlannedService],
    ) -> Result<(), Failure> {
        let places: BTreeSet<String> = services
            .iter()
            .map(|service| {
                let path = service.path.to_string();
                gate.report.fill(&[
                    ("module", path.as_str()),
                    ("service", service.module.as_str()),
                    ("path", path.as_str()),
                ])
            })
            .collect();
        let mut analyses = Vec::new();
        for place in places {
            let report = read(self.checkout.root(), &place)?;
            let sonar = rules.connect(&report)?;
            analyses.push((report, sonar));
        }
        let policy = rules
            .policy
            .clone()
            .expect_revision(crate::rollout::revision(&self.checkout.head().id));
        let checks = analyses.into_iter().map(|(report, sonar)| {
            let policy = &policy;
            async move { self.check_one(report, &sonar, policy, &rules.options).await }
        });
        let reports: Vec<GateReport> = stream::iter(checks).buffered(MAX_PARALLEL).collect().await;
        self.ledger
            .note(|entries| entries.gates.clone_from(&reports));
        verdict(&reports)
    }

    async fn check_one(
        &self,
        report: ReportTask,
        sonar: &SonarHttp,
        policy: &Policy,
        options: &GateOptions,
    ) -> GateReport {
        let project = report.project.to_string();
        self.listeners.tell(&Event::GateChecking {
            project: project.clone(),
        });
        let request = GateRequest::new(report);
        let report = check_gate(sonar, &request, policy, options, &|_| {}).await;
        self.listeners.tell(&Event::GateChecked {
            project,
            verdict: report.verdict.to_string(),
            reason: report.reason().map(|finding| finding.message.clone()),
        });
        report
    }
}

fn read(root: &Path, place: &str) -> Result<ReportTask, Failure> {
    let path = root.join(place);
    let unreadable = |error: &(dyn std::error::Error + 'static)| {
        Failure::usage(format!("there is no report of an analysis in `{}`", path.display()))
            .caused_by(error)
            .hint("gate.report names the report-task.txt that the scanner leaves behind: run it in build.command")
    };
    let length = std::fs::metadata(&path)
        .map_err(|error| unreadable(&error))?
        .len();
    if length > REPORT_CAP {
        return Err(
            Failure::usage(format!("`{}` is too long for a report", path.display()))
                .hint("gate.report names the report-task.txt that the scanner leaves behind"),
        );
    }
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
    text.parse().map_err(|error: InvalidReportTask| {
        Failure::usage(format!("`{}` cannot be read", path.display()))
            .caused_by(&error)
            .hint(error.hint())
    })
}

/// What could not be told is no pass, and outranks nothing that is known to have failed.
fn verdict(reports: &[GateReport]) -> Result<(), Failure> {
    let bad: Vec<&GateReport> = reports
        .iter()
        .filter(|report| report.verdict != GateVerdict::Passed)
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    let failed = bad
        .iter()
        .any(|report| report.verdict == GateVerdict::Failed);
    let lines: Vec<String> = bad
        .iter()
        .map(|report| {
            let why = report
                .reason()
                .map_or("it did not say why", |finding| &finding.message);
            format!("`{}`: {why}", report.project)
        })
        .collect();
    let (exit, what) = if failed {
        (Exit::Negative, "the quality gate is red")
    } else {
        (
            Exit::Unreachable,
            "whether the quality gate is green cannot be told",
        )
    };
    let hint = bad
        .iter()
        .filter_map(|report| report.reason())
        .find_map(|finding| finding.hint.clone())
        .or_else(|| {
            bad.iter()
                .find_map(|report| report.dashboard.as_ref().map(ToString::to_string))
        });
    Err(Failure::new(exit, format!("{what}: {}", lines.join("; "))).hint(hint))
}
