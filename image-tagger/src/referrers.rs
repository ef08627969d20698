//! What is attached to images: signatures, SBOMs, attestations.

#[cfg(any(test, feature = "http"))]
use serde_json::{Value, json};

#[cfg(any(test, feature = "http"))]
use crate::MediaType;
use crate::{Digest, Error, Manifest, Reference, Registry, Repository, Tag};

/// How cosign names what it attaches by tag: `sha256-<hex>.sig`.
pub(crate) const SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];

/// How far attachments of attachments are followed: a signature of an SBOM of an image is the second.
const DEPTH: usize = 4;

/// A manifest that is attached to an image: by its `subject`, or by the name of its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// The manifest.
    pub manifest: Manifest,
    /// The tag that it is found by, if it is not found by its `subject`.
    pub tag: Option<Tag>,
}

impl Attachment {
    /// A manifest that is found by its `subject`, or by this tag.
    pub const fn new(manifest: Manifest, tag: Option<Tag>) -> Self {
        Self { manifest, tag }
    }
}

/// The tag under which clients keep the list of what is attached, where the registry does not (OCI distribution spec 1.1,
/// referrers tag schema).
pub(crate) fn fallback_tag(subject: &Digest) -> Tag {
    format!("sha256-{}", subject.hex())
        .parse()
        .expect("hexadecimal digits make a tag")
}

/// The subject of a tag that names an attachment, or a list of them.
pub(crate) fn is_attachment(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else {
        return false;
    };
    let (hex, suffix) = rest.split_at_checked(64).unwrap_or((rest, ""));
    hex.len() == 64
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
        && (suffix.is_empty() || SUFFIXES.contains(&suffix))
}

/// The list of what is attached with one more entry, for registries that leave keeping it to their clients; `None` when it is there already.
#[cfg(any(test, feature = "http"))]
pub(crate) fn with_entry(
    list: Option<&Manifest>,
    manifest: &Manifest,
) -> Result<Option<Manifest>, Error> {
    let entry = manifest.referrer();
    if list.is_some_and(|list| list.manifests().iter().any(|m| m.digest == entry.digest)) {
        return Ok(None);
    }
    let mut document = match list {
        Some(list) => serde_json::from_slice(list.bytes()).unwrap_or(Value::Null),
        None => Value::Null,
    };
    if !document.is_object() {
        document = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": [],
        });
    }
    let entry = serde_json::to_value(&entry).expect("a descriptor is JSON");
    match document["manifests"].as_array_mut() {
        Some(entries) => entries.push(entry),
        None => document["manifests"] = json!([entry]),
    }
    Manifest::new(document.to_string().into_bytes(), None).map(Some)
}

/// All that is attached to an image of a registry, and to that in turn.
///
/// # Errors
/// When the registry cannot be read.
pub(crate) async fn attachments(
    registry: &dyn Registry,
    repository: &Repository,
    subject: &Digest,
) -> Result<Vec<Attachment>, Error> {
    let tags = registry.tags(repository).await?;
    let mut found: Vec<Attachment> = Vec::new();
    let mut wanted = vec![subject.clone()];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for subject in wanted {
            let named = tags.iter().filter(|tag| {
                let rest = tag.as_str().strip_prefix(fallback_tag(&subject).as_str());
                rest.is_some_and(|suffix| SUFFIXES.contains(&suffix))
            });
            let named = named.map(|tag| (Reference::Tag(tag.clone()), Some(tag.clone())));
            let listed = registry.referrers(repository, &subject).await?;
            let listed = listed
                .into_iter()
                .map(|entry| (Reference::Digest(entry.digest), None));
            for (reference, tag) in named.chain(listed) {
                let manifest = registry.manifest(repository, &reference).await?;
                // The list may be older than a clean-up.
                let Some(manifest) = manifest else { continue };
                if found
                    .iter()
                    .all(|known| known.manifest.digest() != manifest.digest())
                {
                    next.push(manifest.digest().clone());
                    found.push(Attachment { manifest, tag });
                }
            }
        }
        if next.is_empty() {
            break;
        }
        wanted = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Descriptor;

    fn attached(content: &str) -> Manifest {
        let bytes = json!({
            "schemaVersion": 2,
            "artifactType": content,
            "annotations": {"k": content},
            "config": Descriptor::new(MediaType::new("x"), Digest::of(b"{}"), 2),
        });
        Manifest::new(bytes.to_string().into_bytes(), None).unwrap()
    }

    #[test]
    fn a_list_grows_and_holds_each_once() {
        let (one, two) = (attached("one"), attached("two"));
        let list = with_entry(None, &one).unwrap().unwrap();
        assert_eq!(with_entry(Some(&list), &one).unwrap(), None);
        let list = with_entry(Some(&list), &two).unwrap().unwrap();
        let entries = list.manifests();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1], two.referrer());
        assert_eq!(entries[0].artifact_type, Some(MediaType::new("one")));
    }

    #[test]
    fn tags_of_attachments_are_known_by_their_form() {
        let tag = fallback_tag(&Digest::of(b"x"));
        for suffix in ["", ".sig", ".att", ".sbom"] {
            assert!(is_attachment(&format!("{tag}{suffix}")), "{suffix}");
        }
        for other in [
            "sha256-abc",
            "latest",
            "sha256-é",
            &format!("{tag}.zip"),
            &format!("v{tag}"),
        ] {
            assert!(!is_attachment(other), "{other}");
        }
    }
}
