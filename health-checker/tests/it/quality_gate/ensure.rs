//! Making a gate what it should be.

use std::sync::Mutex;

use health_checker::quality_gate::sim::{SimFault, SimSonar};
use health_checker::quality_gate::{
    Change, Comparator, EnsureError, EnsureRequest, GateConditions, GateEvent, GateOptions, Mode,
    Preset, ServerCondition, ensure_gate, plan_gate,
};

use super::name;

fn request() -> EnsureRequest {
    EnsureRequest::new(name("Platform"), Preset::SkillTracker.rules())
}

async fn ensure(
    sonar: &SimSonar,
    request: &EnsureRequest,
) -> Result<health_checker::quality_gate::EnsureReport, EnsureError> {
    ensure_gate(sonar, request, &GateOptions::default(), &|_: GateEvent| {}).await
}

fn conditions(sonar: &SimSonar) -> Vec<String> {
    let conditions = sonar.conditions(&name("Platform")).unwrap();
    conditions.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn a_gate_is_made_once_and_then_left_alone() {
    let sonar = SimSonar::new();
    let report = ensure(&sonar, &request()).await.unwrap();
    assert_eq!(report.mode, Mode::Classic);
    assert_eq!(report.changes.len(), 6);
    assert_eq!(report.changes[0].to_string(), "create the gate `Platform`");
    assert_eq!(
        conditions(&sonar),
        [
            "new_violations GT 0",
            "coverage LT 80",
            "reliability_rating GT 3",
            "vulnerabilities GT 0",
            "sqale_debt_ratio GT 5",
            "duplicated_lines_density GT 3",
        ]
    );
    assert_eq!(report.extra.len(), 1, "the server's own condition stays");
    let again = ensure(&sonar, &request()).await.unwrap();
    assert_eq!(again.changes, []);
}

#[tokio::test(start_paused = true)]
async fn a_plan_changes_nothing() {
    let sonar = SimSonar::new();
    sonar.set_mode(Mode::MultiQualityRule);
    let request = request().project(name("shop:users"));
    let options = GateOptions::default();
    let report = plan_gate(&sonar, &request, &options, &|_: GateEvent| {})
        .await
        .unwrap();
    let changes: Vec<String> = report.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        changes,
        [
            "create the gate `Platform`",
            "add coverage LT 80",
            "add software_quality_reliability_rating GT 3",
            "add software_quality_security_issues GT 0",
            "add software_quality_maintainability_debt_ratio GT 5",
            "add duplicated_lines_density GT 3",
            "judge project `shop:users` by it, not by `Sonar way`",
        ]
    );
    assert_eq!(sonar.conditions(&name("Platform")), None);
}

#[tokio::test(start_paused = true)]
async fn drift_is_mended_and_a_limit_written_otherwise_is_none() {
    let sonar = SimSonar::new();
    let at = |id: &str, metric: &str, comparator, limit: &str| {
        (
            name(id),
            ServerCondition::new(name(metric), comparator, limit),
        )
    };
    sonar.set_gate(
        name("Platform"),
        GateConditions::new(vec![
            at("11", "coverage", Comparator::Less, "70"),
            at("12", "reliability_rating", Comparator::Greater, "3.0"),
            at("13", "vulnerabilities", Comparator::Less, "0"),
            at("14", "ncloc", Comparator::Greater, "9999"),
        ]),
    );
    let request = request().exact(true).project(name("shop:users"));
    let seen = Mutex::new(Vec::new());
    let observer = |event: GateEvent| {
        if let GateEvent::GateChanged { change, .. } = event {
            seen.lock().unwrap().push(change.to_string());
        }
    };
    let report = ensure_gate(&sonar, &request, &GateOptions::default(), &observer)
        .await
        .unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!(
        seen,
        [
            "change coverage LT 70 to coverage LT 80",
            "change vulnerabilities LT 0 to vulnerabilities GT 0",
            "add sqale_debt_ratio GT 5",
            "add duplicated_lines_density GT 3",
            "remove ncloc GT 9999",
            "judge project `shop:users` by it, not by `Sonar way`",
        ]
    );
    assert_eq!(report.changes.len(), seen.len());
    assert_eq!(conditions(&sonar).len(), 5);
    assert_eq!(ensure(&sonar, &request).await.unwrap().changes, []);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_change_twice() {
    // The mode, the gate, making it, the gate again, five conditions, the gate once more.
    for nth in 0..10 {
        for fault in [SimFault::LostAnswer, SimFault::Unavailable(502)] {
            let sonar = SimSonar::new();
            sonar.fail_after(nth, fault.clone());
            let report = ensure(&sonar, &request()).await.unwrap();
            assert_eq!(conditions(&sonar).len(), 6, "{fault:?} {nth}: {report:?}");
            let puts = sonar.asked();
            let puts = puts.iter().filter(|line| line.starts_with("put ")).count();
            let is_put_lost = fault != SimFault::LostAnswer && (4..9).contains(&nth);
            assert_eq!(puts, if is_put_lost { 6 } else { 5 }, "{fault:?} {nth}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_went_through_before_a_refusal_is_told() {
    let sonar = SimSonar::new();
    let refused = Mutex::new(false);
    // The second condition is refused.
    let observer = |event: GateEvent| {
        let is_coverage = matches!(
            &event,
            GateEvent::GateChanged { change: Change::AddCondition { condition }, .. }
                if condition.metric.as_str() == "coverage"
        );
        if is_coverage {
            *refused.lock().unwrap() = true;
            sonar.fail_next([SimFault::Forbidden]);
        }
    };
    let error = ensure_gate(&sonar, &request(), &GateOptions::default(), &observer)
        .await
        .unwrap_err();
    assert!(*refused.lock().unwrap());
    assert_eq!(error.applied().len(), 2, "the gate and its first condition");
    assert!(error.hint().unwrap().contains("permission"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_forgets_is_found_out() {
    let sonar = SimSonar::new();
    sonar.forget_conditions();
    let error = ensure(&sonar, &request()).await.unwrap_err();
    assert!(matches!(error, EnsureError::NotKept { .. }), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("still lacks `add coverage LT 80`")
    );
}

#[tokio::test(start_paused = true)]
async fn the_built_in_gate_contradicting_rules_and_no_rules_are_refused() {
    let sonar = SimSonar::new();
    let built_in = EnsureRequest::new(name("Sonar way"), Preset::SkillTracker.rules());
    let error = ensure(&sonar, &built_in).await.unwrap_err();
    assert!(matches!(error, EnsureError::BuiltIn { .. }), "{error}");

    let mut rules = Preset::SkillTracker.rules();
    rules.push(name("coverage > 85"));
    let conflict = EnsureRequest::new(name("Platform"), rules);
    let error = ensure(&sonar, &conflict).await.unwrap_err();
    assert!(matches!(error, EnsureError::Conflict { .. }), "{error}");

    let none = EnsureRequest::new(name("Platform"), vec![]);
    let error = ensure(&sonar, &none).await.unwrap_err();
    assert!(matches!(error, EnsureError::NoRules { .. }), "{error}");
    let asked = sonar.asked();
    assert!(
        !asked.iter().any(|line| line.starts_with("put ")),
        "{asked:?}"
    );
}
