//! What a server answered.

use hyper::header::{HeaderMap, LOCATION};
use url::Url;

use crate::text;

/// An answer whose body was read to its end or to the cap.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the body was longer than the cap.
    pub(super) is_cut: bool,
}

impl Answer {
    /// A header's value, if it is there and text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// Whether it sends the asker elsewhere.
    pub(super) fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308)
    }

    /// Where a redirect leads, if that is somewhere on the web, without user name and password.
    pub(super) fn redirect(&self, from: &Url) -> Option<Url> {
        let mut to = from.join(self.header(LOCATION.as_str())?).ok()?;
        let _ = to.set_password(None);
        let _ = to.set_username("");
        matches!(to.scheme(), "http" | "https").then_some(to)
    }

    /// Where a redirect leads, as far as it may be shown: its host.
    pub(super) fn redirect_words(&self, from: &Url) -> String {
        let to = self
            .header(LOCATION.as_str())
            .and_then(|location| from.join(location).ok());
        match to.as_ref().and_then(Url::host_str) {
            Some(host) => {
                let host = text::clean(host, 100);
                format!(
                    "answers {} and redirects to `{host}`, which was not followed",
                    self.status
                )
            }
            None => format!("answers {}, a redirect", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(location: &'static str) -> String {
        let headers = [(LOCATION, location.parse().unwrap())]
            .into_iter()
            .collect();
        let answer = Answer {
            status: 302,
            headers,
            body: Vec::new(),
            is_cut: false,
        };
        answer.redirect_words(&"http://here/actuator/health".parse().unwrap())
    }

    #[test]
    fn a_redirect_is_told_by_its_host_alone() {
        assert_eq!(
            words("https://u:p@login.example.com/?token=x"),
            "answers 302 and redirects to `login.example.com`, which was not followed"
        );
        assert_eq!(
            words("/login"),
            "answers 302 and redirects to `here`, which was not followed"
        );
        assert_eq!(words("mailto:a@b"), "answers 302, a redirect");
    }
}
