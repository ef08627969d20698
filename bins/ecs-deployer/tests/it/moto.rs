//! The binary against moto, which knows task definitions and whose deployments never end.

use std::process::Command;

use crate::site::{Ended, ended};

fn command(moto: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecs-deployer"));
    command
        .args(arguments)
        .args(["--region", "us-east-1"])
        .env("AWS_ENDPOINT_URL", moto)
        .env("AWS_ACCESS_KEY_ID", "none")
        .env("AWS_SECRET_ACCESS_KEY", "none")
        .env_remove("GITHUB_OUTPUT")
        .env_remove("GITHUB_STEP_SUMMARY");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_that_are_missing_are_told_by_moto_as_well() {
    let Ok(moto) = std::env::var("WINDLASS_TEST_MOTO") else {
        println!("skipped: WINDLASS_TEST_MOTO is not set");
        return;
    };
    let arguments = ["status", "--cluster", "no-such-cluster", "--service", "web"];
    let missing: Ended = ended(command(&moto, &arguments)).await;
    missing.assert_refused(2, &["no-such-cluster"]);
}
