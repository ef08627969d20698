//! The management of a registry's repositories: Amazon ECR's.

use image_tagger::{Repository, RepositoryAdmin};
use windlass_cli::{Failure, Printer};

use crate::args::RegistryArgs;

/// The management of the repositories of the AWS account.
#[cfg(feature = "aws")]
pub(crate) async fn open(args: &RegistryArgs) -> Result<Box<dyn RepositoryAdmin>, Failure> {
    let config = windlass_cli::aws::load(args.region.as_deref()).await?;
    // An endpoint of one's own stands for ECR, whatever the repository's host is called.
    let is_own = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let admin = image_tagger::aws::EcrAdmin::new(aws_sdk_ecr::Client::new(&config));
    Ok(Box::new(admin.any_host(is_own)))
}

/// Without AWS there is nothing to manage.
#[cfg(not(feature = "aws"))]
#[expect(
    clippy::unused_async,
    reason = "the same signature as with the feature `aws`"
)]
pub(crate) async fn open(_args: &RegistryArgs) -> Result<Box<dyn RepositoryAdmin>, Failure> {
    Err(
        Failure::usage("this build of image-tagger has no AWS support")
            .hint("build it with the feature `aws`, which is on by default"),
    )
}

/// Makes sure that a repository of ECR is there: a push into one that is missing fails at its first blob, and not always with
/// a word about it. Other registries make repositories by themselves.
pub(crate) async fn ensure(
    repositories: &[&Repository],
    create: bool,
    args: &RegistryArgs,
    printer: &Printer,
) -> Result<(), Failure> {
    let managed: Vec<&Repository> = repositories
        .iter()
        .copied()
        .filter(|repository| is_managed(repository, create))
        .collect();
    if managed.is_empty() {
        return Ok(());
    }
    let admin = open(args).await?;
    for repository in managed {
        let is_there = admin.repository_exists(repository).await;
        match is_there {
            Ok(true) => {}
            Ok(false) if create => {
                let options = image_tagger::RepositoryOptions::default();
                admin
                    .create_repository(repository, &options)
                    .await
                    .map_err(|error| crate::failures::image(&error))?;
                printer.note(&format!("created `{repository}`"));
            }
            Ok(false) => {
                return Err(Failure::unreachable(format!(
                    "the registry has no repository `{repository}`"
                ))
                .hint("let it be made with --create-repository, or by your infrastructure code"));
            }
            // Who may push need not be allowed to look: the push will tell.
            Err(error) if !create => {
                printer.note(&format!(
                    "cannot tell whether `{repository}` exists: {error}"
                ));
            }
            Err(error) => return Err(crate::failures::image(&error)),
        }
    }
    Ok(())
}

#[cfg(feature = "aws")]
fn is_managed(repository: &Repository, create: bool) -> bool {
    create || image_tagger::aws::is_ecr(repository.registry())
}

#[cfg(not(feature = "aws"))]
const fn is_managed(_repository: &Repository, create: bool) -> bool {
    create
}
