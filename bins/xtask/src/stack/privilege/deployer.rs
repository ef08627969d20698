//! What is done under the roles of GitHub's workflows: windlass, and what people run by hand.

use serde_json::{Value, json};

use crate::task::Error;

use super::super::applied::Applied;
use super::super::checkout::{self, Checkout, arguments};
use super::super::program::Said;
use super::{Role, Row, Scene};

/// Without these a deployment is looked into, followed and taken back nevertheless, by what is left.
const GOES_ON: &[&str] = &[
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeTasks",
    "ecs:ListServiceDeployments",
    "ecs:ListServices",
    "ecs:ListTasks",
    "ecs:StopServiceDeployment",
    "iam:GetRole",
    "logs:DescribeLogGroups",
    "logs:GetLogEvents",
    "secretsmanager:DescribeSecret",
];

/// No program here asks for single layers before it uploads them; Amazon ECR documents the action for pushes.
const LAYERS: &[(&str, &str)] = &[(
    "ecr:BatchCheckLayerAvailability",
    "for pushes that look for a layer first, which none of these did",
)];

pub(super) const DEV: Role = Role {
    name: "sdt-dev-deployer",
    policy: |applied: &Applied| applied.bootstrap.policy("sdt-dev-deployer"),
    rows: &[
        Row {
            name: "windlass status",
            program: "windlass status",
            act: status,
            ends: 0,
            goes_on: &["ecs:ListServices"],
            does_without: &[],
        },
        Row {
            name: "windlass run",
            program: "windlass",
            act: run,
            ends: 0,
            goes_on: GOES_ON,
            does_without: &[],
        },
        Row {
            name: "windlass run of an image that cannot be pulled",
            program: "windlass",
            act: run_broken,
            ends: 5,
            goes_on: GOES_ON,
            does_without: &[],
        },
        Row {
            name: "windlass deploy",
            program: "windlass",
            act: deploy,
            ends: 0,
            goes_on: GOES_ON,
            does_without: &[],
        },
        Row {
            name: "windlass rollback",
            program: "windlass",
            act: rollback,
            ends: 0,
            goes_on: GOES_ON,
            does_without: &[],
        },
        Row {
            name: "windlass unlock",
            program: "windlass",
            act: unlock,
            ends: 0,
            goes_on: &[],
            does_without: &[],
        },
        Row {
            name: "ecs-deployer deploy",
            program: "ecs-deployer",
            act: by_hand,
            ends: 0,
            goes_on: GOES_ON,
            does_without: &[],
        },
        Row {
            name: "ecs-deployer deploy of an image that crashes",
            program: "ecs-deployer",
            act: by_hand_broken,
            ends: 5,
            goes_on: GOES_ON,
            does_without: &[],
        },
        Row {
            name: "image-tagger push",
            program: "image-tagger",
            act: push,
            ends: 0,
            goes_on: &[],
            does_without: &["ecr:DescribeRepositories"],
        },
    ],
    others: LAYERS,
    own: None,
    deploys: true,
};

pub(super) const STAGING: Role = Role {
    name: "sdt-staging-deployer",
    policy: |applied: &Applied| applied.bootstrap.policy("sdt-staging-deployer"),
    rows: &[Row {
        name: "windlass promote",
        program: "windlass",
        act: promote,
        ends: 0,
        goes_on: GOES_ON,
        does_without: &["ecr:DescribeRepositories"],
    }],
    others: &[
        LAYERS[0],
        (
            "ecr:GetDownloadUrlForLayer",
            "for layers that the registry does not mount from one repository into the other, as this one does",
        ),
    ],
    own: Some(&["ReadPromoted", "SeeServices", "HoldLock"]),
    deploys: true,
};

