//! Rules that are judged here.

use health_checker::quality_gate::sim::{SimFault, SimSonar};
use health_checker::quality_gate::{
    Analysis, AnalysisId, ConditionState, FindingKind, GateStatus, GateVerdict, Judge, Level, Line,
    Measure, MeasureSource, MetricKey, Mode, Policy, Preset, ProjectKey, Sonar, SonarError, Task,
    TaskId,
};

use super::{analysis, check, condition, green, kinds, name, server};

fn preset() -> Policy {
    Policy::default().preset(Preset::SkillTracker)
}

fn with_measures(sonar: &SimSonar, measures: &[(&str, &str)]) {
    let measures = measures
        .iter()
        .map(|(metric, value)| Measure::new(name(metric), *value))
        .collect();
    sonar.set_measures(name("shop:users"), Line::Main, measures);
}

const GOOD: [(&str, &str); 4] = [
    ("reliability_rating", "3.0"),
    ("vulnerabilities", "0"),
    ("sqale_debt_ratio", "4.9"),
    ("duplicated_lines_density", "2.9"),
];

#[tokio::test(start_paused = true)]
async fn what_the_gate_lacks_is_taken_from_the_project_and_says_so() {
    let sonar = server(green());
    with_measures(&sonar, &GOOD);
    let (report, _) = check(&sonar, &preset().strict(true)).await;
    assert_eq!(report.verdict, GateVerdict::Passed, "{report:#?}");
    assert_eq!(report.mode, Some(Mode::Classic));
    let sources: Vec<_> = report
        .conditions
        .iter()
        .map(|row| (row.judge, row.source.unwrap()))
        .collect();
    let mut expected = vec![
        (Judge::Server, MeasureSource::Gate),
        (Judge::Client, MeasureSource::Gate),
    ];
    expected.extend([(Judge::Client, MeasureSource::Project); 4]);
    assert_eq!(sources, expected);
    let asked = sonar.asked();
    assert_eq!(
        asked[4..],
        [
            "mode",
            "analyses of shop:users",
            "measures of shop:users",
            "analyses of shop:users"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn every_limit_of_the_preset_counts_at_the_limit() {
    for (metric, value, kept) in [
        ("coverage", "80.0", false),
        ("coverage", "80.1", true),
        ("reliability_rating", "4.0", false),
        ("vulnerabilities", "1", false),
        ("sqale_debt_ratio", "5.0", false),
        ("duplicated_lines_density", "3.0", false),
    ] {
        let sonar = server(GateStatus::new(
            Level::Ok,
            vec![condition(Level::Ok, "ncloc", "9999").actual("10")],
        ));
        let mut measures = vec![("coverage", "90")];
        measures.extend(GOOD);
        for known in &mut measures {
            if known.0 == metric {
                known.1 = value;
            }
        }
        with_measures(&sonar, &measures);
        let (report, _) = check(&sonar, &preset()).await;
        let expected = if kept {
            GateVerdict::Passed
        } else {
            GateVerdict::Failed
        };
        assert_eq!(report.verdict, expected, "{metric} {value}");
        if !kept {
            assert_eq!(kinds(&report), [FindingKind::RuleBroken]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_without_a_measure_is_broken_however_lenient_the_rest_is() {
    let sonar = server(green());
    with_measures(&sonar, &GOOD[1..]);
    let (report, _) = check(&sonar, &preset()).await;
    assert_eq!(report.verdict, GateVerdict::Failed);
    assert_eq!(kinds(&report), [FindingKind::MissingMeasure]);
    assert_eq!(report.conditions[2].state, ConditionState::Missing);
}

#[tokio::test(start_paused = true)]
async fn multi_quality_rule_mode_counts_by_the_twins() {
    let sonar = server(green());
    sonar.set_mode(Mode::MultiQualityRule);
    with_measures(
        &sonar,
        &[
            ("software_quality_reliability_rating", "1.0"),
            ("software_quality_security_issues", "2"),
            ("software_quality_maintainability_debt_ratio", "0.4"),
            ("duplicated_lines_density", "0.0"),
            // Left from before the server was switched over.
            ("vulnerabilities", "0"),
        ],
    );
    let (report, _) = check(&sonar, &preset()).await;
    assert_eq!(report.mode, Some(Mode::MultiQualityRule));
    assert_eq!(
        report.reason().unwrap().message,
        "no vulnerabilities: software_quality_security_issues is 2, must be <= 0"
    );
}

#[tokio::test(start_paused = true)]
async fn measures_of_a_later_analysis_are_not_taken_for_this_ones() {
    let sonar = server(green());
    with_measures(&sonar, &GOOD);
    sonar.add_analysis(name("shop:users"), Line::Main, analysis("A2"), green());
    let (report, _) = check(&sonar, &preset()).await;
    assert_eq!(report.verdict, GateVerdict::Unknown);
    assert_eq!(kinds(&report), [FindingKind::Overtaken]);
    assert_eq!(report.conditions[1].state, ConditionState::Passed);
    assert_eq!(report.conditions[2].state, ConditionState::Unknown);
    assert!(!sonar.asked().contains(&"measures of shop:users".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_red_gate_stays_red_when_the_rules_cannot_be_judged() {
    let refusing = Refusing(server(super::red()));
    let policy = Policy::default().rule(name("vulnerabilities <= 0"));
    let (report, _) = check(&refusing, &policy).await;
    assert_eq!(report.verdict, GateVerdict::Failed);
    let kinds = kinds(&report);
    assert_eq!(kinds, [FindingKind::ConditionFailed, FindingKind::NotTold]);
}

#[tokio::test(start_paused = true)]
async fn a_green_gate_is_unknown_when_the_rules_cannot_be_judged() {
    let refusing = Refusing(server(green()));
    let policy = Policy::default().rule(name("vulnerabilities <= 0"));
    let (report, _) = check(&refusing, &policy).await;
    assert_eq!(report.verdict, GateVerdict::Unknown, "{report:#?}");
    assert_eq!(kinds(&report), [FindingKind::NotTold]);
    assert_eq!(report.conditions[0].state, ConditionState::Passed);
    assert_eq!(report.conditions[1].state, ConditionState::Unknown);
}

/// A server whose token may see the gate and not the measures.
#[derive(Debug)]
struct Refusing(SimSonar);

#[async_trait::async_trait]
impl Sonar for Refusing {
    async fn task(&self, task: &TaskId) -> Result<Task, SonarError> {
        self.0.task(task).await
    }

    async fn gate_status(&self, analysis: &AnalysisId) -> Result<GateStatus, SonarError> {
        self.0.gate_status(analysis).await
    }

    async fn analyses(
        &self,
        project: &ProjectKey,
        line: &Line,
    ) -> Result<Vec<Analysis>, SonarError> {
        self.0.analyses(project, line).await
    }

    async fn measures(
        &self,
        project: &ProjectKey,
        line: &Line,
        metrics: &[MetricKey],
    ) -> Result<Vec<Measure>, SonarError> {
        self.0.fail_next([SimFault::Forbidden]);
        self.0.measures(project, line, metrics).await
    }

    async fn mode(&self) -> Result<Mode, SonarError> {
        self.0.mode().await
    }
}
