//! The workflows, run: what they call, with which arguments, and that what comes from outside stays one argument.
//!
//! Steps run on this machine, where actions are stand-ins that do nothing, and programs are stand-ins that write down how they were called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::task::Error;

use super::{Bench, Job, Outcome, copy, program};

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
    /// What windlass has to read on its standard input.
    stdin: Option<&'static str>,
}

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
                "--report",
                "target/sonar/report-task.txt",
                "--strict",
            ],
            &[
                "windlass",
                "run",
                "--environment",
                "dev",
                "--events",
                "events.ndjson",
            ],
        ],
        stdin: None,
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
            "--from",
            "dev",
            "--to",
            "staging",
            "--events",
            "events.ndjson",
        ]],
        stdin: None,
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
            "--payload",
            "-",
            "--events",
            "events.ndjson",
        ]],
        stdin: Some("x'; touch obeyed; echo \\\"$(touch obeyed)`touch obeyed`"),
    },
    Case {
        name: "dispatch to an environment that is none",
        file: "workflow-dispatcher.yml",
        event: "repository_dispatch",
        payload: "{\"action\": \"deploy\", \"client_payload\": {\"environment\": \"dev; touch obeyed\", \"services\": [\"user-service\"]}}",
        succeeds: false,
        calls: &[],
        stdin: None,
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
            "--environment",
            "dev",
            "--service",
            "x\"; touch obeyed; $(touch obeyed)",
            "--image-tag",
            "sha-1",
        ]],
        stdin: None,
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
            "--environment",
            "production",
            "--service",
            "task-service",
        ]],
        stdin: None,
    },
];

/// Programs that the workflows call.
const PROGRAMS: [&str; 4] = ["cargo", "health-checker", "mvn", "windlass"];
/// Writes its call beside itself: a number of arguments, then each on a line; and what windlass reads.
const STAND_IN: &str = "#!/bin/sh\nset -eu\nplace=$(dirname \"$0\")/..\n{\n  echo $(($# + 1))\n  basename \"$0\"\n  for argument in \"$@\"; do printf '%s\\n' \"$argument\"; done\n} >>\"$place/calls\"\ncase \"$*\" in *'--payload -'*) cat >\"$place/stdin\" ;; esac\n";
const ACTION: &str = "name: stand-in\ndescription: does nothing\nruns:\n  using: composite\n  steps:\n    - run: \"true\"\n      shell: bash\n";

pub(super) fn jobs(bench: &Bench) -> Vec<Job<'_>> {
    CASES
        .iter()
        .enumerate()
        .map(|(index, case)| {
            Job::new(format!("workflow {}", case.name), move || {
                let place = bench.scratch.join(format!("workflow-{index}"));
                run(bench, case, &place)
            })
        })
        .collect()
}

fn run(bench: &Bench, case: &Case, place: &Path) -> Result<Outcome, Error> {
    let repository = place.join("repository");
    let workflows = repository.join(".github/workflows");
    copy::tree(&bench.stack.join(".github/workflows"), &workflows)?;
    commit(&repository)?;
    let action = place.join("action");
    make(&action)?;
    copy::write(&action.join("action.yml"), ACTION)?;
    commit(&action)?;
    let programs = place.join("programs");
    make(&programs)?;
    for name in PROGRAMS {
        let file = programs.join(name);
        copy::write(&file, STAND_IN)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
            .map_err(|source| Error::broken(file.display(), source))?;
    }
    let event = place.join("event.json");
    copy::write(&event, case.payload)?;

    let text = copy::read(&workflows.join(case.file))?;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(bench.python.with_file_name("act"));
    command
        .arg(case.event)
        .arg("--eventpath")
        .arg(&event)
        .args(["--workflows", &format!(".github/workflows/{}", case.file)])
        .args([
            "--platform",
            "ubuntu-24.04=-self-hosted",
            "--no-cache-server",
        ])
        .args([
            "--var",
            "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/sdt-dev-deployer",
        ])
        .args(["--var", "AWS_REGION=us-east-1"])
        .args([
            "--secret",
            "SLACK_WEBHOOK_URL=nowhere",
            "--secret",
            "SONAR_TOKEN=none",
        ])
        .env("PATH", format!("{}:{path}", programs.display()))
        // Its caches are not the developer's.
        .env("HOME", place)
        .env("XDG_CACHE_HOME", place.join("cache"))
        .current_dir(&repository);
    for action_of in uses(&text) {
        command.args([
            "--local-repository",
            &format!("{action_of}={}", action.display()),
        ]);
    }
    let said = program::run(command)?;
    let wrong = |what: String| Ok(Outcome::Failed(format!("{what}\n{}", said.text)));
    if said.good() != case.succeeds {
        return wrong(format!("ended with {:?}", said.code));
    }
    let calls: Vec<Vec<String>> =
        calls(&fs::read_to_string(place.join("calls")).unwrap_or_default())
            .into_iter()
            // Installing is the runner's business.
            .filter(|call| call[0] != "cargo")
            .collect();
    if calls != case.calls {
        return wrong(format!("called {calls:?}, not {:?}", case.calls));
    }
    if let Some(wanted) = case.stdin
        && !fs::read_to_string(place.join("stdin")).is_ok_and(|read| read.contains(wanted))
    {
        return wrong("windlass did not read the payload as it was sent".into());
    }
    if find(place, "obeyed")? {
        return wrong("a shell obeyed what came from outside".into());
    }
    Ok(Outcome::Passed(1))
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)
        .map_err(|source| Error::broken(format!("cannot make `{}`", folder.display()), source))
}

fn commit(folder: &Path) -> Result<(), Error> {
    let name = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    for arguments in [
        &["init", "--quiet", "--initial-branch=dev"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message=t"],
    ] {
        let mut git = Command::new("git");
        git.args(name).args(arguments).current_dir(folder);
        cargo::output(&mut git)?;
    }
    Ok(())
}

/// The actions that a workflow uses, each once.
fn uses(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- uses: "))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The calls that the stand-ins wrote down.
fn calls(text: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    let mut calls = Vec::new();
    while let Some(count) = lines.next().and_then(|line| line.parse().ok()) {
        calls.push(lines.by_ref().take(count).map(str::to_owned).collect());
    }
    calls
}

/// Whether a file of this name is anywhere below a folder.
fn find(folder: &Path, name: &str) -> Result<bool, Error> {
    let broken = |source| Error::broken(format!("cannot list `{}`", folder.display()), source);
    for entry in fs::read_dir(folder).map_err(broken)? {
        let entry: fs::DirEntry = entry.map_err(broken)?;
        let path: PathBuf = entry.path();
        if entry.file_name() == name
            || (entry.file_type().map_err(broken)?.is_dir() && find(&path, name)?)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_back_argument_by_argument() {
        assert_eq!(
            calls("3\nwindlass\nrun\na b; c\n1\nmvn\n"),
            [vec!["windlass", "run", "a b; c"], vec!["mvn"]]
        );
    }

    #[test]
    fn actions_are_found_with_their_commits() {
        assert_eq!(
            uses("  - uses: a/b@1 # v1\n  - run: x\n  - uses: a/b@1 # v1\n"),
            ["a/b@1"]
        );
    }
}
