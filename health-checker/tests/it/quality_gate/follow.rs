//! From the task to the verdict.

use health_checker::quality_gate::sim::{SimFault, SimSonar};
use health_checker::quality_gate::{
    FindingKind, GateEvent, GateOptions, GateRequest, GateStatus, GateVerdict, Level, Line, Policy,
    Task, TaskStatus,
};

use super::{analysis, check, check_with, green, kinds, name, red, report, seconds, server};

#[tokio::test(start_paused = true)]
async fn a_task_is_followed_to_its_end_and_the_gate_asked_by_the_analysis() {
    let sonar = server(green());
    let (report, events) = check(&sonar, &Policy::default().strict(true)).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
    assert_eq!(report.findings, []);
    assert_eq!(report.analysis, Some(name("A1")));
    assert_eq!(report.server_status.as_deref(), Some("OK"));
    assert_eq!(
        sonar.asked(),
        ["task T1", "task T1", "task T1", "gate of A1"]
    );
    let seen: Vec<TaskStatus> = events
        .iter()
        .filter_map(|event| match event {
            GateEvent::TaskSeen { status, .. } => Some(status.clone()),
            _ => None,
        })
        .collect();
    let expected = [
        TaskStatus::Pending,
        TaskStatus::InProgress,
        TaskStatus::Success,
    ];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_red_gate_fails() {
    let (report, events) = check(&server(red()), &Policy::default()).await;
    assert_eq!(report.verdict, GateVerdict::Failed);
    assert_eq!(
        report.reason().unwrap().message,
        "coverage is 79.95, must be >= 80"
    );
    let last = events.last().unwrap();
    assert!(
        matches!(
            last,
            GateEvent::GateJudged {
                verdict: GateVerdict::Failed,
                reason: Some(_),
                ..
            }
        ),
        "{last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_failed_or_was_canceled_fails_for_that_reason() {
    for (status, kind) in [
        (TaskStatus::Failed, FindingKind::TaskFailed),
        (TaskStatus::Canceled, FindingKind::TaskCanceled),
    ] {
        let sonar = SimSonar::new();
        let steps = [
            Task::new(TaskStatus::InProgress),
            Task::new(status).error("Unsupported file format"),
        ];
        sonar.add_task(name("T1"), steps);
        let (report, _) = check(&sonar, &Policy::default()).await;
        assert_eq!(report.verdict, GateVerdict::Failed);
        assert_eq!(kinds(&report), [kind]);
        let message = &report.findings[0].message;
        assert!(message.ends_with("Unsupported file format"), "{message}");
        assert_eq!(sonar.asked().len(), 2, "no gate was asked");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_state_or_no_analysis_is_no_pass() {
    let other = Task::new(TaskStatus::Other("PAUSED".to_owned()));
    let nameless = Task::new(TaskStatus::Success).project(name("shop:users"));
    for last in [other, nameless] {
        let sonar = SimSonar::new();
        sonar.add_task(name("T1"), [last]);
        let (report, _) = check(&sonar, &Policy::default()).await;
        assert_eq!(report.verdict, GateVerdict::Unknown);
        assert_eq!(kinds(&report), [FindingKind::NotTold]);
        assert!(!report.is_undecided());
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_end_is_given_up_at_the_deadline() {
    let sonar = SimSonar::new();
    sonar.add_task(name("T1"), [Task::new(TaskStatus::Pending)]);
    let start = tokio::time::Instant::now();
    let options = GateOptions::default().timeout(seconds(90));
    let request = GateRequest::new(report());
    let (report, _) = check_with(&sonar, &request, &Policy::default(), &options).await;
    assert_eq!(start.elapsed().as_secs(), 90);
    assert_eq!(report.verdict, GateVerdict::Unknown);
    assert!(report.is_undecided());
    assert_eq!(
        report.findings[0].message,
        "the task is still PENDING after 1 min 30 s"
    );
    // 1 s, 1.5 s, 2.25 s … and then every 10 s.
    assert_eq!(sonar.asked().len(), 13);
}

#[tokio::test(start_paused = true)]
async fn trouble_is_borne_within_the_budget() {
    let sonar = server(green());
    let faults = [502, 503, 504].map(SimFault::Unavailable);
    sonar.fail_next(faults);
    sonar.fail_next([SimFault::Reset, SimFault::RateLimited(seconds(7))]);
    let start = tokio::time::Instant::now();
    let (report, events) = check(&sonar, &Policy::default()).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
    let waits: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            GateEvent::Retrying { wait_ms, .. } => Some(*wait_ms),
            _ => None,
        })
        .collect();
    for (wait, least) in waits.iter().zip([500, 1000, 2000, 4000, 7000]) {
        assert!((least..least + 100).contains(wait), "{waits:?}");
    }
    assert_eq!(waits.len(), 5);
    assert!(start.elapsed() >= seconds(14));
}

#[tokio::test(start_paused = true)]
async fn trouble_beyond_the_budget_is_unknown_and_never_a_pass() {
    let sonar = server(green());
    sonar.fail_next(std::iter::repeat_n(SimFault::Unavailable(502), 100));
    let start = tokio::time::Instant::now();
    let (report, _) = check(&sonar, &Policy::default()).await;
    assert_eq!(report.verdict, GateVerdict::Unknown);
    assert_eq!(kinds(&report), [FindingKind::NotTold]);
    assert!(start.elapsed() <= seconds(60));
    let sonar = server(green());
    sonar.fail_next([SimFault::RateLimited(seconds(3600))]);
    let (report, _) = check(&sonar, &Policy::default()).await;
    assert_eq!(report.verdict, GateVerdict::Unknown, "an hour is too long");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_not_asked_again_and_come_with_a_remedy() {
    for (fault, word) in [
        (SimFault::Unauthorized, "expired"),
        (SimFault::Forbidden, "Browse"),
        (SimFault::Bare404, "Background Tasks"),
    ] {
        let sonar = server(green());
        sonar.fail_next([fault]);
        let (report, _) = check(&sonar, &Policy::default()).await;
        assert_eq!(report.verdict, GateVerdict::Unknown);
        let hint = report.findings[0].hint.as_deref().unwrap();
        assert!(hint.contains(word), "{hint}");
        assert_eq!(sonar.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_of_another_project_is_refused() {
    let sonar = SimSonar::new();
    sonar.add_success(&name("shop:tasks"), &name("T1"), analysis("A1"), green());
    let (report, _) = check(&sonar, &Policy::default()).await;
    assert_eq!(report.verdict, GateVerdict::Unknown);
    assert_eq!(kinds(&report), [FindingKind::WrongProject]);
}

#[tokio::test(start_paused = true)]
async fn the_analysed_commit_must_be_the_expected_one() {
    let expecting = |revision: &str| Policy::default().expect_revision(name(revision));
    let (report, _) = check(&server(green()), &expecting("9ab01cd")).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
    assert!(report.revision.unwrap().starts_with("9ab01cd"));

    let (report, _) = check(&server(green()), &expecting("9ab01ce")).await;
    assert_eq!(report.verdict, GateVerdict::Unknown);
    assert_eq!(kinds(&report), [FindingKind::WrongRevision]);

    // A red gate of another commit stays red: it is not known to be better than that.
    let (report, _) = check(&server(red()), &expecting("9ab01ce")).await;
    assert_eq!(report.verdict, GateVerdict::Failed);

    let sonar = SimSonar::new();
    let without = health_checker::quality_gate::Analysis::new(name("A1"), None);
    sonar.add_success(&name("shop:users"), &name("T1"), without, green());
    let (report, _) = check(&sonar, &expecting("9ab01cd")).await;
    assert_eq!(kinds(&report), [FindingKind::RevisionUnknown]);
    assert_eq!(report.verdict, GateVerdict::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_old_analysis_is_no_answer_for_a_new_build() {
    let now = "2024-05-17T10:00:00Z".parse().unwrap();
    let check_at = async |submitted: &str, policy: Policy| {
        let sonar = server(green());
        let task = Task::new(TaskStatus::Success)
            .analysis(name("A1"))
            .project(name("shop:users"))
            .submitted(submitted.parse().unwrap());
        sonar.add_task(name("T1"), [task]);
        let request = GateRequest::new(report()).now(now);
        let options = GateOptions::default();
        check_with(&sonar, &request, &policy, &options).await.0
    };
    for (submitted, verdict) in [
        ("2024-05-17T09:00:00Z", GateVerdict::Passed),
        ("2024-05-17T08:59:59Z", GateVerdict::Unknown),
        // The server's clock runs ahead.
        ("2024-05-17T10:03:00Z", GateVerdict::Passed),
    ] {
        let report = check_at(submitted, Policy::default()).await;
        assert_eq!(report.verdict, verdict, "{submitted}");
    }
    let report = check_at("2024-05-10T10:00:00Z", Policy::default()).await;
    assert_eq!(
        report.findings[0].message,
        "the analysis was handed in 7 d ago, more than 1 h"
    );
    let report = check_at("2024-05-10T10:00:00Z", Policy::default().max_age(None)).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_names_no_project_or_no_time_is_no_pass() {
    let now = "2024-05-17T10:00:00Z".parse().unwrap();
    let timeless = Task::new(TaskStatus::Success)
        .analysis(name("A1"))
        .project(name("shop:users"));
    let foreign = Task::new(TaskStatus::Success)
        .analysis(name("A1"))
        .submitted(now);
    for (task, kind) in [
        (timeless.clone(), FindingKind::NotTold),
        (foreign, FindingKind::WrongProject),
    ] {
        let sonar = server(green());
        sonar.add_task(name("T1"), [task]);
        let request = GateRequest::new(report()).now(now);
        let options = GateOptions::default();
        let (report, _) = check_with(&sonar, &request, &Policy::default(), &options).await;
        assert_eq!(report.verdict, GateVerdict::Unknown);
        assert_eq!(kinds(&report), [kind]);
    }
    let sonar = server(green());
    sonar.add_task(name("T1"), [timeless]);
    let request = GateRequest::new(report()).now(now);
    let any = Policy::default().max_age(None);
    let (report, _) = check_with(&sonar, &request, &any, &GateOptions::default()).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
}

#[tokio::test(start_paused = true)]
async fn warnings_of_the_server_are_shown_and_change_nothing() {
    let sonar = server(green());
    let task = Task::new(TaskStatus::Success)
        .analysis(name("A1"))
        .project(name("shop:users"))
        .warning("Missing blame information");
    sonar.add_task(name("T1"), [task]);
    let (report, _) = check(&sonar, &Policy::default().strict(true)).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
    assert_eq!(kinds(&report), [FindingKind::ServerWarning]);
}

#[tokio::test(start_paused = true)]
async fn a_branch_is_asked_as_a_branch() {
    let sonar = SimSonar::new();
    let line = Line::Branch("dev".to_owned());
    let task = Task::new(TaskStatus::Success)
        .analysis(name("A1"))
        .project(name("shop:users"))
        .line(line.clone());
    sonar.add_task(name("T1"), [task]);
    sonar.add_analysis(name("shop:users"), line.clone(), analysis("A1"), green());
    let policy = Policy::default().expect_revision(name("9ab01cd"));
    let (report, _) = check(&sonar, &policy).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
    assert_eq!(report.line, Some(line));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_passed_without_looking_fails_a_strict_check() {
    let missing = GateStatus::new(
        Level::Ok,
        vec![super::condition(Level::Ok, "coverage", "80")],
    );
    for (gate, kind) in [
        (missing, FindingKind::MissingMeasure),
        (
            green().with_ignored_conditions(),
            FindingKind::IgnoredConditions,
        ),
        (
            GateStatus::new(Level::Ok, vec![]),
            FindingKind::NoConditions,
        ),
    ] {
        let (report, _) = check(&server(gate.clone()), &Policy::default()).await;
        assert_eq!(report.verdict, GateVerdict::Passed);
        assert_eq!(kinds(&report), [kind], "it is shown all the same");
        let (report, _) = check(&server(gate), &Policy::default().strict(true)).await;
        assert_eq!(report.verdict, GateVerdict::Failed);
        assert_eq!(kinds(&report), [kind]);
    }
}
