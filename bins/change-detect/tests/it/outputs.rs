//! What CI and scripts read.

use std::io::Read;
use std::process::Stdio;

use crate::repo::{Ended, Repo, strings};

fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines();
    let begin = format!("{name}<<");
    let delimiter = lines
        .find_map(|line| line.strip_prefix(&begin))
        .unwrap_or_else(|| panic!("{name} in {text}"));
    let value = lines.next().unwrap();
    assert_eq!(lines.next(), Some(delimiter));
    value
}

#[test]
fn github_outputs_and_the_summary_are_written() {
    let repo = Repo::with_services(&["a", "b"]);
    repo.write("services/a/in|put <b>.txt", "1");
    repo.commit("A");
    let (output, summary) = (
        repo.path().join(".git/output"),
        repo.path().join(".git/summary"),
    );
    let run = |arguments: &[&str]| {
        let _ = std::fs::remove_file(&output);
        let _ = std::fs::remove_file(&summary);
        let mut command = repo.command(arguments);
        command
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary);
        let ended = Ended::of(command.output().unwrap());
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        (ended.code, read(&output), read(&summary))
    };
    let (code, text, table) = run(&["--base", "HEAD~1"]);
    assert_eq!(code, 0);
    for (name, expected) in [
        ("services", "[\"a\"]"),
        ("has_changes", "true"),
        ("count", "1"),
        ("waves", "[[\"a\"]]"),
        ("removed", "[]"),
        ("confidence", "exact"),
        ("base", repo.rev("HEAD~1").as_str()),
        ("head", repo.rev("HEAD").as_str()),
    ] {
        assert_eq!(value(&text, name), expected, "{name}");
    }
    let matrix: serde_json::Value = serde_json::from_str(value(&text, "matrix")).unwrap();
    assert_eq!(
        matrix,
        serde_json::json!({"include": [{"service": "a", "path": "services/a", "change": "changed"}]})
    );
    assert!(
        table.contains("| a | service | changed | services/a/in\\|put &lt;b&gt;.txt changed |"),
        "{table}"
    );

    let (code, text, table) = run(&["--base", "HEAD"]);
    assert_eq!(code, 0);
    assert_eq!(value(&text, "has_changes"), "false");
    assert_eq!(value(&text, "matrix"), "{\"include\":[]}");
    assert!(table.contains("0 of 2 services"), "{table}");

    let (code, text, table) = run(&["--base", "nowhere"]);
    assert_eq!(code, 3);
    let last = table.rsplit("### ").next().unwrap();
    assert!(
        last.starts_with("Changes: unknown") && last.contains("nowhere"),
        "{table}"
    );
    assert_eq!(value(&text, "confidence"), "unknown");
    assert!(
        !text.contains("services<<") && !text.contains("has_changes<<"),
        "{text}"
    );
}

#[test]
fn a_repository_without_services_is_told_so() {
    let repo = Repo::empty();
    repo.write("src/main.rs", "1");
    repo.commit("Begin");
    for (arguments, names) in [
        (
            &[][..],
            &["layout `directories`", "no globs", "--services"][..],
        ),
        (&["--services", "nothing/*"], &["`nothing/*`"]),
    ] {
        let ended = repo.run(&[arguments, &["--format", "json"]].concat());
        ended.assert_refused(2, names);
        assert_eq!(ended.stdout, "", "{ended:?}");
    }
}

#[test]
fn single_facts_are_printed_a_line_each() {
    let repo = Repo::with_services(&["a", "b"]);
    repo.write("services/a/src/main.txt", "two\n");
    repo.write("services/b/src/main.txt", "two\n");
    repo.write("README.md", "two\n");
    repo.commit("All");
    for (what, expected) in [
        ("services", "a\nb\n"),
        ("paths", "services/a\nservices/b\n"),
        ("modules", "a\nb\n"),
        ("order", "a\nb\n"),
        ("waves", "a b\n"),
        ("removed", ""),
        ("unowned", "README.md\n"),
    ] {
        let ended = repo.run(&["--base", "HEAD~1", "--print", what]);
        assert_eq!((ended.code, ended.stdout.as_str()), (0, expected), "{what}");
    }
    let ended = repo.run(&["--base", "HEAD", "--quiet"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (0, "", "")
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let names: Vec<String> = (0..400)
        .map(|n| format!("service-with-a-long-name-{n}"))
        .collect();
    let repo = Repo::with_services(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut child = repo
        .command(&["--head", "HEAD", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

#[test]
fn events_are_logged_even_of_a_failure() {
    let repo = Repo::with_services(&["a"]);
    let path = repo.path().join(".git/events");
    let events = path.to_str().unwrap();
    assert_eq!(repo.run(&["--base", "HEAD", "--events", events]).code, 0);
    assert_eq!(repo.run(&["--base", "nowhere", "--events", events]).code, 3);
    let text = std::fs::read_to_string(&path).unwrap();
    let kinds: Vec<String> = text
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["event"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(kinds, ["base-chosen", "detected", "base-chosen", "failed"]);
}

#[test]
fn the_configuration_says_what_is_a_service_and_flags_outrank_it() {
    let repo = Repo::with_services(&["a"]);
    repo.write("apps/web/x", "1");
    repo.write("docs/x.md", "1");
    repo.write(
        "windlass.toml",
        "[detect]\nservices = [\"services/*\", \"apps/*\"]\nignore = [\"**/*.md\"]\nglobal = [\"build.env\"]\n[deploy]\norder = []\n",
    );
    repo.commit("Apps");
    assert_eq!(repo.services(&["--base", "HEAD~1"]), ["web"]);
    repo.write("services/a/x.md", "1");
    repo.commit("Documentation");
    assert_eq!(repo.services(&["--base", "HEAD~1"]), Vec::<String>::new());
    repo.write("build.env", "1");
    repo.commit("Environment");
    assert_eq!(repo.services(&["--base", "HEAD~1"]), ["a", "web"]);
    assert_eq!(
        repo.services(&["--base", "HEAD~1", "--services", "apps/*"]),
        ["web"]
    );
    let found = repo.json(&["--base", "HEAD~1", "--global", "nothing"]);
    assert_eq!(strings(&found["unowned"]), ["build.env"]);
}
