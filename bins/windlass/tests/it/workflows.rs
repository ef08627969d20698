//! Promotion, dispatch, deployments and rollbacks by hand between two local environments: one repository, used by each test
//! in turn where the order of things is the point.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::repo::{Ended, Repo, all, verdicts};

const TWO: &str = "[environments.dev]\nprovider = \"local\"\nspeed = 200\n\n[environments.staging]\nprovider = \"local\"\nspeed = 200\n";

fn two_environments(services: &[&str]) -> Repo {
    let repo = Repo::with_services(services);
    repo.write("windlass.toml", TWO);
    repo.commit("Two environments");
    repo
}

fn json_of(repo: &Repo, arguments: &[&str]) -> (Value, i32) {
    let ended = repo.windlass(&[arguments, &["--format", "json"]].concat());
    (ended.json(), ended.code)
}

fn run(repo: &Repo, environment: &str) {
    let (document, code) = json_of(repo, &["run", "-e", environment]);
    assert_eq!(code, 0, "{document}");
}

/// What runs, as `status` has it: module, commit, digest.
fn running(repo: &Repo, environment: &str) -> Vec<(String, String, String)> {
    let (document, code) = json_of(repo, &["status", "-e", environment]);
    assert_eq!(code, 0, "{document}");
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    document["environments"][0]["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| {
            (
                text(&service["module"]),
                text(&service["live"]["commit"]),
                text(&service["digest"]),
            )
        })
        .collect()
}

