//! `provider = "aws"` over the wire: the real SDK clients against ECS, ECR and a registry on loopback.

#![cfg(feature = "aws")]

mod fake;

use crate::repo::{Ended, Repo, all, verdicts};
use fake::{Behaviour, FakeAws};

/// A repository whose image stands in an OCI layout, and an environment on the fake.
fn repository(aws: &FakeAws) -> Repo {
    let repo = Repo::with_services(&["alpha"]);
    repo.write("windlass.toml", &config(aws, true));
    repo.commit("Deploy to dev");
    repo
}

fn config(aws: &FakeAws, with_image: bool) -> String {
    let host = aws.address();
    let image = if with_image {
        // What the local environment packed serves as the build's image.
        "[build]\nimage = \"oci:.windlass/packed/registry/windlass.local/packed/{service}:latest\"\n"
    } else {
        ""
    };
    format!(
        "{image}[environments.packed]\nprovider = \"local\"\nspeed = 200\n\n\
         [health]\nsuccesses = 2\ninterval = \"50ms\"\ntimeout = \"3s\"\n\n\
         [environments.dev]\nprovider = \"aws\"\nregion = \"eu-central-1\"\ncluster = \"sdt-dev\"\n\
         service = \"sdt-dev-{{service}}\"\nrepository = \"{host}/sdt-dev/{{service}}\"\n\
         health = \"http://{host}/api/{{service}}/actuator/health\"\ninsecure-http = true\n"
    )
}

/// Packs the image with the local environment, under a configuration that does not ask for one yet.
fn pack(repo: &Repo, aws: &FakeAws) {
    let path = repo.path().join("pack.toml");
    std::fs::write(&path, config(aws, false)).unwrap();
    let ended = repo.windlass(&["run", "-e", "packed", "--config", path.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{ended:?}");
    std::fs::remove_file(path).unwrap();
}

fn run(repo: &Repo, aws: &FakeAws, more: &[&str]) -> Ended {
    on(
        repo,
        aws,
        &[&["run", "-e", "dev", "--format", "json"], more].concat(),
    )
}

/// The binary with the fake as its AWS.
fn on(repo: &Repo, aws: &FakeAws, arguments: &[&str]) -> Ended {
    let endpoint = format!("http://{}", aws.address());
    let mut command = repo.command(arguments);
    command
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret-of-anyones")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_MAX_ATTEMPTS", "1");
    Ended::of(command.output().unwrap())
}

#[test]
fn the_pushed_digest_is_deployed_and_answers() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    pack(&repo, &aws);
    let ended = run(&repo, &aws, &["--base", "HEAD~1^{tree}~0"]);
    // A tree is no commit: refused by name, before anything is asked of AWS.
    ended.assert_refused(2, &["HEAD~1^{tree}~0"]);

    repo.write("services/alpha/main.txt", "two\n");
    let head = repo.commit("Change alpha");
    pack(&repo, &aws);
    let ended = run(&repo, &aws, &["--base", "HEAD~1"]);
    let document = ended.json();
    assert_eq!(
        (verdicts(&document), ended.code),
        (all(&["alpha"], "deployed"), 0),
        "{ended:?}"
    );
    let registered = aws.registered();
    let image = registered["containerDefinitions"][0]["image"]
        .as_str()
        .unwrap();
    let digest = document["services"][0]["push"]["digest"].as_str().unwrap();
    assert_eq!(
        image,
        format!("{}/sdt-dev/alpha:sha-{head}@{digest}", aws.address())
    );
    assert_eq!(
        registered["aFieldOfNextYear"],
        serde_json::json!({"kept": true}),
        "unknown fields survive"
    );
    assert_eq!(
        registered["containerDefinitions"][0]["newKnob"],
        serde_json::json!({"level": 3})
    );
    assert!(
        registered.get("revision").is_none(),
        "fields of the response are not sent back"
    );
    assert_eq!(aws.tag("sdt-dev/alpha", "latest").as_deref(), Some(digest));

    // What left the repository is told of; what runs an image of other origin in the same cluster is not.
    assert_eq!(
        document["removed"],
        serde_json::json!(["old"]),
        "{document}"
    );

    // The tag of the live image now tells the commit: without a base there is nothing to do.
    let again = run(&repo, &aws, &[]);
    assert!(again.json()["nothing"].is_string(), "{again:?}");
    assert_eq!(again.code, 0);
}

