//! The management of ECR's repositories.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::Region;
use aws_sdk_ecr::error::ProvideErrorMetadata;
use aws_sdk_ecr::types::{
    ImageDetail, ImageFailureCode, ImageIdentifier, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType,
};

use super::failure::Call;
use super::{account_and_region, convert};
use crate::error::Chain;
use crate::scan::{Finding, ScanReport, ScanStatus, SeverityCounts};
use crate::{
    Created, DeleteOutcome, Digest, Error, ImageRecord, LifecyclePolicy, MediaType, Repository,
    RepositoryAdmin, RepositoryOptions, TagMutability,
};

/// How many images one `BatchGetImage` or `BatchDeleteImage` takes (Amazon ECR API Reference).
const IMAGES_PER_CALL: usize = 100;
/// How many images or findings one page has at most.
const PAGE: i32 = 1000;

const DESCRIBE_IMAGES: Call = Call {
    operation: "list the images",
    action: "ecr:DescribeImages",
};
const GET_IMAGES: Call = Call {
    operation: "read the indexes",
    action: "ecr:BatchGetImage",
};
const DELETE_IMAGES: Call = Call {
    operation: "delete images",
    action: "ecr:BatchDeleteImage",
};
const DESCRIBE: Call = Call {
    operation: "read the settings",
    action: "ecr:DescribeRepositories",
};
const CREATE: Call = Call {
    operation: "create the repository",
    action: "ecr:CreateRepository",
};
const PUT_LIFECYCLE: Call = Call {
    operation: "set the lifecycle policy",
    action: "ecr:PutLifecyclePolicy",
};
const FINDINGS: Call = Call {
    operation: "read the scan findings",
    action: "ecr:DescribeImageScanFindings",
};

/// ECR as a [`RepositoryAdmin`]. Account and region are those of the repository's host, whatever region the client is for;
/// repositories elsewhere are refused with [`Error::NotManaged`]. Throttled and lost calls are retried by the client, as it
/// is configured.
///
/// Archived images are not listed: they are out of the way already, and nothing can run them.
#[derive(Debug, Clone)]
pub struct EcrAdmin {
    client: Client,
    is_any_host: bool,
}

/// Where a repository is managed.
struct Place {
    client: Client,
    registry: Option<String>,
}

impl EcrAdmin {
    /// ECR behind this client, which brings credentials, endpoint and retries.
    pub const fn new(client: Client) -> Self {
        Self {
            client,
            is_any_host: false,
        }
    }

    /// Takes repositories of other hosts for ones of the client's own account and region: for stand-ins of ECR, whose hosts
    /// are named otherwise. Against ECR itself, `ghcr.io/app` would become the account's `app`.
    #[must_use]
    pub const fn any_host(mut self, any: bool) -> Self {
        self.is_any_host = any;
        self
    }

    fn place(&self, repository: &Repository) -> Result<Place, Error> {
        let Some((account, region)) = account_and_region(repository.registry()) else {
            if self.is_any_host {
                let client = self.client.clone();
                return Ok(Place {
                    client,
                    registry: None,
                });
            }
            return Err(Error::NotManaged {
                repository: repository.clone(),
            });
        };
        let is_here = self
            .client
            .config()
            .region()
            .is_some_and(|own| own.as_ref() == region);
        let client = if is_here {
            self.client.clone()
        } else {
            let config = self.client.config().to_builder();
            Client::from_conf(config.region(Region::new(region.to_owned())).build())
        };
        Ok(Place {
            client,
            registry: Some(account.to_owned()),
        })
    }

