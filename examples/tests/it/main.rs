//! Each example runs, ends well and shows what it is there to show.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails"
)]

use std::path::Path;
use std::process::Command;

/// Runs a program and returns its standard output; it must end with 0.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{errors}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

fn git(dir: &Path, arguments: &[&str]) {
    let identity = [
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.com",
        "-c",
        "commit.gpgsign=false",
    ];
    let status = Command::new("git")
        .current_dir(dir)
        .args(identity)
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success(), "git {arguments:?}");
}

#[test]
fn detect_names_the_affected_services_and_the_reasons() {
    let output = run(env!("CARGO_BIN_EXE_detect"), &[]);
    let deployed: Vec<&str> = output
        .lines()
        .filter_map(|line| line.strip_prefix("deploy "))
        .collect();
    assert_eq!(deployed.len(), 2, "{output}");
    for (line, service) in deployed.iter().zip(["task-service", "user-service"]) {
        assert!(
            line.starts_with(&format!("{service} ← depends on common-event")),
            "{output}"
        );
        assert!(
            line.ends_with("common-event/src/main/java/Event.java changed"),
            "{output}"
        );
    }
    assert!(
        output.contains("build wave 1: common-event\nbuild wave 2: task-service, user-service\n"),
        "{output}"
    );
    assert!(
        output.ends_with("belongs to no module: README.md\n"),
        "{output}"
    );
}

#[test]
fn detect_reads_a_git_repository() {
    let dir = tempfile::tempdir().unwrap();
    let (root, service) = (dir.path(), |name: &str| {
        dir.path().join("services").join(name)
    });
    git(root, &["init", "--quiet"]);
    for name in ["user-service", "task-service"] {
        std::fs::create_dir_all(service(name)).unwrap();
        std::fs::write(service(name).join("main.py"), "print(1)").unwrap();
    }
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "Two services"]);
    std::fs::write(service("user-service").join("main.py"), "print(2)").unwrap();
    git(root, &["commit", "--quiet", "--all", "-m", "Count on"]);

    let output = run(env!("CARGO_BIN_EXE_detect"), &[root.to_str().unwrap()]);
    let lines: Vec<&str> = output.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "deploy user-service ← services/user-service/main.py changed",
            "build wave 1: user-service"
        ],
        "{output}"
    );
}

#[test]
fn push_uploads_once_and_pins_the_digest() {
    let output = run(env!("CARGO_BIN_EXE_push"), &[]);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 4, "{output}");
    let digest = |line: &str| {
        line.split("@sha256:")
            .nth(1)
            .map(|rest| rest[..64].to_owned())
            .unwrap()
    };
    assert!(
        lines[0].contains("sha-3f2c91d new, latest new; blobs uploaded"),
        "{output}"
    );
    assert!(
        lines[1].contains("sha-3f2c91d unchanged, latest unchanged; nothing uploaded"),
        "{output}"
    );
    assert!(
        lines[2].contains("sha-8d01a4e new, latest moved; blobs uploaded"),
        "{output}"
    );
    assert_eq!(
        digest(lines[0]),
        digest(lines[1]),
        "the same input is the same image"
    );
    assert_ne!(digest(lines[1]), digest(lines[2]));
    assert_eq!(
        lines[3],
        format!("latest is complete and is {}", &digest(lines[2])[..12])
    );
}

#[test]
fn deploy_ends_in_each_verdict_with_the_old_revision_serving() {
    let output = run(env!("CARGO_BIN_EXE_deploy"), &[]);
    let rollouts: Vec<&str> = output
        .split("deploy registry.example/user-service:")
        .skip(1)
        .collect();
    assert_eq!(rollouts.len(), 3, "{output}");
    assert!(
        rollouts[0].contains("\n  2 of 2 run, 0 start, 0 of the old run\n  deployed after "),
        "{output}"
    );
    assert_eq!(rollouts[1], "2\n  unchanged after 0 s\n");
    let steps = [
        "a task failed: ",
        "going back\n",
        "rolled-back after ",
        "137",
    ];
    let mut rest = rollouts[2];
    for step in steps {
        rest = rest
            .split_once(step)
            .unwrap_or_else(|| panic!("`{step}` in its place: {output}"))
            .1;
    }
    assert!(
        output.ends_with("\nrunning: user-service:2\nrunning: user-service:2\n"),
        "{output}"
    );
}

#[test]
fn health_passes_when_the_new_build_alone_answers() {
    let output = run(env!("CARGO_BIN_EXE_health"), &[]);
    assert!(
        output.contains("9ab01cd (0 of 3)"),
        "the old build starts the count anew: {output}"
    );
    assert!(output.contains("abc1234 (3 of 3)"), "{output}");
    assert!(output.contains("user-service: healthy after "), "{output}");
}

#[test]
fn notify_tells_each_channels_outcome() {
    let output = run(env!("CARGO_BIN_EXE_notify"), &[]);
    assert!(
        output.contains("Deployment to staging failed (5m 32s)\n"),
        "{output}"
    );
    assert!(
        output.contains("team: delivered at attempt 2\n"),
        "{output}"
    );
    assert!(output.contains(
        "archive: not delivered: channel `archive` refused the message: status 404, `no_service`\n"
    ));
    assert!(
        output.contains("archive: hint: the webhook is revoked or mistyped"),
        "{output}"
    );
    assert!(output.ends_with("2 of 3 channels have it\n"), "{output}");

    let card = output
        .lines()
        .find_map(|line| line.strip_prefix("what Slack gets: "))
        .unwrap();
    let card: serde_json::Value = serde_json::from_str(card).unwrap();
    assert_eq!(card["attachments"][0]["color"], "danger");
    assert!(!card.to_string().contains("<!channel>"), "{card}");
}

#[test]
fn costs_add_up_and_corrections_are_told() {
    let output = run(env!("CARGO_BIN_EXE_costs"), &[]);
    assert!(
        output.contains("12.3456789013 USD so far, corrected nothing"),
        "{output}"
    );
    assert!(
        output.contains("23.7500000001 USD so far, corrected 2026-03-01"),
        "{output}"
    );
}

#[test]
fn logs_are_archived_exactly_once_though_a_run_was_killed() {
    let output = run(env!("CARGO_BIN_EXE_logs"), &[]);
    assert!(output.contains("the first run was killed"), "{output}");
    assert!(output.contains("900 events, 0 findings"), "{output}");
}
