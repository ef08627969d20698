//! The binary against moto, which answers as ECR's control plane does.

use crate::site::{Ended, Site, ended};

async fn run(site: &Site, moto: &str, arguments: &[&str]) -> Ended {
    let mut command = site.command(arguments);
    command
        .args(["--region", "us-east-1"])
        .env("AWS_ENDPOINT_URL", moto)
        .env("AWS_ACCESS_KEY_ID", "none")
        .env("AWS_SECRET_ACCESS_KEY", "none");
    ended(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_made_and_their_images_planned() {
    let Ok(moto) = std::env::var("WINDLASS_TEST_MOTO") else {
        println!("skipped: WINDLASS_TEST_MOTO is not set");
        return;
    };
    let site = Site::new().await;
    let (_, source) = site.layout("app", "one", "").await;
    let repository = site.repository("cli/made");
    for note in [true, false] {
        let pushed = run(
            &site,
            &moto,
            &[
                "push",
                &source,
                "--repository",
                &repository,
                "--tag",
                "v1",
                "--create-repository",
                "--insecure-http",
            ],
        )
        .await;
        assert_eq!(pushed.code, Some(0), "{pushed:?}");
        assert_eq!(pushed.stderr.contains("created `"), note, "{pushed:?}");
    }
    std::fs::write(site.path().join("in-use"), "").unwrap();
    for verb in ["plan", "apply"] {
        let arguments = [
            "retention",
            verb,
            &repository,
            "--in-use",
            "in-use",
            "--format",
            "json",
        ];
        let ended = run(&site, &moto, &arguments).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.json()["images"].is_array(), "{ended:?}");
    }
    let missing = site.repository("cli/missing");
    let ended = run(&site, &moto, &["retention", "plan", &missing]).await;
    ended.assert_refused(3, &["cli/missing"]);
}