    /// Adds to indexes what they list. Those that are gone by now are left out.
    async fn tie(
        &self,
        place: &Place,
        repository: &Repository,
        images: &mut BTreeMap<Digest, ImageRecord>,
        indexes: &[Digest],
    ) -> Result<(), Error> {
        for batch in indexes.chunks(IMAGES_PER_CALL) {
            let output = place
                .client
                .batch_get_image()
                .set_registry_id(place.registry.clone())
                .repository_name(repository.path())
                .set_image_ids(Some(batch.iter().map(identifier).collect()))
                // Without them, ECR may answer with a manifest of another type, made of the one that it has.
                .accepted_media_types(MediaType::OCI_INDEX)
                .accepted_media_types(MediaType::DOCKER_LIST)
                .accepted_media_types(MediaType::OCI_MANIFEST)
                .accepted_media_types(MediaType::DOCKER_MANIFEST)
                .send()
                .await
                .map_err(|error| GET_IMAGES.failed(repository, error))?;
            let mut missing: BTreeSet<&Digest> = batch.iter().collect();
            for found in output.images() {
                let digest = found.image_id().and_then(|id| id.image_digest());
                let image = digest
                    .and_then(|digest| digest.parse().ok())
                    .and_then(|digest: Digest| images.get_mut(&digest));
                let (Some(image), Some(manifest)) = (image, found.image_manifest()) else {
                    continue;
                };
                let links: convert::Links = serde_json::from_str(manifest).map_err(|error| {
                    let problem = format!("the manifest `{}`: {error}", image.digest);
                    GET_IMAGES.garbled(repository, problem)
                })?;
                missing.remove(&image.digest);
                links.tie(image);
            }
            for failure in output.failures() {
                let digest = failure.image_id().and_then(|id| id.image_digest());
                let digest = digest.and_then(|digest| digest.parse::<Digest>().ok());
                let is_gone = failure.failure_code() == Some(&ImageFailureCode::ImageNotFound);
                if let Some(digest) = digest.filter(|_| is_gone) {
                    missing.remove(&digest);
                    images.remove(&digest);
                }
            }
            if let Some(digest) = missing.first() {
                let reason = output
                    .failures()
                    .iter()
                    .find_map(|failure| failure.failure_reason());
                let reason = reason.unwrap_or("ECR's answer leaves it out");
                let problem = format!("the manifest `{digest}` cannot be read: {reason}");
                return Err(GET_IMAGES.garbled(repository, problem));
            }
        }
        Ok(())
    }

    async fn delete(
        &self,
        place: &Place,
        repository: &Repository,
        batch: &[Digest],
    ) -> Result<Vec<DeleteOutcome>, Error> {
        let output = place
            .client
            .batch_delete_image()
            .set_registry_id(place.registry.clone())
            .repository_name(repository.path())
            .set_image_ids(Some(batch.iter().map(identifier).collect()))
            .send()
            .await
            .map_err(|error| DELETE_IMAGES.failed(repository, error))?;
        let mut failures: BTreeMap<&str, DeleteOutcome> = BTreeMap::new();
        for failure in output.failures() {
            let digest = failure.image_id().and_then(|id| id.image_digest());
            let Some(digest) = digest else {
                let reason = failure.failure_reason().unwrap_or("a failure of no image");
                return Err(DELETE_IMAGES.garbled(repository, reason));
            };
            failures.insert(digest, convert::failure(failure));
        }
        let outcomes = batch.iter().map(|digest| {
            let failure = failures.get(digest.as_str()).cloned();
            failure.unwrap_or(DeleteOutcome::Deleted)
        });
        Ok(outcomes.collect())
    }
}

fn identifier(digest: &Digest) -> ImageIdentifier {
    ImageIdentifier::builder()
        .image_digest(digest.as_str())
        .build()
}

/// Whether an image may list others. One whose type is not said is looked at.
fn may_be_index(detail: &ImageDetail) -> bool {
    detail
        .image_manifest_media_type()
        .is_none_or(|name| MediaType::new(name).is_index())
}

