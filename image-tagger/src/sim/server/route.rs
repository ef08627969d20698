//! What a request is for: the paths of the OCI distribution protocol.

use hyper::Method;
use serde::Serialize;
use url::form_urlencoded;

/// What a request of the distribution protocol does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RequestKind {
    /// `GET /v2/`: whether the protocol is spoken here.
    Ping,
    /// Asking the token endpoint.
    Token,
    /// `HEAD` of a manifest.
    ManifestHead,
    /// `GET` of a manifest.
    ManifestGet,
    /// `PUT` of a manifest.
    ManifestPut,
    /// `DELETE` of a manifest or a tag.
    ManifestDelete,
    /// `HEAD` of a blob.
    BlobHead,
    /// `GET` of a blob.
    BlobGet,
    /// `DELETE` of a blob.
    BlobDelete,
    /// `POST` that asks to link a blob from another repository.
    Mount,
    /// `POST` that begins an upload session.
    UploadStart,
    /// `POST` with a digest and the whole blob in it.
    UploadWhole,
    /// `PATCH`: a part of a blob.
    UploadChunk,
    /// `PUT`: the end of an upload, with the rest of the blob in it.
    UploadFinish,
    /// `GET` of an upload session.
    UploadStatus,
    /// `DELETE` of an upload session.
    UploadCancel,
    /// The list of tags.
    Tags,
    /// The list of what refers to a manifest.
    Referrers,
    /// Anything else.
    Other,
}

/// Where a request goes. The parts are as they were sent; nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    Token,
    Manifest { path: String, reference: String },
    Blob { path: String, digest: String },
    Uploads { path: String },
    Session { path: String, id: String },
    Tags { path: String },
    Referrers { path: String },
    Unknown,
}

impl Route {
    /// Reads a path. A repository's path may itself have parts named `manifests` or `blobs`: the end decides.
    pub(super) fn parse(path: &str) -> Self {
        match path {
            "/v2/" | "/v2" => return Self::Ping,
            "/token" => return Self::Token,
            _ => {}
        }
        let Some(rest) = path.strip_prefix("/v2/") else {
            return Self::Unknown;
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let name = |parts: &[&str]| parts.join("/");
        let (path, end) = match &*parts {
            [path @ .., "blobs", "uploads"] | [path @ .., "blobs", "uploads", ""] => {
                let path = name(path);
                (path.clone(), Self::Uploads { path })
            }
            [path @ .., "blobs", "uploads", id] => {
                let (path, id) = (name(path), (*id).to_owned());
                (path.clone(), Self::Session { path, id })
            }
            [path @ .., "manifests", reference] => {
                let (path, reference) = (name(path), (*reference).to_owned());
                (path.clone(), Self::Manifest { path, reference })
            }
            [path @ .., "blobs", digest] => {
                let (path, digest) = (name(path), (*digest).to_owned());
                (path.clone(), Self::Blob { path, digest })
            }
            [path @ .., "tags", "list"] => {
                let path = name(path);
                (path.clone(), Self::Tags { path })
            }
            [path @ .., "referrers", _] => {
                let path = name(path);
                (path.clone(), Self::Referrers { path })
            }
            _ => return Self::Unknown,
        };
        if path.is_empty() { Self::Unknown } else { end }
    }

    /// The path of the repository that the request is about.
    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Manifest { path, .. }
            | Self::Blob { path, .. }
            | Self::Uploads { path }
            | Self::Session { path, .. }
            | Self::Tags { path }
            | Self::Referrers { path } => Some(path),
            Self::Ping | Self::Token | Self::Unknown => None,
        }
    }

    pub(super) fn kind(&self, method: &Method, query: &Query) -> RequestKind {
        let name = method.as_str();
        match (self, name) {
            (Self::Ping, _) => RequestKind::Ping,
            (Self::Token, _) => RequestKind::Token,
            (Self::Manifest { .. }, "HEAD") => RequestKind::ManifestHead,
            (Self::Manifest { .. }, "GET") => RequestKind::ManifestGet,
            (Self::Manifest { .. }, "PUT") => RequestKind::ManifestPut,
            (Self::Manifest { .. }, "DELETE") => RequestKind::ManifestDelete,
            (Self::Blob { .. }, "HEAD") => RequestKind::BlobHead,
            (Self::Blob { .. }, "GET") => RequestKind::BlobGet,
            (Self::Blob { .. }, "DELETE") => RequestKind::BlobDelete,
            (Self::Uploads { .. }, "POST") if query.get("mount").is_some() => RequestKind::Mount,
            (Self::Uploads { .. }, "POST") if query.get("digest").is_some() => {
                RequestKind::UploadWhole
            }
            (Self::Uploads { .. }, "POST") => RequestKind::UploadStart,
            (Self::Session { .. }, "PATCH") => RequestKind::UploadChunk,
            (Self::Session { .. }, "PUT") => RequestKind::UploadFinish,
            (Self::Session { .. }, "GET") => RequestKind::UploadStatus,
            (Self::Session { .. }, "DELETE") => RequestKind::UploadCancel,
            (Self::Tags { .. }, _) => RequestKind::Tags,
            (Self::Referrers { .. }, _) => RequestKind::Referrers,
            _ => RequestKind::Other,
        }
    }
}

/// The part of a URL after the `?`, decoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    pub(super) fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.iter().filter(move |(name, _)| name == key);
        pairs.map(|(_, value)| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_path_decides() {
        let session = Route::Session {
            path: "a/blobs/b".into(),
            id: "7".into(),
        };
        assert_eq!(Route::parse("/v2/a/blobs/b/blobs/uploads/7"), session);
        let manifest = Route::Manifest {
            path: "a/manifests/b".into(),
            reference: "v1".into(),
        };
        assert_eq!(Route::parse("/v2/a/manifests/b/manifests/v1"), manifest);
        for path in ["/v2/a/blobs/uploads/", "/v2/a/blobs/uploads"] {
            assert_eq!(Route::parse(path), Route::Uploads { path: "a".into() });
        }
        for path in ["/", "/v1/x", "/v2/a", "/v2/manifests/x", "/v2/tags/list"] {
            assert_eq!(Route::parse(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn a_post_is_told_by_its_query() {
        let route = Route::parse("/v2/a/blobs/uploads/");
        let kind = |query| route.kind(&Method::POST, &Query::parse(query));
        assert_eq!(kind(None), RequestKind::UploadStart);
        assert_eq!(kind(Some("mount=sha256%3Aab&from=b")), RequestKind::Mount);
        assert_eq!(kind(Some("digest=sha256:ab")), RequestKind::UploadWhole);
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_read(path in "(/|v2|a|blobs|uploads|manifests|tags|list|referrers){0,9}") {
            let _ = Route::parse(&path);
        }
    }
}
