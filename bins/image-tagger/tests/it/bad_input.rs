//! What is wrong is named, with a remedy.

use crate::site::{Site, ended};

#[tokio::test(flavor = "multi_thread")]
async fn sources_and_names_that_cannot_be() {
    let site = Site::new().await;
    let (_, source) = site.layout("app", "one", "").await;
    let repository = site.repository("app");
    for (source, repository, tag, part) in [
        ("app", repository.as_str(), "v1", "oci-archive:FILE"),
        ("oci:nowhere", &repository, "v1", "nowhere"),
        ("oci:layouts.local/app:v9", &repository, "v1", "v1"),
        ("oci-archive:nothing.tar", &repository, "v1", "nothing.tar"),
        (&source, "app", "v1", "HOST"),
        (&source, "a.b/UPPER", "v1", "UPPER"),
        (&source, &repository, "a/b", "a/b"),
    ] {
        let ended = site
            .run(&["push", source, "--repository", repository, "--tag", tag])
            .await;
        ended.assert_refused(2, &[part]);
    }
    let nothing = site
        .run(&["push", &source, "--repository", &repository])
        .await;
    nothing.assert_refused(2, &["--tag"]);
    let image = site.run(&["retag", &repository, "--tag", "v1"]).await;
    image.assert_refused(2, &["names no tag"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_blob_is_found_before_anything_is_sent() {
    let site = Site::new().await;
    let (_, source) = site.layout("app", "one", "").await;
    let blobs = site.path().join("layouts.local/app/blobs/sha256");
    for blob in std::fs::read_dir(blobs).unwrap() {
        let path = blob.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let repository = site.repository("app");
    let ended = site
        .run(&["push", &source, "--repository", &repository, "--tag", "v1"])
        .await;
    ended.assert_refused(2, &["has the digest", "hint"]);
    let summary = site.server.summary();
    let sent = summary.of_kind(image_tagger::sim::server::RequestKind::UploadFinish);
    assert_eq!(sent.requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_image_to_retag_or_promote_nothing_happens() {
    let site = Site::new().await;
    let image = format!("{}:v1", site.repository("app"));
    let other = site.repository("other");
    site.run(&["retag", &image, "--tag", "v2"])
        .await
        .assert_refused(1, &["v1", "hint"]);
    site.run(&["promote", &image, &other])
        .await
        .assert_refused(1, &["v1", "hint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retention_needs_to_know_what_is_in_use() {
    let site = Site::new().await;
    let ended = site.run(&["retention", "apply", "a.example/app"]).await;
    ended.assert_refused(2, &["--in-use"]);
    std::fs::write(site.path().join("list"), "a b\nNOT//an image\n").unwrap();
    let ended = site
        .run(&["retention", "plan", "a.example/app", "--in-use", "list"])
        .await;
    ended.assert_refused(2, &["line 2"]);
    let policy = site
        .run(&[
            "retention",
            "policy",
            "--keep-last",
            "5",
            "--protect",
            "latest",
            "--protect",
            "release-*",
        ])
        .await;
    assert_eq!(policy.code, Some(0), "{policy:?}");
    let policy = policy.json();
    assert!(policy["rules"].as_array().unwrap().len() >= 3, "{policy}");
    site.run(&["retention", "policy", "--keep-last", "0"])
        .await
        .assert_refused(2, &["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_of_aws_that_is_no_url_is_named_before_anybody_is_asked() {
    let site = Site::new().await;
    let (_, source) = site.layout("app", "one", "").await;
    let ours = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app";
    for arguments in [
        &["push", &source, "--repository", ours, "--tag", "v1"][..],
        &["retention", "plan", ours],
    ] {
        let mut command = site.command(arguments);
        command.env("AWS_ENDPOINT_URL_ECR", "localhost:1");
        ended(command)
            .await
            .assert_refused(2, &["AWS_ENDPOINT_URL_ECR", "http://HOST:PORT"]);
    }
    // Who does not speak to AWS is not kept by it.
    let theirs = site.repository("app");
    let mut command = site.command(&["push", &source, "--repository", &theirs, "--tag", "v1"]);
    command
        .arg("--insecure-http")
        .env("AWS_ENDPOINT_URL_ECR", "localhost:1");
    let pushed = ended(command).await;
    assert_eq!(pushed.code, Some(0), "{pushed:?}");
}
