//! From a scanner's report to a verdict.

use tokio::time::Instant;

use super::answer::{GateStatus, Line, Mode, Task, TaskStatus};
use super::event::{GateEvent, GateObserver};
use super::judge::{self, Judgement, Measures};
use super::name::AnalysisId;
use super::patience::{Impatience, Patience};
use super::report::{Finding, FindingKind, GateReport, GateVerdict, Gravity};
use super::request::{GateOptions, GateRequest, Policy};
use super::sonar::Sonar;
use super::words;
use crate::revision::Revision;
use crate::text;

/// Follows the task of a report to its end and judges the analysis that came of it.
///
/// The gate is asked by the analysis, never by the project: the project's gate may be that of another analysis by now.
/// A rule whose measure the gate does not have is judged on the project's present measures, and only if this analysis is
/// the project's latest before and after they were read.
///
/// It does not fail: what could not be told is [`GateVerdict::Unknown`] with a finding that says why. Retries live here
/// and nowhere beneath. Dropping the future leaves nothing behind.
pub async fn check_gate(
    sonar: &dyn Sonar,
    request: &GateRequest,
    policy: &Policy,
    options: &GateOptions,
    observer: &dyn GateObserver,
) -> GateReport {
    let start = Instant::now();
    let report = &request.report;
    let course = Course {
        sonar,
        request,
        policy,
        options,
        observer,
        patience: Patience::new(
            report.project.as_str(),
            options.timeout,
            options.since,
            options.retry_budget,
            observer,
        ),
    };
    let mut found = GateReport {
        project: report.project.clone(),
        server: report.server.clone(),
        task: report.task.clone(),
        analysis: None,
        line: None,
        revision: None,
        dashboard: report.dashboard.clone(),
        server_status: None,
        mode: None,
        verdict: GateVerdict::Unknown,
        findings: Vec::new(),
        conditions: Vec::new(),
        seconds: 0.0,
    };
    if let Err(stop) = course.run(&mut found).await {
        found.findings.push(*stop);
    }
    found.findings.sort_by_key(|finding| finding.gravity);
    found.verdict = judge::verdict(&found.findings);
    found.seconds = start.elapsed().as_secs_f64();
    observer.observe(GateEvent::GateJudged {
        project: found.project.clone(),
        verdict: found.verdict,
        reason: found.reason().map(|finding| finding.message.clone()),
    });
    found
}

struct Course<'a> {
    sonar: &'a dyn Sonar,
    request: &'a GateRequest,
    policy: &'a Policy,
    options: &'a GateOptions,
    observer: &'a dyn GateObserver,
    patience: Patience<'a>,
}

/// What ends a check early.
type Stop = Box<Finding>;

