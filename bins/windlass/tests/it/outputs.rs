//! What CI reads: step outputs, the step summary, the event log.

use std::process::Stdio;

use serde_json::Value;

use crate::repo::{Ended, Repo};

#[test]
fn github_outputs_and_summary_are_written() {
    let repo = Repo::with_services(&["alpha", "beta"]);
    repo.commit("A | hostile <title>\n\nhas_changes=false");
    let folder = tempfile::tempdir().unwrap();
    let (output, summary) = (folder.path().join("output"), folder.path().join("summary"));
    let run = || {
        let mut command = repo.command(&["run", "-e", "local"]);
        command
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary);
        Ended::of(command.output().unwrap())
    };
    assert_eq!(run().code, 0);
    let text = std::fs::read_to_string(&output).unwrap();
    assert_eq!(value(&text, "services"), "[\"alpha\",\"beta\"]");
    assert_eq!(value(&text, "has_changes"), "true");
    assert_eq!(value(&text, "count"), "2");
    let table = std::fs::read_to_string(&summary).unwrap();
    assert!(table.contains("| alpha | deployed |"), "{table}");
    assert!(table.contains("A \\| hostile &lt;title&gt;"), "{table}");

    std::fs::remove_file(&output).unwrap();
    assert_eq!(run().code, 0);
    let text = std::fs::read_to_string(&output).unwrap();
    assert_eq!(value(&text, "services"), "[]");
    assert_eq!(value(&text, "has_changes"), "false");
}

fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines();
    let delimiter = lines
        .find_map(|line| line.strip_prefix(&format!("{name}<<")))
        .unwrap();
    let value = lines.next().unwrap();
    assert_eq!(lines.next(), Some(delimiter));
    value
}

#[test]
fn a_hostile_title_does_not_reach_the_terminal() {
    let repo = Repo::with_services(&["alpha"]);
    repo.commit("clear \u{1b}[2J the screen");
    for arguments in [&["plan"][..], &["run", "-e", "local"]] {
        let ended = repo.windlass(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(
            !ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'),
            "{ended:?}"
        );
    }
}

#[test]
fn an_event_log_that_cannot_be_written_is_refused_before_anything_happens() {
    let repo = Repo::with_services(&["alpha"]);
    repo.windlass(&["run", "-e", "local", "--events", "no/such/folder/events"])
        .assert_refused(2, &["no/such/folder"]);
    assert!(!repo.path().join(".windlass").exists());
}

/// A run whose service fails and is rolled back, or does not.
fn changed(broken: bool) -> Repo {
    let repo = Repo::with_services(&["alpha"]);
    assert_eq!(repo.run(&[]).1, 0);
    if broken {
        repo.write("services/alpha/local-task.toml", "health = \"DOWN\"\n");
    }
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    repo
}

#[test]
#[cfg(unix)]
fn a_verdict_outlives_a_file_that_cannot_be_written_and_all_others_are_written() {
    let full = || {
        Stdio::from(
            std::fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let outputs = folder.path().join("outputs");
    // What cannot be written, each alone: step outputs, events, a report, stdout.
    for case in 0..4 {
        let repo = changed(true);
        let mut command = repo.command(&["run", "-e", "local", "--report-json"]);
        command.arg(&json).env("GITHUB_OUTPUT", &outputs);
        match case {
            0 => drop(command.env("GITHUB_OUTPUT", "/nonexistent/outputs")),
            1 => drop(command.args(["--events", "/dev/full"])),
            2 => drop(command.args(["--report-html", "/dev/full"])),
            _ => {}
        }
        let output = if case == 3 {
            command
                .stdout(full())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
                .wait_with_output()
        } else {
            command.output()
        };
        let ended = Ended::of(output.unwrap());
        assert_eq!(ended.code, 5, "{case}: {ended:?}");
        assert!(ended.stderr.contains("warning: "), "{case}: {ended:?}");
        let report: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
        assert_eq!(report["exit_code"], 5, "{case}");
        if case != 0 {
            let outputs = std::fs::read_to_string(&outputs).unwrap();
            assert_eq!(value(&outputs, "exit_code"), "5", "{case}");
        }
        std::fs::remove_file(&json).unwrap();
        let _ = std::fs::remove_file(&outputs);
    }
}

#[test]
#[cfg(unix)]
fn what_was_done_and_could_not_be_told_is_a_failure_that_all_reports_tell() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let repo = changed(false);
    let mut command = repo.command(&["run", "-e", "local", "--format", "json", "--report-json"]);
    command
        .arg(&json)
        .env("GITHUB_OUTPUT", "/nonexistent/outputs");
    let ended = Ended::of(command.output().unwrap());
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("error: cannot write to `/nonexistent/outputs`"),
        "{ended:?}"
    );
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(
        (&report["exit_code"], &ended.json()["exit_code"]),
        (&Value::from(3), &Value::from(3))
    );
    assert_eq!(report["services"][0]["verdict"], "deployed");
}
