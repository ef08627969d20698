//! Verdicts and exit codes.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use health_checker::quality_gate::testing::StubFault;
use health_checker::quality_gate::{
    Comparator, Condition, GateStatus, Level, Line, Measure, Task, TaskStatus,
};
use serde_json::{Value, json};

use super::{Site, coverage, green, name, red};

#[test]
fn a_green_gate_is_shown_with_its_conditions() {
    let site = Site::with(green());
    let ended = site.check(&["--strict"]);
    ended.assert_said(0, &["users  the analysis is PENDING", "users  passed"]);
    let url = site.stub.url();
    assert_eq!(
        ended.stdout,
        format!(
            "users: passed
  {url}/dashboard?id=users
    condition  metric    required  actual  judged by
    coverage   coverage  >= 80     91.3    server     passed
"
        )
    );
    let shown = site.stub.requests().pop().unwrap().authorization.unwrap();
    assert!(shown.starts_with("Bearer "));
}

#[test]
fn a_red_gate_is_exit_1_and_says_why() {
    let site = Site::with(red());
    let ended = site.check(&["--quiet"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (1, ""), "{ended:#?}");
    assert!(
        ended
            .stdout
            .contains("  failed: coverage is 79.95, must be >= 80\n"),
        "{ended:#?}"
    );
    let document = Site::with(red()).check(&["--format", "json"]).json();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["verdict"], "failed");
    let service = &document["services"][0];
    assert_eq!(service["project"], "users");
    assert_eq!(service["report"], super::REPORT);
    assert_eq!(service["analysis"], "analysis-of-users");
    assert_eq!(service["server_status"], "ERROR");
    assert_eq!(service["findings"][0]["kind"], "condition-failed");
    assert_eq!(
        service["conditions"][0],
        json!({
            "name": "coverage", "metric": "coverage", "judge": "server", "required": ">= 80",
            "actual": "79.95", "source": "gate", "state": "failed",
        })
    );
}

#[test]
fn without_strict_what_nobody_looked_at_is_a_warning() {
    let missing = || {
        let condition = Condition::new(Level::Ok, name("coverage"), Comparator::Less, "80");
        GateStatus::new(Level::Ok, vec![condition])
    };
    let ended = Site::with(missing()).check(&[]);
    assert_eq!(ended.code, 0, "{ended:#?}");
    let words = "coverage has no measure, so the server passed `>= 80` without looking";
    assert!(
        ended.stdout.contains(&format!("  warning: {words}")),
        "{ended:#?}"
    );
    let ended = Site::with(missing()).check(&["--strict"]);
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert!(
        ended.stdout.contains(&format!("  failed: {words}")),
        "{ended:#?}"
    );
    let none = GateStatus::new(Level::Ok, vec![]);
    assert_eq!(Site::with(none.clone()).check(&[]).code, 0);
    assert_eq!(Site::with(none).check(&["--strict"]).code, 1);
    let ignored = || green().with_ignored_conditions();
    assert_eq!(Site::with(ignored()).check(&[]).code, 0);
    assert_eq!(Site::with(ignored()).check(&["--strict"]).code, 1);
}

#[test]
fn the_platforms_preset_fails_at_its_limits() {
    let run = |coverage_is: &str, debt: &str, preset: &str| {
        let site = Site::with(GateStatus::new(
            Level::Ok,
            vec![coverage(Level::Ok, coverage_is)],
        ));
        let measures = [
            ("reliability_rating", "1.0"),
            ("vulnerabilities", "0"),
            ("sqale_debt_ratio", debt),
            ("duplicated_lines_density", "2.9"),
        ]
        .map(|(metric, value)| Measure::new(name(metric), value));
        let sonar = site.stub.sonar();
        sonar.set_measures(name("users"), Line::Main, measures.to_vec());
        site.check(&["--strict", "--preset", preset, "--format", "json"])
    };
    let good = run("80.1", "4.9", "skill-tracker");
    assert_eq!(good.code, 0, "{good:#?}");
    let document = good.json();
    let conditions = document["services"][0]["conditions"].as_array().unwrap();
    assert_eq!(conditions.len(), 6);
    assert_eq!(conditions[1]["source"], "gate");
    assert_eq!(conditions[5]["source"], "project");
    for (coverage, debt) in [("80.0", "4.9"), ("80.1", "5.0")] {
        let bad = run(coverage, debt, "seed");
        assert_eq!(bad.code, 1, "{coverage} {debt}: {bad:#?}");
        let document = bad.json();
        let finding = &document["services"][0]["findings"][0];
        assert_eq!(finding["kind"], "rule-broken");
    }
}