fn dispatch(repo: &Repo, payload: &Value, more: &[&str]) -> Ended {
    use std::io::Write;
    let mut child = repo
        .command(&[&["dispatch", "--payload", "-", "--format", "json"], more].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = payload.to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    Ended::of(child.wait_with_output().unwrap())
}

#[test]
fn a_promotion_takes_the_digests_and_what_is_promoted_already_is_left_alone() {
    let repo = two_environments(&["alpha", "beta"]);
    let head = repo.head();
    run(&repo, "dev");
    let (dry, code) = json_of(
        &repo,
        &["promote", "--from", "dev", "--to", "staging", "--dry-run"],
    );
    assert_eq!(
        (dry["services"].as_array().unwrap().len(), code),
        (2, 0),
        "{dry}"
    );
    assert!(
        !repo.path().join(".windlass/staging").exists(),
        "a dry run makes nothing"
    );

    let (document, code) = json_of(&repo, &["promote", "--from", "dev", "--to", "staging"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha", "beta"], "deployed"), 0),
        "{document}"
    );
    assert_eq!(running(&repo, "dev"), running(&repo, "staging"));
    assert_eq!(document["head"]["id"], head.as_str());
    assert_eq!(document["from"], "dev");
    let stages: Vec<&str> = document["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| span["stage"].as_str().unwrap())
        .collect();
    for stage in ["source", "push", "rollout", "health"] {
        assert!(stages.contains(&stage), "{stages:?}");
    }
    let tags: Vec<&str> = document["services"][0]["push"]["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["tag"].as_str().unwrap())
        .collect();
    assert_eq!(
        tags,
        [&format!("sha-{head}"), "latest", "staging"],
        "the environment's tag is the last"
    );

    let again = repo.windlass(&["promote", "--from", "dev", "--to", "staging"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(again.stdout, "nothing to do: staging runs what dev runs\n");

    // One service moves on; it alone is promoted, and only when it is named.
    repo.write("services/beta/main.txt", "two\n");
    repo.commit("Change beta");
    run(&repo, "dev");
    let (document, _) = json_of(
        &repo,
        &[
            "promote",
            "--from",
            "dev",
            "--to",
            "staging",
            "--service",
            "alpha",
        ],
    );
    assert!(document["nothing"].is_string(), "{document}");
    let (document, code) = json_of(&repo, &["promote", "--from", "dev", "--to", "staging"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["beta"], "deployed"), 0),
        "{document}"
    );
}

#[test]
fn what_does_not_serve_is_not_promoted() {
    let repo = two_environments(&["alpha"]);
    repo.write(
        "windlass.toml",
        &format!("[deploy]\non-failure = \"keep\"\n[health]\ntimeout = \"1s\"\n{TWO}"),
    );
    repo.write(
        "services/alpha/local-task.toml",
        "revision = \"0000000000000000000000000000000000000001\"\n",
    );
    repo.commit("Answer as another build");
    let (document, code) = json_of(&repo, &["run", "-e", "dev"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "failed"), 1),
        "{document}"
    );
    let ended = repo.windlass(&["promote", "--from", "dev", "--to", "staging"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("not promoted") && ended.stderr.contains("nothing was changed"),
        "{ended:?}"
    );
    assert!(
        !repo.path().join(".windlass/staging/registry").exists(),
        "nothing was copied"
    );
}

#[test]
fn promotions_that_make_no_sense_are_refused() {
    let repo = two_environments(&["alpha"]);
    repo.windlass(&["promote", "--from", "dev", "--to", "dev"])
        .assert_refused(2, &["itself"]);
    repo.windlass(&["promote", "--from", "dev", "--to", "stagin"])
        .assert_refused(2, &["did you mean `staging`?"]);
    repo.windlass(&[
        "promote",
        "--from",
        "dev",
        "--to",
        "staging",
        "--service",
        "alhpa",
    ])
    .assert_refused(2, &["`alhpa`", "did you mean `alpha`?"]);
    repo.windlass(&[
        "promote",
        "--from",
        "dev",
        "--to",
        "staging",
        "--service",
        "alpha",
    ])
    .assert_refused(2, &["`alpha` is not deployed in `dev`"]);
}

#[test]
fn a_dispatch_deploys_the_commit_and_an_unknown_one_touches_nothing() {
    let repo = two_environments(&["alpha", "beta"]);
    let first = repo.head();
    run(&repo, "dev");
    repo.write("services/alpha/main.txt", "two\n");
    let second = repo.commit("Change alpha");
    run(&repo, "dev");
    let payload = |services: Value, sha: &str| {
        json!({
            "services": services, "environment": "dev", "commit_sha": sha,
            "pr_title": "\u{1b}[31m<!channel> `x` | **bold** [a](javascript:b)\r\n::error::no", "pr_author": "@everyone",
            "pr_url": "https://github.com/acme/shop/pull/7"
        })
    };
    let before = running(&repo, "dev");
    let unknown = dispatch(&repo, &payload(json!(["alpha", "gamma"]), &first), &[]);
    unknown.assert_refused(2, &["`gamma`", "alpha, beta"]);
    let absent = dispatch(
        &repo,
        &payload(json!(["alpha"]), "0123456789abcdef0123456789abcdef01234567"),
        &[],
    );
    absent.assert_refused(
        2,
        &[
            "0123456789abcdef0123456789abcdef01234567",
            "not in the repository",
            "fetch-depth: 0",
        ],
    );
    let unbuilt = dispatch(&repo, &payload(json!(["beta"]), &second), &[]);
    unbuilt.assert_refused_after_start(2, &["there is no image", "beta"]);
    dispatch(
        &repo,
        &payload(json!(["alpha"]), &first),
        &["--environment", "staging"],
    )
    .assert_refused(2, &["`dev`", "`staging`"]);
    assert_eq!(running(&repo, "dev"), before);

    let folder = tempfile::tempdir().unwrap();
    let (summary, page) = (
        folder.path().join("summary.md"),
        folder.path().join("report.html"),
    );
    let ended = dispatch(
        &repo,
        &json!({"action": "deploy", "client_payload": payload(json!("alpha, beta"), &first[..12])}),
        &[
            "--report-markdown",
            summary.to_str().unwrap(),
            "--report-html",
            page.to_str().unwrap(),
        ],
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
    let document = ended.json();
    assert_eq!(document["head"]["id"], first.as_str());
    assert_eq!(
        document["head"]["url"],
        "https://github.com/acme/shop/pull/7"
    );
    assert_eq!(
        verdicts(&document),
        [
            ("alpha".to_owned(), "deployed".to_owned()),
            ("beta".to_owned(), "unchanged".to_owned())
        ]
    );
    let markdown = std::fs::read_to_string(summary).unwrap();
    assert!(
        markdown.contains("\\*\\*bold\\*\\*") && markdown.contains("&lt;\\!channel&gt;"),
        "{markdown}"
    );
    assert!(!markdown.contains("[a](javascript"), "{markdown}");
    let html = std::fs::read_to_string(page).unwrap();
    assert!(
        html.contains("aria-label=\"Dependency graph\"")
            && html.contains("aria-label=\"Timeline\"")
            && html.contains("&lt;!channel&gt;")
            && !html.contains("<!channel>")
            && !html.contains("<script"),
        "{html}"
    );
}

#[test]
fn a_deployment_by_hand_shows_the_digest_and_a_rollback_brings_the_revision_before_back() {
    let repo = two_environments(&["alpha"]);
    let first = repo.head();
    run(&repo, "dev");
    let original = running(&repo, "dev");
    repo.write("services/alpha/main.txt", "two\n");
    let second = repo.commit("Change alpha");
    run(&repo, "dev");
    let newest = running(&repo, "dev");
    assert_ne!(original, newest);

    // An older commit by its tag.
    let tag = format!("sha-{first}");
    let deploy = [
        "deploy",
        "-e",
        "dev",
        "--service",
        "alpha",
        "--image-tag",
        &tag,
    ];
    let (document, code) = json_of(&repo, &deploy);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "deployed"), 0),
        "{document}"
    );
    assert_eq!(running(&repo, "dev"), original);

    // `latest` still names the newest.
    let dry = repo.windlass(&["deploy", "-e", "dev", "-s", "alpha", "--dry-run"]);
    assert!(
        dry.stdout.contains(&newest[0].2) && dry.stdout.contains(&second[..7]),
        "{dry:?}"
    );
    assert_eq!(running(&repo, "dev"), original, "a dry run changes nothing");
    let ended = repo.windlass(&["deploy", "-e", "dev", "-s", "alpha"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.stderr.contains(&newest[0].2),
        "the digest is shown: {ended:?}"
    );
    assert_eq!(running(&repo, "dev"), newest);

    // Without a revision it goes to the last that was deployed with success; by its number to any.
    let (document, code) = json_of(&repo, &["rollback", "-e", "dev", "--service", "alpha"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "restored"), 0),
        "{document}"
    );
    assert_eq!(running(&repo, "dev"), original);
    let ended = repo.windlass(&["deploy", "-e", "dev", "-s", "alpha"]);
    assert_eq!(ended.code, 0, "{ended:?}");

    let (document, code) = json_of(
        &repo,
        &["rollback", "-e", "dev", "--service", "alpha", "--to", "1"],
    );
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "restored"), 0),
        "{document}"
    );
    assert_eq!(document["services"][0]["health"]["verdict"], "healthy");
    assert_eq!(running(&repo, "dev"), original);
    let (document, code) = json_of(
        &repo,
        &["rollback", "-e", "dev", "--service", "alpha", "--to", "1"],
    );
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "unchanged"), 0),
        "{document}"
    );
}

