//! Pushes of our own client through each quirk of a served registry: success, or the error that is named for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use image_tagger::sim::SimRegistry;
use image_tagger::sim::server::{Quirks, RegistryServer, RequestKind, Throttle, When};
use image_tagger::{
    Error, HttpRegistry, PushOptions, PushRequest, Registry, RegistrySource, TagState, push,
};

use crate::served::{Served, image, small};

#[tokio::test]
async fn ecr_is_pushed_to_with_one_put_a_blob() {
    let served = Served::with(Quirks::ecr()).await;
    let image = image(1);
    let receipt = served.push_and_verify(&served.client(), &image).await;
    assert_eq!(receipt.retries, 0);
    assert_eq!(served.of_kind(RequestKind::UploadChunk), []);
    let puts = served.of_kind(RequestKind::UploadFinish);
    assert_eq!(
        puts.len(),
        2,
        "one for the layer, one for the configuration"
    );
    let bytes: u64 = puts.iter().map(|put| put.bytes_received).sum();
    assert_eq!(bytes, receipt.bytes_pushed);
}

#[tokio::test]
async fn the_servers_count_is_the_clients() {
    let served = Served::with(Quirks::new()).await;
    let receipt = served.push(&served.client(), &small("x")).await.unwrap();
    assert_eq!(served.server.summary().total.requests, receipt.requests);
}

#[tokio::test]
async fn a_mount_moves_no_byte_and_a_refused_one_goes_on_as_an_upload() {
    for (quirks, is_refused) in [
        (Quirks::new(), false),
        (Quirks::new().refuse_mounts(true), true),
    ] {
        let served = Served::with(quirks).await;
        let (client, image) = (served.client(), small("shared"));
        served.push(&client, &image).await.unwrap();
        served.server.forget_requests();
        let other = served.server.create_repository("team/other").unwrap();
        let request = PushRequest::new(other, vec!["v1".parse().unwrap()]);
        let options = PushOptions::default().mount_from(vec![served.repository.clone()]);
        let receipt = push(&client, &image, &request, &options, &|_| {})
            .await
            .unwrap();
        let expected = if is_refused { 202 } else { 201 };
        assert_eq!(served.statuses(RequestKind::Mount), [expected, expected]);
        let uploads = served.server.summary().of_kind(RequestKind::UploadFinish);
        assert_eq!(uploads.bytes_received, receipt.bytes_pushed);
        assert_eq!(receipt.bytes_pushed > 0, is_refused);
        assert_eq!(receipt.bytes_mounted == 0, is_refused);
        let starts = served.of_kind(RequestKind::UploadStart);
        assert_eq!(starts, [], "a refused mount brings its session along");
    }
}

#[tokio::test]
async fn throttles_are_waited_out() {
    for throttle in [
        Throttle::unavailable(),
        Throttle::unavailable().retry_after(Duration::from_secs(1)),
        Throttle::too_many_requests(),
        Throttle::unavailable().status(408),
        Throttle::unavailable().status(500),
        Throttle::unavailable().status(502),
        Throttle::unavailable().status(504),
    ] {
        let quirks = Quirks::ecr().throttle(throttle, When::every(5));
        let served = Served::with(quirks).await;
        let receipt = served.push_and_verify(&served.client(), &small("x")).await;
        assert!(receipt.retries > 0);
    }
}

#[tokio::test]
async fn a_throttled_upload_begins_a_session_of_its_own() {
    let when = When::times(2).kind(RequestKind::UploadFinish);
    let quirks = Quirks::ecr().throttle(Throttle::unavailable(), when);
    let served = Served::with(quirks).await;
    served.push_and_verify(&served.client(), &image(2)).await;
    let puts = served.statuses(RequestKind::UploadFinish);
    assert_eq!(puts.len(), 4, "{puts:?}");
    assert!(puts.iter().all(|status| [201, 503].contains(status)));
    // The first session of each blob comes with a mount that is refused.
    let sessions =
        [RequestKind::Mount, RequestKind::UploadStart].map(|kind| served.of_kind(kind).len());
    assert_eq!(sessions, [2, 2]);
}

