//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueEnum};
use ecs_deployer::{
    ClusterName, ContainerName, DeploymentId, ImageRef, InvalidImageRef, InvalidName, ServiceName,
    TaskDefinitionArn, TaskId,
};
use image_tagger::{Digest, Repository, Tag};
use windlass_cli::CommonArgs;

/// Deploys to Amazon ECS, follows each deployment by its own id to its end, says why it failed, and goes back.
///
/// Exit codes: 0 done, or nothing to do; 1 the deployment failed, or was stopped; 2 usage, or preflight found a problem: nothing
/// was changed; 3 AWS refused or could not be reached: the outcome is not known; 4 some of several; 5 rolled back: the old
/// revision serves; 6 the rollback itself failed; 7 superseded by a newer deployment; 8 timed out, still undecided;
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "ecs-deployer", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// The AWS region, if not that of the surroundings.
    #[arg(long, value_name = "REGION", global = true)]
    pub(crate) region: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploys images to one or several services and follows the deployments to their ends.
    Deploy(Box<DeployArgs>),
    /// Says what a deployment would change: a semantic diff with secrets hidden, and what stands in the way.
    Plan(Box<PlanArgs>),
    /// Follows a deployment that is under way, or takes up one that was left.
    Wait(WaitArgs),
    /// Brings an earlier revision of a service back.
    Rollback(RollbackArgs),
    /// Says how services are: what they run, what is under way, what was deployed last.
    Status(StatusArgs),
    /// Runs one task by itself, such as a migration, shows its log and ends with its exit code.
    RunTask(Box<RunTaskArgs>),
    /// Lets a deployment that waits at a PAUSE hook go on, or go back.
    Continue(ContinueArgs),
    #[command(flatten)]
    Generate(windlass_cli::Generate),
}

/// A container's image: `[CONTAINER=]IMAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageArg {
    pub(crate) container: Option<ContainerName>,
    pub(crate) image: ImageRef,
}

impl FromStr for ImageArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (container, image) = match text.split_once('=') {
            Some((container, image)) => {
                let container = container
                    .parse()
                    .map_err(|error: InvalidName| error.to_string())?;
                (Some(container), image)
            }
            None => (None, text),
        };
        let image: ImageRef = image
            .parse()
            .map_err(|error: InvalidImageRef| error.to_string())?;
        check_syntax(&image).map_err(|problem| format!("`{image}` is not an image: {problem}"))?;
        Ok(Self { container, image })
    }
}

/// What ECS would find out only when it starts a task: whether a registry can have such an image.
fn check_syntax(image: &ImageRef) -> Result<(), String> {
    let text = image.repository();
    let host = text.split_once('/').map(|(host, _)| host);
    let has_host = host.is_some_and(|host| host.contains(['.', ':']) || host == "localhost");
    // Without a registry's host it is Docker Hub's, as to everybody.
    let repository = if has_host {
        text.parse()
    } else {
        format!("docker.io/{text}").parse()
    };
    repository
        .map(|_: Repository| ())
        .map_err(|error| error.to_string())?;
    if let Some(tag) = image.tag() {
        tag.parse::<Tag>().map_err(|error| error.to_string())?;
    }
    if let Some(digest) = image.digest() {
        digest
            .parse::<Digest>()
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// A service, perhaps with its image: `SERVICE[=[CONTAINER=]IMAGE]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceArg {
    pub(crate) service: ServiceName,
    pub(crate) image: Option<ImageArg>,
}

impl FromStr for ServiceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (service, image) = match text.split_once('=') {
            Some((service, image)) => (service, Some(image.parse()?)),
            None => (text, None),
        };
        let service = service
            .parse()
            .map_err(|error: InvalidName| error.to_string())?;
        Ok(Self { service, image })
    }
}

/// Who depends on whom: `S:T`, T is deployed before S.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DependencyArg(pub(crate) ServiceName, pub(crate) ServiceName);

impl FromStr for DependencyArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (service, on) = text
            .split_once(':')
            .ok_or_else(|| format!("`{text}` is not a dependency: it takes SERVICE:OTHER, where OTHER is deployed first"))?;
        let parse = |name: &str| name.parse().map_err(|error: InvalidName| error.to_string());
        Ok(Self(parse(service)?, parse(on)?))
    }
}

/// A variable for a container: `NAME=VALUE`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct VariableArg {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl std::fmt::Debug for VariableArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