/// The README shows what is really printed.
#[test]
fn the_readmes_table_is_what_is_printed() {
    let gate = GateStatus::new(Level::Ok, vec![coverage(Level::Ok, "80.0")]);
    let site = Site::with(gate);
    let measures = [
        ("reliability_rating", "1.0"),
        ("vulnerabilities", "0"),
        ("sqale_debt_ratio", "4.9"),
        ("duplicated_lines_density", "2.9"),
    ]
    .map(|(metric, value)| Measure::new(name(metric), value));
    let sonar = site.stub.sonar();
    sonar.set_measures(name("users"), Line::Main, measures.to_vec());
    let ended = site.check(&["--preset", "skill-tracker"]);
    let readme = include_str!("../../../README.md");
    let printed = ended
        .stdout
        .replace(&site.stub.url(), "https://sonar.example.com");
    assert!(readme.contains(&format!("```\n{printed}```")), "{printed}");
}

#[test]
fn what_cannot_be_written_makes_no_red_gate_less_red() {
    let arguments = ["--junit", "no/such/gate.xml"];
    let red = Site::with(red()).check(&arguments);
    red.assert_said(1, &["cannot write the JUnit report to `no/such/gate.xml`"]);
    let green = Site::with(green()).check(&arguments);
    green.assert_said(3, &["cannot write the JUnit report to `no/such/gate.xml`"]);
}

#[test]
fn a_rule_of_ones_own_is_judged_too() {
    let run = |rule: &str| Site::with(green()).check(&["--require", rule]).code;
    assert_eq!(run("coverage > 91.2"), 0);
    assert_eq!(run("coverage > 91.3"), 1);
    assert_eq!(run("branch_coverage > 1"), 1, "no measure keeps no rule");
}

#[test]
fn several_services_are_judged_in_one_run() {
    let site = Site::new();
    site.add("users", "services/users", green());
    site.add("tasks", "services/tasks", green());
    let both =
        |more: &[&str]| site.check(&[&["--search", "services", "--format", "json"], more].concat());
    let names = |document: &Value| -> Vec<String> {
        let services = document["services"].as_array().unwrap();
        services
            .iter()
            .map(|service| format!("{} {}", service["name"], service["verdict"]).replace('"', ""))
            .collect()
    };
    let ended = both(&[]);
    assert_eq!(ended.code, 0, "{ended:#?}");
    assert_eq!(names(&ended.json()), ["tasks passed", "users passed"]);

    // One whose task the server does not know: of that one nothing is known.
    site.report("mail", "services/mail");
    let ended = both(&[]);
    assert_eq!(ended.code, 3, "{ended:#?}");
    assert_eq!(
        names(&ended.json()),
        ["mail unknown", "tasks passed", "users passed"]
    );

    // One that is red outweighs it.
    site.add("search", "services/search", red());
    let ended = both(&[]);
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert_eq!(ended.json()["verdict"], "failed");
}

#[test]
fn an_analysis_that_is_not_done_in_time_is_exit_8() {
    let site = Site::new();
    let task = site.report("users", "");
    let pending = Task::new(TaskStatus::Pending);
    site.stub.sonar().add_task(task, [pending]);
    let ended = site.check(&["--timeout", "300ms"]);
    assert_eq!(ended.code, 8, "{ended:#?}");
    assert!(
        ended
            .stdout
            .contains("the task is still PENDING after 300 ms"),
        "{ended:#?}"
    );
    assert!(
        ended.stdout.contains("    hint: allow more time"),
        "{ended:#?}"
    );
    // With another of which nothing is known, time is not all that is missing.
    site.report("mail", "mail");
    let ended = site.check(&["--timeout", "300ms", "--search", "."]);
    assert_eq!(ended.code, 3, "{ended:#?}");
}

#[test]
fn the_time_is_for_all_services_together() {
    let site = Site::new();
    for project in ["users", "mail", "shop"] {
        let task = site.report(project, project);
        let pending = Task::new(TaskStatus::Pending);
        site.stub.sonar().add_task(task, [pending]);
    }
    let began = std::time::Instant::now();
    let one_by_one = ["--timeout", "2s", "--max-parallel", "1", "--search", "."];
    let ended = site.check(&one_by_one);
    let took = began.elapsed();
    assert_eq!(ended.code, 8, "{ended:#?}");
    assert!((2..4).contains(&took.as_secs()), "{took:?}");
    assert!(
        ended.stdout.contains("the time of 2 s was up"),
        "{ended:#?}"
    );
}

#[test]
fn a_failed_analysis_is_exit_1_for_its_own_reason() {
    let site = Site::new();
    let task = site.report("users", "");
    let failed = Task::new(TaskStatus::Failed).error("Processed project is not valid");
    site.stub.sonar().add_task(task, [failed]);
    let ended = site.check(&["--format", "json"]);
    assert_eq!(ended.code, 1, "{ended:#?}");
    let document = ended.json();
    let finding = &document["services"][0]["findings"][0];
    assert_eq!(finding["kind"], "task-failed");
    assert!(
        finding["message"]
            .as_str()
            .unwrap()
            .ends_with("Processed project is not valid")
    );
}

