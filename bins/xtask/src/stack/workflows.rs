//! The example's workflows, run: what they call, with which arguments, and that what comes from outside stays one argument.
//!
//! Steps run on this machine. The project's own actions are those of the checkout; they install stand-ins that write down how they
//! were called. Other actions are stand-ins that do nothing.

use std::path::PathBuf;
use std::process::Command;

use crate::cargo;
use crate::task::Error;

use super::act::{self, PROJECT, STAND_IN, Site};
use super::{Bench, Job, Outcome, copy};

/// A run, and what it has to end with.
struct Case {
    name: &'static str,
    file: &'static str,
    event: &'static str,
    /// The event's payload.
    payload: &'static str,
    succeeds: bool,
    /// The calls of programs that matter, in order, one argument after the other.
    calls: &'static [&'static [&'static str]],
    /// What windlass has to find in the payload.
    payload_holds: Option<&'static str>,
}

/// Stands for the event's file, which act writes to a folder of its own.
const EVENT: &str = "--payload=the event";

/// Those that are hostile hold text that a shell would obey, were it not an argument.
const CASES: [Case; 6] = [
    Case {
        name: "merge",
        file: "backend-feature-to-dev-cicd.yml",
        event: "push",
        payload: "{\"ref\": \"refs/heads/dev\"}",
        succeeds: true,
        calls: &[
            &["mvn", "-B", "verify"],
            &[
                "mvn",
                "-B",
                "org.sonarsource.scanner.maven:sonar-maven-plugin:5.2.0.4988:sonar",
                "-Dsonar.projectKey=skill-tracker",
            ],
            &[
                "health-checker",
                "quality-gate",
                "--report=target/sonar/report-task.txt",
                "--strict",
            ],
            &[
                "windlass",
                "run",
                "--repo=.",
                "--wait-lock=30m",
                "--environment=dev",
            ],
        ],
        payload_holds: None,
    },
    Case {
        name: "promotion",
        file: "backend-dev-to-staging-cicd.yml",
        event: "workflow_dispatch",
        payload: "{}",
        succeeds: true,
        calls: &[&[
            "windlass",
            "promote",
            "--repo=.",
            "--wait-lock=30m",
            "--from=dev",
            "--to=staging",
        ]],
        payload_holds: None,
    },
    Case {
        name: "dispatch with a hostile title",
        file: "workflow-dispatcher.yml",
        event: "repository_dispatch",
        payload: "{\"action\": \"deploy\", \"client_payload\": {\"environment\": \"dev\", \"services\": [\"user-service\"], \"pr_title\": \"x'; touch obeyed; echo \\\"$(touch obeyed)`touch obeyed`\"}}",
        succeeds: true,
        calls: &[&[
            "windlass",
            "dispatch",
            "--repo=.",
            "--wait-lock=30m",
            EVENT,
            "--environment=dev",
        ]],
        payload_holds: Some("x'; touch obeyed; echo \\\"$(touch obeyed)`touch obeyed`"),
    },
    Case {
        name: "dispatch to an environment that is none",
        file: "workflow-dispatcher.yml",
        event: "repository_dispatch",
        payload: "{\"action\": \"deploy\", \"client_payload\": {\"environment\": \"dev; touch obeyed\", \"services\": [\"user-service\"]}}",
        succeeds: false,
        calls: &[],
        payload_holds: None,
    },
    Case {
        name: "one service with a hostile name",
        file: "manual-service-deploy.yml",
        event: "workflow_dispatch",
        payload: "{\"inputs\": {\"environment\": \"dev\", \"service\": \"x\\\"; touch obeyed; $(touch obeyed)\", \"action\": \"deploy\", \"image_tag\": \"sha-1\"}}",
        succeeds: true,
        calls: &[&[
            "windlass",
            "deploy",
            "--repo=.",
            "--wait-lock=30m",
            "--environment=dev",
            "--service=x\"; touch obeyed; $(touch obeyed)",
            "--image-tag=sha-1",
        ]],
        payload_holds: None,
    },
    Case {
        name: "one service back",
        file: "manual-service-deploy.yml",
        event: "workflow_dispatch",
        payload: "{\"inputs\": {\"environment\": \"production\", \"service\": \"task-service\", \"action\": \"rollback\", \"image_tag\": \"latest\"}}",
        succeeds: true,
        calls: &[&[
            "windlass",
            "rollback",
            "--repo=.",
            "--wait-lock=30m",
            "--environment=production",
            "--service=task-service",
        ]],
        payload_holds: None,
    },
];

pub(super) fn jobs(bench: &Bench) -> Vec<Job<'_>> {
    let mut jobs: Vec<Job<'_>> = CASES
        .iter()
        .enumerate()
        .map(|(index, case)| {
            Job::new(format!("workflow {}", case.name), move || {
                let place = bench.scratch.join(format!("workflow-{index}"));
                run(bench, case, place)
            })
        })
        .collect();
    jobs.push(Job::new("workflows pins", move || pins(bench)));
    jobs
}

