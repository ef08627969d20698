//! Deployments to their ends: verdict, exit code, document.

use ecs_deployer::sim::Behaviour;

use crate::site::{NEW, OLD, Site, web};

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_succeeds_and_the_next_one_has_nothing_to_do() {
    let site = Site::new().await;
    let deployed = site.deploy(&["--events", "events.ndjson"]).await;
    assert_eq!(deployed.code, Some(0), "{deployed:?}");
    let service = deployed.service();
    assert_eq!(service["verdict"], "deployed");
    assert_eq!(service["image"], NEW);
    assert!(
        service["deployment"]
            .as_str()
            .unwrap()
            .starts_with("ecs-svc/")
    );
    assert!(
        service["task_definition"]
            .as_str()
            .unwrap()
            .ends_with("web:2")
    );
    assert_eq!(service["reason"], serde_json::Value::Null);
    let document = deployed.json();
    assert_eq!(document["api_calls"]["UpdateService"], 1, "{document}");
    assert_eq!(
        document["api_calls"]["RegisterTaskDefinition"], 1,
        "{document}"
    );
    let events = std::fs::read_to_string(site.path().join("events.ndjson")).unwrap();
    let kinds: Vec<String> = events
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    for kind in [
        "task-definition-registered",
        "deployment-started",
        "progress",
        "finished",
    ] {
        assert!(
            kinds.iter().any(|known| known == kind),
            "{kind} is not in {kinds:?}"
        );
    }
    let again = site.deploy(&[]).await;
    assert_eq!(
        (again.code, again.service()["verdict"].as_str()),
        (Some(0), Some("unchanged"))
    );
    assert_eq!(again.json()["api_calls"].get("UpdateService"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_diagnosed_with_its_last_lines_and_rolled_back() {
    let site = Site::new().await;
    site.runtime
        .part(NEW, Behaviour::CrashAtStart { exit_code: 3 });
    site.runtime.log_lines(
        NEW,
        vec!["starting".to_owned(), "panic: no database".to_owned()],
    );
    let outputs = site.path().join("outputs");
    let mut command = site.command(&crate::site::deploy_arguments(&[]));
    command
        .env("GITHUB_OUTPUT", &outputs)
        .env("GITHUB_STEP_SUMMARY", site.path().join("summary"));
    let ended = crate::site::ended(command).await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let service = ended.service();
    assert_eq!(service["verdict"], "rolled-back");
    assert!(
        service["reason"]
            .as_str()
            .unwrap()
            .contains("container `app` exited with exit code 3"),
        "{service}"
    );
    let stopped = &service["stopped_tasks"][0];
    assert_eq!(stopped["stop_code"], "EssentialContainerExited");
    assert_eq!(stopped["containers"][0]["exit_code"], 3);
    assert!(ended.stdout.contains("panic: no database"), "{ended:?}");
    let (_, serves) = site.cluster.last_completed(&web()).unwrap();
    assert_eq!(serves.revision(), 1);
    let outputs = std::fs::read_to_string(outputs).unwrap();
    assert!(
        outputs.contains("rolled-back") && outputs.contains("task_definition<<"),
        "{outputs}"
    );
    let summary = std::fs::read_to_string(site.path().join("summary")).unwrap();
    assert!(summary.contains("| web | rolled-back |"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_can_be_kept() {
    let site = Site::new().await;
    site.runtime.part(NEW, Behaviour::MissingImage);
    let ended = site.deploy(&["--on-failure", "keep"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.service()["verdict"], "failed");
    assert!(
        ended.service()["reason"]
            .as_str()
            .unwrap()
            .contains("CannotPullContainerError")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_deployment_supersedes_or_is_followed() {
    for (more, code, verdict) in [
        (vec![], 7, "superseded"),
        (vec!["--follow-superseding"], 0, "deployed"),
    ] {
        let site = Site::new().await;
        let somebody = async {
            site.begun().await;
            site.cluster
                .supersede(&web(), Some("127.0.0.1:1/web:theirs"))
                .unwrap();
        };
        let (ended, ()) = tokio::join!(site.deploy(&more), somebody);
        assert_eq!(
            (ended.code, ended.service()["verdict"].as_str()),
            (Some(code), Some(verdict)),
            "{ended:?}"
        );
        assert!(ended.service()["superseded_by"].is_string(), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn undecided_in_time_and_taken_up_again_with_the_same_verdict() {
    let site = Site::new().await;
    let timed_out = site.deploy(&["--timeout", "300ms"]).await;
    assert_eq!(timed_out.code, Some(8), "{timed_out:?}");
    let deployment = timed_out.service()["deployment"]
        .as_str()
        .unwrap()
        .to_owned();
    let arguments = [
        "wait",
        "--cluster",
        "dev",
        "--service",
        "web",
        "--deployment",
        &deployment,
        "--poll",
        "50ms",
        "--format",
        "json",
    ];
    let waited = site.run(&arguments).await;
    assert_eq!(waited.code, Some(0), "{waited:?}");
    assert_eq!(waited.service()["verdict"], "deployed");
    // Long over, and still the same.
    let waited = site.run(&arguments).await;
    assert_eq!(
        (waited.code, waited.service()["verdict"].as_str()),
        (Some(0), Some("deployed"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_deployment_is_told_as_such_when_it_is_asked_for_later() {
    let site = Site::new().await;
    site.runtime.part(NEW, Behaviour::MissingImage);
    let ended = site.deploy(&[]).await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let deployment = ended.service()["deployment"].as_str().unwrap().to_owned();
    let waited = site
        .run(&[
            "wait",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--deployment",
            &deployment,
            "--format",
            "json",
        ])
        .await;
    assert_eq!(
        (waited.code, waited.service()["verdict"].as_str()),
        (Some(5), Some("rolled-back")),
        "{waited:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_goes_to_the_last_success_or_where_it_is_told() {
    let site = Site::new().await;
    assert_eq!(site.deploy(&[]).await.code, Some(0));
    let back = site
        .run(&[
            "rollback",
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
    assert_eq!(back.code, Some(0), "{back:?}");
    assert_eq!(back.service()["verdict"], "rolled-back");
    assert_eq!(back.service()["image"], OLD);
    let forth = site
        .run(&[
            "rollback",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--to",
            "2",
            "--poll",
            "50ms",
            "--format",
            "json",
        ])
        .await;
    assert_eq!(
        (forth.code, &forth.service()["image"]),
        (Some(0), &NEW.into()),
        "{forth:?}"
    );
    let nowhere = site
        .run(&[
            "rollback",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--to",
            "99",
        ])
        .await;
    nowhere.assert_refused(2, &["web:99"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_goes_in_waves_and_stops_at_a_failure() {
    let site = Site::fleet(&["api", "config", "web"], |spec| spec, |builder| builder).await;
    site.runtime
        .part("127.0.0.1:1/api:new", Behaviour::MissingImage);
    let fleet = [
        "deploy",
        "--cluster",
        "dev",
        "--service",
        "web=127.0.0.1:1/web:new",
        "--service",
        "api=127.0.0.1:1/api:new",
        "--service",
        "config=127.0.0.1:1/config:new",
        "--depends-on",
        "api:config",
        "--depends-on",
        "web:api",
        "--poll",
        "50ms",
        "--timeout",
        "30s",
        "--format",
        "json",
    ];
    let ended = site.run(&fleet).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let document = ended.json();
    let verdicts: Vec<(&str, &str)> = document["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| {
            (
                service["service"].as_str().unwrap(),
                service["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("web", "cancelled"),
            ("api", "rolled-back"),
            ("config", "deployed")
        ]
    );
    let why = document["services"][0]["reason"].as_str().unwrap();
    assert!(why.contains("not begun, because api"), "{why}");
}

/// What was followed and is gone is no mistake of the command line: what became of it is not known.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_deleted_meanwhile_leaves_an_unknown_outcome() {
    for command in ["deploy", "wait"] {
        let site = Site::new().await;
        if command == "wait" {
            let timed_out = site.deploy(&["--timeout", "100ms"]).await;
            assert_eq!(timed_out.code, Some(8), "{timed_out:?}");
        }
        let arguments = match command {
            "deploy" => crate::site::deploy_arguments(&[]),
            _ => vec![
                "wait",
                "--cluster",
                "dev",
                "--service",
                "web",
                "--poll",
                "50ms",
                "--format",
                "json",
            ],
        };
        let somebody = async {
            site.begun().await;
            site.cluster.delete_service(&web());
        };
        let (ended, ()) = tokio::join!(site.run(&arguments), somebody);
        assert_eq!(ended.code, Some(3), "{command}: {ended:?}");
        let service = ended.service();
        assert_eq!(service["verdict"], "unknown", "{command}: {ended:?}");
        assert!(service["deployment"].is_string(), "{command}: {ended:?}");
        assert!(service["stopped_tasks"].is_array(), "{command}: {ended:?}");
    }
}
