//! Manifests and the list of tags, over HTTP.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderName, LINK, LOCATION};
use hyper::{Method, StatusCode};
use serde_json::json;
use url::form_urlencoded;

use super::answer::{Answer, Refusal, Stop, empty, json_answer, text, whole};
use super::intake::Intake;
use super::service::{Call, Service};
use crate::layout::MANIFEST_CAP;
use crate::{Digest, Manifest, MediaType, Reference, Tag};

/// Tells the digest of what an answer is about.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Tells the subject of a manifest that is now among its referrers.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl Service {
    /// Answers with what is attached to a manifest.
    pub(super) async fn referrers(&self, call: Call<'_>, subject: &str) -> Result<Answer, Stop> {
        if call.method != Method::GET {
            return Err(Refusal::unsupported(call.method).into());
        }
        let subject: Digest = subject.parse().map_err(|error: crate::InvalidDigest| {
            Refusal::bad_request("DIGEST_INVALID", error.to_string())
        })?;
        let found = self.registry.referrers(call.repository, &subject).await?;
        let list = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": found,
        });
        let mut answer = json_answer(StatusCode::OK, list.to_string());
        answer
            .headers_mut()
            .insert(CONTENT_TYPE, text(MediaType::OCI_INDEX));
        Ok(answer)
    }

    /// Answers what is asked of a manifest.
    pub(super) async fn manifest(
        &self,
        call: Call<'_>,
        reference: &str,
        intake: &mut Intake,
    ) -> Result<Answer, Stop> {
        let reference: Reference = reference.parse().map_err(|error: crate::InvalidTag| {
            let code = if reference.contains(':') {
                "DIGEST_INVALID"
            } else {
                "TAG_INVALID"
            };
            Refusal::bad_request(code, error.to_string())
        })?;
        match call.method.as_str() {
            "GET" | "HEAD" => self.read_manifest(call, &reference).await,
            "PUT" => self.put_manifest(call, &reference, intake).await,
            _ => Err(Refusal::unsupported(call.method).into()),
        }
    }

    async fn read_manifest(&self, call: Call<'_>, reference: &Reference) -> Result<Answer, Stop> {
        let found = self.registry.manifest(call.repository, reference).await?;
        let Some(manifest) = found else {
            let message = format!("there is no manifest `{reference}`");
            return Err(Refusal::not_found("MANIFEST_UNKNOWN", message).into());
        };
        let bytes = Bytes::copy_from_slice(manifest.bytes());
        let mut answer = whole(StatusCode::OK, bytes);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, text(manifest.media_type().as_str()));
        headers.insert(CONTENT_DIGEST, text(manifest.digest().as_str()));
        headers.insert(ETAG, text(format!("\"{}\"", manifest.digest())));
        Ok(answer)
    }

    async fn put_manifest(
        &self,
        call: Call<'_>,
        reference: &Reference,
        intake: &mut Intake,
    ) -> Result<Answer, Stop> {
        let Some(bytes) = intake.whole(MANIFEST_CAP).await? else {
            let message = format!("a manifest has no more than {MANIFEST_CAP} bytes");
            return Err(
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message).into(),
            );
        };
        let header = call.headers.get(CONTENT_TYPE);
        let header = header.and_then(|value| value.to_str().ok());
        let header =
            header.map(|value| MediaType::new(value.split(';').next().unwrap_or(value).trim()));
        let manifest = Manifest::new(bytes, header.clone())?;
        if let Some(header) = header.filter(|header| header != manifest.media_type()) {
            let message = format!(
                "the manifest is of type `{}` and was sent as `{header}`",
                manifest.media_type()
            );
            return Err(Refusal::bad_request("MANIFEST_INVALID", message).into());
        }
        if let Reference::Tag(tag) = reference {
            self.check_immutable(call, tag).await?;
        }
        self.registry
            .put_manifest(call.repository, reference, &manifest)
            .await?;
        let mut answer = empty(StatusCode::CREATED);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_DIGEST, text(manifest.digest().as_str()));
        if !call.quirks.omits_location {
            headers.insert(LOCATION, location(call, manifest.digest()));
        }
        if let Some(subject) = manifest.subject() {
            headers.insert(SUBJECT, text(subject.digest.as_str()));
        }
        Ok(answer)
    }

    /// Refuses to put a tag that exists, where tags are immutable.
    async fn check_immutable(&self, call: Call<'_>, tag: &Tag) -> Result<(), Stop> {
        let exceptions = call.quirks.immutable_except.as_ref();
        if exceptions.is_none_or(|exceptions| exceptions.contains(tag)) {
            return Ok(());
        }
        let reference = Reference::Tag(tag.clone());
        let current = self.registry.manifest(call.repository, &reference).await?;
        if current.is_none() {
            return Ok(());
        }
        let message = format!(
            "the image tag '{tag}' already exists in the '{}' repository and cannot be overwritten because the tag is immutable",
            call.repository.path()
        );
        Err(Refusal::bad_request("TAG_INVALID", message).into())
    }

    /// Answers with a page of tags.
    pub(super) async fn tags(&self, call: Call<'_>) -> Result<Answer, Stop> {
        if call.method != Method::GET {
            return Err(Refusal::unsupported(call.method).into());
        }
        let limit = match call.query.get("n").map(str::parse::<usize>) {
            None => usize::MAX,
            Some(Ok(limit)) => limit,
            Some(Err(_)) => {
                let message = "`n` takes a number: how many tags to list";
                return Err(Refusal::bad_request("PAGINATION_NUMBER_INVALID", message).into());
            }
        };
        let tags = self.registry.tags(call.repository).await?;
        let (page, next) = page(&tags, call.query.get("last"), limit);
        let path = call.repository.path();
        let body = json!({ "name": path, "tags": page });
        let mut answer = json_answer(StatusCode::OK, body.to_string());
        if let Some(last) = next {
            let last: String = form_urlencoded::byte_serialize(last.as_str().as_bytes()).collect();
            let link = format!("</v2/{path}/tags/list?last={last}&n={limit}>; rel=\"next\"");
            answer.headers_mut().insert(LINK, text(link));
        }
        Ok(answer)
    }
}

fn location(call: Call<'_>, digest: &Digest) -> hyper::header::HeaderValue {
    text(format!("/v2/{}/manifests/{digest}", call.repository.path()))
}

/// The first `limit` tags after `last`, and the tag after which the next page begins if there is one.
fn page<'a>(tags: &'a [Tag], last: Option<&str>, limit: usize) -> (&'a [Tag], Option<&'a Tag>) {
    let start = last.map_or(0, |last| tags.partition_point(|tag| tag.as_str() <= last));
    let rest = &tags[start..];
    let page = &rest[..limit.min(rest.len())];
    let next = page.last().filter(|_| page.len() < rest.len());
    (page, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_in_pages() {
        let tags: Vec<Tag> = ["a", "b", "c"].map(|tag| tag.parse().unwrap()).into();
        assert_eq!(page(&tags, None, 2), (&tags[..2], Some(&tags[1])));
        assert_eq!(page(&tags, Some("b"), 2), (&tags[2..], None));
        assert_eq!(page(&tags, None, 3), (&tags[..], None), "no page is empty");
        assert_eq!(page(&tags, Some("aa"), usize::MAX), (&tags[1..], None));
        assert_eq!(page(&tags, Some("z"), 1), (&tags[3..], None));
        assert_eq!(page(&tags, None, 0), (&tags[..0], None));
    }
}
