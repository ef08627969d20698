//! What has to be seen to once a manifest was put.

use reqwest::header::HeaderMap;

use super::{DIGEST_HEADER, HttpRegistry};
use crate::{Digest, Error, Manifest, Reference, Registry, Repository, referrers};

/// The subject of a manifest that the registry put among the referrers.
const SUBJECT_HEADER: &str = "oci-subject";

impl HttpRegistry {
    /// Makes sure that a manifest stands where it was put: by what the answer says, or by a look when it says nothing.
    pub(super) async fn confirm(
        &self,
        repository: &Repository,
        reference: &Reference,
        manifest: &Manifest,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let said = headers
            .get(DIGEST_HEADER)
            .and_then(|value| value.to_str().ok()?.parse::<Digest>().ok());
        let found = match said {
            Some(digest) => Some(digest),
            None => self
                .resolve(repository, reference)
                .await?
                .map(|found| found.digest),
        };
        match found {
            Some(found) if found == *manifest.digest() => Ok(()),
            Some(actual) => Err(Error::DigestMismatch {
                expected: manifest.digest().clone(),
                actual,
                size: manifest.bytes().len() as u64,
            }),
            None => Err(Error::ImageNotFound {
                repository: repository.clone(),
                reference: reference.clone(),
            }),
        }
    }

    /// Makes sure that a manifest is found among the referrers of its subject. A registry that keeps such a list itself says
    /// so in its answer; for others the client keeps it, under a tag (OCI distribution spec 1.1, pushing manifests with
    /// subject). Two clients that attach to one subject at the same moment can lose one of the entries there.
    pub(super) async fn announce(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let Some(subject) = manifest
            .subject()
            .filter(|_| !headers.contains_key(SUBJECT_HEADER))
        else {
            return Ok(());
        };
        let tag = Reference::Tag(referrers::fallback_tag(&subject.digest));
        let list = self.manifest(repository, &tag).await?;
        match referrers::with_entry(list.as_ref(), manifest)? {
            None => Ok(()),
            Some(list) => self.put_manifest(repository, &tag, &list).await,
        }
    }
}