impl FromStr for VariableArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            // The text may be a secret: it is not repeated.
            _ => Err("it takes NAME=VALUE".to_owned()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OnFailureArg {
    /// Bring the last revision back that was deployed with success.
    #[default]
    Rollback,
    /// Leave it as it is.
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OnInterruptArg {
    /// Bring back what was begun.
    Rollback,
    /// Leave the deployment to ECS and say how to take it up again.
    #[default]
    Detach,
}

/// What is deployed, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// The cluster, its name or ARN.
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) cluster: ClusterName,

    /// A service, or SERVICE=[CONTAINER=]IMAGE; may be repeated.
    #[arg(long = "service", value_name = "SERVICE[=IMAGE]", required = true)]
    pub(crate) services: Vec<ServiceArg>,

    /// The image, for one service; with CONTAINER= only of that container, else of the only one or of all that have an image
    /// of the same repository. May be repeated for several containers.
    #[arg(long = "image", value_name = "[CONTAINER=]IMAGE")]
    pub(crate) images: Vec<ImageArg>,

    /// Register the task definition in FILE (JSON as ECS describes or takes it; `-` reads stdin) instead of a copy of what
    /// runs. For one service.
    #[arg(long, value_name = "FILE")]
    pub(crate) task_definition: Option<PathBuf>,

    /// Deploy the images by their tags, which move, instead of by the digests that these name now: a deployment is forced,
    /// and afterwards the digests that the tasks pulled are compared with the one that the tag names.
    #[arg(long)]
    pub(crate) mutable_tag: bool,

    /// Begin a deployment even when nothing differs.
    #[arg(long)]
    pub(crate) force_new_deployment: bool,

    /// Change the desired count to N. Without this it is never touched.
    #[arg(long, value_name = "N")]
    pub(crate) desired_count: Option<u32>,

    /// Speak plain HTTP to registries. For registries on this machine.
    #[arg(long)]
    pub(crate) insecure_http: bool,
}

/// How deployments are followed.
#[derive(Debug, clap::Args)]
pub(crate) struct FollowArgs {
    /// How long a deployment may take, and then its way back again.
    #[arg(long, value_name = "TIME", default_value = "15m")]
    pub(crate) timeout: humantime::Duration,

    /// The time between two looks.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) poll: humantime::Duration,

    /// What to do with a failed deployment.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_failure: OnFailureArg,

    /// After how many failed tasks the deployment has failed, whatever ECS still hopes for.
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) permanent_failures: u32,

    /// The same for failures that may pass, such as a registry's rate limit.
    #[arg(long, value_name = "K", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) transient_failures: u32,

    /// When a newer deployment takes over, follow that one, instead of ending with exit code 7.
    #[arg(long)]
    pub(crate) follow_superseding: bool,

    /// What Ctrl-C does; a second one detaches at once.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_interrupt: OnInterruptArg,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,

    #[command(flatten)]
    pub(crate) follow: FollowArgs,

    /// How many deployments may be under way at once.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) max_parallel: usize,

    /// S is deployed after T; may be repeated.
    #[arg(long, value_name = "S:T")]
    pub(crate) depends_on: Vec<DependencyArg>,

    /// When one fails, deploy the others nevertheless, but for those that depend on it.
    #[arg(long)]
    pub(crate) continue_on_failure: bool,

    /// When one of a wave fails, take back the others of the wave as well.
    #[arg(long)]
    pub(crate) rollback_wave: bool,

    /// Do not look for what would make the deployment fail.
    #[arg(long, conflicts_with = "preflight_only")]
    pub(crate) skip_preflight: bool,

    /// Look for what would make the deployment fail, and deploy nothing.
    #[arg(long)]
    pub(crate) preflight_only: bool,

    /// Say what would be changed, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,

    /// Show the values of environment variables, but of those whose name speaks of a secret. Secrets are never shown.
    #[arg(long)]
    pub(crate) show_environment: bool,

    /// Do not look for what would make the deployment fail.
    #[arg(long)]
    pub(crate) skip_preflight: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WaitArgs {
    /// The cluster, its name or ARN.
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) cluster: ClusterName,

    /// The service.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: ServiceName,

    /// The deployment, ecs-svc/…; the one under way if none is named.
    #[arg(long, value_name = "ID")]
    pub(crate) deployment: Option<DeploymentId>,

    #[command(flatten)]
    pub(crate) follow: FollowArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RollbackArgs {
    /// The cluster, its name or ARN.
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) cluster: ClusterName,

    /// The service.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: ServiceName,

    /// Where to: a task definition, or its revision alone. Without it the last one that was deployed with success, by ECS's
    /// records, other than the one that runs.
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<RevisionArg>,

    #[command(flatten)]
    pub(crate) follow: FollowArgs,
}

/// A task definition's ARN, `family:revision`, or the revision alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RevisionArg {
    Full(TaskDefinitionArn),
    Number(u32),
}

