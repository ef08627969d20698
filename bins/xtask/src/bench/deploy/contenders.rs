//! The deployers, and what their users type.

use std::path::Path;
use std::process::Command;

/// What a deployer does with a scenario, step by step; the first step that fails ends it.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) steps: Vec<Command>,
    pub(super) ours: bool,
}

/// The image that the scenarios have something against.
const IMAGE: &str = "registry.example/web:2";

/// All deployers. `python` is that of the environment in which the others are installed.
pub(super) fn contenders(
    ours: &Path,
    python: &Path,
    scenario: &str,
    factor: f64,
) -> [Contender; 3] {
    // Its scenario has moved the tag: the same revision is deployed once more.
    let redeploy = scenario == "same-revision";
    [
        Contender {
            name: "ecs-deployer",
            steps: vec![our_deploy(ours, redeploy, factor)],
            ours: true,
        },
        Contender {
            name: "aws ecs wait services-stable",
            steps: aws(python, redeploy),
            ours: false,
        },
        Contender {
            name: "ecs-deploy (PyPI)",
            steps: vec![ecs_deploy(python, redeploy)],
            ours: false,
        },
    ]
}

fn our_deploy(ours: &Path, redeploy: bool, factor: f64) -> Command {
    let mut command = Command::new(ours);
    // As often as by default, on the model's clock.
    let poll = format!("{}ms", (5_000.0 / factor).round());
    command.args([
        "deploy",
        "--quiet",
        "--cluster",
        "dev",
        "--service",
        "web",
        "--poll",
        &poll,
    ]);
    if redeploy {
        command.args(["--image", "registry.example/web:latest", "--mutable-tag"]);
    } else {
        command.args(["--image", IMAGE]);
    }
    // The registry of the scenarios does not exist.
    command.arg("--skip-preflight");
    command
}

fn aws(python: &Path, redeploy: bool) -> Vec<Command> {
    let aws = |arguments: &[&str]| {
        let mut command = Command::new(python.with_file_name("aws"));
        command.arg("ecs").args(arguments);
        command
    };
    let update = ["update-service", "--cluster", "dev", "--service", "web"];
    let wait = aws(&[
        "wait",
        "services-stable",
        "--cluster",
        "dev",
        "--services",
        "web",
    ]);
    if redeploy {
        return vec![
            aws(&[&update[..], &["--force-new-deployment"]].concat()),
            wait,
        ];
    }
    let containers = format!(r#"[{{"name": "app", "image": "{IMAGE}", "essential": true}}]"#);
    vec![
        aws(&[
            "register-task-definition",
            "--family",
            "web",
            "--container-definitions",
            &containers,
        ]),
        aws(&[&update[..], &["--task-definition", "web"]].concat()),
        wait,
    ]
}

fn ecs_deploy(python: &Path, redeploy: bool) -> Command {
    let mut command = Command::new(python.with_file_name("ecs"));
    // Its own time-out is 5 minutes, after which it would say nothing about the deployment.
    command.args(["deploy", "dev", "web", "--timeout", "1800"]);
    if !redeploy {
        command.args(["--image", "app", IMAGE]);
    }
    command
}