fn run(bench: &Bench, case: &Case, place: PathBuf) -> Result<Outcome, Error> {
    let mut site = Site::new(place)?;
    let workflows = site.repository().join(".github/workflows");
    copy::tree(&bench.stack.join(".github/workflows"), &workflows)?;
    site.program("mvn", STAND_IN)?;
    site.release(&[("windlass", STAND_IN), ("health-checker", STAND_IN)])?;
    let text = copy::read(&workflows.join(case.file))?;
    for action in act::uses(&text) {
        match own(action) {
            Some((_, commit)) => site.project(&format!("{PROJECT}@{commit}"))?,
            None => site.action(action, None)?,
        }
    }
    for variable in [
        "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/sdt-dev-deployer",
        "AWS_REGION=us-east-1",
    ] {
        site.argument("--var", variable);
    }
    for secret in ["SLACK_WEBHOOK_URL=nowhere", "SONAR_TOKEN=none"] {
        site.argument("--secret", secret);
    }
    let said = site.run(bench, case.file, case.event, case.payload)?;
    let wrong = |what: String| Ok(Outcome::Failed(format!("{what}\n{}", said.text)));
    if said.good() != case.succeeds {
        return wrong(format!("ended with {:?}", said.code));
    }
    let calls: Vec<Vec<String>> = site
        .calls()
        .into_iter()
        // The installation sees whether the program starts.
        .filter(|call| call.get(1).is_none_or(|argument| argument != "--version"))
        .map(|call| call.into_iter().map(without_place).collect())
        .collect();
    if calls != case.calls {
        return wrong(format!("called {calls:?}, not {:?}", case.calls));
    }
    if let Some(wanted) = case.payload_holds
        && !site.stdin().contains(wanted)
    {
        return wrong("windlass did not read the payload as it was sent".into());
    }
    if site.obeyed()? {
        return wrong("a shell obeyed what came from outside".into());
    }
    Ok(Outcome::Passed(1))
}

fn without_place(argument: String) -> String {
    if argument.starts_with("--payload=") && argument.ends_with("/event.json") {
        EVENT.to_owned()
    } else {
        argument
    }
}

/// The name and the commit of an action of this project.
fn own(action: &str) -> Option<(&str, &str)> {
    action
        .strip_prefix(PROJECT)?
        .strip_prefix("/.github/actions/")?
        .split_once('@')
}

/// Whether the commits that the workflows name have the actions, and these take what the workflows give them.
fn pins(bench: &Bench) -> Result<Outcome, Error> {
    let folder = bench.stack.join(".github/workflows");
    let (mut held, mut wrong) = (0, String::new());
    for case in &CASES {
        let text = copy::read(&folder.join(case.file))?;
        for (action, inputs) in given(&text) {
            let Some((name, commit)) = own(action) else {
                continue;
            };
            let path = format!(".github/actions/{name}/action.yml");
            let mut show = Command::new("git");
            show.args(["show", &format!("{commit}:{path}")])
                .current_dir(cargo::root());
            // A clone without history has the actions as they are now.
            let definition = match cargo::output(&mut show) {
                Ok(text) => text,
                Err(_) => copy::read(&cargo::root().join(&path))?,
            };
            for input in inputs {
                if definition.lines().any(|line| line == format!("  {input}:")) {
                    held += 1;
                } else {
                    wrong += &format!("{}: {action} takes no {input}\n", case.file);
                }
            }
        }
    }
    Ok(if wrong.is_empty() && held > 0 {
        Outcome::Passed(held)
    } else {
        Outcome::Failed(wrong)
    })
}

/// Each use of an action with the inputs that it is given.
fn given(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut with = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let trimmed = line.trim();
        if trimmed.starts_with("- ") {
            with = None;
        }
        if let Some(action) = trimmed.trim_start_matches("- ").strip_prefix("uses: ") {
            found.push((
                action.split_whitespace().next().unwrap_or(action),
                Vec::new(),
            ));
        } else if trimmed == "with:" {
            with = Some(indent);
        } else if let (Some(outer), Some((_, inputs))) = (with, found.last_mut())
            && indent == outer + 2
            && let Some((name, _)) = trimmed.split_once(':')
        {
            inputs.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_of_an_action_are_found() {
        let text = "      - name: x\n        uses: a/b@1 # v1\n        env:\n          NO: x\n        with:\n          one: 1\n          two: |\n            three: 3\n      - run: y\n";
        assert_eq!(given(text), [("a/b@1", vec!["one", "two"])]);
    }

    #[test]
    fn only_actions_of_this_project_are_its_own() {
        assert_eq!(
            own("windlass-rs/windlass/.github/actions/notifier@1f"),
            Some(("notifier", "1f"))
        );
        assert_eq!(own("actions/checkout@1f"), None);
    }
}
