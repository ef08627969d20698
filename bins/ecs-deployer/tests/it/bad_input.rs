//! What is wrong is named, with a remedy.

use ecs_deployer::sim::Behaviour;

use crate::site::{NEW, Site, deploy_arguments, ended};

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_nowhere_are_named_with_the_nearest() {
    let site = Site::fleet(&["user-service", "web"], |spec| spec, |builder| builder).await;
    let deploy = |cluster: &'static str, service: &'static str| {
        [
            "deploy",
            "--cluster",
            cluster,
            "--service",
            service,
            "--image",
            NEW,
        ]
    };
    let cluster = site.run(&deploy("devv", "web")).await;
    cluster.assert_refused(2, &["no cluster `devv`", "did you mean `dev`?"]);
    let service = site.run(&deploy("dev", "user-servce")).await;
    service.assert_refused(
        2,
        &["no service `user-servce`", "did you mean `user-service`?"],
    );
    let container = site
        .run(&[
            "deploy",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--image",
            "ap=127.0.0.1:1/web:new",
        ])
        .await;
    container.assert_refused(2, &["`ap`", "there are: app"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_cannot_be() {
    let site = Site::new().await;
    for (arguments, part) in [
        (
            vec!["deploy", "--cluster", "dev", "--service", "web"],
            "--image",
        ),
        (
            vec!["deploy", "--cluster", "a b", "--service", "web=x"],
            "a b",
        ),
        (
            vec!["deploy", "--cluster", "dev", "--service", "web=a b"],
            "a b",
        ),
        (
            vec![
                "deploy",
                "--cluster",
                "dev",
                "--service",
                "a=x",
                "--service",
                "b=y",
                "--depends-on",
                "a:b",
                "--depends-on",
                "b:a",
            ],
            "circle: `a` -> `b` -> `a`",
        ),
        (
            vec![
                "deploy",
                "--cluster",
                "dev",
                "--service",
                "a=x",
                "--depends-on",
                "a:c",
            ],
            "`c`",
        ),
        (
            vec![
                "deploy",
                "--cluster",
                "dev",
                "--service",
                "a=x",
                "--depends-on",
                "ac",
            ],
            "SERVICE:OTHER",
        ),
        (
            vec![
                "deploy",
                "--cluster",
                "dev",
                "--service",
                "a=x",
                "--permanent-failures",
                "0",
            ],
            "0",
        ),
        (
            vec![
                "wait",
                "--cluster",
                "dev",
                "--service",
                "web",
                "--deployment",
                "17",
            ],
            "ecs-svc/",
        ),
        (
            vec![
                "rollback",
                "--cluster",
                "dev",
                "--service",
                "web",
                "--to",
                "0",
            ],
            "`0`",
        ),
        (vec!["run-task", "--cluster", "dev"], "--service"),
        (
            vec!["deploy", "--cluster", "dev", "--service", "web=Web:1"],
            "lower-case",
        ),
    ] {
        site.run(&arguments).await.assert_refused(2, &[part]);
    }
    let gone = site
        .run(&[
            "wait",
            "--cluster",
            "dev",
            "--service",
            "web",
            "--deployment",
            "ecs-svc/42",
        ])
        .await;
    gone.assert_refused(2, &["ecs-svc/42", "hint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_or_a_region_that_is_said() {
    let site = Site::new().await;
    let mut command = site.command(&deploy_arguments(&[]));
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    ended(command)
        .await
        .assert_refused(3, &["no AWS credentials", "AWS_PROFILE"]);
    let mut command = site.command(&deploy_arguments(&[]));
    command.env_remove("AWS_REGION");
    ended(command)
        .await
        .assert_refused(2, &["no AWS region", "--region"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_not_there_is_told() {
    let site = Site::new().await;
    let mut command = site.command(&deploy_arguments(&["--poll", "10ms"]));
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    ended(command)
        .await
        .assert_refused(3, &["could not be reached", "hint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_endpoint_is_none_and_one_that_is_no_url_is_named() {
    let site = Site::new().await;
    let status = ["status", "--cluster", "dev"];
    let mut command = site.command(&status);
    command
        .env("AWS_ENDPOINT_URL", "")
        .env("AWS_ENDPOINT_URL_ECS", site.server.url());
    let empty = ended(command).await;
    assert_eq!(empty.code, Some(0), "{empty:?}");
    let mut command = site.command(&status);
    command.env("AWS_ENDPOINT_URL_ECS", "localhost:1");
    ended(command)
        .await
        .assert_refused(2, &["AWS_ENDPOINT_URL_ECS", "http://HOST:PORT"]);
}

/// Without these nothing can be deployed: the error names the action.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_that_is_needed_names_its_action() {
    for action in [
        "DescribeServices",
        "DescribeTaskDefinition",
        "RegisterTaskDefinition",
        "UpdateService",
    ] {
        let site = Site::with(|spec| spec, |builder| builder.deny(action)).await;
        let denied = site.deploy(&[]).await;
        let names = ["AccessDenied", &format!("ecs:{action}")];
        if action != "UpdateService" {
            denied.assert_refused(3, &names);
            continue;
        }
        // A revision was registered: the document tells.
        assert_eq!(denied.code, Some(3), "{denied:?}");
        let service = denied.service();
        assert_eq!(service["verdict"], "cancelled", "{service}");
        assert!(
            service["task_definition"]
                .as_str()
                .unwrap()
                .ends_with("web:2")
        );
        for name in names {
            assert!(
                service["reason"].as_str().unwrap().contains(name) || denied.stderr.contains(name)
            );
        }
    }
}

/// Without these a deployment is followed nevertheless, and what is missing is said once with its action.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_that_only_helps_ends_nothing() {
    let actions = [
        "ListTasks",
        "DescribeTasks",
        "ListServiceDeployments",
        "DescribeServiceRevisions",
        "StopServiceDeployment",
        "GetLogEvents",
    ];
    futures_util::future::join_all(actions.map(deploys_without)).await;
}

async fn deploys_without(action: &str) {
    let site = Site::with(|spec| spec, |builder| builder.deny(action)).await;
    assert_eq!(site.deploy(&[]).await.code, Some(0), "{action}");
    let broken = "127.0.0.1:1/web:broken";
    site.runtime
        .part(broken, Behaviour::CrashAtStart { exit_code: 2 });
    let failing = site.deploy(&["--image", broken]).await;
    assert_eq!(failing.code, Some(5), "{action}: {failing:?}");
    let said = match action {
        "GetLogEvents" => "logs:GetLogEvents".to_owned(),
        action => format!("ecs:{action}"),
    };
    let lines = failing
        .stderr
        .lines()
        .filter(|line| line.contains(&said))
        .count();
    // Nobody asks for revisions when ECS itself goes back.
    let least = usize::from(action != "DescribeServiceRevisions");
    assert!(
        (least..=1).contains(&lines),
        "{action} is told {lines} times: {failing:?}"
    );
}
