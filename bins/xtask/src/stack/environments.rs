//! Each environment: planned, applied, planned again without a change, searched for secrets, held against the policies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::task::Error;

use super::modules::skipped;
use super::terraform::Terraform;
use super::{Bench, Job, Outcome, copy, program};

/// The backend of the checks: a file beside the configuration.
const BACKEND: &str = "terraform {\n  backend \"local\" {}\n}\n";
/// Amplify's ids have a form that is checked where they are used and that nobody makes up but Amplify.
const MADE_UP: &str =
    "resource \"aws_amplify_branch\" \"this\" {\n  app_id = \"d1a2b3c4d5e6f7\"\n}\n";
/// Files that are the same in every environment.
const SAME: [&str; 4] = ["main.tf", "variables.tf", "outputs.tf", "versions.tf"];
/// Attributes that hold a secret where they hold anything.
const SECRET: [&str; 13] = [
    "access_token",
    "auth_token",
    "client_secret",
    "master_password",
    "oauth_token",
    "password",
    "password_wo",
    "private_key",
    "random_password",
    "secret",
    "secret_binary",
    "secret_string",
    "secret_string_wo",
];
/// How secrets begin that are known by their form, or that Terraform made itself.
const FORMS: [&str; 6] = [
    "-----BEGIN",
    "hooks.slack.com/services/",
    "random_password-",
    "xoxb-",
    "xoxp-",
    "ghp_",
];

pub(super) fn jobs(bench: &Bench) -> Result<Vec<Job<'_>>, Error> {
    let names = copy::folders(&bench.stack.join("infrastructure/envs"))?;
    let mut jobs = Vec::new();
    for name in &names {
        let name = name.clone();
        // All options are tried once, in the environment in the middle.
        let everything = name == "staging";
        jobs.push(Job::new(format!("environment {name}"), move || {
            let Ok(terraform) = &bench.terraform else {
                return skipped(bench);
            };
            environment(bench, terraform, &name, everything)
        }));
    }
    jobs.push(Job::new("environments alike", move || alike(bench, &names)));
    Ok(jobs)
}

fn alike(bench: &Bench, names: &[String]) -> Result<Outcome, Error> {
    let place = bench.stack.join("infrastructure/envs");
    let mut different = Vec::new();
    for file in SAME {
        let mut texts = names
            .iter()
            .map(|name| copy::read(&place.join(name).join(file)));
        let first = texts.next().transpose()?;
        for text in texts {
            if Some(text?) != first {
                different.push(file);
            }
        }
    }
    Ok(if different.is_empty() {
        Outcome::Passed(SAME.len() as u64)
    } else {
        Outcome::Failed(format!(
            "not the same in every environment: {}",
            different.join(", ")
        ))
    })
}

fn environment(
    bench: &Bench,
    terraform: &Terraform,
    name: &str,
    everything: bool,
) -> Result<Outcome, Error> {
    let top = bench.scratch.join(format!("environment-{name}"));
    copy::tree(
        &bench.stack.join("infrastructure"),
        &top.join("infrastructure"),
    )?;
    copy::tree(&bench.stack.join("prometheus"), &top.join("prometheus"))?;
    copy::write(
        &top.join("infrastructure/modules/amplify/made_up_override.tf"),
        MADE_UP,
    )?;
    let place = top.join("infrastructure/envs").join(name);
    copy::write(&place.join("backend_override.tf"), BACKEND)?;
    let options = "-var-file=../../tests/everything.tfvars";
    let with = |arguments: &[&'static str]| -> Vec<&'static str> {
        let extra = everything.then_some(options);
        arguments.iter().copied().chain(extra).collect()
    };
    let steps = [
        vec!["init", "-input=false", "-no-color"],
        with(&["plan", "-input=false", "-no-color", "-out=first.tfplan"]),
        vec!["apply", "-input=false", "-no-color", "first.tfplan"],
        // Exit code 2 is a change, which a plan after an apply must not have.
        with(&[
            "plan",
            "-input=false",
            "-no-color",
            "-detailed-exitcode",
            "-out=second.tfplan",
        ]),
    ];
    for step in &steps {
        let said = terraform.run(&place, step)?;
        if !said.good() {
            return Ok(Outcome::Failed(format!(
                "terraform {} ended with {:?}:\n{}",
                step.join(" "),
                said.code,
                said.text
            )));
        }
    }
    let mut passed = steps.len() as u64;
    for plan in ["first.tfplan", "second.tfplan"] {
        let said = terraform.run(&place, &["show", "-json", plan])?;
        if !said.good() {
            return Ok(Outcome::Failed(said.text));
        }
        copy::write(&place.join(format!("{plan}.json")), &said.text)?;
    }
    for file in [
        "terraform.tfstate",
        "first.tfplan.json",
        "second.tfplan.json",
    ] {
        let found = secrets(&copy::read(&place.join(file))?);
        if !found.is_empty() {
            return Ok(Outcome::Failed(format!(
                "{file} may hold secrets: {}",
                found.join(", ")
            )));
        }
        passed += 1;
    }
    // The second plan knows all values; of the first, a policy that names an ARN would be unknown.
    if everything || bench.full || name == "production" {
        let failed = policies(bench, &place, &place.join("second.tfplan.json"))?;
        if let Some(text) = failed {
            return Ok(Outcome::Failed(text));
        }
        passed += 1;
    }
    Ok(Outcome::Passed(passed))
}

/// checkov's findings beyond those that `checkov.yaml` skips with a reason.
fn policies(bench: &Bench, place: &Path, plan: &Path) -> Result<Option<String>, Error> {
    let config: PathBuf = bench.stack.join("infrastructure/checkov.yaml");
    fs::metadata(&config)
        .map_err(|source| Error::broken(format!("cannot read `{}`", config.display()), source))?;
    let mut command = Command::new(bench.python.with_file_name("checkov"));
    command
        .args(["--compact", "--quiet", "--skip-download", "--file"])
        .arg(plan)
        .arg("--config-file")
        .arg(&config)
        .current_dir(place)
        .env("LOG_LEVEL", "ERROR");
    let said = program::run(command)?;
    Ok((!said.good()).then(|| format!("checkov:\n{}", said.text)))
}

/// What looks like a secret in the JSON of a state or a plan.
fn secrets(text: &str) -> Vec<String> {
    let mut found: Vec<String> = FORMS
        .iter()
        .filter(|form| text.contains(**form))
        .map(|form| format!("`{form}…`"))
        .collect();
    for name in SECRET {
        let key = format!("\"{name}\"");
        let holds = text.match_indices(&key).any(|(at, _)| {
            let after = text[at + key.len()..].trim_start();
            // A value, and none of those that hold nothing; schemas and references have objects and lists.
            after
                .strip_prefix(':')
                .map(str::trim_start)
                .is_some_and(|value| value.starts_with('"') && !value.starts_with("\"\""))
        });
        if holds {
            found.push(format!("`{name}`"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_with_a_value_is_found_and_an_empty_one_is_not() {
        for clean in [
            r#"{"secret_string": null, "secret_string_wo":null, "password": "", "manage_master_user_password": true}"#,
            r#"{"password": {"references": ["x"]}, "after_sensitive": {"secret_string": true}}"#,
        ] {
            assert_eq!(secrets(clean), Vec::<String>::new(), "{clean}");
        }
        for dirty in [
            r#"{"secret_string": "hunter2"}"#,
            r#"{"password":"hunter2"}"#,
            r#"{"value": "https://hooks.slack.com/services/T0/B0/x"}"#,
        ] {
            assert_eq!(secrets(dirty).len(), 1, "{dirty}");
        }
    }
}
