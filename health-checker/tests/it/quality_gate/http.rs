//! The server over HTTP, on raw loopback sockets.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use health_checker::quality_gate::sim::SimSonar;
use health_checker::quality_gate::testing::{SonarStub, StubFault};
use health_checker::quality_gate::{
    EnsureRequest, FindingKind, GateEvent, GateOptions, GateReport, GateRequest, GateStatus,
    GateVerdict, Level, Line, Measure, Mode, Policy, Preset, ReportTask, Sonar, SonarError,
    SonarHttp, Task, TaskStatus, Token, ensure_gate,
};

use super::{analysis, check_with, condition, green, kinds, name, red};

fn stub(gate: GateStatus, version: &str) -> SonarStub {
    SonarStub::start(Arc::new(super::server(gate)), version)
}

fn client(stub: &SonarStub) -> SonarHttp {
    let token: Token = name(SonarStub::TOKEN);
    SonarHttp::new(name(&stub.url()), Some(token)).unwrap()
}

fn options() -> GateOptions {
    GateOptions::default().poll(Duration::from_millis(5))
}

async fn check(stub: &SonarStub, policy: &Policy) -> GateReport {
    let report: ReportTask = name(&stub.report(&name("shop:users"), &name("T1")));
    let sonar = client(stub).version(report.version);
    let request = GateRequest::new(report);
    let (report, events) = check_with(&sonar, &request, policy, &options()).await;
    let said = format!("{report:?} {events:?} {sonar:?}");
    assert!(!said.contains("hunter2"), "{said}");
    report
}

#[tokio::test]
async fn pending_then_success_then_green_or_red() {
    let stub_of = |gate| stub(gate, "10.4.1.88267");
    let green = stub_of(green());
    let report = check(&green, &Policy::default().strict(true)).await;
    assert_eq!(report.verdict, GateVerdict::Passed, "{report:#?}");
    let dashboard = report.dashboard.unwrap();
    assert_eq!(dashboard.query(), Some("id=shop%3Ausers"));
    let paths: Vec<String> = green
        .requests()
        .iter()
        .map(|one| one.path.clone())
        .collect();
    assert_eq!(
        paths,
        [
            "/api/ce/task",
            "/api/ce/task",
            "/api/ce/task",
            "/api/qualitygates/project_status"
        ]
    );
    let last = &green.requests()[3];
    assert_eq!(last.get("analysisId"), Some("A1"));
    assert_eq!(last.get("projectKey"), None);

    let report = check(&stub_of(red()), &Policy::default()).await;
    assert_eq!(report.verdict, GateVerdict::Failed);
    assert_eq!(kinds(&report), [FindingKind::ConditionFailed]);
}

#[tokio::test]
async fn the_token_is_shown_as_the_servers_version_takes_it() {
    for (version, scheme) in [
        ("9.9.4.87374", "Basic "),
        ("10.0.0.68432", "Bearer "),
        ("2025.1.0.102418", "Bearer "),
    ] {
        let stub = stub(green(), version);
        let report = check(&stub, &Policy::default()).await;
        assert_eq!(report.verdict, GateVerdict::Passed, "{version}");
        for request in stub.requests() {
            let shown = request.authorization.unwrap();
            assert!(shown.starts_with(scheme), "{version}");
        }
    }
}

#[tokio::test]
async fn a_version_that_no_report_tells_is_asked_once_and_without_the_token() {
    let stub = stub(green(), "9.9.4.87374");
    let sonar = client(&stub);
    sonar.task(&name("T1")).await.unwrap();
    sonar.task(&name("T1")).await.unwrap();
    let requests = stub.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].path, "/api/server/version");
    assert_eq!(requests[0].authorization, None);
}

#[tokio::test]
async fn a_failed_task_tells_the_servers_reason() {
    let stub = stub(green(), "10.4");
    let task = Task::new(TaskStatus::Failed).error("Fail to \u{1b}[31mread\nreport");
    stub.sonar().add_task(name("T1"), [task]);
    let report = check(&stub, &Policy::default()).await;
    assert_eq!(kinds(&report), [FindingKind::TaskFailed]);
    assert_eq!(
        report.findings[0].message,
        "the server failed to work the analysis up: Fail to \u{fffd}[31mread\u{fffd}report"
    );
}

#[tokio::test]
async fn conditions_without_measure_ignored_and_none_at_all_are_seen_over_the_wire() {
    let missing = GateStatus::new(Level::Ok, vec![condition(Level::Ok, "new_coverage", "80")]);
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
        (
            GateStatus::new(Level::None, vec![]),
            FindingKind::NoClearStatus,
        ),
    ] {
        let report = check(&stub(gate, "10.4"), &Policy::default().strict(true)).await;
        assert_eq!(report.verdict, GateVerdict::Failed);
        assert_eq!(kinds(&report), [kind]);
    }
}

