//! Where credentials go, and where they must not.

use std::sync::Mutex;

use image_tagger::{
    BlobOutcome, Descriptor, Digest, Error, HttpRegistry, MediaType, Registry, Repository,
};

use crate::server::{Asked, Server, answer};

const BASIC: &str = "WWW-Authenticate: Basic realm=\"x\"\r\n";

/// A challenge that names this server's own token service.
fn bearer(asked: &Asked, scope: &str) -> String {
    let header = format!(
        "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"s\",scope=\"{scope}\"\r\n",
        asked.host
    );
    answer("401 Unauthorized", &header, "")
}

fn token(text: &str) -> String {
    let body = format!("{{\"token\":\"{text}\"}}");
    answer("200 OK", "Content-Type: application/json\r\n", &body)
}

async fn put_content(
    registry: &HttpRegistry,
    repository: &Repository,
    mount_from: Option<&Repository>,
) -> Result<BlobOutcome, Error> {
    let bytes = b"content".to_vec();
    let media_type = MediaType::new("application/octet-stream");
    let blob = Descriptor::new(media_type, Digest::of(&bytes), 7);
    registry
        .put_blob(repository, &blob, &bytes, mount_from)
        .await
}

/// A server that records every request and lets nobody in, offering to take credentials itself.
fn thief() -> Server {
    Server::start(Box::new(|_, asked| Some(bearer(asked, ""))))
}

