//! The other commands.

use std::process::Stdio;

use ecs_deployer::sim::Behaviour;

use crate::site::{Ended, NEW, OLD, Site, deploy_arguments, ended};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_what_changes_and_changes_nothing() {
    let site = Site::new().await;
    let base = ["plan", "--cluster", "dev", "--service", "web"];
    let image = ["--image", NEW];
    let human = site.run(&[&base[..], &image].concat()).await;
    assert_eq!(human.code, Some(0), "{human:?}");
    assert!(
        human.stdout.contains("~ containerDefinitions[app].image"),
        "{human:?}"
    );
    let json = site
        .run(&[&base[..], &image, &["--format", "json"]].concat())
        .await;
    let service = json.service();
    assert_eq!(
        (
            service["action"].as_str(),
            service["changes"].as_array().unwrap().len()
        ),
        (Some("deploy"), 1)
    );
    let nothing = site.run(&[&base[..], &["--image", OLD]].concat()).await;
    assert!(nothing.stdout.contains("nothing to do"), "{nothing:?}");
    let dry = site.deploy(&["--dry-run"]).await;
    assert_eq!(
        (dry.code, dry.service()["action"].as_str()),
        (Some(0), Some("deploy"))
    );
    let calls = site.cluster.calls();
    assert!(
        !calls
            .keys()
            .any(|call| call.contains("pdate") || call.contains("egister")),
        "{calls:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_definition_from_a_file_is_compared_without_its_values() {
    let site = Site::new().await;
    let mut document = crate::site::definition("web").document().clone();
    document["containerDefinitions"][0]["environment"][0]["value"] = "loud-value".into();
    let text = serde_json::json!({"taskDefinition": document, "tags": []}).to_string();
    std::fs::write(site.path().join("web.json"), text).unwrap();
    let plan = [
        "plan",
        "--cluster",
        "dev",
        "--service",
        "web",
        "--task-definition",
        "web.json",
        "--skip-preflight",
    ];
    let hidden = site.run(&plan).await;
    assert!(
        hidden
            .stdout
            .contains("environment[LEVEL].value: (value hidden)"),
        "{hidden:?}"
    );
    assert!(!hidden.stdout.contains("loud-value"), "{hidden:?}");
    let shown = site
        .run(&[&plan[..], &["--show-environment"]].concat())
        .await;
    assert!(
        shown.stdout.contains(r#""quiet-value" -> "loud-value""#),
        "{shown:?}"
    );
    std::fs::write(site.path().join("web.json"), "{}").unwrap();
    site.run(&plan)
        .await
        .assert_refused(2, &["web.json", "family"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn preflight_refuses_before_anything_is_registered() {
    let site = Site::with(|spec| spec.percent(100, 100), |builder| builder).await;
    let refused = site.deploy(&["--format", "human"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for part in ["web: bounds", "hint: raise", "nothing was changed"] {
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    let refused = site.deploy(&[]).await;
    assert_eq!(refused.service()["verdict"], "cancelled", "{refused:?}");
    assert_eq!(refused.service()["image"], NEW);
    let only = site.deploy(&["--preflight-only"]).await;
    assert_eq!(only.code, Some(2), "{only:?}");
    let checks = only.json()["preflight"][0]["checks"]
        .as_array()
        .unwrap()
        .clone();
    let bounds = checks
        .iter()
        .find(|check| check["check"] == "bounds")
        .unwrap();
    assert_eq!(bounds["finding"], "problem");
    let image = checks
        .iter()
        .find(|check| check["check"] == "image")
        .unwrap();
    assert_eq!(image["finding"], "unchecked", "{image}");
    assert!(
        !site
            .cluster
            .calls()
            .keys()
            .any(|call| call.contains("egister"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_what_runs_and_what_was_deployed() {
    let site = Site::new().await;
    assert_eq!(site.deploy(&[]).await.code, Some(0));
    let human = site.run(&["status", "--cluster", "dev"]).await;
    assert_eq!(human.code, Some(0), "{human:?}");
    for part in [
        "web:2",
        "2/2 running",
        NEW,
        "COMPLETED",
        "SUCCESSFUL",
        "2026-01-01T",
    ] {
        assert!(human.stdout.contains(part), "`{part}` is not in {human:?}");
    }
    let json = site
        .run(&[
            "status",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--format",
            "json",
        ])
        .await;
    assert_eq!(
        json.service()["history"].as_array().unwrap().len(),
        2,
        "{json:?}"
    );
    assert_eq!(json.service()["images"]["app"], NEW);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_by_itself_shows_its_log_and_ends_with_its_code() {
    let site = Site::new().await;
    site.runtime
        .log_lines(OLD, vec!["migrating".to_owned(), "done".to_owned()]);
    let ran = std::time::Duration::from_secs(20);
    for (exit_code, expected) in [(0, 0), (9, 1)] {
        site.runtime.part(
            OLD,
            Behaviour::CrashAfter {
                running: ran,
                exit_code,
            },
        );
        let ended = site
            .run(&[
                "run-task",
                "--cluster",
                "dev",
                "--service",
                "web",
                "--poll",
                "50ms",
                "--env",
                "KEY=geheim",
                "--",
                "migrate",
                "--all",
            ])
            .await;
        assert_eq!(ended.code, Some(expected), "{ended:?}");
        assert_eq!(ended.stdout, "migrating\ndone\n", "{ended:?}");
        assert!(
            ended.stderr.contains(&format!("exit code {exit_code}")),
            "{ended:?}"
        );
        assert!(!ended.stderr.contains("geheim"), "{ended:?}");
    }
    let json: Ended = site
        .run(&[
            "run-task",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--poll",
            "50ms",
            "--format",
            "json",
        ])
        .await;
    assert_eq!(json.json()["exit_code"], 9, "{json:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_not_there_is_refused_before_anything_is_registered() {
    let site = Site::new().await;
    let ended = site
        .run(&[
            "run-task",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--image",
            NEW,
            "--container",
            "nope",
        ])
        .await;
    ended.assert_refused(2, &["`nope`", "there are: app"]);
    let calls = site.cluster.calls();
    assert!(
        !calls.keys().any(|call| call.contains("egister")
            || call.contains("un_task")
            || call.contains("RunTask")),
        "{calls:?}"
    );
}

/// A line of a log, or of an error, must not speak to the runner of GitHub Actions.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_writes_is_no_command_to_the_runner() {
    let site = Site::new().await;
    site.runtime.log_lines(
        OLD,
        vec!["::stop-commands::x".to_owned(), "##[add-mask]y".to_owned()],
    );
    let running = std::time::Duration::from_secs(20);
    site.runtime.part(
        OLD,
        Behaviour::CrashAfter {
            running,
            exit_code: 0,
        },
    );
    for format in ["human", "json"] {
        let ended = site
            .run(&[
                "run-task",
                "--cluster",
                "dev",
                "--service",
                "web",
                "--poll",
                "50ms",
                "--format",
                format,
            ])
            .await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for line in ended.stdout.lines().chain(ended.stderr.lines()) {
            assert!(
                !line.trim_start().starts_with("::") && !line.contains("##["),
                "{ended:?}"
            );
        }
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("::stop-commands::x"), "{ended:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_is_no_success() {
    let site = Site::new().await;
    site.runtime.log_lines(OLD, vec!["migrating".to_owned()]);
    let running = std::time::Duration::from_secs(20);
    site.runtime.part(
        OLD,
        Behaviour::CrashAfter {
            running,
            exit_code: 0,
        },
    );
    let mut command = site.command(&[
        "run-task",
        "--cluster",
        "dev",
        "--service",
        "web",
        "--poll",
        "50ms",
    ]);
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    command.stdout(full).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let ended = Ended::of(output.await.unwrap());
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("cannot write to stdout"), "{ended:?}");
}

/// It exits with 0 when it is asked to stop, and yet has not done its work.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_somebody_stopped_is_no_success() {
    let site = Site::new().await;
    let ended = site
        .run(&[
            "run-task",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--poll",
            "50ms",
            "--timeout",
            "300ms",
            "--format",
            "json",
        ])
        .await;
    assert_eq!(ended.code, Some(8), "{ended:?}");
    let document = ended.json();
    assert_eq!(document["timed_out"], true);
    // The same task, looked at after its end: nobody waited too long this time.
    let task = document["task"].as_str().unwrap();
    let again = site
        .run(&[
            "run-task",
            "--cluster",
            "dev",
            "--task",
            task,
            "--poll",
            "50ms",
            "--format",
            "json",
        ])
        .await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert_eq!(again.json()["stop_code"], "UserInitiated", "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_at_a_hook_and_that_is_said() {
    let site = Site::new().await;
    let ended = site
        .run(&["continue", "--cluster", "dev", "--service", "web"])
        .await;
    ended.assert_refused(2, &["`web`", "under way"]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_changes_nothing() {
    let site = Site::new().await;
    let mut command = site.command(&deploy_arguments(&[]));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    assert_eq!(status.code(), Some(0));
    let again = ended(site.command(&deploy_arguments(&[]))).await;
    assert_eq!(again.service()["verdict"], "unchanged");
}