#[async_trait]
impl RepositoryAdmin for EcrAdmin {
    async fn images(&self, repository: &Repository) -> Result<Vec<ImageRecord>, Error> {
        let place = self.place(repository)?;
        let mut pages = place
            .client
            .describe_images()
            .set_registry_id(place.registry.clone())
            .repository_name(repository.path())
            .into_paginator()
            .page_size(PAGE)
            .send();
        let mut images = BTreeMap::new();
        let mut indexes = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| DESCRIBE_IMAGES.failed(repository, error))?;
            for detail in page.image_details() {
                let image = convert::image(detail)
                    .map_err(|problem| DESCRIBE_IMAGES.garbled(repository, problem))?;
                if may_be_index(detail) {
                    indexes.push(image.digest.clone());
                }
                images.insert(image.digest.clone(), image);
            }
        }
        self.tie(&place, repository, &mut images, &indexes).await?;
        Ok(images.into_values().collect())
    }

    async fn delete_images(
        &self,
        repository: &Repository,
        digests: &[Digest],
    ) -> Result<Vec<DeleteOutcome>, Error> {
        let place = self.place(repository)?;
        let mut outcomes = Vec::with_capacity(digests.len());
        for batch in digests.chunks(IMAGES_PER_CALL) {
            match self.delete(&place, repository, batch).await {
                Ok(more) => outcomes.extend(more),
                Err(error) if !outcomes.contains(&DeleteOutcome::Deleted) => return Err(error),
                Err(error) => {
                    // What is deleted is not to be lost in an error; what comes after this batch is not tried.
                    let message = Chain(&error).to_string();
                    outcomes.resize(digests.len(), DeleteOutcome::Unknown { message });
                    break;
                }
            }
        }
        Ok(outcomes)
    }

    async fn repository_exists(&self, repository: &Repository) -> Result<bool, Error> {
        let place = self.place(repository)?;
        let output = place
            .client
            .describe_repositories()
            .set_registry_id(place.registry)
            .repository_names(repository.path())
            .send()
            .await;
        match output.map_err(|error| DESCRIBE.failed(repository, error)) {
            Ok(_) => Ok(true),
            Err(Error::RepositoryNotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn create_repository(
        &self,
        repository: &Repository,
        options: &RepositoryOptions,
    ) -> Result<Created, Error> {
        let place = self.place(repository)?;
        let (mutability, filters) = match &options.tags {
            TagMutability::Mutable => (ImageTagMutability::Mutable, None),
            TagMutability::Immutable => (ImageTagMutability::Immutable, None),
            TagMutability::ImmutableExcept(patterns) => {
                let filters = patterns.iter().map(|pattern| {
                    ImageTagMutabilityExclusionFilter::builder()
                        .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
                        .filter(pattern.as_str())
                        .build()
                });
                let filters: Result<Vec<_>, _> = filters.collect();
                let filters =
                    filters.map_err(|error| CREATE.garbled(repository, error.to_string()))?;
                (ImageTagMutability::ImmutableWithExclusion, Some(filters))
            }
        };
        let scanning = ImageScanningConfiguration::builder().scan_on_push(options.scan_on_push);
        let output = place
            .client
            .create_repository()
            .set_registry_id(place.registry)
            .repository_name(repository.path())
            .image_tag_mutability(mutability)
            .set_image_tag_mutability_exclusion_filters(filters)
            .image_scanning_configuration(scanning.build())
            .send()
            .await;
        match output {
            Ok(_) => Ok(Created::New),
            Err(error)
                if error.as_service_error().and_then(|error| error.code())
                    == Some("RepositoryAlreadyExistsException") =>
            {
                Ok(Created::Existing)
            }
            Err(error) => Err(CREATE.failed(repository, error)),
        }
    }

    async fn put_lifecycle_policy(
        &self,
        repository: &Repository,
        policy: &LifecyclePolicy,
    ) -> Result<(), Error> {
        let place = self.place(repository)?;
        place
            .client
            .put_lifecycle_policy()
            .set_registry_id(place.registry)
            .repository_name(repository.path())
            .lifecycle_policy_text(policy.to_json())
            .send()
            .await
            .map_err(|error| PUT_LIFECYCLE.failed(repository, error))?;
        Ok(())
    }

    async fn scan_findings(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<ScanReport, Error> {
        let place = self.place(repository)?;
        let mut pages = place
            .client
            .describe_image_scan_findings()
            .set_registry_id(place.registry)
            .repository_name(repository.path())
            .image_id(identifier(digest))
            .into_paginator()
            .page_size(PAGE)
            .send();
        let mut report: Option<ScanReport> = None;
        let mut findings: Vec<Finding> = Vec::new();
        let mut counts = SeverityCounts::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    let service = error.as_service_error();
                    let message = service.and_then(|error| error.message());
                    match service.and_then(|error| error.code()) {
                        Some("ScanNotFoundException") => {
                            let mut report = ScanReport::new(digest.clone(), ScanStatus::Missing);
                            report.detail = message.map(str::to_owned);
                            return Ok(report);
                        }
                        Some("ImageNotFoundException") => {
                            return Err(Error::ImageNotFound {
                                repository: repository.clone(),
                                reference: digest.clone().into(),
                            });
                        }
                        _ => return Err(FINDINGS.failed(repository, error)),
                    }
                }
            };
            let said = page.image_scan_status();
            let (status, word) = convert::status(said.and_then(|said| said.status()));
            let mut new = ScanReport::new(digest.clone(), status);
            new.detail = word.map(|word| match said.and_then(|said| said.description()) {
                Some(description) => format!("{word}: {description}"),
                None => word.to_owned(),
            });
            // A scan that begins anew between two pages leaves a report that is not whole.
            if report
                .as_ref()
                .is_none_or(|old| old.status == ScanStatus::Complete)
            {
                report = Some(new);
            }
            if let Some(page) = page.image_scan_findings() {
                let (more, counted) = convert::findings(page);
                findings.extend(more);
                for (severity, count) in counted {
                    let known = counts.entry(severity).or_default();
                    *known = count.max(*known);
                }
            }
        }
        let report = report.unwrap_or_else(|| ScanReport::new(digest.clone(), ScanStatus::Missing));
        Ok(report.findings(findings, counts))
    }
}