#[test]
fn a_live_image_without_a_commit_asks_for_a_base() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    run(&repo, &aws, &[]).assert_refused(2, &["sdt-dev-alpha", "--base", "--all"]);
    pack(&repo, &aws);
    let ended = run(&repo, &aws, &["--all"]);
    assert_eq!(
        (verdicts(&ended.json()), ended.code),
        (all(&["alpha"], "deployed"), 0),
        "{ended:?}"
    );
    let registered = aws.registered();
    let image = registered["containerDefinitions"][0]["image"].as_str();
    assert!(image.unwrap().contains(&repo.head()), "{registered}");
}

#[test]
fn a_registry_that_is_not_ecr_takes_what_docker_login_left() {
    let aws = FakeAws::start(Behaviour::WantsLogin);
    let repo = repository(&aws);
    pack(&repo, &aws);
    let folder = repo.path().join(".git/docker");
    std::fs::create_dir(&folder).unwrap();
    let endpoint = format!("http://{}", aws.address());
    let run = || {
        let mut command = repo.command(&["run", "-e", "dev", "--all", "--format", "json"]);
        command
            .env("DOCKER_CONFIG", &folder)
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret-of-anyones")
            .env("AWS_MAX_ATTEMPTS", "1");
        Ended::of(command.output().unwrap())
    };
    let refused = run();
    assert_eq!(refused.code, 3, "{refused:?}");
    let address = aws.address().to_string();
    assert!(
        refused.stderr.contains(&address) && refused.stderr.contains("log in to the registry"),
        "{refused:?}"
    );
    let config = serde_json::json!({"auths": {address: {"auth": "YWRhOmh1bnRlcjI="}}});
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let ended = run();
    assert_eq!(
        (verdicts(&ended.json()), ended.code),
        (all(&["alpha"], "deployed"), 0),
        "{ended:?}"
    );
    for stream in [&ended.stdout, &ended.stderr] {
        assert!(!stream.contains("hunter2") && !stream.contains("YWRhOmh1bnRlcjI="));
    }
}

#[test]
fn a_denied_call_names_the_action() {
    let aws = FakeAws::start(Behaviour::Denies);
    let repo = repository(&aws);
    let ended = run(&repo, &aws, &["--base", "HEAD~1"]);
    ended.assert_refused(
        3,
        &[
            "AccessDeniedException",
            "ecs:DescribeServices",
            "fake-request-id",
        ],
    );
    assert!(!ended.stderr.contains("not-a-secret-of-anyones"));
}

#[test]
fn a_service_that_does_not_exist_is_named() {
    let aws = FakeAws::start(Behaviour::HasNoService);
    let repo = repository(&aws);
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    run(&repo, &aws, &["--base", "HEAD~1"]).assert_refused_after_start(
        2,
        &[
            "`sdt-dev-alpha`",
            "`sdt-dev`",
            "infrastructure code",
            "detect.services",
        ],
    );
}

