//! What is asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::header::Header;

/// Names the tool to whoever reads the server's log.
const AGENT: &str = concat!("windlass-health-checker/", env!("CARGO_PKG_VERSION"));

/// The request for a URL; `None` if the URL holds what HTTP cannot carry.
pub(super) fn get(url: &Url, headers: &[Header]) -> Option<Request<Empty<Bytes>>> {
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    };
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "application/json, */*;q=0.5")
        // A cache between here and the task would answer in its stead.
        .header(CACHE_CONTROL, "no-cache");
    if let Some(credentials) = credentials(url) {
        request = request.header(AUTHORIZATION, credentials);
    }
    let mut request = request.body(Empty::new()).ok()?;
    for header in headers {
        // One that is given takes the place of one that is always sent, such as `Host`.
        let (name, value) = header.for_hyper()?;
        request.headers_mut().insert(name, value);
    }
    Some(request)
}

fn credentials(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut plain: Vec<u8> = percent_decode_str(url.username()).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request<Empty<Bytes>> {
        get(&url.parse().unwrap(), &[]).unwrap()
    }

    #[test]
    fn the_request_names_host_port_path_and_query() {
        let request = request("http://[::1]:8080/a b?x=1#f");
        assert_eq!(request.uri(), "/a%20b?x=1");
        assert_eq!(request.headers()[HOST], "[::1]:8080");
    }

    #[test]
    fn user_and_password_are_sent_decoded_and_kept_out_of_debug() {
        let request = request("http://user:p%40ss@h/");
        assert_eq!(request.headers()[AUTHORIZATION], "Basic dXNlcjpwQHNz");
        assert!(!format!("{request:?}").contains("dXNlcjpwQHNz"));
        assert_eq!(request.headers()[HOST], "h");
    }

    #[test]
    fn a_header_that_is_given_takes_the_place_of_ours_and_is_kept_out_of_debug() {
        let headers = [
            "Host: shop.example.com",
            "X-Key: hunter2",
            "Accept: text/html",
        ]
        .map(|text| text.parse().unwrap());
        let request = get(&"http://10.0.0.7/".parse().unwrap(), &headers).unwrap();
        assert_eq!(request.headers()[HOST], "shop.example.com");
        assert_eq!(request.headers()["x-key"], "hunter2");
        assert_eq!(request.headers().get_all(ACCEPT).iter().count(), 1);
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
