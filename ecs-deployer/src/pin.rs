//! From a tag to the digest that it names.

use std::collections::BTreeMap;

use crate::{Error, ImageChange, ImageFacts, ImageLookUp, ImageRef};

/// Images with what the registry knows of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pinned {
    /// The change with every image pinned that could be: `repository:tag@sha256:…`.
    pub images: ImageChange,
    /// What the registry knows, by the image as it was given.
    pub facts: BTreeMap<ImageRef, ImageFacts>,
    /// The images that stay as they were given, with the reason.
    pub unpinned: Vec<(ImageRef, String)>,
}

/// Pins images to the digests that their tags name at this moment, and keeps the tags for people.
///
/// An image whose registry cannot be asked stays as it is, which is told; one that its registry does not have is an error.
///
/// # Errors
/// [`Error::ImageNotFound`].
pub async fn pin(images: &ImageChange, registry: &dyn ImageLookUp) -> Result<Pinned, Error> {
    let mut pinned = Pinned {
        images: images.clone(),
        facts: BTreeMap::new(),
        unpinned: Vec::new(),
    };
    match &mut pinned.images {
        ImageChange::All(image) => {
            let given = image.clone();
            *image = pin_one(&given, registry, &mut pinned.facts, &mut pinned.unpinned).await?;
        }
        ImageChange::Containers(containers) => {
            for image in containers.values_mut() {
                let given = image.clone();
                *image = pin_one(&given, registry, &mut pinned.facts, &mut pinned.unpinned).await?;
            }
        }
    }
    Ok(pinned)
}

async fn pin_one(
    image: &ImageRef,
    registry: &dyn ImageLookUp,
    facts: &mut BTreeMap<ImageRef, ImageFacts>,
    unpinned: &mut Vec<(ImageRef, String)>,
) -> Result<ImageRef, Error> {
    match registry.image(image).await {
        Ok(Some(found)) => {
            let pinned = if image.digest().is_some() {
                image.clone()
            } else {
                format!("{image}@{}", found.digest)
                    .parse()
                    .unwrap_or_else(|_| image.clone())
            };
            facts.insert(image.clone(), found);
            Ok(pinned)
        }
        Ok(None) => Err(Error::ImageNotFound {
            image: image.to_string(),
        }),
        Err(_) if image.digest().is_some() => Ok(image.clone()),
        Err(error) => {
            unpinned.push((image.clone(), error.to_string()));
            Ok(image.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    #[derive(Debug)]
    struct Registry;

    #[async_trait]
    impl ImageLookUp for Registry {
        async fn image(&self, image: &ImageRef) -> Result<Option<ImageFacts>, Error> {
            match image.repository() {
                "h/there" => Ok(Some(ImageFacts::new("sha256:aa", Vec::new()))),
                "h/gone" => Ok(None),
                _ => Err(Error::cannot_look_up(format!("`{image}`"))),
            }
        }
    }

    async fn pinned(image: &str) -> Result<Pinned, Error> {
        pin(&ImageChange::All(image.parse().unwrap()), &Registry).await
    }

    #[tokio::test]
    async fn a_tag_is_pinned_and_kept() {
        let there = pinned("h/there:v1").await.unwrap();
        assert_eq!(
            there.images,
            ImageChange::All("h/there:v1@sha256:aa".parse().unwrap())
        );
        let already = pinned("h/there:v1@sha256:bb").await.unwrap();
        assert_eq!(
            already.images,
            ImageChange::All("h/there:v1@sha256:bb".parse().unwrap())
        );
        let elsewhere = pinned("x/y:v1").await.unwrap();
        assert_eq!(
            elsewhere.images,
            ImageChange::All("x/y:v1".parse().unwrap())
        );
        assert_eq!(elsewhere.unpinned.len(), 1);
        assert!(matches!(
            pinned("h/gone:v1").await,
            Err(Error::ImageNotFound { .. })
        ));
    }
}