#[test]
fn a_module_without_a_service_stands_in_nobodys_way_until_it_is_to_be_deployed() {
    let aws = FakeAws::start(Behaviour::HasOneService);
    let repo = repository(&aws);
    repo.write("services/beta/main.txt", "one\n");
    repo.write("services/gamma/main.txt", "one\n");
    repo.commit("Two that have no service");
    let status = on(&repo, &aws, &["status", "-e", "dev"]);
    assert_eq!(status.code, 0, "{status:?}");
    assert_eq!(
        status.stdout.matches("not deployed").count(),
        2,
        "{status:?}"
    );
    assert!(status.stdout.contains("alpha"), "{status:?}");

    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    let plan = on(&repo, &aws, &["plan", "-e", "dev", "--base", "HEAD~1"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    pack(&repo, &aws);
    let ended = run(&repo, &aws, &["--base", "HEAD~1"]);
    assert_eq!(
        (verdicts(&ended.json()), ended.code),
        (all(&["alpha"], "deployed"), 0),
        "{ended:?}"
    );
    // Both are new: they are refused by name, and what would be refused is said by the plan.
    let refused = run(&repo, &aws, &[]);
    refused
        .assert_refused_after_start(2, &["`sdt-dev-beta`", "`sdt-dev-gamma`", "detect.services"]);
    let plan = on(&repo, &aws, &["plan", "-e", "dev"]);
    assert!(
        plan.code == 0 && plan.stderr.contains("warning: `beta` cannot be deployed"),
        "{plan:?}"
    );
    let deploy = ["deploy", "-e", "dev", "-s", "beta"];
    on(&repo, &aws, &deploy).assert_refused_after_start(2, &["`sdt-dev-beta`"]);
}

#[test]
fn a_service_that_cannot_be_deployed_to_is_refused_before_anything_is_told_or_moved() {
    for (behaviour, why) in [
        (Behaviour::Deadlocked, "can never replace a task"),
        (Behaviour::CodeDeploys, "CODE_DEPLOY"),
    ] {
        let aws = FakeAws::start(behaviour);
        let repo = repository(&aws);
        pack(&repo, &aws);
        let names = ["`alpha`", "`sdt-dev-alpha`", why];
        let commands: [&[&str]; 3] = [
            &["run", "-e", "dev", "--all"],
            &["promote", "--from", "packed", "--to", "dev"],
            &["deploy", "-e", "dev", "-s", "alpha"],
        ];
        for command in commands {
            let refused = on(&repo, &aws, command);
            refused.assert_refused_after_start(2, &names);
            assert!(
                !refused.stderr.contains("pushed") && aws.tag("sdt-dev/alpha", "latest").is_none(),
                "{refused:?}"
            );
            let dry = on(&repo, &aws, &[command, &["--dry-run"]].concat());
            match command[0] {
                "run" => assert!(dry.code == 0 && dry.stderr.contains(why), "{dry:?}"),
                _ => dry.assert_refused_after_start(2, &names),
            }
        }
        // Who looks is not refused.
        let status = on(&repo, &aws, &["status", "-e", "dev"]);
        assert_eq!(status.code, 0, "{status:?}");
    }
}

#[test]
fn without_the_list_of_services_only_what_still_runs_is_said_to_have_left() {
    let aws = FakeAws::start(Behaviour::DeniesList);
    let repo = repository(&aws);
    for left in ["old", "gone"] {
        repo.write(&format!("services/{left}/main.txt"), "one\n");
    }
    repo.commit("Two that are to leave");
    repo.write("services/alpha/main.txt", "two\n");
    repo.git(&["rm", "-r", "--quiet", "services/old", "services/gone"]);
    repo.commit("Let them go");
    pack(&repo, &aws);
    let ended = run(&repo, &aws, &["--base", "HEAD~1"]);
    let document = ended.json();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        document["removed"],
        serde_json::json!(["old"]),
        "{document}"
    );
    let warning = |warnings: &serde_json::Value| {
        let text = warnings[0].as_str().unwrap_or_default();
        assert!(text.contains("ecs:ListServices"), "{warnings}");
    };
    warning(&document["warnings"]);

    let status = on(&repo, &aws, &["status", "-e", "dev", "--format", "json"]);
    let environment = &status.json()["environments"][0];
    warning(&environment["warnings"]);
    let status = on(&repo, &aws, &["status", "-e", "dev"]);
    assert!(!status.stdout.contains("not deployed"), "{status:?}");
}

#[test]
fn what_is_refused_after_a_push_does_not_claim_that_nothing_was_changed() {
    let aws = FakeAws::start(Behaviour::DeadlocksLater);
    let repo = repository(&aws);
    pack(&repo, &aws);
    let ended = run(&repo, &aws, &["--all"]);
    assert_eq!(
        (verdicts(&ended.json()), ended.code),
        (all(&["alpha"], "refused"), 1),
        "{ended:?}"
    );
    assert!(aws.tag("sdt-dev/alpha", "latest").is_some());
}

#[test]
fn without_an_address_for_health_the_verdict_says_that_nobody_was_asked() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    let config = config(&aws, true);
    let without: Vec<&str> = config
        .lines()
        .filter(|line| !line.starts_with("health ="))
        .collect();
    repo.write("windlass.toml", &without.join("\n"));
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    pack(&repo, &aws);
    let ended = run(&repo, &aws, &["--base", "HEAD~1"]);
    let document = ended.json();
    assert_eq!(
        (verdicts(&document), ended.code),
        (all(&["alpha"], "deployed"), 0),
        "{ended:?}"
    );
    let reason = document["services"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("was not asked"), "{reason}");
    assert!(
        ended.stderr.contains("not asked for its health"),
        "{ended:?}"
    );
}

