//! Errors planted into copies of the modules: the checks have to find them, or they prove nothing.

use super::modules::skipped;
use super::terraform::Terraform;
use super::{Bench, Job, Outcome, copy};
use crate::task::Error;

/// A mistake that people make. What cannot be noticed without AWS is not among them; the stack's README names it.
#[derive(Debug, Clone, Copy)]
struct Planted {
    what: &'static str,
    /// The module, and the file in it.
    folder: &'static str,
    file: &'static str,
    /// What stands there once, and what is put in its place.
    right: &'static str,
    wrong: &'static str,
}

const fn planted(
    what: &'static str,
    folder: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
) -> Planted {
    Planted {
        what,
        folder,
        file,
        right,
        wrong,
    }
}

const PLANTED: [Planted; 24] = [
    planted(
        "misspelt argument",
        "modules/networking",
        "main.tf",
        "enable_dns_hostnames = true",
        "enable_dns_hostname = true",
    ),
    planted(
        "wrong type",
        "modules/ecs",
        "main.tf",
        "wait_for_steady_state = false",
        "wait_for_steady_state = \"no\"",
    ),
    planted(
        "missing role",
        "modules/ecs",
        "main.tf",
        "= aws_iam_role.execution.arn",
        "= aws_iam_role.starter.arn",
    ),
    planted(
        "bad CIDR",
        "modules/networking",
        "security.tf",
        "databases and one another\"\n  cidr_ipv4         = \"0.0.0.0/0\"",
        "databases and one another\"\n  cidr_ipv4         = \"0.0.0.0/33\"",
    ),
    planted(
        "wrong Fargate size",
        "modules/data-services",
        "variables.tf",
        "mongodb  = { cpu = 512, memory = 1024 }",
        "mongodb  = { cpu = 512, memory = 1500 }",
    ),
    planted(
        "unknown IAM action",
        "bootstrap",
        "roles.tf",
        "\"ecr:PutImage\"",
        "\"ecr:PushImage\"",
    ),
    planted(
        "unknown value",
        "modules/data-services",
        "storage.tf",
        "throughput_mode = \"elastic\"",
        "throughput_mode = \"elastik\"",
    ),
    planted(
        "unknown runtime",
        "modules/monitoring",
        "exporters.tf",
        "\"provided.al2023\"",
        "\"provided.al2032\"",
    ),
    planted(
        "field that ECS does not have",
        "modules/ecs",
        "main.tf",
        "containerPort = each.value.port",
        "containerPorts = each.value.port",
    ),
    planted(
        "alarm in gigabytes",
        "modules/monitoring",
        "alarms.tf",
        "= 10 * 1024 * 1024 * 1024",
        "= 10",
    ),
    planted(
        "average of errors",
        "modules/monitoring",
        "alarms.tf",
        "metric_name = \"HTTPCode_Target_5XX_Count\"\n      dimensions  = { LoadBalancer = var.alb_arn_suffix }\n      stat        = \"Sum\"",
        "metric_name = \"HTTPCode_Target_5XX_Count\"\n      dimensions  = { LoadBalancer = var.alb_arn_suffix }\n      stat        = \"Average\"",
    ),
    planted(
        "missing dimension",
        "modules/monitoring",
        "alarms.tf",
        "{ LoadBalancer = var.alb_arn_suffix, TargetGroup = var.target_group_arn_suffixes[each.key] }",
        "{ LoadBalancer = var.alb_arn_suffix }",
    ),
    planted(
        "schedule that is not the seed's",
        "modules/monitoring",
        "exporters.tf",
        "rate(6 hours)",
        "rate(6 minutes)",
    ),
    planted(
        "lifecycle that expires production",
        "modules/ecs",
        "repositories.tf",
        "rulePriority = 1",
        "rulePriority = 4",
    ),
    planted(
        "tags that move",
        "modules/ecs",
        "repositories.tf",
        "\"IMMUTABLE_WITH_EXCLUSION\"",
        "\"MUTABLE\"",
    ),
    planted(
        "rollout that takes capacity away",
        "modules/ecs",
        "variables.tf",
        "minimum_percent = optional(number, 100)",
        "minimum_percent = optional(number, 0)",
    ),
    planted(
        "public database",
        "modules/rds",
        "main.tf",
        "publicly_accessible    = false",
        "publicly_accessible    = true",
    ),
    planted(
        "password in the configuration",
        "modules/rds",
        "main.tf",
        "manage_master_user_password   = true",
        "password                      = \"correct-horse\"",
    ),
    planted(
        "secret in plain environment",
        "modules/data-services",
        "main.tf",
        "environment = {}",
        "environment = { REDIS_PASSWORD = \"correct-horse\" }",
    ),
    planted(
        "public bucket",
        "modules/s3",
        "main.tf",
        "block_public_policy     = true",
        "block_public_policy     = false",
    ),
    planted(
        "any role may be passed",
        "bootstrap",
        "roles.tf",
        "[\"${local.iam}/${local.names[each.key]}-execution\", \"${local.iam}/${local.names[each.key]}-*-task\"]",
        "[\"*\"]",
    ),
    planted(
        "subject that is a pattern",
        "bootstrap",
        "roles.tf",
        "test     = \"StringEquals\"\n      variable = \"token.actions.githubusercontent.com:sub\"",
        "test     = \"StringLike\"\n      variable = \"token.actions.githubusercontent.com:sub\"",
    ),
    planted(
        "callback that reaches the page",
        "modules/cloudfront",
        "main.tf",
        "\"/oauth2/*\", \"/login/oauth2/*\"",
        "\"/oauth2/*\"",
    ),
    planted(
        "zones that share a NAT gateway",
        "modules/networking",
        "main.tf",
        "contains(local.nat_zones, each.key) ? each.key : local.nat_zones[0]",
        "local.nat_zones[0]",
    ),
];

