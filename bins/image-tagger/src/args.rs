//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use image_tagger::retention::UsedName;
use image_tagger::scan::Severity;
use image_tagger::{Digest, ImageName, Repository, SourceName, Tag, TagPattern};
use windlass_cli::CommonArgs;

/// Pushes, retags, promotes and verifies OCI images: every blob once, every tag read back, moving tags only forward.
///
/// Exit codes: 0 done, or nothing to do; 1 the image is not what it should be, or an immutable tag names another one;
/// 2 usage, configuration or a damaged source; 3 the registry refused or could not be reached; 4 some of several;
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "image-tagger", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// How registries are spoken to.
#[derive(Debug, clap::Args)]
pub(crate) struct RegistryArgs {
    /// Speak plain HTTP. For registries on this machine: credentials and images are readable on the way.
    #[arg(long, global = true)]
    pub(crate) insecure_http: bool,

    /// Trust the certificate authorities in FILE (PEM) too.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca_file: Option<PathBuf>,

    /// Where `docker login` left credentials. Default: config.json in DOCKER_CONFIG, else in ~/.docker. For hosts of Amazon
    /// ECR the token of the AWS account comes first.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) docker_config: Option<PathBuf>,

    /// The AWS region, if not that of the surroundings.
    #[arg(long, value_name = "REGION", global = true)]
    pub(crate) region: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pushes an image under several tags with one upload.
    Push(PushArgs),
    /// Pushes several images in one run: what they share is uploaded once.
    PushAll(PushAllArgs),
    /// Puts more tags on an image that is in a registry.
    Retag(RetagArgs),
    /// Copies an image with its digest to another repository or registry, with its signatures and SBOMs.
    Promote(PromoteArgs),
    /// Checks that an image can be pulled, whole, and is the expected one.
    Verify(VerifyArgs),
    /// Deletes old images of a repository of Amazon ECR, and never what is in use.
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Judges an image by the findings of Amazon ECR's scan; one that was not scanned is unknown, never clean.
    Scan(ScanArgs),
    #[command(flatten)]
    Generate(windlass_cli::Generate),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// Says for every image whether it would be kept or deleted, and why.
    Plan(RetentionArgs),
    /// Deletes what the plan says, after a fresh look at each image.
    Apply(RetentionArgs),
    /// Writes the lifecycle policy for ECR that comes nearest. ECR knows nothing of what runs.
    Policy(PolicyArgs),
}

/// What is kept by age and by tag.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// Keep the last N tagged images.
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) keep_last: NonZeroU32,

    /// Keep untagged images for this many days.
    #[arg(long, value_name = "DAYS", default_value = "14")]
    pub(crate) untagged_days: NonZeroU32,

    /// Keep images with such a tag; `*` stands for anything; may be repeated. Default: latest.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) protect: Vec<TagPattern>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RetentionArgs {
    /// The repository, HOST/REPO.
    #[arg(value_name = "HOST/REPO")]
    pub(crate) repository: Repository,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    /// What runs: an image a line (a digest, a tag, or as task definitions write it), and after a blank who uses it. `-` reads
    /// stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) in_use: Option<PathBuf>,

    /// An image that a rollback may need; may be repeated.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) rollback_target: Vec<UsedName>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    /// The image, HOST/REPO:TAG or HOST/REPO@sha256:….
    #[arg(value_name = "IMAGE")]
    pub(crate) image: ImageName,

    /// Fail on vulnerabilities of this severity or worse: informational, low, medium, high or critical.
    #[arg(long, value_name = "SEVERITY", default_value = "high")]
    pub(crate) fail_on: Severity,

    /// How long to wait for the scan.
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) timeout: humantime::Duration,
}

/// What moving tags and dry runs have in common.
#[derive(Debug, clap::Args)]
pub(crate) struct MoveArgs {
    /// A tag that moves with each push. It is put last, and only forward: it stays on the image of a newer commit.
    #[arg(long, value_name = "TAG")]
    pub(crate) moving: Option<Tag>,

    /// Move the moving tag even backwards.
    #[arg(long)]
    pub(crate) force_moving: bool,

    /// The git repository that tells which commit is newer, by the label org.opencontainers.image.revision.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,

    /// Say what would be done, with exact bytes, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PushArgs {
    /// The image: oci:DIR[:REF], oci-archive:FILE[:REF] or docker-archive:FILE[:REF].
    #[arg(value_name = "SOURCE")]
    pub(crate) source: SourceName,

    /// Where it goes, HOST/REPO.
    #[arg(long, value_name = "HOST/REPO")]
    pub(crate) repository: Repository,

    /// A tag that names this image for good; may be repeated. They are put in this order.
    #[arg(long = "tag", value_name = "TAG", required_unless_present = "moving")]
    pub(crate) tags: Vec<Tag>,

    #[command(flatten)]
    pub(crate) moves: MoveArgs,

    /// A repository of the same registry that may hold some of the blobs; may be repeated.
    #[arg(long, value_name = "HOST/REPO")]
    pub(crate) mount_from: Vec<Repository>,

    /// Take along what is attached to the image: signatures, SBOMs, attestations.
    #[arg(long)]
    pub(crate) attachments: bool,

    /// Make the repository if it is missing. For Amazon ECR; other registries make them by themselves.
    #[arg(long)]
    pub(crate) create_repository: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PushAllArgs {
    /// A JSON array of {"source", "repository", "tags": […], "moving": "latest" or null}; `-` reads stdin. Relative paths of
    /// sources are taken from the file's folder.
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: PathBuf,

    /// How many images are pushed at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) max_parallel: usize,

    /// Move moving tags even backwards.
    #[arg(long)]
    pub(crate) force_moving: bool,

    /// The git repository that tells which commit is newer.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repo: PathBuf,

    /// Take along what is attached to the images: signatures, SBOMs, attestations.
    #[arg(long)]
    pub(crate) attachments: bool,

    /// Make repositories that are missing. For Amazon ECR; other registries make them by themselves.
    #[arg(long)]
    pub(crate) create_repository: bool,

    /// Say what would be done, with exact bytes, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RetagArgs {
    /// The image, HOST/REPO:TAG or HOST/REPO@sha256:….
    #[arg(value_name = "IMAGE")]
    pub(crate) image: ImageName,

    /// A tag to put on it; may be repeated.
    #[arg(long = "tag", value_name = "TAG", required = true)]
    pub(crate) tags: Vec<Tag>,

    /// Say what would be done and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PromoteArgs {
    /// The image, HOST/REPO:TAG or HOST/REPO@sha256:….
    #[arg(value_name = "IMAGE")]
    pub(crate) image: ImageName,

    /// Where it goes, HOST/REPO.
    #[arg(value_name = "HOST/REPO")]
    pub(crate) target: Repository,

    /// A tag that names it there; may be repeated. Default: the tag that it was named by.
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<Tag>,

    #[command(flatten)]
    pub(crate) moves: MoveArgs,

    /// Leave behind what is attached to the image: signatures, SBOMs, attestations.
    #[arg(long)]
    pub(crate) no_attachments: bool,

    /// Make the repository if it is missing. For Amazon ECR; other registries make them by themselves.
    #[arg(long)]
    pub(crate) create_repository: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The image, HOST/REPO:TAG or HOST/REPO@sha256:….
    #[arg(value_name = "IMAGE")]
    pub(crate) image: ImageName,

    /// What the image must be.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: Option<Digest>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
