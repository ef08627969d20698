//! The binary: what it prints, what it refuses, how it ends.

use serde_json::Value;

use crate::site::{Running, client, command};

fn refused(arguments: &[&str], code: i32) -> String {
    let output = command(arguments).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(output.stdout, b"", "nothing was served");
    stderr
}

#[tokio::test]
async fn the_first_line_is_where_it_answers() {
    let running = Running::start(&["--scenario", "healthy"]);
    let url = running.first_line.trim();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let clusters = client(url).list_clusters().send().await.unwrap();
    assert_eq!(
        clusters.cluster_arns(),
        ["arn:aws:ecs:us-east-1:123456789012:cluster/dev"]
    );
    assert_eq!(running.terminate("-TERM"), Some(0));
}

#[tokio::test]
async fn json_is_one_line_and_ctrl_c_ends_it() {
    let running = Running::start(&[
        "--format",
        "json",
        "--time-factor",
        "60",
        "--region",
        "eu-west-1",
    ]);
    let said: Value = serde_json::from_str(&running.first_line).unwrap();
    assert_eq!(said["cluster"], "default");
    assert_eq!(said["time_factor"], 60.0);
    let clusters = client(said["url"].as_str().unwrap())
        .list_clusters()
        .send()
        .await
        .unwrap();
    assert!(clusters.cluster_arns()[0].contains(":eu-west-1:"));
    assert_eq!(running.terminate("-INT"), Some(0));
}

#[tokio::test]
async fn a_denied_action_names_the_permission() {
    let running = Running::start(&[
        "--scenario",
        "healthy",
        "--deny",
        "ecs:UpdateService",
        "--quiet",
    ]);
    let client = client(running.first_line.trim());
    let denied = client
        .update_service()
        .cluster("dev")
        .service("web")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let denied = denied.meta();
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    assert!(denied.message().unwrap().contains("ecs:UpdateService"));
}

#[test]
fn what_it_cannot_do_is_said_with_a_remedy() {
    let typo = refused(&["--scenario", "breaker-rolback"], 2);
    assert!(typo.contains("did you mean `breaker-rollback`?"), "{typo}");
    let action = refused(&["--deny", "ecs:UpdateServices"], 2);
    assert!(action.contains("did you mean `UpdateService`?"), "{action}");
    let everywhere = refused(&["--listen", "0.0.0.0:0"], 2);
    assert!(everywhere.contains("use 127.0.0.1"), "{everywhere}");
    let factor = refused(&["--time-factor", "0"], 2);
    assert!(factor.contains("above 0"), "{factor}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let busy = refused(&["--listen", &address], 3);
    assert!(busy.contains(&address) && busy.contains("port 0"), "{busy}");
}

#[test]
fn a_scenario_file_is_read_and_its_faults_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let path = file.to_str().unwrap();
    std::fs::write(
        &file,
        "[[services]]\nname = \"web\"\nimage = \"h/web:1\"\ndesired = -1\n",
    )
    .unwrap();
    let wrong = refused(&["--scenario", path], 2);
    assert!(wrong.contains("line 4"), "{wrong}");
    std::fs::write(&file, "[[services]]\nname = \"web\"\n").unwrap();
    let empty = refused(&["--scenario", path], 2);
    assert!(
        empty.contains("`web` takes either `image` or `task-definition`"),
        "{empty}"
    );
    std::fs::write(&file, "[[services]]\nname = \"web\"\nimage = \"h/web:1\"\n").unwrap();
    let running = Running::start(&["--scenario", path]);
    assert!(running.first_line.starts_with("http://"));
}

#[test]
fn the_scenarios_are_listed() {
    let output = command(&["--list-scenarios"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for name in [
        "healthy",
        "missing-image",
        "breaker-rollback",
        "same-revision",
        "superseded",
        "fleet-15",
        "fleet-50",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(name)),
            "{name}: {text}"
        );
    }
    let output = command(&["--list-scenarios", "--format", "json"])
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["scenarios"].as_array().unwrap().len(), 7);
}