#[tokio::test]
async fn overload_a_cut_answer_and_a_closed_connection_are_asked_again() {
    let stub = stub(green(), "10.4");
    let later = vec![("Retry-After".to_owned(), "0".to_owned())];
    stub.fail_next([
        StubFault::status(502),
        StubFault::Truncated,
        StubFault::Closed,
        StubFault::Answer(429, later, String::new()),
    ]);
    let report = check(&stub, &Policy::default()).await;
    assert_eq!(report.verdict, GateVerdict::Passed, "{report:#?}");
}

#[tokio::test]
async fn what_lasts_is_told_as_it_is() {
    let stub = stub(green(), "10.4");
    let sonar = client(&stub).try_timeout(Duration::from_millis(200));
    sonar.mode().await.unwrap();
    let ask = async |fault: StubFault| {
        stub.fail_next([fault]);
        sonar.task(&name("T9")).await.unwrap_err()
    };
    for fault in [502, 503, 504].map(StubFault::status) {
        let error = ask(fault).await;
        assert!(error.is_transient(), "{error}");
    }
    for (fault, words) in [
        (StubFault::Silence, "gave no answer within 200 ms"),
        (StubFault::Closed, "broke the connection off"),
        (StubFault::Truncated, "broke the connection off"),
    ] {
        let error = ask(fault).await;
        assert!(
            error.is_transient() && error.to_string().ends_with(words),
            "{error}"
        );
    }
    for (fault, words) in [
        (
            StubFault::status(200),
            "the answer is a web page, not SonarQube's JSON",
        ),
        (StubFault::status(404), "the server answers 404"),
        (StubFault::status(403), "the token is not allowed to"),
        (
            StubFault::status(401),
            "the server does not accept the token",
        ),
        (StubFault::status(500), "the server answers 500"),
        (
            StubFault::Answer(200, vec![], "{}".to_owned()),
            "the answer is not what SonarQube answers",
        ),
        (
            StubFault::Answer(200, vec![], String::new()),
            "the answer is empty",
        ),
    ] {
        let error = ask(fault).await;
        assert!(!error.is_transient(), "{error}");
        assert!(error.to_string().ends_with(words), "{error}");
    }
    let error = sonar.task(&name("T9")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot ask for task `T9`: the server answers 404: `No activity found for task 'T9'`"
    );
    let endless = StubFault::Answer(200, vec![], " ".repeat((4 << 20) + 1));
    assert!(
        ask(endless)
            .await
            .to_string()
            .ends_with("longer than 4 MiB")
    );
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_not_followed_and_gets_no_token() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    let stub = stub(green(), "10.4");
    for _ in 0..2 {
        stub.fail_next([StubFault::Redirect(format!(
            "http://{address}/api/ce/task?secret=1"
        ))]);
    }
    let report = check(&stub, &Policy::default()).await;
    assert_eq!(report.verdict, GateVerdict::Unknown);
    let finding = &report.findings[0];
    assert_eq!(
        finding.message,
        format!(
            "cannot ask for task `T1`: the server redirects to http://{address}, which was not followed"
        )
    );
    assert!(finding.hint.as_ref().unwrap().contains("token is not sent"));
    let nobody = elsewhere.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_redirect_to_https_of_the_same_host_names_the_remedy() {
    let stub = stub(green(), "10.4");
    stub.fail_next([StubFault::Redirect(
        "https://127.0.0.1/api/ce/task".to_owned(),
    )]);
    let report = check(&stub, &Policy::default()).await;
    let hint = report.findings[0].hint.as_ref().unwrap();
    assert!(hint.contains("https address"), "{hint}");
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn rules_and_revision_are_asked_over_the_wire() {
    let stub = stub(green(), "10.8.1.101195");
    let measures = [
        ("software_quality_reliability_rating", "1.0"),
        ("software_quality_security_issues", "0"),
        ("software_quality_maintainability_debt_ratio", "5.0"),
        ("duplicated_lines_density", "0.0"),
    ]
    .map(|(metric, value)| Measure::new(name(metric), value));
    let sonar = stub.sonar();
    sonar.set_mode(Mode::MultiQualityRule);
    sonar.set_measures(name("shop:users"), Line::Main, measures.to_vec());
    let policy = Policy::default()
        .preset(Preset::SkillTracker)
        .expect_revision(name("9ab01cd"));
    let report = check(&stub, &policy).await;
    assert_eq!(
        report.reason().unwrap().message,
        "technical debt ratio: software_quality_maintainability_debt_ratio is 5.0, must be < 5"
    );
    assert_eq!(kinds(&report), [FindingKind::RuleBroken]);
    assert!(report.revision.unwrap().starts_with("9ab01cd"));
}

#[tokio::test]
async fn a_server_before_modes_is_classic_and_one_without_a_version_is_asked() {
    let old = stub(green(), "9.9.4.87374");
    assert_eq!(client(&old).mode().await.unwrap(), Mode::Classic);
    assert_eq!(old.requests().len(), 1, "only the version was asked");
    let new = stub(green(), "2025.1");
    new.fail_next([StubFault::status(404)]);
    assert_eq!(client(&new).mode().await.unwrap(), Mode::Classic);
    new.sonar().set_mode(Mode::MultiQualityRule);
    assert_eq!(client(&new).mode().await.unwrap(), Mode::MultiQualityRule);
}

#[tokio::test]
async fn a_pull_request_is_asked_as_one() {
    let stub = stub(green(), "10.4");
    let line = Line::PullRequest("42".to_owned());
    let task = Task::new(TaskStatus::Success)
        .analysis(name("A7"))
        .project(name("shop:users"))
        .line(line.clone());
    stub.sonar().add_task(name("T1"), [task]);
    stub.sonar()
        .add_analysis(name("shop:users"), line.clone(), analysis("A7"), green());
    let policy = Policy::default().expect_revision(name("9ab01cd"));
    let report = check(&stub, &policy).await;
    assert_eq!(report.verdict, GateVerdict::Passed, "{report:#?}");
    assert_eq!(report.line, Some(line));
}

#[tokio::test]
async fn a_gate_is_made_over_the_wire_and_then_left_alone() {
    let stub = SonarStub::start(Arc::new(SimSonar::new()), "10.4");
    let request = EnsureRequest::new(name("Platform & Co"), Preset::SkillTracker.rules())
        .project(name("shop:users"));
    let sonar = client(&stub);
    let quiet = |_: GateEvent| {};
    // The gate is not there, and the answers to making it and to a condition are lost.
    let report = ensure_gate(&sonar, &request, &options(), &quiet)
        .await
        .unwrap();
    assert_eq!(report.changes.len(), 7);
    let again = ensure_gate(&sonar, &request, &options(), &quiet)
        .await
        .unwrap();
    assert_eq!(again.changes, []);
    let mut rules = Preset::SkillTracker.rules();
    rules[0] = name("coverage >= 85.5");
    let stricter = EnsureRequest::new(name("Platform & Co"), rules).exact(true);
    stub.fail_next([StubFault::status(502), StubFault::Closed]);
    let report = ensure_gate(&sonar, &stricter, &options(), &quiet)
        .await
        .unwrap();
    let changes: Vec<String> = report.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        changes,
        [
            "change coverage LT 80 to coverage LT 85.5",
            "remove new_violations GT 0"
        ]
    );
}

#[tokio::test]
async fn a_bare_404_for_a_gate_is_not_taken_for_its_absence() {
    let stub = SonarStub::start(Arc::new(SimSonar::new()), "10.4");
    stub.fail_next([StubFault::status(404)]);
    let request = EnsureRequest::new(name("Platform"), Preset::SkillTracker.rules())
        .mode(Some(Mode::Classic));
    let error = ensure_gate(&client(&stub), &request, &options(), &|_: GateEvent| {})
        .await
        .unwrap_err();
    assert_eq!(error.applied(), []);
    assert_eq!(stub.sonar().conditions(&name("Platform")), None);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_transient() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let sonar = SonarHttp::new(name(&format!("http://{gone}")), None).unwrap();
    let error = sonar.task(&name("T1")).await.unwrap_err();
    assert!(matches!(error, SonarError::Transient { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("cannot ask for task `T1`: http://{gone} cannot be reached")
    );
}

#[tokio::test]
async fn a_server_below_a_path_is_asked_below_it() {
    let stub = stub(green(), "10.4");
    let url = format!("{}/sonar/", stub.url());
    let sonar = SonarHttp::new(name(&url), None).unwrap();
    sonar.task(&name("T 1&x")).await.unwrap_err();
    let request = stub.requests().remove(0);
    assert_eq!(request.path, "/sonar/api/ce/task");
    assert_eq!(request.get("id"), Some("T 1&x"));
    assert_eq!(request.authorization, None);
}