impl Course<'_> {
    async fn run(&self, found: &mut GateReport) -> Result<(), Stop> {
        let task = self.follow().await?;
        for warning in &task.warnings {
            let message = format!("the server warns: {warning}");
            found.findings.push(Finding::new(
                Gravity::Warning,
                FindingKind::ServerWarning,
                message,
            ));
        }
        found.line = Some(task.line.clone());
        let analysis = self.accept(&task)?;
        found.analysis = Some(analysis.clone());

        let gate = self
            .patience
            .ask(|| self.sonar.gate_status(&analysis))
            .await
            .map_err(|impatience| self.stop(impatience, "for the gate's status"))?;
        found.server_status = Some(gate.level.to_string());
        if let Some(expected) = &self.policy.revision {
            found.revision = self.revision(&task.line, &analysis).await?;
            found
                .findings
                .extend(revision_finding(expected, found.revision.as_deref()));
        }
        let mode = self.mode().await;
        let (mode, trouble) = match mode {
            Ok(mode) => (mode, None),
            Err(stop) => (None, Some(*stop)),
        };
        found.mode = mode;
        let mut measures = match (&trouble, mode) {
            (None, Some(mode)) => self.measures(&gate, mode, &task.line, &analysis).await,
            _ => Ok(Measures::Unknown),
        };
        // What the server said stands, whatever else could not be told.
        found.findings.extend(trouble);
        if let Err(stop) = measures {
            found.findings.push(*stop);
            measures = Ok(Measures::Unknown);
        }
        let measures = measures.unwrap_or_default();
        let judgement = Judgement::of(self.policy, &gate, mode.unwrap_or(Mode::Classic), &measures);
        found.conditions = judgement.rows;
        found.findings.extend(judgement.findings);
        Ok(())
    }

    /// Looks at the task until it has ended.
    async fn follow(&self) -> Result<Task, Stop> {
        let report = &self.request.report;
        let mut seen: Option<TaskStatus> = None;
        let mut wait = self.options.poll;
        loop {
            let asked = self.patience.ask(|| self.sonar.task(&report.task)).await;
            let task = asked.map_err(|impatience| self.late(impatience, seen.as_ref()))?;
            if seen.as_ref() != Some(&task.status) {
                self.observer.observe(GateEvent::TaskSeen {
                    project: report.project.clone(),
                    task: report.task.clone(),
                    status: task.status.clone(),
                });
                seen = Some(task.status.clone());
            }
            if !matches!(task.status, TaskStatus::Pending | TaskStatus::InProgress) {
                return Ok(task);
            }
            let rested = self.patience.rest(wait).await;
            rested.map_err(|impatience| self.late(impatience, seen.as_ref()))?;
            wait = (wait * 3 / 2).min(self.options.poll.saturating_mul(10));
        }
    }

    /// The analysis of a task that ended well and is the one that was meant.
    fn accept(&self, task: &Task) -> Result<AnalysisId, Stop> {
        let report = &self.request.report;
        if let Some(project) = &task.project
            && *project != report.project
        {
            let message = format!(
                "task `{}` is of project `{project}`, the report says `{}`",
                report.task, report.project
            );
            let hint = "the report was put together by hand or changed; run the scanner again";
            return Err(stop(
                Gravity::Unknown,
                FindingKind::WrongProject,
                message,
                hint,
            ));
        }
        if task.project.is_none() && task.status == TaskStatus::Success {
            let message = format!(
                "the server does not say which project task `{}` is of, the report says `{}`",
                report.task, report.project
            );
            let hint =
                "see what answers at that address: a proxy, or another program than SonarQube";
            return Err(stop(
                Gravity::Unknown,
                FindingKind::WrongProject,
                message,
                hint,
            ));
        }
        let error = task.error.as_deref();
        match &task.status {
            TaskStatus::Success => {}
            TaskStatus::Failed => {
                let message = format!(
                    "the server failed to work the analysis up: {}",
                    error.unwrap_or("it does not say why")
                );
                let hint = "see Administration > Background Tasks on the server";
                return Err(stop(
                    Gravity::Failure,
                    FindingKind::TaskFailed,
                    message,
                    hint,
                ));
            }
            TaskStatus::Canceled => {
                let because = error.map_or_else(String::new, |error| format!(": {error}"));
                let message = format!("the analysis was canceled on the server{because}");
                let hint = "run the scanner again";
                return Err(stop(
                    Gravity::Failure,
                    FindingKind::TaskCanceled,
                    message,
                    hint,
                ));
            }
            other => {
                let message =
                    format!("the server says `{other}` of the task, which is no known state");
                let hint = "a later version of this tool may know it";
                return Err(stop(Gravity::Unknown, FindingKind::NotTold, message, hint));
            }
        }
        if let (Some(limit), Some(now)) = (self.policy.max_age, self.request.now) {
            let Some(age) = task.age(now) else {
                let message = format!(
                    "the server does not say in a form that can be read when the analysis was handed in, at most {} ago is \
                     expected",
                    words::rough(limit)
                );
                let hint =
                    "allow any age, if another check makes sure that the analysis is of this build";
                return Err(stop(Gravity::Unknown, FindingKind::NotTold, message, hint));
            };
            if age > limit {
                let message = format!(
                    "the analysis was handed in {} ago, more than {}",
                    words::rough(age),
                    words::rough(limit)
                );
                let hint = "run the scanner for this build, or allow a greater age";
                return Err(stop(Gravity::Unknown, FindingKind::TooOld, message, hint));
            }
        }
        task.analysis.clone().ok_or_else(|| {
            let message = "the task succeeded, but the server names no analysis";
            let hint = "the analysis may have been deleted; run the scanner again";
            stop(Gravity::Unknown, FindingKind::NotTold, message, hint)
        })
    }

    async fn revision(&self, line: &Line, analysis: &AnalysisId) -> Result<Option<String>, Stop> {
        let project = &self.request.report.project;
        let analyses = self
            .patience
            .ask(|| self.sonar.analyses(project, line))
            .await
            .map_err(|impatience| self.stop(impatience, "for the analysed commit"))?;
        let ours = analyses.into_iter().find(|one| one.id == *analysis);
        Ok(ours.and_then(|ours| ours.revision))
    }

    async fn mode(&self) -> Result<Option<Mode>, Stop> {
        if self.policy.rules.is_empty() {
            return Ok(None);
        }
        self.patience
            .ask(|| self.sonar.mode())
            .await
            .map(Some)
            .map_err(|impatience| self.stop(impatience, "for the server's mode"))
    }

    /// The project's present measures, if they are needed and are this analysis's.
    async fn measures(
        &self,
        gate: &GateStatus,
        mode: Mode,
        line: &Line,
        analysis: &AnalysisId,
    ) -> Result<Measures, Stop> {
        let metrics = judge::lacking(self.policy, gate, mode);
        if metrics.is_empty() {
            return Ok(Measures::Known(Vec::new()));
        }
        let project = &self.request.report.project;
        self.is_latest(line, analysis).await?;
        let measures = self
            .patience
            .ask(|| self.sonar.measures(project, line, &metrics))
            .await
            .map_err(|impatience| self.stop(impatience, "for the project's measures"))?;
        self.is_latest(line, analysis).await?;
        Ok(Measures::Known(measures))
    }

    async fn is_latest(&self, line: &Line, analysis: &AnalysisId) -> Result<(), Stop> {
        let project = &self.request.report.project;
        let analyses = self
            .patience
            .ask(|| self.sonar.analyses(project, line))
            .await
            .map_err(|impatience| self.stop(impatience, "for the latest analysis"))?;
        match analyses.first() {
            Some(latest) if latest.id == *analysis => Ok(()),
            _ => {
                let message = "another analysis of the project is the latest by now, so its present measures are not \
                               those of this one";
                let hint = "put the rules' conditions into the server's gate (`quality-gate ensure`), which keeps their \
                            measures with each analysis, or run the scanner again";
                Err(stop(
                    Gravity::Unknown,
                    FindingKind::Overtaken,
                    message,
                    hint,
                ))
            }
        }
    }

    fn late(&self, impatience: Impatience, seen: Option<&TaskStatus>) -> Stop {
        match (impatience, seen) {
            (Impatience::Deadline, Some(status)) => {
                let message = format!(
                    "the task is still {status} after {}",
                    words::rough(self.options.timeout)
                );
                let hint = "allow more time, or see why the server is behind: Administration > Background Tasks";
                stop(Gravity::Unknown, FindingKind::TimedOut, message, hint)
            }
            (impatience, _) => self.stop(impatience, "for the task"),
        }
    }

    fn stop(&self, impatience: Impatience, about: &str) -> Stop {
        match impatience {
            Impatience::Deadline => {
                let message = format!(
                    "the server was asked {about} and the time of {} was up",
                    words::rough(self.options.timeout)
                );
                let hint = "allow more time, or see whether the server answers at all";
                stop(Gravity::Unknown, FindingKind::TimedOut, message, hint)
            }
            Impatience::Told(error) => {
                let finding =
                    Finding::new(Gravity::Unknown, FindingKind::NotTold, text::chain(&error));
                Box::new(finding.hint(error.hint()))
            }
        }
    }
}

fn stop(gravity: Gravity, kind: FindingKind, message: impl Into<String>, hint: &str) -> Stop {
    Box::new(Finding::new(gravity, kind, message).hint(hint.to_owned()))
}

fn revision_finding(expected: &Revision, told: Option<&str>) -> Option<Finding> {
    let Some(told) = told else {
        let message =
            format!("the server does not know which commit was analysed, {expected} is expected");
        let hint =
            "run the scanner in a checkout with its .git folder, or set `sonar.scm.revision`";
        return Some(*stop(
            Gravity::Unknown,
            FindingKind::RevisionUnknown,
            message,
            hint,
        ));
    };
    let is_same = told
        .parse::<Revision>()
        .is_ok_and(|told| told.matches(expected));
    (!is_same).then(|| {
        let message = format!("commit {told} was analysed, {expected} is expected");
        let hint =
            "run the scanner for the expected commit; the report may be left from another build";
        *stop(Gravity::Unknown, FindingKind::WrongRevision, message, hint)
    })
}
