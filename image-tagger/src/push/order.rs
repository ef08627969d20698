//! What becomes of a tag, by what it names and which commit is newer.

use crate::inspect::revision;
use crate::{Ancestry, Descriptor, Error, Manifest, Reference, Registry, Repository, TagState};

/// What is known of the order of images.
pub(super) struct Order<'a> {
    pub(super) registry: &'a dyn Registry,
    pub(super) repository: &'a Repository,
    /// The commit of the image that is pushed.
    pub(super) ours: Option<String>,
    /// Who knows which commit is newer, if that is to matter.
    pub(super) ancestry: Option<&'a dyn Ancestry>,
}

impl Order<'_> {
    /// Whether the order of images can be told at all.
    pub(super) const fn is_known(&self) -> bool {
        self.ours.is_some() && self.ancestry.is_some()
    }

    /// What is to become of a tag that names this now.
    pub(super) async fn decide(
        &self,
        root: &Manifest,
        standing: Option<&Descriptor>,
    ) -> Result<(TagState, Option<String>), Error> {
        let Some(standing) = standing else {
            return Ok((TagState::New, None));
        };
        if standing.digest == *root.digest() {
            return Ok((TagState::Unchanged, None));
        }
        let Some(ancestry) = self.ancestry else {
            return Ok((TagState::Moved, None));
        };
        let unknown = |why: &str| {
            let reason = format!("moved, but it cannot be told whether it moved forward: {why}");
            Ok((TagState::Moved, Some(reason)))
        };
        let Some(ours) = &self.ours else {
            return unknown("this image has no label org.opencontainers.image.revision");
        };
        let Some(theirs) = self.revision(standing).await? else {
            return unknown("the image that it named does not say its commit");
        };
        if theirs == *ours {
            return Ok((TagState::Moved, None));
        }
        match ancestry.is_ancestor(ours, &theirs).await {
            Some(true) => {
                let reason = format!("it names {}, which follows {}", short(&theirs), short(ours));
                Ok((TagState::HeldBack, Some(reason)))
            }
            Some(false) => Ok((TagState::Moved, None)),
            None => unknown(&format!(
                "the history at hand does not lead from {} to {}, as in a shallow clone",
                short(&theirs),
                short(ours)
            )),
        }
    }

    /// Whether an image is certainly older than the one that is pushed.
    pub(super) async fn is_older(&self, standing: &Descriptor) -> Result<bool, Error> {
        let (Some(ancestry), Some(ours)) = (self.ancestry, &self.ours) else {
            return Ok(false);
        };
        Ok(match self.revision(standing).await? {
            Some(theirs) => {
                theirs != *ours && ancestry.is_ancestor(&theirs, ours).await == Some(true)
            }
            None => false,
        })
    }

    /// The commit of an image, if it can be told: a damaged one does not tell.
    async fn revision(&self, standing: &Descriptor) -> Result<Option<String>, Error> {
        let reference = Reference::Digest(standing.digest.clone());
        let told = match self.registry.manifest(self.repository, &reference).await {
            Ok(Some(manifest)) => revision(self.registry, self.repository, &manifest).await,
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match told {
            Err(
                Error::MissingBlobs { .. }
                | Error::InvalidManifest { .. }
                | Error::DigestMismatch { .. }
                | Error::ImageNotFound { .. },
            ) => Ok(None),
            told => told,
        }
    }
}

fn short(revision: &str) -> &str {
    revision.get(..7).unwrap_or(revision)
}