impl FromStr for RevisionArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            _ => text
                .parse()
                .map(Self::Full)
                .map_err(|_| format!("`{text}` is not a revision: it takes a number from 1, `family:revision` or an ARN")),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The cluster, its name or ARN.
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) cluster: ClusterName,

    /// A service; may be repeated. All of the cluster if none is named.
    #[arg(long = "service", value_name = "SERVICE")]
    pub(crate) services: Vec<ServiceName>,

    /// How many of the last deployments and events are shown.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) last: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunTaskArgs {
    /// The cluster, its name or ARN.
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) cluster: ClusterName,

    /// Run as this service does: its task definition, network and capacity.
    #[arg(long, value_name = "SERVICE", required_unless_present_any = ["task_definition", "task"])]
    pub(crate) service: Option<ServiceName>,

    /// Run this task definition, instead of the service's.
    #[arg(long, value_name = "TASK_DEFINITION")]
    pub(crate) task_definition: Option<TaskDefinitionArn>,

    /// Take up a task that was started before.
    #[arg(long, value_name = "ID", conflicts_with_all = ["command", "env", "image"])]
    pub(crate) task: Option<TaskId>,

    /// Run this image: a revision with it is registered.
    #[arg(long, value_name = "[CONTAINER=]IMAGE")]
    pub(crate) image: Option<ImageArg>,

    /// The container whose command and variables are changed and whose exit code counts; the first essential one if none is
    /// named.
    #[arg(long, value_name = "CONTAINER")]
    pub(crate) container: Option<ContainerName>,

    /// A variable for the container; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<VariableArg>,

    /// A subnet for the task's network interface, if not the service's; may be repeated.
    #[arg(long, value_name = "SUBNET")]
    pub(crate) subnet: Vec<String>,

    /// A security group for it; may be repeated.
    #[arg(long, value_name = "GROUP", requires = "subnet")]
    pub(crate) security_group: Vec<String>,

    /// Give it a public address.
    #[arg(long, requires = "subnet")]
    pub(crate) public_ip: bool,

    /// FARGATE or EC2, if not as the service.
    #[arg(long, value_name = "TYPE")]
    pub(crate) launch_type: Option<String>,

    /// How long it may take; then it is stopped.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) timeout: humantime::Duration,

    /// The time between two looks.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) poll: humantime::Duration,

    /// What Ctrl-C does: rollback stops the task, detach leaves it running.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_interrupt: OnInterruptArg,

    /// The command, after `--`.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ContinueArgs {
    /// The cluster, its name or ARN.
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) cluster: ClusterName,

    /// The service.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: ServiceName,

    /// The deployment, ecs-svc/…; the newest one that waits if none is named.
    #[arg(long, value_name = "ID")]
    pub(crate) deployment: Option<DeploymentId>,

    /// The hook, if several wait.
    #[arg(long, value_name = "ID")]
    pub(crate) hook: Option<String>,

    /// Let it go back instead of on.
    #[arg(long)]
    pub(crate) rollback: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_service_may_bring_its_image_and_that_its_container() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let text = format!("h:5000/web:v1@{digest}");
        let service: ServiceArg = format!("web=app={text}").parse().unwrap();
        assert_eq!(service.service.as_str(), "web");
        let image = service.image.unwrap();
        assert_eq!(image.container.unwrap().as_str(), "app");
        assert_eq!(image.image.as_str(), text);
        assert_eq!("web".parse::<ServiceArg>().unwrap().image, None);
        for wrong in ["", "web=", "web=a b", "=image", "web==image"] {
            assert!(wrong.parse::<ServiceArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_image_that_no_registry_can_have_is_refused_with_the_part_that_is_wrong() {
        for (wrong, part) in [
            ("Web:1", "lower-case"),
            ("h:5000/Web:1", "lower-case"),
            ("http://x/y", "not a host"),
            ("web:-1", "not a tag"),
            ("web@sha256:zz", "sha256"),
            ("web@sha256:00", "sha256"),
        ] {
            let error = wrong.parse::<ImageArg>().unwrap_err();
            assert!(
                error.starts_with(&format!("`{wrong}` is not an image")),
                "{error}"
            );
            assert!(error.contains(part), "{error}");
        }
        for right in [
            "nginx",
            "library/nginx:1",
            "localhost/a/b",
            "127.0.0.1:1/web:V_1.0-rc",
        ] {
            right.parse::<ImageArg>().unwrap();
        }
    }

    #[test]
    fn a_variable_is_not_shown() {
        let variable: VariableArg = "KEY=geheim=1".parse().unwrap();
        assert_eq!(variable.value, "geheim=1");
        assert!(!format!("{variable:?}").contains("geheim"));
        assert!(
            !"geheim"
                .parse::<VariableArg>()
                .unwrap_err()
                .contains("geheim")
        );
    }

    #[test]
    fn a_revision_is_a_number_or_a_name() {
        assert_eq!("3".parse(), Ok(RevisionArg::Number(3)));
        assert!(matches!("web:3".parse(), Ok(RevisionArg::Full(_))));
        for wrong in ["0", "web", "web:x", ""] {
            assert!(wrong.parse::<RevisionArg>().is_err(), "{wrong}");
        }
    }
}
