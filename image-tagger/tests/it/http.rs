//! The HTTP client: against a real registry where there is one, and against servers that misbehave.

use std::time::Duration;

use image_tagger::{
    Error, HttpRegistry, ImageSpec, PushOptions, PushRequest, Reference, Registry, Repository,
    pack, push, verify,
};

use crate::server::{Server, answer};

/// The real registry, `host:port`, that `cargo xtask test` starts.
#[expect(
    clippy::print_stdout,
    reason = "a test that skips itself says so, and is counted by this line"
)]
fn real_registry() -> Option<String> {
    let address = std::env::var("WINDLASS_TEST_REGISTRY")
        .ok()
        .filter(|address| !address.is_empty());
    if address.is_none() {
        println!("skipped: WINDLASS_TEST_REGISTRY is not set");
    }
    address
}

fn unique(name: &str) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("{name}-{}-{}", std::process::id(), now.as_nanos())
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn a_real_registry_keeps_the_contract() {
    let Some(address) = real_registry() else {
        return;
    };
    let registry = HttpRegistry::builder().insecure_http(true).build().unwrap();
    let prefix = format!("{address}/{}", unique("contract")).parse().unwrap();
    image_tagger::testing::registry_contract(&registry, &prefix).await;
}

#[tokio::test]
async fn a_push_to_a_real_registry_is_counted_and_repeated_for_nothing() {
    let Some(address) = real_registry() else {
        return;
    };
    let registry = HttpRegistry::builder().insecure_http(true).build().unwrap();
    let repository: Repository = format!("{address}/{}", unique("app")).parse().unwrap();
    let image = pack(&ImageSpec::new().file("app/main", true, vec![7; 300_000])).unwrap();
    let request = PushRequest::new(repository.clone(), vec!["sha-1".parse().unwrap()])
        .moving("latest".parse().unwrap());
    let first = push(
        &registry,
        &image,
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .unwrap();
    assert!(first.requests > 0 && first.retries == 0, "{first:?}");
    let again = push(
        &registry,
        &image,
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .unwrap();
    assert_eq!((again.bytes_pushed, again.blobs_skipped), (0, 2));
    let found = verify(
        &registry,
        &repository,
        &Reference::Tag("latest".parse().unwrap()),
        Some(&first.digest),
    )
    .await;
    assert_eq!(found.unwrap(), first.digest);
}

#[tokio::test]
async fn a_throttled_registry_is_asked_again_after_the_time_it_names() {
    let server = Server::start(Box::new(|number, _| {
        Some(match number {
            0 => answer("503 Service Unavailable", "Retry-After: 1\r\n", ""),
            _ => answer("404 Not Found", "", ""),
        })
    }));
    let started = std::time::Instant::now();
    let registry = server.registry();
    let found = registry
        .manifest(&server.repository(), &"v1".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(found, None);
    assert!(started.elapsed() >= Duration::from_secs(1));
    let traffic = registry.traffic(&server.repository());
    assert_eq!((traffic.requests, traffic.retries), (2, 1));
}

#[tokio::test]
async fn a_registry_that_stays_down_ends_within_the_budget() {
    let server = Server::start(Box::new(|_, _| {
        Some(answer("500 Internal Server Error", "", "{\"errors\":[]}"))
    }));
    let error = server
        .registry()
        .manifest(&server.repository(), &"v1".parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(server.asked().len() > 2, "it was tried again");
}

#[tokio::test]
async fn a_cut_connection_is_repeated() {
    let server = Server::start(Box::new(|number, _| {
        (number > 0).then(|| answer("404 Not Found", "", ""))
    }));
    assert_eq!(
        server
            .registry()
            .manifest(&server.repository(), &"v1".parse().unwrap())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_retried_upload_has_a_session_of_its_own() {
    let server = Server::start(Box::new(|number, asked| {
        let method = asked.line.split(' ').next().unwrap();
        Some(match method {
            "HEAD" => answer("404 Not Found", "", ""),
            "POST" => answer(
                "202 Accepted",
                &format!("Location: /v2/app/blobs/uploads/s{number}\r\n"),
                "",
            ),
            _ if number < 3 => answer("503 Service Unavailable", "", ""),
            _ => answer("201 Created", "", ""),
        })
    }));
    let bytes = b"content".to_vec();
    let blob = image_tagger::Descriptor::new(
        image_tagger::MediaType::new("application/octet-stream"),
        image_tagger::Digest::of(&bytes),
        7,
    );
    let outcome = server
        .registry()
        .put_blob(&server.repository(), &blob, &bytes, None)
        .await
        .unwrap();
    assert_eq!(outcome, image_tagger::BlobOutcome::Uploaded { bytes: 7 });
    let puts = server.lines("PUT");
    assert_eq!(puts.len(), 2);
    assert!(
        puts[0].contains("/s1?") && puts[1].contains("/s3?"),
        "{puts:?}"
    );
}

#[tokio::test]
async fn a_missing_repository_is_its_own_error() {
    let server = Server::start(Box::new(|_, _| {
        Some(answer(
            "404 Not Found",
            "",
            "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}",
        ))
    }));
    let bytes = b"content".to_vec();
    let blob = image_tagger::Descriptor::new(
        image_tagger::MediaType::new("x"),
        image_tagger::Digest::of(&bytes),
        7,
    );
    let error = server
        .registry()
        .put_blob(&server.repository(), &blob, &bytes, None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_session_that_the_registry_forgot_is_begun_again() {
    let server = Server::start(Box::new(|number, asked| {
        let method = asked.line.split(' ').next().unwrap();
        Some(match method {
            "HEAD" => answer("404 Not Found", "", ""),
            "POST" => answer("202 Accepted", "Location: /v2/app/blobs/uploads/s\r\n", ""),
            _ if number < 3 => answer(
                "404 Not Found",
                "",
                "{\"errors\":[{\"code\":\"BLOB_UPLOAD_UNKNOWN\"}]}",
            ),
            _ => answer("201 Created", "", ""),
        })
    }));
    let bytes = b"content".to_vec();
    let blob = image_tagger::Descriptor::new(
        image_tagger::MediaType::new("x"),
        image_tagger::Digest::of(&bytes),
        7,
    );
    let outcome = server
        .registry()
        .put_blob(&server.repository(), &blob, &bytes, None)
        .await;
    assert_eq!(
        outcome.unwrap(),
        image_tagger::BlobOutcome::Uploaded { bytes: 7 }
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_in_its_middle_is_read_again() {
    let image = pack(&ImageSpec::new().file("app/main", true, "x")).unwrap();
    let manifest = image_tagger::Source::root(&image).await.unwrap();
    let body = String::from_utf8(manifest.bytes().to_vec()).unwrap();
    let server = Server::start(Box::new(move |number, _| {
        let whole = answer("200 OK", "Connection: close\r\n", &body);
        Some(if number == 0 {
            whole[..whole.len() - 10].to_owned()
        } else {
            whole
        })
    }));
    let found = server
        .registry()
        .manifest(&server.repository(), &"v1".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(found, Some(manifest));
}
