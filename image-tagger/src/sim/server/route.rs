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
    /// Reading a blob where the answer to its `GET` led.
    Storage,
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
    /// Below the path of a repository.
    Repository(String, Place),
    /// Where the answer to the `GET` of a blob may lead.
    Storage {
        path: String,
        digest: String,
    },
    Unknown,
}

/// A place in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Manifest { reference: String },
    Blob { digest: String },
    Uploads,
    Session { id: String },
    Tags,
    Referrers { subject: String },
}

impl Route {
    /// Reads a path. A repository's path may itself have parts named `manifests` or `blobs`: the end decides.
    pub(super) fn parse(path: &str) -> Self {
        match path {
            "/v2/" | "/v2" => return Self::Ping,
            "/token" => return Self::Token,
            _ => {}
        }
        if let Some(rest) = path.strip_prefix("/storage/") {
            let parts = rest.rsplit_once('/');
            return parts.map_or(Self::Unknown, |(path, digest)| Self::Storage {
                path: path.to_owned(),
                digest: digest.to_owned(),
            });
        }
        let Some(rest) = path.strip_prefix("/v2/") else {
            return Self::Unknown;
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let text = |part: &&str| (*part).to_owned();
        let (path, place) = match &*parts {
            [path @ .., "blobs", "uploads"] | [path @ .., "blobs", "uploads", ""] => {
                (path, Place::Uploads)
            }
            [path @ .., "blobs", "uploads", id] => (path, Place::Session { id: text(id) }),
            [path @ .., "manifests", reference] => {
                let reference = text(reference);
                (path, Place::Manifest { reference })
            }
            [path @ .., "blobs", digest] => {
                let digest = text(digest);
                (path, Place::Blob { digest })
            }
            [path @ .., "tags", "list"] => (path, Place::Tags),
            [path @ .., "referrers", subject] => {
                let subject = text(subject);
                (path, Place::Referrers { subject })
            }
            _ => return Self::Unknown,
        };
        if path.is_empty() {
            return Self::Unknown;
        }
        Self::Repository(path.join("/"), place)
    }

    pub(super) fn kind(&self, method: &Method, query: &Query) -> RequestKind {
        let place = match self {
            Self::Ping => return RequestKind::Ping,
            Self::Token => return RequestKind::Token,
            Self::Storage { .. } => return RequestKind::Storage,
            Self::Repository(_, place) => place,
            Self::Unknown => return RequestKind::Other,
        };
        match (place, method.as_str()) {
            (Place::Manifest { .. }, "HEAD") => RequestKind::ManifestHead,
            (Place::Manifest { .. }, "GET") => RequestKind::ManifestGet,
            (Place::Manifest { .. }, "PUT") => RequestKind::ManifestPut,
            (Place::Manifest { .. }, "DELETE") => RequestKind::ManifestDelete,
            (Place::Blob { .. }, "HEAD") => RequestKind::BlobHead,
            (Place::Blob { .. }, "GET") => RequestKind::BlobGet,
            (Place::Blob { .. }, "DELETE") => RequestKind::BlobDelete,
            (Place::Uploads, "POST") if query.get("mount").is_some() => RequestKind::Mount,
            (Place::Uploads, "POST") if query.get("digest").is_some() => RequestKind::UploadWhole,
            (Place::Uploads, "POST") => RequestKind::UploadStart,
            (Place::Session { .. }, "PATCH") => RequestKind::UploadChunk,
            (Place::Session { .. }, "PUT") => RequestKind::UploadFinish,
            (Place::Session { .. }, "GET") => RequestKind::UploadStatus,
            (Place::Session { .. }, "DELETE") => RequestKind::UploadCancel,
            (Place::Tags, _) => RequestKind::Tags,
            (Place::Referrers { .. }, _) => RequestKind::Referrers,
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

    fn at(path: &str, place: Place) -> Route {
        Route::Repository(path.into(), place)
    }

    #[test]
    fn the_end_of_a_path_decides() {
        let session = Place::Session { id: "7".into() };
        assert_eq!(
            Route::parse("/v2/a/blobs/b/blobs/uploads/7"),
            at("a/blobs/b", session)
        );
        let manifest = Place::Manifest {
            reference: "v1".into(),
        };
        assert_eq!(
            Route::parse("/v2/a/manifests/b/manifests/v1"),
            at("a/manifests/b", manifest)
        );
        for path in ["/v2/a/blobs/uploads/", "/v2/a/blobs/uploads"] {
            assert_eq!(Route::parse(path), at("a", Place::Uploads));
        }
        let storage = Route::Storage {
            path: "a/b".into(),
            digest: "sha256:x".into(),
        };
        assert_eq!(Route::parse("/storage/a/b/sha256:x"), storage);
        for path in [
            "/",
            "/storage/x",
            "/v1/x",
            "/v2/a",
            "/v2/manifests/x",
            "/v2/tags/list",
        ] {
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
