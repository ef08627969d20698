//! What CI reads: step outputs, the step summary, the event log.

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