impl Scene<'_> {
    /// The name of the run, which its balancer goes by.
    fn run(&self) -> String {
        format!("run-{}", self.number)
    }

    fn url(&self) -> String {
        let urls = self.applied.dev.output("repository_urls");
        urls[self.service].as_str().unwrap_or_default().to_owned()
    }

    fn ecs_service(&self) -> String {
        format!("sdt-dev-{}", self.service)
    }

    /// The services' repository, with a change of the scene's service on top; the digest is that of its image.
    fn checkout(&self) -> Result<(Checkout, String), Error> {
        let folder = self.applied.account.scratch(&self.run())?;
        let balancer = self.applied.balancer.url(&self.run());
        let dev =
            checkout::configuration("dev", &self.applied.dev, &balancer, self.applied.lock())?;
        let (_, environment) = dev.split_once("[environments.dev]").unwrap_or_default();
        let staging = environment.replace("dev", "staging");
        let services = checkout::services(&self.applied.dev);
        let checkout = Checkout::make(
            folder,
            &services,
            &format!("{dev}\n[environments.staging]{staging}"),
        )?;
        let commit = checkout.change(&[self.service], &self.run())?;
        self.applied.balancer.serve(&self.run(), &commit);
        let digest = checkout.build(self.service)?;
        Ok((checkout, digest))
    }

    fn say(&self, checkout: &Checkout, program: &str, words: &[&str]) -> Result<Said, Error> {
        self.applied
            .account
            .run(&self.session, &checkout.folder, program, &arguments(words))
    }

    /// Something that went before, which has to go well.
    fn before(&self, checkout: &Checkout, program: &str, words: &[&str]) -> Result<(), Error> {
        let elder = self.elder();
        let said =
            self.applied
                .account
                .run(&elder, &checkout.folder, program, &arguments(words))?;
        if said.good() {
            Ok(())
        } else {
            Err(Error::Broken(format!(
                "{program} {} before the check ended with {:?}:\n{}",
                words.join(" "),
                said.code,
                said.text
            )))
        }
    }

    /// How tasks of an image behave at this site.
    fn behave(&self, digest: &str, part: &Value) -> Result<(), Error> {
        self.applied
            .account
            .tell(self.site, "faults", &json!({"images": {digest: part}}))
    }

    fn push_words(&self) -> [String; 8] {
        [
            "push".into(),
            format!("oci:services/{}/target/image", self.service),
            "--repository".into(),
            self.url(),
            "--tag".into(),
            format!("by-hand-{}", self.number),
            "--insecure-http".into(),
            "--quiet".into(),
        ]
    }

    fn push_before(&self, checkout: &Checkout) -> Result<(), Error> {
        let words = self.push_words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.before(checkout, "image-tagger", &words)
    }
}

const RUN: [&str; 5] = ["run", "--environment", "dev", "--base", "HEAD~1"];

fn status(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, _) = scene.checkout()?;
    scene.say(
        &checkout,
        "windlass",
        &["status", "--environment", "dev", "--service", scene.service],
    )
}

fn run(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, _) = scene.checkout()?;
    scene.say(&checkout, "windlass", &RUN)
}

fn run_broken(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, digest) = scene.checkout()?;
    scene.behave(&digest, &json!({"kind": "missing-image"}))?;
    scene.say(&checkout, "windlass", &RUN)
}

fn deploy(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, _) = scene.checkout()?;
    scene.push_before(&checkout)?;
    let tag = format!("by-hand-{}", scene.number);
    scene.say(
        &checkout,
        "windlass",
        &[
            "deploy",
            "--environment",
            "dev",
            "--service",
            scene.service,
            "--image-tag",
            &tag,
        ],
    )
}

fn rollback(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, _) = scene.checkout()?;
    scene.before(&checkout, "windlass", &RUN)?;
    scene.say(
        &checkout,
        "windlass",
        &[
            "rollback",
            "--environment",
            "dev",
            "--service",
            scene.service,
        ],
    )
}

fn unlock(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, _) = scene.checkout()?;
    scene.say(&checkout, "windlass", &["unlock", "--environment", "dev"])
}

fn ecs_deployer(scene: &Scene<'_>, checkout: &Checkout) -> Result<Said, Error> {
    let image = format!("{}:by-hand-{}", scene.url(), scene.number);
    scene.say(
        checkout,
        "ecs-deployer",
        &[
            "deploy",
            "--cluster",
            "sdt-dev",
            "--service",
            &scene.ecs_service(),
            "--image",
            &image,
            "--insecure-http",
            "--timeout",
            "1m",
            "-v",
        ],
    )
}

fn by_hand(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, _) = scene.checkout()?;
    scene.push_before(&checkout)?;
    ecs_deployer(scene, &checkout)
}

fn by_hand_broken(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, digest) = scene.checkout()?;
    scene.push_before(&checkout)?;
    scene.behave(
        &digest,
        &json!({"kind": "crash-after", "running": 30.0, "exit-code": 3}),
    )?;
    ecs_deployer(scene, &checkout)
}

fn push(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, _) = scene.checkout()?;
    let words = scene.push_words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    scene.say(&checkout, "image-tagger", &words)
}

fn promote(scene: &Scene<'_>) -> Result<Said, Error> {
    let (checkout, _) = scene.checkout()?;
    scene.before(&checkout, "windlass", &RUN)?;
    scene.say(
        &checkout,
        "windlass",
        &[
            "promote",
            "--from",
            "dev",
            "--to",
            "staging",
            "--service",
            scene.service,
        ],
    )
}
