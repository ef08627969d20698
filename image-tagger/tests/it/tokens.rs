//! Pushes of our own client with credentials and tokens that expire.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use image_tagger::sim::server::{Auth, Quirks, RequestKind, Throttle, When};
use image_tagger::{
    Credential, Credentials, Digest, Error, PushOptions, PushRequest, Registry, Source, push,
};

use crate::served::{Served, credential, image, small};

#[tokio::test]
async fn a_token_that_expires_after_any_number_of_requests_is_renewed() {
    // With fewer than two the POST uses up what the PUT needs.
    for requests in 2..=8 {
        let auth = Auth::bearer(credential("one")).expires_after_requests(requests);
        let served = Served::with(Quirks::ecr().auth(auth)).await;
        let client = served.client_with(served.secret());
        // Blobs that are pushed at once would use up each other's token.
        let options = PushOptions::default().max_parallel(1);
        let pushed = push(&client, &small("x"), &served.request(), &options, &|_| {}).await;
        assert!(pushed.is_ok(), "{requests}: {pushed:?}");
        assert!(served.of_kind(RequestKind::Token).len() > 1);
    }
}

#[tokio::test]
async fn a_token_that_ends_while_a_blob_travels_is_renewed() {
    // The PUT of the layer is looked at only after the token's time.
    let auth = Auth::bearer(credential("one")).expires_after(Duration::from_millis(1500));
    let when = When::times(1).kind(RequestKind::UploadFinish);
    let quirks = Quirks::ecr().auth(auth);
    let quirks = quirks.delay(Duration::from_millis(1600), when);
    let served = Served::with(quirks).await;
    let client = served.client_with(served.secret());
    let image = image(3);
    served.push(&client, &image).await.unwrap();
    assert!(served.statuses(RequestKind::UploadFinish).contains(&401));
    assert!(served.of_kind(RequestKind::Token).len() > 1);
}

#[tokio::test]
async fn a_token_for_a_mount_opens_both_repositories() {
    let auth = Auth::bearer(credential("one"));
    let served = Served::with(Quirks::new().auth(auth)).await;
    let client = served.client_with(served.secret());
    let image = small("shared");
    served.push(&client, &image).await.unwrap();
    let other = served.server.create_repository("team/other").unwrap();
    let request = PushRequest::new(other, vec!["v1".parse().unwrap()]);
    let options = PushOptions::default().mount_from(vec![served.repository.clone()]);
    let receipt = push(&client, &image, &request, &options, &|_| {})
        .await
        .unwrap();
    assert!(receipt.bytes_mounted > 0);
    assert_eq!(receipt.bytes_pushed, 0);
}

/// Credentials that are others each time they are asked for, as ECR's are.
#[derive(Debug, Default)]
struct Fresh(AtomicUsize);

#[async_trait]
impl Credentials for Fresh {
    async fn credential(&self, _host: &str) -> Result<Option<Credential>, Error> {
        let secrets = ["one", "two", "three", "four", "five", "six"];
        let next = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(secrets.get(next).map(|secret| credential(secret)))
    }
}

#[tokio::test]
async fn a_password_that_expires_in_the_middle_of_a_push_is_asked_for_anew() {
    let auth = Auth::basic(credential("one"));
    let auth = auth.or(credential("two")).or(credential("three"));
    let auth = auth.or(credential("four")).or(credential("five"));
    let served = Served::with(Quirks::ecr().auth(auth.expires_after_requests(6))).await;
    let client = served.client_with(Arc::new(Fresh::default()));
    let receipt = served.push(&client, &small("x")).await.unwrap();
    assert!(receipt.tags.iter().all(|tag| tag.verified));
}

#[tokio::test]
async fn an_expired_password_that_is_answered_with_403_is_asked_for_anew() {
    let auth = Auth::basic(credential("one")).or(credential("two"));
    let auth = auth.or(credential("three")).or(credential("four"));
    let auth = auth.expires_after_requests(6).forbid_expired(true);
    let served = Served::with(Quirks::ecr().auth(auth)).await;
    let client = served.client_with(Arc::new(Fresh::default()));
    let receipt = served.push(&client, &small("x")).await.unwrap();
    assert!(receipt.tags.iter().all(|tag| tag.verified));
}

#[tokio::test]
async fn what_proves_who_we_are_does_not_follow_a_redirect() {
    for auth in [
        Auth::basic(credential("one")),
        Auth::bearer(credential("one")),
    ] {
        let served = Served::with(Quirks::ecr().auth(auth)).await;
        let client = served.client_with(served.secret());
        let image = small("x");
        served.push(&client, &image).await.unwrap();
        let manifest = image.root().await.unwrap();
        let layer = &manifest.layers()[0];
        let found = client.blob(&served.repository, &layer.digest).await;
        let mut bytes = Vec::new();
        let mut reader = found.unwrap().unwrap();
        tokio::io::copy(&mut reader, &mut bytes).await.unwrap();
        assert_eq!(Digest::of(&bytes), layer.digest);
        assert_eq!(served.statuses(RequestKind::BlobGet), [307]);
        assert_eq!(served.statuses(RequestKind::Storage), [200]);
    }
}

#[tokio::test]
async fn wrong_credentials_are_denied() {
    for auth in [
        Auth::basic(credential("other")),
        Auth::bearer(credential("other")),
    ] {
        let served = Served::with(Quirks::ecr().auth(auth)).await;
        let client = served.client_with(served.secret());
        let error = served.push(&client, &small("x")).await.unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{error}");
        assert!(error.hint().is_some());
        assert!(!format!("{error:?}").contains("one\""), "{error:?}");
    }
}

#[tokio::test]
async fn a_throttled_token_endpoint_is_asked_again() {
    let when = When::times(1).kind(RequestKind::Token);
    let quirks = Quirks::new().auth(Auth::bearer(credential("one")));
    let served = Served::with(quirks.throttle(Throttle::unavailable(), when)).await;
    let client = served.client_with(served.secret());
    served.push(&client, &small("x")).await.unwrap();
}

#[tokio::test]
async fn a_cut_token_endpoint_is_asked_again() {
    let when = When::times(1).kind(RequestKind::Token);
    let quirks = Quirks::new().auth(Auth::bearer(credential("one")));
    let served = Served::with(quirks.lose_answer(when)).await;
    let client = served.client_with(served.secret());
    served.push(&client, &small("x")).await.unwrap();
}
