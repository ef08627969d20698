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
        Ok(match self.held_back(standing).await? {
            Some(reason) => (TagState::HeldBack, Some(reason)),
            None => (TagState::Moved, None),
        })
    }

    /// Why a tag that names this stays there, if it does.
    async fn held_back(&self, standing: &Descriptor) -> Result<Option<String>, Error> {
        let (Some(ancestry), Some(ours)) = (self.ancestry, &self.ours) else {
            return Ok(None);
        };
        let theirs = self.revision(standing).await?;
        let Some(theirs) = theirs.filter(|theirs| theirs != ours) else {
            return Ok(None);
        };
        let is_newer = ancestry.is_ancestor(ours, &theirs).await == Some(true);
        Ok(is_newer.then(|| format!("it names {}, which follows {}", short(&theirs), short(ours))))
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

    async fn revision(&self, standing: &Descriptor) -> Result<Option<String>, Error> {
        let reference = Reference::Digest(standing.digest.clone());
        match self.registry.manifest(self.repository, &reference).await? {
            Some(manifest) => revision(self.registry, self.repository, &manifest).await,
            None => Ok(None),
        }
    }
}

fn short(revision: &str) -> &str {
    revision.get(..7).unwrap_or(revision)
}