pub(super) fn jobs(bench: &Bench) -> Result<Vec<Job<'_>>, Error> {
    PLANTED
        .iter()
        .enumerate()
        .map(|(index, planted)| {
            // A place that changed makes an error of this list, not of the stack.
            let source = bench.stack.join("infrastructure").join(planted.folder);
            let text = copy::read(&source.join(planted.file))?;
            let found = text.matches(planted.right).count();
            if found != 1 {
                return Err(Error::Broken(format!(
                    "{}/{} has {found} times what the planted error `{}` replaces once: {}",
                    planted.folder, planted.file, planted.what, planted.right
                )));
            }
            let place = bench.scratch.join(format!("planted-{index}"));
            Ok(Job::new(format!("planted {}", planted.what), move || {
                let Ok(terraform) = &bench.terraform else {
                    return skipped(bench);
                };
                copy::tree(&source, &place)?;
                let wrong = text.replace(planted.right, planted.wrong);
                copy::write(&place.join(planted.file), &wrong)?;
                caught(terraform, &place)
            }))
        })
        .collect()
}

/// Whether `test`, which begins with what `validate` does, fails in a folder.
fn caught(terraform: &Terraform, place: &std::path::Path) -> Result<Outcome, Error> {
    let init = ["init", "-backend=false", "-input=false", "-no-color"];
    for arguments in [
        &init[..],
        &["validate", "-no-color"],
        &["test", "-no-color"],
    ] {
        let said = terraform.run(place, arguments)?;
        if !said.good() {
            // A command that could not run at all has found nothing.
            return Ok(if said.text.contains("Error: ") {
                Outcome::Passed(1)
            } else {
                Outcome::Failed(said.text)
            });
        }
    }
    Ok(Outcome::Failed("nothing noticed it".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_planted_error_changes_something_and_has_a_name_of_its_own() {
        let mut names: Vec<&str> = PLANTED.iter().map(|planted| planted.what).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PLANTED.len());
        assert!(PLANTED.iter().all(|planted| planted.right != planted.wrong));
    }
}
