//! `health-checker quality-gate`, against a SonarQube on loopback.

mod ensure;
mod hostile;
mod input;
mod verdicts;

use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;

use health_checker::quality_gate::sim::SimSonar;
use health_checker::quality_gate::testing::SonarStub;
use health_checker::quality_gate::{
    Analysis, Comparator, Condition, GateStatus, Level, ProjectKey, TaskId,
};

use crate::run::{Ended, Place};

pub(crate) const REPORT: &str = "target/sonar/report-task.txt";

/// Names, which are all valid here.
pub(crate) fn name<N: FromStr<Err: std::fmt::Debug>>(text: &str) -> N {
    text.parse().unwrap()
}

/// A folder to run in, and a SonarQube to ask.
pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) stub: SonarStub,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self {
            place: Place::new(),
            stub: SonarStub::start(Arc::new(SimSonar::new()), "10.4.1.88267"),
        }
    }

    /// A site with one analysis of `users`, of which the gate says this.
    pub(crate) fn with(gate: GateStatus) -> Self {
        let site = Self::new();
        site.add("users", "", gate);
        site
    }

    /// Adds an analysis, and its report below a folder.
    pub(crate) fn add(&self, project: &str, folder: &str, gate: GateStatus) {
        let task = self.report(project, folder);
        let revision = Some("9ab01cd5e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6".to_owned());
        let analysis = Analysis::new(name(&format!("analysis-of-{project}")), revision);
        let sonar = self.stub.sonar();
        sonar.add_success(&name(project), &task, analysis, gate);
    }

    /// Writes the report of a project whose task is not on the server.
    pub(crate) fn report(&self, project: &str, folder: &str) -> TaskId {
        let task: TaskId = name(&format!("task-of-{project}"));
        let key: ProjectKey = name(project);
        self.write_report(folder, &self.stub.report(&key, &task));
        task
    }

    pub(crate) fn write_report(&self, folder: &str, text: &str) {
        let path = self.place.path().join(folder).join(REPORT);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(&["quality-gate"]);
        command
            .args(arguments)
            .env_remove("SONAR_HOST_URL")
            .env("SONAR_TOKEN", SonarStub::TOKEN);
        command
    }

    /// Runs with short waits.
    pub(crate) fn check(&self, arguments: &[&str]) -> Ended {
        let arguments = [&["--poll", "5ms"], arguments].concat();
        Ended::of(self.command(&arguments).output().unwrap())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }
}

pub(crate) fn coverage(level: Level, actual: &str) -> Condition {
    Condition::new(level, name("coverage"), Comparator::Less, "80").actual(actual)
}

pub(crate) fn green() -> GateStatus {
    GateStatus::new(Level::Ok, vec![coverage(Level::Ok, "91.3")])
}

pub(crate) fn red() -> GateStatus {
    GateStatus::new(Level::Error, vec![coverage(Level::Error, "79.95")])
}
