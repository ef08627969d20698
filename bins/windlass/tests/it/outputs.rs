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

#[test]
fn a_dry_run_writes_what_it_is_asked_to_write() {
    let repo = changed(false);
    assert_eq!(repo.run(&[]).1, 0);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for arguments in [
        &["plan", "--base", "HEAD~1"][..],
        &["run", "-e", "local", "--base", "HEAD~1", "--dry-run"],
        &["deploy", "-e", "local", "-s", "alpha", "--dry-run"],
        &["rollback", "-e", "local", "-s", "alpha", "--dry-run"],
    ] {
        let mut command = repo.command(arguments);
        command
            .arg("--events")
            .arg(path("events"))
            .env("GITHUB_OUTPUT", path("outputs"))
            .env("GITHUB_STEP_SUMMARY", path("summary"));
        command.arg("--report-json").arg(path("json"));
        command.arg("--report-markdown").arg(path("markdown"));
        let ended = Ended::of(command.output().unwrap());
        assert_eq!(ended.code, 0, "{ended:?}");
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        assert_eq!(
            value(&read("outputs"), "services"),
            "[\"alpha\"]",
            "{arguments:?}"
        );
        assert!(
            read("summary").contains("| alpha | "),
            "{arguments:?}: {}",
            read("summary")
        );
        assert!(
            read("events").contains("\"service\":\"alpha\""),
            "{arguments:?}"
        );
        let json: Value = serde_json::from_str(&read("json")).unwrap();
        assert_eq!(json["services"][0]["module"], "alpha", "{arguments:?}");
        assert_eq!(read("markdown"), read("summary"));
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
    let html = [
        "deploy",
        "-e",
        "local",
        "-s",
        "alpha",
        "--dry-run",
        "--report-html",
    ];
    let page = path("page.html");
    repo.windlass(&[&html[..], &[page.to_str().unwrap()]].concat())
        .assert_refused(2, &["--report-html", "dry run"]);
}

#[test]
fn status_and_unlock_write_events() {
    let repo = changed(false);
    let events = repo.path().join(".git/events");
    for (arguments, word) in [
        (&["status"][..], "\"event\":\"seen\""),
        (&["unlock", "-e", "local"], "\"event\":\"unlocked\""),
    ] {
        let ended = repo.windlass(&[arguments, &["--events", events.to_str().unwrap()]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(std::fs::read_to_string(&events).unwrap().contains(word));
    }
}

#[test]
fn what_ended_a_run_is_told_with_its_causes_and_its_remedy() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write("windlass.toml", "[build]\nimage = \"oci:{path}/image\"\n");
    repo.commit("Say where images are");
    let (document, code) = repo.run(&[]);
    assert_eq!(code, 2, "{document}");
    assert!(
        document["error"].is_string() && document["causes"].is_array(),
        "{document}"
    );
    assert!(
        document["hint"].as_str().unwrap().contains("build.image"),
        "{document}"
    );
    // And so it is when the lock is busy, before anything is known of the run.
    let lock = std::fs::File::open(repo.path().join(".windlass/local/lock")).unwrap();
    lock.lock().unwrap();
    let (document, code) = repo.run(&[]);
    assert_eq!((code, &document["exit_code"]), (3, &Value::from(3)));
    assert!(
        document["hint"].as_str().unwrap().contains("--wait-lock"),
        "{document}"
    );
}
