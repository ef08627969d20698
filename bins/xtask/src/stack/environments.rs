//! Each environment: planned, applied, planned again without a change, searched for secrets, held against the policies.

use std::path::Path;
use std::process::Command;

use crate::task::Error;

use super::modules::skipped;
use super::terraform::Terraform;
use super::{Bench, Job, Outcome, copy, program};

/// The backend of the checks: a file beside the configuration.
pub(super) const BACKEND: &str = "terraform {\n  backend \"local\" {}\n}\n";
/// Where the form of an id is checked that nobody makes up but AWS: an override beside the module, with one of that form.
pub(super) const MADE_UP: [(&str, &str); 2] = [
    (
        "modules/amplify/made_up_override.tf",
        "resource \"aws_amplify_branch\" \"this\" {\n  app_id = \"d1a2b3c4d5e6f7\"\n}\n",
    ),
    (
        "modules/data-services/made_up_override.tf",
        "resource \"aws_lambda_function\" \"rotation\" {\n  vpc_config {\n    subnet_ids         = [\"subnet-1\"]\n    security_group_ids = [\"sg-1\"]\n  }\n}\n",
    ),
];
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
    for (file, text) in MADE_UP {
        copy::write(&top.join("infrastructure").join(file), text)?;
    }
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
        let failed = policies(bench, name, &place.join("second.tfplan.json"))?;
        if let Some(text) = failed {
            return Ok(Outcome::Failed(text));
        }
        passed += 1;
    }
    Ok(Outcome::Passed(passed))
}

/// checkov's findings beyond those that `checkov.skips` names with a reason.
fn policies(bench: &Bench, name: &str, plan: &Path) -> Result<Option<String>, Error> {
    let list = copy::read(&bench.stack.join("infrastructure/checkov.skips"))?;
    let skips = skips(&list, name != "production").map_err(Error::Broken)?;
    let mut command = Command::new(bench.python.with_file_name("checkov"));
    command
        .args(["--compact", "--quiet", "--skip-download"])
        .args(["--framework", "terraform_plan"])
        .args(["--skip-check", &skips.join(",")])
        .arg("--file")
        .arg(plan)
        .env("LOG_LEVEL", "ERROR");
    let said = program::run(command)?;
    Ok((!said.good()).then(|| format!("checkov:\n{}", said.text)))
}

/// The policies that are not held: those for every environment, and for a small one those of small ones too.
fn skips(list: &str, small: bool) -> Result<Vec<&str>, String> {
    let mut skips = Vec::new();
    for line in list.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.count()) {
            (Some(policy), Some("all"), 3..) => skips.push(policy),
            (Some(policy), Some("small"), 3..) => {
                if small {
                    skips.push(policy);
                }
            }
            _ => {
                return Err(format!(
                    "checkov.skips: `{line}` is not a policy, `all` or `small`, and a reason"
                ));
            }
        }
    }
    Ok(skips)
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
    fn a_policy_is_skipped_with_a_reason_alone_and_where_it_says() {
        let list = "# head\nCKV_1  all  no second region\n\nCKV_2 small one zone is enough\n";
        assert_eq!(skips(list, false).unwrap(), ["CKV_1"]);
        assert_eq!(skips(list, true).unwrap(), ["CKV_1", "CKV_2"]);
        assert!(skips("CKV_3 all", true).is_err());
        assert!(skips("CKV_3 everywhere for no reason", true).is_err());
    }

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
