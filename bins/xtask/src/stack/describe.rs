//! What a reader of a module needs: each variable described and validated, each output described, a README.

use std::fs;
use std::path::Path;

use crate::task::Error;

use super::{Bench, Job, Outcome, copy, modules};

pub(super) fn jobs(bench: &Bench) -> Result<Vec<Job<'_>>, Error> {
    let mut folders = modules::folders(bench)?;
    for environment in copy::folders(&bench.stack.join("infrastructure/envs"))? {
        folders.push(format!("envs/{environment}"));
    }
    Ok(folders
        .into_iter()
        .map(|folder| {
            let place = bench.stack.join("infrastructure").join(&folder);
            Job::new(format!("described {folder}"), move || {
                described(&place, !folder.starts_with("envs/"))
            })
        })
        .collect())
}

fn described(place: &Path, module: bool) -> Result<Outcome, Error> {
    let mut blocks = 0;
    let mut missing = Vec::new();
    for (file, kind, wanted) in [
        (
            "variables.tf",
            "variable",
            &["description", "type", "validation {"][..],
        ),
        ("outputs.tf", "output", &["description"]),
    ] {
        for (name, body) in self::blocks(&copy::read(&place.join(file))?, kind) {
            blocks += 1;
            for want in wanted {
                if !body
                    .lines()
                    .any(|line| line.trim_start().starts_with(want) && line.starts_with("  "))
                {
                    missing.push(format!("{file}: {kind} `{name}` has no {want}"));
                }
            }
        }
    }
    for file in if module {
        &["README.md", "tests"][..]
    } else {
        &[]
    } {
        if fs::metadata(place.join(file)).is_err() {
            missing.push(format!("{file} is not there"));
        }
    }
    Ok(if missing.is_empty() && blocks > 0 {
        Outcome::Passed(blocks)
    } else {
        Outcome::Failed(format!("{}\n{}", place.display(), missing.join("\n")))
    })
}

/// The blocks of a kind, with their names and bodies. The files are formatted, so a block ends with the next brace in the first column.
fn blocks<'a>(text: &'a str, kind: &str) -> Vec<(&'a str, &'a str)> {
    let begin = format!("{kind} \"");
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(&begin) {
        let after = &rest[at + begin.len()..];
        let Some((name, body)) = after.split_once('"') else {
            break;
        };
        let end = body.find("\n}").unwrap_or(body.len());
        found.push((name, &body[..end]));
        rest = &body[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_bodies() {
        let text = "variable \"a\" {\n  type = string\n}\n\nvariable \"b\" {\n  description = <<-EOT\n    x\n  EOT\n}\n";
        let found = blocks(text, "variable");
        assert_eq!(
            found.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert!(found[0].1.contains("type") && !found[0].1.contains("description"));
    }
}
