//! Each module: formatted, valid, and passing its own tests.

use std::path::PathBuf;

use crate::task::Error;

use super::{Bench, Job, Outcome, copy};

/// The folders below `infrastructure/` that are modules with tests.
pub(super) fn folders(bench: &Bench) -> Result<Vec<String>, Error> {
    let mut folders: Vec<String> = copy::folders(&bench.stack.join("infrastructure/modules"))?
        .into_iter()
        .map(|name| format!("modules/{name}"))
        .collect();
    folders.push("bootstrap".into());
    Ok(folders)
}

pub(super) fn jobs(bench: &Bench) -> Result<Vec<Job<'_>>, Error> {
    let mut jobs = vec![Job::new("terraform fmt", move || {
        let Ok(terraform) = &bench.terraform else {
            return skipped(bench);
        };
        let said = terraform.run(
            &bench.stack.join("infrastructure"),
            &["fmt", "-check", "-diff", "-recursive"],
        )?;
        Ok(said.outcome())
    })];
    let copied = bench.scratch.join("modules");
    copy::tree(&bench.stack.join("infrastructure"), &copied)?;
    for folder in folders(bench)? {
        let place = copied.join(&folder);
        jobs.push(Job::new(format!("terraform test {folder}"), move || {
            test(bench, place)
        }));
    }
    Ok(jobs)
}

fn test(bench: &Bench, place: PathBuf) -> Result<Outcome, Error> {
    let Ok(terraform) = &bench.terraform else {
        return skipped(bench);
    };
    for arguments in [
        &["init", "-backend=false", "-input=false", "-no-color"][..],
        &["validate", "-no-color"],
    ] {
        let said = terraform.run(&place, arguments)?;
        if !said.good() {
            return Ok(Outcome::Failed(said.text));
        }
    }
    let said = terraform.run(&place, &["test", "-no-color"])?;
    Ok(match (said.good(), passed(&said.text)) {
        (true, Some(count)) if count > 0 => Outcome::Passed(count),
        (true, _) => Outcome::Failed(format!("no test ran:\n{}", said.text)),
        (false, _) => Outcome::Failed(said.text),
    })
}

/// Every check that needs Terraform is skipped by its own name.
pub(super) fn skipped(bench: &Bench) -> Result<Outcome, Error> {
    Ok(match &bench.terraform {
        Ok(_) => Outcome::Failed("Terraform is there and was not used".into()),
        Err(reason) => Outcome::Skipped(reason.clone()),
    })
}

/// The number in `Success! 3 passed, 0 failed.`
fn passed(text: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once("Success! ")?;
    rest.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_of_a_module_are_counted() {
        assert_eq!(
            passed("a... pass\n\nSuccess! 12 passed, 0 failed.\n"),
            Some(12)
        );
        assert_eq!(passed("Failure! 2 passed, 1 failed."), None);
    }
}