fn assert_nothing_stolen(thief: &Server) {
    let asked = thief.asked();
    assert!(!asked.is_empty(), "the client came by");
    assert!(
        asked.iter().all(|asked| asked.authorization.is_none()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_bearer_challenge_is_answered_and_its_token_is_kept() {
    let server = Server::start(Box::new(|_, asked| {
        Some(if asked.line.contains("/token?") {
            token("abc")
        } else if asked.authorization.as_deref() == Some("Bearer abc") {
            answer("404 Not Found", "", "")
        } else {
            bearer(asked, "repository:app:pull")
        })
    }));
    let registry = server.registry_with_credentials();
    for _ in 0..2 {
        let found = registry
            .manifest(&server.repository(), &"v1".parse().unwrap())
            .await
            .unwrap();
        assert_eq!(found, None);
    }
    let asked = server.asked();
    let tokens: Vec<&Asked> = asked
        .iter()
        .filter(|asked| asked.line.contains("/token?"))
        .collect();
    assert_eq!(tokens.len(), 1, "the token is kept");
    assert!(
        tokens[0]
            .line
            .contains("scope=repository%3Aapp%3Apull%2Cpush"),
        "{}",
        tokens[0].line
    );
    let authorization = tokens[0].authorization.as_deref().unwrap();
    assert!(authorization.starts_with("Basic "));
}

#[tokio::test]
async fn a_mount_asks_for_the_scope_that_the_registry_names() {
    // As distribution does: a mount needs to read the other repository too.
    let server = Server::start(Box::new(|_, asked| {
        let wide = asked.line.contains("scope=repository%3Abase%3Apull");
        Some(if asked.line.contains("/token?") {
            token(if wide { "wide" } else { "narrow" })
        } else if asked.authorization.is_none() {
            bearer(asked, "repository:app:pull")
        } else if asked.line.starts_with("HEAD") {
            answer("404 Not Found", "", "")
        } else if asked.authorization.as_deref() == Some("Bearer wide") {
            answer("201 Created", "", "")
        } else {
            bearer(asked, "repository:app:pull,push repository:base:pull")
        })
    }));
    let base = format!("{}/base", server.address).parse().unwrap();
    let registry = server.registry_with_credentials();
    let outcome = put_content(&registry, &server.repository(), Some(&base)).await;
    assert_eq!(outcome.unwrap(), BlobOutcome::Mounted);
}

#[tokio::test]
async fn a_mount_that_is_not_allowed_becomes_an_upload() {
    let server = Server::start(Box::new(|_, asked| {
        Some(if asked.line.contains("mount=") {
            answer("403 Forbidden", "", "")
        } else if asked.line.starts_with("HEAD") {
            answer("404 Not Found", "", "")
        } else if asked.line.starts_with("POST") {
            answer("202 Accepted", "Location: /v2/app/blobs/uploads/s\r\n", "")
        } else {
            answer("201 Created", "", "")
        })
    }));
    let base = format!("{}/base", server.address).parse().unwrap();
    let outcome = put_content(&server.registry(), &server.repository(), Some(&base)).await;
    assert_eq!(outcome.unwrap(), BlobOutcome::Uploaded { bytes: 7 });
}

#[tokio::test]
async fn a_token_that_expires_during_an_upload_is_fetched_again() {
    let issued = Mutex::new(0);
    let server = Server::start(Box::new(move |_, asked| {
        let mut issued = issued.lock().unwrap();
        if asked.line.contains("/token?") {
            *issued += 1;
            return Some(token(&format!("t{issued}")));
        }
        let is_second = asked.authorization.as_deref() == Some("Bearer t2");
        Some(if asked.authorization.is_none() {
            bearer(asked, "repository:app:pull,push")
        } else if asked.line.starts_with("HEAD") {
            answer("404 Not Found", "", "")
        } else if asked.line.starts_with("POST") {
            answer("202 Accepted", "Location: /v2/app/blobs/uploads/s\r\n", "")
        } else if is_second {
            answer("201 Created", "", "")
        } else {
            bearer(asked, "repository:app:pull,push")
        })
    }));
    let registry = server.registry_with_credentials();
    let outcome = put_content(&registry, &server.repository(), None).await;
    assert_eq!(outcome.unwrap(), BlobOutcome::Uploaded { bytes: 7 });
    assert_eq!(
        server.lines("POST").len(),
        2,
        "the second try has a session of its own"
    );
}

#[tokio::test]
async fn refused_credentials_name_what_was_tried_and_hide_the_secret() {
    let server = Server::start(Box::new(|_, asked| {
        let body = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}";
        Some(match &asked.authorization {
            None => answer("401 Unauthorized", BASIC, ""),
            Some(_) => answer("403 Forbidden", "", body),
        })
    }));
    let registry = server.registry_with_credentials();
    let error = registry.tags(&server.repository()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(matches!(error, Error::Denied { .. }) && error.hint().is_some());
    assert!(
        source.contains("403") && source.contains("DENIED"),
        "{source}"
    );
    assert!(!format!("{error:?}").contains("topsecret"));
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let thief = thief();
    let target = format!("http://localhost:{}/blob", thief.address.port());
    let server = Server::start(Box::new(move |_, asked| {
        Some(match &asked.authorization {
            None => answer("401 Unauthorized", BASIC, ""),
            Some(_) => answer(
                "307 Temporary Redirect",
                &format!("Location: {target}\r\n"),
                "",
            ),
        })
    }));
    let registry = server.registry_with_credentials();
    let read = registry
        .blob(&server.repository(), &Digest::of(b"x"))
        .await
        .map(drop);
    assert!(matches!(read, Err(Error::Denied { .. })), "{read:?}");
    assert_nothing_stolen(&thief);
}

#[tokio::test]
async fn the_challenge_of_another_host_is_not_answered() {
    // Nothing was asked of us before the redirect, so the challenge is the first one that the client meets.
    let thief = thief();
    let target = format!("http://localhost:{}/blob", thief.address.port());
    let server = Server::start(Box::new(move |_, _| {
        let location = format!("Location: {target}\r\n");
        Some(answer("307 Temporary Redirect", &location, ""))
    }));
    let registry = server.registry_with_credentials();
    let read = registry
        .blob(&server.repository(), &Digest::of(b"x"))
        .await
        .map(drop);
    assert!(matches!(read, Err(Error::Denied { .. })), "{read:?}");
    assert_nothing_stolen(&thief);
}

#[tokio::test]
async fn credentials_do_not_go_to_an_upload_session_on_another_host() {
    let thief = thief();
    let session = format!("http://localhost:{}/session", thief.address.port());
    let server = Server::start(Box::new(move |_, asked| {
        Some(match &asked.authorization {
            None => answer("401 Unauthorized", BASIC, ""),
            Some(_) if asked.line.starts_with("HEAD") => answer("404 Not Found", "", ""),
            Some(_) => answer("202 Accepted", &format!("Location: {session}\r\n"), ""),
        })
    }));
    let registry = server.registry_with_credentials();
    let put = put_content(&registry, &server.repository(), None).await;
    assert!(matches!(put, Err(Error::Denied { .. })), "{put:?}");
    assert_nothing_stolen(&thief);
}