#[tokio::test]
async fn the_time_that_a_throttle_asks_for_is_kept() {
    let throttle = Throttle::unavailable().retry_after(Duration::from_secs(2));
    let when = When::times(1).kind(RequestKind::UploadFinish);
    let served = Served::with(Quirks::new().throttle(throttle, when)).await;
    let started = Instant::now();
    served.push_and_verify(&served.client(), &small("x")).await;
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_registry_that_throttles_for_good_is_unreachable() {
    let quirks = Quirks::new().throttle(Throttle::unavailable(), When::always().method("PUT"));
    let served = Served::with(quirks).await;
    let error = served
        .push(&served.client(), &small("x"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_of_a_blob_is_tried_again() {
    for after in [1, 64 * 1024, 1_000_000] {
        let served = Served::with(Quirks::ecr().cut_upload(after, 2)).await;
        let receipt = served.push_and_verify(&served.client(), &image(4)).await;
        assert_eq!(receipt.retries, 2);
        let cut = served.of_kind(RequestKind::UploadFinish);
        let cut = cut.iter().filter(|put| put.status.is_none());
        assert!(cut.map(|put| put.bytes_received).eq([after, after]));
    }
}

#[tokio::test]
async fn a_connection_that_is_always_cut_is_unreachable_and_the_next_run_ends_right() {
    let served = Served::with(Quirks::ecr().cut_upload(10, u64::MAX)).await;
    let image = small("x");
    let error = served.push(&served.client(), &image).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    served.server.set_quirks(Quirks::ecr());
    served.push_and_verify(&served.client(), &image).await;
}

#[tokio::test]
async fn a_lost_answer_to_anything_is_asked_for_again() {
    for kind in [
        RequestKind::BlobHead,
        RequestKind::UploadStart,
        RequestKind::UploadFinish,
        RequestKind::ManifestPut,
        RequestKind::ManifestGet,
    ] {
        let quirks = Quirks::ecr().lose_answer(When::times(2).kind(kind));
        let served = Served::with(quirks).await;
        served.push_and_verify(&served.client(), &small("x")).await;
    }
}

#[tokio::test]
async fn a_download_that_is_cut_is_begun_again() {
    let from = Served::with(Quirks::new()).await;
    let image = image(5);
    from.push(&from.client(), &image).await.unwrap();
    let quirks = Quirks::ecr().cut_download(100_000, 2);
    from.server
        .set_quirks(quirks.cut_answer(10, When::times(1).kind(RequestKind::ManifestGet)));
    let into = Served::with(Quirks::ecr()).await;
    let reference = "v1".parse().unwrap();
    let source = RegistrySource::new(from.client(), from.repository.clone(), reference);
    let options = PushOptions::default();
    let request = into.request();
    let receipt = push(&into.client(), &source, &request, &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(&receipt.digest, image.digest());
    let cut = from.of_kind(RequestKind::Storage);
    assert_eq!(
        cut.iter().filter(|get| get.bytes_sent == 100_000).count(),
        2
    );
}

#[tokio::test]
async fn a_slow_registry_is_waited_for() {
    let quirks = Quirks::ecr().delay(Duration::from_millis(50), When::always());
    let served = Served::with(quirks).await;
    let receipt = served.push_and_verify(&served.client(), &small("x")).await;
    assert_eq!(receipt.retries, 0);
}

#[tokio::test]
async fn a_repository_that_is_missing_is_named() {
    let served = Served::with(Quirks::ecr()).await;
    let missing = served.server.repository("team/missing").unwrap();
    let request = PushRequest::new(missing.clone(), vec!["v1".parse().unwrap()]);
    let options = PushOptions::default();
    let (client, image) = (served.client(), small("x"));
    let error = push(&client, &image, &request, &options, &|_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::RepositoryNotFound { repository } if *repository == missing),
        "{error}"
    );
    assert!(error.hint().is_some());
    served.server.create_repository("team/missing").unwrap();
    push(&client, &image, &request, &options, &|_| {})
        .await
        .unwrap();
}

#[tokio::test]
async fn an_immutable_tag_takes_the_same_image_and_no_other() {
    let quirks = || Quirks::ecr().immutable_except(["latest".parse().unwrap()]);
    let served = Served::with(quirks()).await;
    let client = served.client();
    served.push(&client, &small("one")).await.unwrap();
    let again = served.push(&client, &small("one")).await.unwrap();
    assert_eq!(again.tags[0].state, TagState::Unchanged);
    let error = served.push(&client, &small("two")).await.unwrap_err();
    assert!(
        matches!(&error, Error::ImmutableTag { tag, .. } if tag.as_str() == "v1"),
        "{error}"
    );
    assert!(error.is_usage() && error.hint().is_some());
    // A lost answer makes the client put a tag that it has put already, which ECR refuses.
    let when = When::times(1).kind(RequestKind::ManifestPut).after(1);
    let served = Served::with(quirks().lose_answer(when)).await;
    let receipt = served.push(&served.client(), &small("one")).await.unwrap();
    assert!(receipt.tags.iter().all(|tag| tag.verified));
    let puts = served.statuses(RequestKind::ManifestPut);
    assert!(puts.contains(&0), "{puts:?}");
}

#[tokio::test]
async fn the_same_pushes_meet_the_same_faults() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let quirks = Quirks::ecr()
            .throttle(Throttle::unavailable(), When::every(7).at_most(3))
            .lose_answer(When::every(2).kind(RequestKind::ManifestPut).at_most(1));
        let served = Served::with(quirks).await;
        let options = PushOptions::default().max_parallel(1);
        let (client, image) = (served.client(), small("x"));
        push(&client, &image, &served.request(), &options, &|_| {})
            .await
            .unwrap();
        let requests = served.server.requests().into_iter();
        let told: Vec<_> = requests
            .map(|request| (request.kind, request.status))
            .collect();
        runs.push(told);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn what_was_pushed_is_behind_the_server() {
    let registry = SimRegistry::new();
    let server = RegistryServer::start(Arc::new(registry.clone()))
        .await
        .unwrap();
    let repository = server.repository("app").unwrap();
    let request = PushRequest::new(repository.clone(), vec!["v1".parse().unwrap()]);
    let client = HttpRegistry::builder().insecure_http(true).build().unwrap();
    let image = small("x");
    push(&client, &image, &request, &PushOptions::default(), &|_| {})
        .await
        .unwrap();
    let found = registry.manifest(&repository, &"v1".parse().unwrap()).await;
    assert_eq!(found.unwrap().unwrap().digest(), image.digest());
}
