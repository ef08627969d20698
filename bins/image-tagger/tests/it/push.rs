//! One image: push, retag, promote, verify.

use std::time::Duration;

use image_tagger::Credential;
use image_tagger::sim::server::{Auth, Quirks, RequestKind, Throttle, When};
use serde_json::json;

use crate::site::{Ended, Site, ended, history};

const MULTI: &str = "the server answers while the binary runs";

async fn push(site: &Site, source: &str, repository: &str, more: &[&str]) -> Ended {
    let mut arguments = vec!["push", source, "--repository", repository];
    arguments.extend(more);
    site.run(&arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_told_to_people_and_to_programs() {
    let site = Site::new().await;
    let (digest, source) = site.layout("app", "one", "").await;
    let repository = site.repository("team/app");
    let outputs = site.path().join("outputs");
    let mut command = site.command(&[
        "push",
        &source,
        "--repository",
        &repository,
        "--tag",
        "sha-1",
        "--moving",
        "latest",
        "--insecure-http",
        "--events",
        "events.ndjson",
    ]);
    command.env("GITHUB_OUTPUT", &outputs);
    let told = ended(command).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert!(
        lines[0].starts_with(&format!("image team/app  {}  pushed ", digest.short())),
        "{told:?}"
    );
    assert!(
        lines[1].contains("sha-1") && lines[1].contains("new") && lines[1].ends_with("verified")
    );
    assert!(lines[2].contains("latest"));
    assert_eq!(lines[3], format!("deploy with: {repository}@{digest}"));
    let outputs = std::fs::read_to_string(outputs).unwrap();
    assert!(
        outputs.contains(&format!("\n{repository}@{digest}\n")),
        "{outputs}"
    );
    assert!(outputs.contains(r#"["sha-1","latest"]"#), "{outputs}");
    let events = std::fs::read_to_string(site.path().join("events.ndjson")).unwrap();
    assert!(
        events.lines().count() >= 5 && events.contains("tag-verified"),
        "{events}"
    );

    let again = push(
        &site,
        &source,
        &repository,
        &["--tag", "sha-1", "--moving", "latest", "--format", "json"],
    )
    .await;
    let receipt = again.json();
    assert_eq!(receipt["digest"], digest.as_str(), "{MULTI}");
    assert_eq!(receipt["bytes_pushed"], 0);
    assert_eq!(receipt["requests"], 3);
    assert_eq!(
        receipt["tags"][0],
        json!({"tag": "sha-1", "previous": digest, "state": "unchanged", "verified": true})
    );
    assert_eq!(receipt["pinned"], format!("{repository}@{digest}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_the_bytes_and_changes_nothing() {
    let site = Site::new().await;
    let (_, source) = site.layout("app", "one", "").await;
    let repository = site.repository("app");
    let plan = push(
        &site,
        &source,
        &repository,
        &["--tag", "v1", "--dry-run", "--format", "json"],
    )
    .await;
    let planned = plan.json()["bytes_to_push"].as_u64().unwrap();
    assert_eq!(
        site.server
            .summary()
            .of_kind(RequestKind::UploadStart)
            .requests,
        0
    );
    let done = push(
        &site,
        &source,
        &repository,
        &["--tag", "v1", "--format", "json"],
    )
    .await;
    assert_eq!(done.json()["bytes_pushed"].as_u64(), Some(planned));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_added_and_images_promoted_with_their_digest() {
    let site = Site::new().await;
    let (digest, source) = site.layout("app", "one", "").await;
    let (dev, prod) = (site.repository("dev/app"), site.repository("prod/app"));
    push(&site, &source, &dev, &["--tag", "v1"]).await;
    let image = format!("{dev}:v1");
    let tagged = site
        .run(&[
            "retag", &image, "--tag", "v1", "--tag", "stable", "--format", "json",
        ])
        .await
        .json();
    assert_eq!(tagged["tags"][0]["state"], "unchanged");
    assert_eq!(tagged["tags"][1]["state"], "new");
    let promoted = site
        .run(&["promote", &image, &prod, "--format", "json"])
        .await
        .json();
    assert_eq!(promoted["digest"], digest.as_str());
    assert_eq!(promoted["bytes_pushed"], 0);
    let verified = site
        .run(&["verify", &format!("{prod}:v1"), "--digest", digest.as_str()])
        .await;
    assert_eq!(verified.code, Some(0), "{verified:?}");

    let other = site
        .run(&[
            "verify",
            &format!("{prod}:v1"),
            "--digest",
            &digest.as_str().replace(|c: char| c.is_ascii_digit(), "0"),
        ])
        .await;
    assert!([1, 2].contains(&other.code.unwrap()), "{other:?}");
    let missing = site.run(&["verify", &format!("{prod}:v9")]).await;
    missing.assert_refused(1, &["v9", "hint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moving_tag_stays_on_the_newer_commit_unless_it_is_forced() {
    let site = Site::new().await;
    let (repo, commits) = history(site.path(), 2);
    let repo = repo.to_str().unwrap();
    let (_, older) = site.layout("older", "one", &commits[0]).await;
    let (newer_digest, newer) = site.layout("newer", "two", &commits[1]).await;
    let repository = site.repository("app");
    let moving = ["--moving", "latest", "--repo", repo, "--format", "json"];
    push(&site, &newer, &repository, &moving).await;
    let held = push(&site, &older, &repository, &moving).await;
    let tag = &held.json()["tags"][0];
    assert_eq!(
        (tag["state"].as_str(), tag["previous"].as_str()),
        (Some("held-back"), Some(newer_digest.as_str()))
    );
    assert!(held.stderr.contains("stays where it is"), "{held:?}");
    let forced = [&moving[..], &["--force-moving"]].concat();
    let forced = push(&site, &older, &repository, &forced).await;
    assert_eq!(forced.json()["tags"][0]["state"], "moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_tag_takes_the_same_image_and_no_other() {
    let site = Site::new().await;
    site.registry.immutable_except([]);
    let (_, one) = site.layout("one", "one", "").await;
    let (_, two) = site.layout("two", "two", "").await;
    let repository = site.repository("app");
    for _ in 0..2 {
        let same = push(&site, &one, &repository, &["--tag", "v1"]).await;
        assert_eq!(same.code, Some(0), "{same:?}");
    }
    let other = push(&site, &two, &repository, &["--tag", "v1"]).await;
    other.assert_refused(1, &["v1", "immutable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_used_and_never_shown() {
    let auth = Auth::bearer(Credential::new("user", "s3cr3t-word"));
    let site = Site::with(Quirks::ecr().auth(auth)).await;
    let repository = site
        .server
        .create_repository("team/app")
        .unwrap()
        .to_string();
    let (_, source) = site.layout("app", "one", "").await;
    let anonymous = push(&site, &source, &repository, &["--tag", "v1"]).await;
    anonymous.assert_refused(3, &["does not let us", "hint"]);

    // base64 of `user:s3cr3t-word`
    let secret = "dXNlcjpzM2NyM3Qtd29yZA==";
    let config = json!({"auths": {site.server.address().to_string(): {"auth": secret}}});
    std::fs::create_dir(site.path().join(".docker")).unwrap();
    std::fs::write(site.path().join(".docker/config.json"), config.to_string()).unwrap();
    let mut command = site.command(&[
        "push",
        &source,
        "--repository",
        &repository,
        "--tag",
        "v1",
        "--insecure-http",
        "-vvv",
        "--events",
        "events",
    ]);
    command.env("WINDLASS_LOG", "trace");
    let pushed = ended(command).await;
    assert_eq!(pushed.code, Some(0), "{pushed:?}");
    let events = std::fs::read_to_string(site.path().join("events")).unwrap();
    for text in [&pushed.stdout, &pushed.stderr, &events] {
        assert!(
            !text.contains("s3cr3t-word") && !text.contains(secret),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_killed_is_finished_by_the_next_one() {
    // The second blob's upload hangs.
    let hang = When::times(1).kind(RequestKind::UploadFinish);
    let site = Site::with(Quirks::new().delay(Duration::from_secs(600), hang)).await;
    let (digest, source) = site.layout("app", "one", "").await;
    let repository = site.repository("app");
    let mut command = site.command(&[
        "push",
        &source,
        "--repository",
        &repository,
        "--tag",
        "v1",
        "--insecure-http",
    ]);
    let mut child = command.spawn().unwrap();
    let begun = std::time::Instant::now();
    while site
        .server
        .summary()
        .of_kind(RequestKind::UploadFinish)
        .requests
        == 0
    {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "the push has begun"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let image = format!("{repository}:v1");
    site.run(&["verify", &image])
        .await
        .assert_refused(1, &["v1"]);
    let again = push(&site, &source, &repository, &["--tag", "v1"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    let verified = site
        .run(&["verify", &image, "--digest", digest.as_str()])
        .await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn throttles_and_cuts_are_waited_out_and_counted() {
    let quirks = Quirks::ecr()
        .throttle(Throttle::unavailable(), When::every(4))
        .cut_upload(20, 1);
    let site = Site::with(quirks).await;
    let repository = site
        .server
        .create_repository("team/app")
        .unwrap()
        .to_string();
    let (digest, source) = site.layout("app", "one", "").await;
    let pushed = push(
        &site,
        &source,
        &repository,
        &["--tag", "v1", "--format", "json"],
    )
    .await;
    let receipt = pushed.json();
    assert_eq!(receipt["digest"], digest.as_str());
    assert!(receipt["retries"].as_u64().unwrap() > 0, "{receipt}");
}