#[test]
fn by_hand_what_is_not_there_is_named() {
    let repo = two_environments(&["alpha"]);
    run(&repo, "dev");
    repo.windlass(&["deploy", "-e", "dev", "-s", "alpha", "--image-tag", "v9"])
        .assert_refused_after_start(2, &["there is no image", "v9"]);
    repo.windlass(&["deploy", "-e", "dev", "-s", "nope"])
        .assert_refused_after_start(2, &["`nope`"]);
    repo.windlass(&["rollback", "-e", "staging", "-s", "alpha"])
        .assert_refused_after_start(2, &["never deployed"]);
    for revision in ["99", "not a revision"] {
        repo.windlass(&["rollback", "-e", "dev", "-s", "alpha", "--to", revision])
            .assert_refused_after_start(2, &[revision]);
    }
}

#[test]
fn status_shows_services_by_environments() {
    let repo = two_environments(&["alpha", "beta"]);
    let head = repo.head();
    run(&repo, "dev");
    let ended = repo.windlass(&["status"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{ended:?}");
    assert!(
        lines[0].starts_with("alpha  dev      ") && lines[0].contains(&head[..7]),
        "{ended:?}"
    );
    assert!(
        lines[0].contains("sha256:") && lines[0].contains(" old"),
        "{ended:?}"
    );
    assert!(
        lines[1].starts_with("alpha  staging  ") && lines[1].ends_with("not deployed"),
        "{ended:?}"
    );
    let one = repo.windlass(&["status", "-e", "dev", "-s", "beta"]);
    assert_eq!(one.stdout.lines().count(), 1, "{one:?}");
}