const OTHER: &str = r#"{"id":"2","command":"run","environment":"dev","user":"bob","host":"runner-8","pid":43,
    "run_url":null,"since":1700000001}"#;

#[test]
fn a_lock_that_changed_hands_meanwhile_is_not_removed_and_one_that_is_gone_is_taken() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    let with_lock = config(&aws, true).replace(
        "insecure-http = true",
        "insecure-http = true\nlock = \"s3://state/locks\"",
    );
    repo.write("windlass.toml", &with_lock);
    repo.commit("Lock for all");
    let key = "locks/dev.lock.json";
    aws.put_object(key, &OTHER.replace("bob", "ada"));
    aws.take_over(OTHER);
    on(&repo, &aws, &["unlock", "-e", "dev", "--force"])
        .assert_refused(3, &["was not removed", "another run"]);
    assert_eq!(aws.object(key).as_deref(), Some(OTHER.as_bytes()));

    // Let go of between the refused put and the look at who holds it.
    aws.vanish();
    let idle = run(&repo, &aws, &["--base", "HEAD"]);
    assert_eq!(idle.code, 0, "{idle:?}");
    assert_eq!(aws.object(key), None);

    // Forced away and taken by another run while this one lets go.
    aws.take_over(OTHER);
    let idle = run(&repo, &aws, &["--base", "HEAD"]);
    assert_eq!(idle.code, 0, "{idle:?}");
    assert_eq!(aws.object(key).as_deref(), Some(OTHER.as_bytes()));
}

#[test]
fn without_an_image_there_is_nothing_to_deploy() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    repo.write("windlass.toml", &config(&aws, false));
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    run(&repo, &aws, &["--base", "HEAD~1"]).assert_refused(2, &["build.image"]);
}

#[test]
fn aws_out_of_reach_is_exit_3() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = repo.command(&["run", "-e", "dev", "--base", "HEAD~1"]);
    command
        .env("AWS_ENDPOINT_URL", format!("http://{nobody}"))
        .envs([
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ]);
    let ended = Ended::of(command.output().unwrap());
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("error: "), "{ended:?}");
}

#[test]
fn an_endpoint_that_is_no_url_is_named_before_anybody_is_asked() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    let locked = "\n[environments.locked]\nprovider = \"local\"\nlock = \"s3://state/windlass\"\n";
    repo.write("windlass.toml", &(config(&aws, true) + locked));
    for arguments in [["run", "-e", "dev"], ["unlock", "-e", "locked"]] {
        let mut command = repo.command(&arguments);
        command.env("AWS_ENDPOINT_URL_S3", "localhost:1");
        Ended::of(command.output().unwrap())
            .assert_refused(2, &["AWS_ENDPOINT_URL_S3", "http://HOST:PORT"]);
    }
}

