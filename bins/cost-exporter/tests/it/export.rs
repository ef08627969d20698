//! `export` of saved costs.

use std::fs;

use serde_json::{Value, json};

use crate::run::{folder, run};

const SAVED: [&str; 3] = ["export", "--source", "file:saved.json"];

fn export(folder: &tempfile::TempDir, more: &[&str]) -> crate::run::Ran {
    run(folder, &[&SAVED, more].concat())
}

#[test]
fn metrics_go_to_stdout_and_facts_to_people() {
    let ran = export(&folder(), &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("# HELP aws_cost_today "));
    assert!(ran.stdout.contains(
        r#"aws_cost_yesterday{basis="unblended",currency="USD",environment="prod",service="Amazon EC2"} 7.0000000001"#
    ));
    assert!(
        ran.stderr
            .contains("2026-03 to the 10: 85.00 USD unblended (0.00 final, 85.00 estimated)"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("reading 2026-02-01 to 2026-03-10 of what was saved"),
        "{ran:?}"
    );
}

#[test]
fn files_are_written_whole_and_the_document_tells_of_them() {
    let folder = folder();
    let ran = export(
        &folder,
        &[
            "--sink",
            "prometheus-textfile=c.prom",
            "--sink",
            "openmetrics=c.om",
            "--format",
            "json",
            "--events",
            "e.ndjson",
        ],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let document = ran.json();
    assert_eq!(document["complete"], true);
    assert_eq!(document["month"][0]["total"], "85.000000001");
    assert_eq!(document["sinks"][0]["sink"], "prometheus-textfile=c.prom");
    assert!(
        fs::read_to_string(folder.path().join("c.prom"))
            .unwrap()
            .contains("aws_cost_previous_month")
    );
    assert!(
        fs::read_to_string(folder.path().join("c.om"))
            .unwrap()
            .ends_with("# EOF\n")
    );
    let events = fs::read_to_string(folder.path().join("e.ndjson")).unwrap();
    assert!(
        events
            .lines()
            .next()
            .unwrap()
            .contains("\"event\":\"started\""),
        "{events}"
    );
    let names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 4, "no scraps are left: {names:?}");
}

#[test]
fn past_days_are_those_that_were_named() {
    let folder = folder();
    let ran = export(
        &folder,
        &[
            "--from",
            "2026-02-10",
            "--to",
            "2026-02-12",
            "--sink",
            "openmetrics=c.om",
        ],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = fs::read_to_string(folder.path().join("c.om")).unwrap();
    let prod = text
        .lines()
        .filter(|line| line.contains("prod") && line.contains("unblended"))
        .count();
    assert_eq!(prod, 3, "{text}");
    assert!(
        ran.stdout
            .contains("2026-02 to the 12: 102.00 USD unblended (102.00 final, 0.00 estimated)"),
        "{ran:?}"
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = folder();
    let ran = export(
        &folder,
        &[
            "--sink",
            "prometheus-textfile=c.prom",
            "--dry-run",
            "--ledger",
            "l.json",
        ],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.contains("prometheus-textfile=c.prom: would get"),
        "{ran:?}"
    );
    assert!(!folder.path().join("c.prom").exists() && !folder.path().join("l.json").exists());
}

#[test]
fn a_sink_that_fails_costs_the_others_nothing() {
    let folder = folder();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gateway = format!("pushgateway=http://me:hunter2@{closed}");
    let ran = export(
        &folder,
        &["--sink", &gateway, "--sink", "prometheus-textfile=c.prom"],
    );
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(folder.path().join("c.prom").exists());
    assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    let ran = export(&folder, &["--sink", &gateway]);
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[test]
fn an_alert_is_a_report_that_the_notifier_takes() {
    let folder = folder();
    let config = "[[budget]]\nname = \"month\"\nlimit = \"100\"\nthresholds = [50, 85]\n[[budget]]\nname = \"dev\"\nlimit = 1000\nenvironment = \"dev\"\n";
    fs::write(folder.path().join("cost-exporter.toml"), config).unwrap();
    let ran = export(
        &folder,
        &["--alert-report", "alert.json", "--fail-on-alert"],
    );
    assert_eq!(ran.code, 1, "{ran:?}");
    let text = fs::read_to_string(folder.path().join("alert.json")).unwrap();
    let report: deploy_notifier::Report = serde_json::from_str(&text).unwrap();
    assert_eq!(report.title(), "Budget month is at 85.0 %");
    assert_eq!(report.severity(), deploy_notifier::Severity::Warning);
    assert!(text.contains("alert: 85 % are spent"), "{text}");
    assert!(ran.stdout.contains("aws_cost_budget_alert{budget=\"month\",part=\"actual\",source=\"config\",threshold=\"85\"} 1"));
    // When all is well again the old alert must not be sent again.
    fs::write(folder.path().join("cost-exporter.toml"), "").unwrap();
    assert_eq!(
        export(
            &folder,
            &["--alert-report", "alert.json", "--fail-on-alert"]
        )
        .code,
        0
    );
    assert!(!folder.path().join("alert.json").exists());
}

#[test]
fn under_github_actions_outputs_and_a_summary_are_written() {
    let folder = folder();
    let mut command = crate::run::command(folder.path());
    let output = folder.path().join("output");
    command
        .args(SAVED)
        .env("GITHUB_OUTPUT", &output)
        .env("GITHUB_STEP_SUMMARY", folder.path().join("summary"));
    assert!(
        command
            .env("GITHUB_ACTIONS", "true")
            .output()
            .unwrap()
            .status
            .success()
    );
    let text = fs::read_to_string(output).unwrap();
    assert!(
        text.contains("month_to_date<<") && text.contains("85.000000001"),
        "{text}"
    );
    assert!(
        fs::read_to_string(folder.path().join("summary"))
            .unwrap()
            .contains("### AWS costs")
    );
}

#[test]
fn saved_costs_cost_nothing() {
    let ran = export(&folder(), &["--format", "json"]);
    let spending = &ran.json()["spending"];
    assert_eq!(
        (&spending["requests"], &spending["month_dollars"]),
        (&0.into(), &"0".into())
    );
    let ran = export(&folder(), &[]);
    assert!(
        ran.stdout.contains("\naws_cost_exporter_requests 0\n"),
        "{ran:?}"
    );
}

#[test]
fn past_days_are_facts_and_no_metrics_of_now() {
    let ran = export(&folder(), &["--to", "2026-02-12"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.starts_with("2026-02 to the 12: 102.00 USD"),
        "{ran:?}"
    );
    assert!(!ran.stdout.contains("aws_cost_today"), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_stays_one() {
    let folder = folder();
    let link = folder.path().join("link.prom");
    fs::write(folder.path().join("target.prom"), "old").unwrap();
    std::os::unix::fs::symlink("target.prom", &link).unwrap();
    let ran = export(&folder, &["--sink", "prometheus-textfile=link.prom"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(link.is_symlink());
    let text = fs::read_to_string(folder.path().join("target.prom")).unwrap();
    assert!(text.contains("aws_cost_today"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_other_side() {
    let full = fs::File::create("/dev/full").unwrap();
    let folder = folder();
    let output = crate::run::command(folder.path())
        .args(SAVED)
        .stdout(full)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(
        text.contains("cannot write the metrics") && !text.contains("other side"),
        "{text}"
    );
}

#[test]
fn a_back_fill_of_another_name_contradicts_nothing() {
    let folder = folder();
    let fill = |name: &str| {
        let sink = format!("openmetrics={name}");
        let ran = export(&folder, &["--ledger", "l.json", "--sink", &sink]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        text.lines()
            .filter(|line| line.starts_with("aws_cost_day"))
            .map(|line| {
                // A name with labels, which may hold blanks; the value; the time.
                let (rest, time) = line.rsplit_once(' ').unwrap();
                let (series, _) = rest.rsplit_once(' ').unwrap();
                format!("{series} {time}")
            })
            .collect::<std::collections::BTreeSet<_>>()
    };
    let first = fill("r1.om");
    let saved = folder.path().join("saved.json");
    let corrected = fs::read_to_string(&saved)
        .unwrap()
        .replace("7.0000000001", "8");
    fs::write(&saved, corrected).unwrap();
    let second = fill("r2.om");
    // What is corrected has a time of its own; no series has two values at one time.
    assert!(first.is_disjoint(&second));
}

#[test]
fn a_lock_of_a_wrong_clock_is_told_with_its_remedy_and_keeps_nobody_out() {
    let folder = folder();
    let exported = || export(&folder, &["--ledger", "l.json"]);
    assert_eq!(exported().code, 0);
    let path = folder.path().join("l.json");
    let mut ledger: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    ledger["run"] = json!({"id": "0", "until": "2999-01-01T00:00:00Z"});
    fs::write(&path, ledger.to_string()).unwrap();
    let ran = exported();
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        "locked by the run 0 until 2999-01-01T00:00:00Z",
        "hint: set the clock",
    ] {
        assert!(ran.stderr.contains(part), "{ran:?}");
    }
    assert!(!fs::read_to_string(&path).unwrap().contains("2999"));
}
