//! Lists, which come in pages.

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::send::{Exchange, Fetched};
use crate::Error;
use crate::layout::MANIFEST_CAP;

impl Exchange<'_> {
    /// A page of tags, with the answer's headers and where it came from; `None` when there is no such repository.
    pub(super) async fn page(
        &self,
        url: &Url,
    ) -> Result<Option<(Vec<String>, HeaderMap, Url)>, Error> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let request = || self.protocol.request(Method::GET, url.clone());
        match self.fetch(request, MANIFEST_CAP).await? {
            Fetched::Whole {
                url,
                headers,
                bytes,
            } => {
                let page: Page = serde_json::from_slice(&bytes)
                    .map_err(|error| self.refused(&error.to_string()))?;
                Ok(Some((page.tags.unwrap_or_default(), headers, url)))
            }
            Fetched::Other(answer) if answer.status() == StatusCode::NOT_FOUND => Ok(None),
            Fetched::Other(answer) => Err(self.failure(answer).await),
        }
    }
}

/// Whether a registry lacks the part of the protocol that was asked for.
pub(super) fn is_unsupported(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::BAD_REQUEST
            | StatusCode::NOT_IMPLEMENTED
    )
}

/// Where a listing goes on: `</v2/a/tags/list?last=x&n=1000>; rel="next"`.
pub(super) fn next_page(headers: &HeaderMap, from: &Url) -> Option<Url> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, _) = link.split_once('<')?.1.split_once('>')?;
    from.join(target).ok()
}