#[test]
fn trouble_is_borne_and_told() {
    let site = Site::with(green());
    site.stub
        .fail_next([StubFault::status(502), StubFault::Truncated]);
    let ended = site.check(&[]);
    ended.assert_said(
        0,
        &[
            "answers 502; asking again in 0.",
            "broke the connection off",
        ],
    );
    let site = Site::with(green());
    site.stub
        .fail_next(std::iter::repeat_n(StubFault::status(503), 50));
    let ended = site.check(&["--retry-budget", "700ms"]);
    assert_eq!(ended.code, 3, "{ended:#?}");
    assert!(ended.stdout.contains("answers 503"), "{ended:#?}");
}

#[test]
fn refusals_are_exit_3_with_a_remedy() {
    for (status, words) in [
        (401, "the token has expired"),
        (403, "give the token's user the permission Execute Analysis"),
        (404, "a bare 404 has one of four reasons"),
        (200, "a proxy's page"),
    ] {
        let site = Site::with(green());
        site.stub.fail_next([StubFault::status(status)]);
        let ended = site.check(&[]);
        assert_eq!(ended.code, 3, "{ended:#?}");
        assert!(ended.stdout.contains(words), "{ended:#?}");
    }
}

#[test]
fn without_a_token_the_remedy_names_the_variable() {
    let site = Site::with(green());
    let output = site
        .command(&[])
        .env_remove("SONAR_TOKEN")
        .output()
        .unwrap();
    let ended = crate::run::Ended::of(output);
    ended.assert_said(3, &["without a token; set SONAR_TOKEN"]);
    assert!(
        ended
            .stdout
            .contains("the server does not accept requests without a token")
    );
    assert!(
        site.stub
            .requests()
            .iter()
            .all(|one| one.authorization.is_none())
    );
}

#[test]
fn the_token_does_not_follow_a_redirect() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    let site = Site::with(green());
    site.stub
        .fail_next([StubFault::Redirect(format!("http://{address}/steal"))]);
    let ended = site.check(&[]);
    assert_eq!(ended.code, 3, "{ended:#?}");
    let words = format!("redirects to http://{address}, which was not followed");
    assert!(ended.stdout.contains(&words), "{ended:#?}");
    let nobody = elsewhere.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn another_commit_is_no_answer() {
    let site = Site::with(green());
    assert_eq!(site.check(&["--expect-revision", "9ab01cd"]).code, 0);
    let ended = site.check(&["--expect-revision", "1111111"]);
    assert_eq!(ended.code, 3, "{ended:#?}");
    assert!(
        ended.stdout.contains("was analysed, 1111111 is expected"),
        "{ended:#?}"
    );
}

#[test]
fn github_junit_and_events_tell_the_same() {
    let site = Site::new();
    site.add("users", "services/users", green());
    site.add("tasks", "services/tasks", red());
    let path = |name: &str| site.place.path().join(name);
    let output = site
        .command(&[
            "--poll", "5ms", "--search", ".", "--junit", "gate.xml", "--events", "events",
        ])
        .env("GITHUB_OUTPUT", path("outputs"))
        .env("GITHUB_STEP_SUMMARY", path("summary"))
        .output()
        .unwrap();
    assert_eq!(crate::run::Ended::of(output).code, 1);
    let outputs = site.place.read("outputs");
    for part in [
        "verdict<<",
        "\nfailed\n",
        "[\"users\"]",
        "[\"tasks\"]",
        "\n[]\n",
        "exit_code<<",
        "\n1\n",
    ] {
        assert!(outputs.contains(part), "{part} in {outputs}");
    }
    let summary = site.place.read("summary");
    for part in [
        "## Quality gate: failed",
        "### ❌ tasks: failed",
        "### ✅ users: passed",
        "- failed: coverage is 79.95, must be &gt;= 80",
        "| coverage | coverage | &gt;= 80 | 91.3 | server | passed |",
    ] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
    let junit = site.place.read("gate.xml");
    assert!(
        junit.contains(r#"tests="4" failures="2" errors="0""#),
        "{junit}"
    );
    assert!(junit.contains(r#"type="condition-failed""#), "{junit}");
    let events = site.place.read("events");
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let judged: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "gate-judged")
        .map(|event| &event["service"])
        .collect();
    assert_eq!(judged.len(), 2);
    assert!(judged.contains(&&json!("users")));
}

#[test]
fn an_interrupted_check_has_no_verdict() {
    let site = Site::new();
    let task = site.report("users", "");
    let pending = Task::new(TaskStatus::Pending);
    site.stub.sonar().add_task(task, [pending]);
    let child = site
        .command(&[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while site.stub.requests().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    let ended = crate::run::Ended::of(child.wait_with_output().unwrap());
    ended.assert_said(130, &["interrupted by SIGTERM: there is no verdict"]);
    assert_eq!(ended.stdout, "");
}