#[test]
fn what_runs_locally_is_promoted_to_ecs_and_deployed_again_by_its_moving_tag() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    pack(&repo, &aws);
    let promote = [
        "promote", "--from", "packed", "--to", "dev", "--format", "json",
    ];
    let ended = on(&repo, &aws, &promote);
    let document = ended.json();
    assert_eq!(
        (verdicts(&document), ended.code),
        (all(&["alpha"], "deployed"), 0),
        "{ended:?}"
    );
    let digest = document["services"][0]["push"]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    for tag in ["latest", "dev", &format!("sha-{}", repo.head())] {
        assert_eq!(aws.tag("sdt-dev/alpha", tag), Some(digest.clone()), "{tag}");
    }
    let dry = on(
        &repo,
        &aws,
        &[
            "deploy",
            "-e",
            "dev",
            "-s",
            "alpha",
            "--dry-run",
            "--format",
            "json",
        ],
    );
    assert!(
        dry.json()["services"][0]["image"]
            .as_str()
            .unwrap()
            .ends_with(&digest),
        "{dry:?}"
    );
    let status = on(&repo, &aws, &["status", "-e", "dev", "--health"]);
    assert_eq!(status.code, 0, "{status:?}");
    assert!(
        status.stdout.contains(&digest[..19]) && status.stdout.contains("healthy"),
        "{status:?}"
    );
}

#[test]
fn the_lock_in_s3_is_put_released_and_seen_by_all_machines() {
    let aws = FakeAws::start(Behaviour::Completes);
    let repo = repository(&aws);
    repo.write(
        "windlass.toml",
        &config(&aws, true).replace(
            "insecure-http = true",
            "insecure-http = true\nlock = \"s3://state/locks\"",
        ),
    );
    repo.commit("Lock for all");
    let key = "locks/dev.lock.json";
    let other = r#"{"id":"1","command":"promote","environment":"dev","user":"ada","host":"runner-7","pid":42,
        "run_url":"https://github.com/acme/shop/actions/runs/7","since":1700000000}"#;
    aws.put_object(key, other);
    let who = [
        "`windlass promote` of ada on runner-7",
        "actions/runs/7",
        "2023-11-14",
        " ago)",
    ];
    let refused = run(&repo, &aws, &["--base", "HEAD"]);
    refused.assert_refused(
        3,
        &[&who[..], &["windlass unlock --environment dev --force"]].concat(),
    );
    on(&repo, &aws, &["unlock", "-e", "dev"]).assert_refused(3, &[&who[..], &["--force"]].concat());
    assert!(aws.object(key).is_some());
    let unlocked = on(&repo, &aws, &["unlock", "-e", "dev", "--force"]);
    assert!(
        unlocked.stdout.contains("is removed") && unlocked.stdout.contains("runner-7"),
        "{unlocked:?}"
    );
    assert_eq!(
        on(&repo, &aws, &["unlock", "-e", "dev"]).stdout,
        "`dev` is not locked\n"
    );

    // One that does its work lets go, and so does one that fails.
    let idle = run(&repo, &aws, &["--base", "HEAD"]);
    assert_eq!(idle.code, 0, "{idle:?}");
    assert_eq!(aws.object(key), None);
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    let failed = run(&repo, &aws, &["--base", "HEAD~1"]);
    assert_ne!(failed.code, 0, "no image was packed: {failed:?}");
    assert_eq!(aws.object(key), None);
    // What another run took meanwhile is not let go of.
    aws.put_object(key, other);
    run(&repo, &aws, &["--base", "HEAD"]).assert_refused(3, &who);
    assert!(aws.object(key).is_some());
}
