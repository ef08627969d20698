//! Another client's view: skopeo reads what was pushed, and what it pushed is promoted unchanged.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::site::{Ended, Site, ended};

fn skopeo() -> Option<&'static str> {
    let there = Command::new("skopeo")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        println!("skipped: skopeo is not installed");
    }
    there.then_some("skopeo")
}

async fn run(program: &str, arguments: &[&str], site: &Site) -> Ended {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(site.path())
        .env("HOME", site.path());
    let ended = ended(command).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_stay_the_same_from_one_client_to_the_other() {
    let Some(skopeo) = skopeo() else { return };
    let site = Site::new().await;
    let (digest, source) = site.layout("app", "one", "").await;
    let ours = site.repository("ours");
    let pushed = site
        .run(&["push", &source, "--repository", &ours, "--tag", "v1"])
        .await;
    assert_eq!(pushed.code, Some(0), "{pushed:?}");

    let image = format!("docker://{ours}:v1");
    let looked = run(skopeo, &["inspect", "--tls-verify=false", &image], &site).await;
    let looked: Value = serde_json::from_str(&looked.stdout).unwrap();
    assert_eq!(looked["Digest"], digest.as_str());

    run(
        skopeo,
        &["copy", "--src-tls-verify=false", &image, "oci:back:v1"],
        &site,
    )
    .await;
    let theirs = site.repository("theirs");
    let target = format!("docker://{theirs}:v1");
    run(
        skopeo,
        &["copy", "--dest-tls-verify=false", "oci:back:v1", &target],
        &site,
    )
    .await;
    let prod = site.repository("prod");
    let promoted = site
        .run(&[
            "promote",
            &format!("{theirs}:v1"),
            &prod,
            "--format",
            "json",
        ])
        .await;
    assert_eq!(promoted.json()["digest"], digest.as_str());

    for (kind, file) in [("oci-archive", "oci.tar"), ("docker-archive", "docker.tar")] {
        let target = format!("{kind}:{file}:app:v1");
        run(skopeo, &["copy", "oci:back:v1", &target], &site).await;
        let repository = site.repository(kind);
        let source = format!("{kind}:{file}");
        let pushed = site
            .run(&[
                "push",
                &source,
                "--repository",
                &repository,
                "--tag",
                "v1",
                "--format",
                "json",
            ])
            .await;
        let receipt = pushed.json();
        if kind == "oci-archive" {
            assert_eq!(receipt["digest"], digest.as_str());
        }
        let image = format!("docker://{repository}:v1");
        let looked = run(skopeo, &["inspect", "--tls-verify=false", &image], &site).await;
        let looked: Value = serde_json::from_str(&looked.stdout).unwrap();
        assert_eq!(looked["Digest"], receipt["digest"]);
    }
}
