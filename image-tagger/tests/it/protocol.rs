//! The served registry, as the distribution protocol has it: names, mounts, manifests, tags, and its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use image_tagger::sim::SimRegistry;
use image_tagger::sim::server::{Auth, Quirks, RegistryServer, RequestKind};
use image_tagger::{Credential, Digest, ImageSpec, Registry, Source, pack};

use crate::wire::{ask, begin, served};

#[tokio::test]
async fn the_protocol_is_announced_and_other_paths_are_not_found() {
    let server = served(Quirks::new()).await;
    let ping = ask(&server, "GET", "/v2/", "", b"").await;
    assert_eq!((ping.status, &*ping.body), (200, &b"{}"[..]));
    assert_eq!(
        ping.header("docker-distribution-api-version"),
        Some("registry/2.0")
    );
    for path in ["/", "/v2/_catalog", "/token"] {
        assert_eq!(ask(&server, "GET", path, "", b"").await.status, 404);
    }
    let wrong = ask(&server, "GET", "/v2/App/tags/list", "", b"").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "NAME_INVALID"));
    let deleted = ask(&server, "DELETE", "/v2/app/manifests/v1", "", b"").await;
    assert_eq!(
        (deleted.status, deleted.code().as_str()),
        (405, "UNSUPPORTED")
    );
}

#[tokio::test]
async fn a_mount_links_what_is_there_and_else_begins_an_upload() {
    let server = served(Quirks::new()).await;
    let digest = Digest::of(b"shared");
    let path = format!("/v2/from/blobs/uploads/?digest={digest}");
    ask(&server, "POST", &path, "", b"shared").await;
    let mount = format!("/v2/into/blobs/uploads/?mount={digest}&from=from");
    let mounted = ask(&server, "POST", &mount, "", b"").await;
    assert_eq!(mounted.status, 201);
    let blob = format!("/v2/into/blobs/{digest}");
    assert_eq!(mounted.header("location"), Some(blob.as_str()));
    assert_eq!(ask(&server, "GET", &blob, "", b"").await.body, b"shared");
    let missing = Digest::of(b"missing");
    for (digest, from) in [(&missing, "from"), (&digest, "nowhere"), (&digest, "Wrong")] {
        let mount = format!("/v2/third/blobs/uploads/?mount={digest}&from={from}");
        let refused = ask(&server, "POST", &mount, "", b"").await;
        assert_eq!(refused.status, 202, "{from}");
        assert!(refused.header("location").is_some());
    }
    server.set_quirks(Quirks::new().refuse_mounts(true));
    let mount = format!("/v2/fourth/blobs/uploads/?mount={digest}&from=from");
    assert_eq!(ask(&server, "POST", &mount, "", b"").await.status, 202);
}

#[tokio::test]
async fn a_registry_that_does_not_mount_is_served_as_it_is() {
    let registry = SimRegistry::new();
    registry.refuse_mounts();
    let server = RegistryServer::start(Arc::new(registry)).await.unwrap();
    let digest = Digest::of(b"shared");
    let path = format!("/v2/from/blobs/uploads/?digest={digest}");
    ask(&server, "POST", &path, "", b"shared").await;
    let mount = format!("/v2/into/blobs/uploads/?mount={digest}&from=from");
    assert_eq!(ask(&server, "POST", &mount, "", b"").await.status, 202);
}

#[tokio::test]
async fn a_manifest_is_kept_byte_for_byte_and_needs_its_blobs() {
    let server = served(Quirks::new()).await;
    let image = pack(&ImageSpec::new().file("app/main", true, "x")).unwrap();
    let manifest = image.root().await.unwrap();
    let typed = format!("Content-Type: {}\r\n", manifest.media_type());
    let path = "/v2/app/manifests/v1";
    let refused = ask(&server, "PUT", path, &typed, manifest.bytes()).await;
    assert_eq!(refused.status, 400);
    let errors = refused.json()["errors"].as_array().unwrap().clone();
    let missing = errors.iter().map(|error| {
        assert_eq!(error["code"], "MANIFEST_BLOB_UNKNOWN");
        error["detail"]["digest"].as_str().unwrap().to_owned()
    });
    let needed = manifest.blobs().into_iter().map(|blob| &blob.digest);
    assert!(missing.eq(needed.map(ToString::to_string)), "all are named");

    for blob in manifest.blobs() {
        let mut bytes = Vec::new();
        let mut reader = image.blob(blob).await.unwrap();
        tokio::io::copy(&mut reader, &mut bytes).await.unwrap();
        let path = format!("/v2/app/blobs/uploads/?digest={}", blob.digest);
        assert_eq!(ask(&server, "POST", &path, "", &bytes).await.status, 201);
    }
    let wrong = "Content-Type: application/vnd.oci.image.index.v1+json\r\n";
    let refused = ask(&server, "PUT", path, wrong, manifest.bytes()).await;
    assert_eq!(refused.code(), "MANIFEST_INVALID");
    let by_other = format!("/v2/app/manifests/{}", Digest::of(b"other"));
    let refused = ask(&server, "PUT", &by_other, &typed, manifest.bytes()).await;
    assert_eq!(refused.code(), "DIGEST_INVALID");
    let long = vec![b' '; 4 * 1024 * 1024 + 1];
    let refused = ask(&server, "PUT", path, &typed, &long).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "SIZE_INVALID")
    );

    let put = ask(&server, "PUT", path, &typed, manifest.bytes()).await;
    assert_eq!(put.status, 201);
    let by_digest = format!("/v2/app/manifests/{}", manifest.digest());
    assert_eq!(put.header("location"), Some(by_digest.as_str()));
    for (method, path) in [("GET", path), ("GET", &by_digest), ("HEAD", path)] {
        let found = ask(&server, method, path, "", b"").await;
        assert_eq!(found.status, 200);
        assert_eq!(
            found.header("docker-content-digest"),
            Some(manifest.digest().as_str())
        );
        assert_eq!(
            found.header("content-type"),
            Some(manifest.media_type().as_str())
        );
        let length = manifest.bytes().len().to_string();
        assert_eq!(found.header("content-length"), Some(length.as_str()));
        let body = if method == "GET" {
            manifest.bytes()
        } else {
            b""
        };
        assert_eq!(found.body, body);
    }
    let missing = ask(&server, "GET", "/v2/app/manifests/v2", "", b"").await;
    assert_eq!(
        (missing.status, missing.code().as_str()),
        (404, "MANIFEST_UNKNOWN")
    );
    let wrong = ask(&server, "GET", "/v2/app/manifests/.v2", "", b"").await;
    assert_eq!(wrong.code(), "TAG_INVALID");
}

#[tokio::test]
async fn tags_are_listed_in_pages() {
    let registry = SimRegistry::new();
    let server = RegistryServer::builder(Arc::new(registry.clone()))
        .host("registry.example")
        .start()
        .await
        .unwrap();
    let repository = "registry.example/app".parse().unwrap();
    let manifest = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let manifest = image_tagger::Manifest::new(manifest.to_vec(), None).unwrap();
    for tag in ["c", "a", "b"] {
        let tag = tag.parse().unwrap();
        registry
            .put_manifest(&repository, &tag, &manifest)
            .await
            .unwrap();
    }
    let page = ask(&server, "GET", "/v2/app/tags/list?n=2", "", b"").await;
    assert_eq!(
        page.json(),
        serde_json::json!({ "name": "app", "tags": ["a", "b"] })
    );
    let link = page.header("link").unwrap();
    assert_eq!(link, "</v2/app/tags/list?last=b&n=2>; rel=\"next\"");
    let last = ask(&server, "GET", "/v2/app/tags/list?last=b&n=2", "", b"").await;
    assert_eq!(last.json()["tags"], serde_json::json!(["c"]));
    assert_eq!(last.header("link"), None);
    let wrong = ask(&server, "GET", "/v2/app/tags/list?n=x", "", b"").await;
    assert_eq!(wrong.code(), "PAGINATION_NUMBER_INVALID");
}

#[tokio::test]
async fn what_is_refused_is_counted_and_heads_send_nothing() {
    let quirks = Quirks::new().auth(Auth::basic(Credential::new("AWS", "secret")));
    let server = served(quirks).await;
    let refused = ask(&server, "HEAD", "/v2/app/manifests/v1", "", b"").await;
    assert_eq!(refused.status, 401);
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic realm=")
    );
    let session = "/v2/app/blobs/uploads/session-1?digest=x";
    ask(&server, "PUT", session, "", b"unwanted").await;
    let [head, put] = &server.requests()[..] else {
        panic!("two were sent")
    };
    assert_eq!(
        (head.kind, head.status, head.bytes_sent),
        (RequestKind::ManifestHead, Some(401), 0)
    );
    assert_eq!(
        (put.path.as_str(), put.status, put.bytes_received),
        (session, Some(401), 8)
    );
    assert!(put.bytes_sent > 0);
    server.forget_requests();
    assert_eq!(server.summary().total.requests, 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let first = served(Quirks::new()).await;
    let error = RegistryServer::builder(Arc::new(SimRegistry::new()))
        .port(first.address().port())
        .start()
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&first.address().to_string()));
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_server_that_shuts_down_answers_what_has_begun_and_a_dropped_one_does_not() {
    for graceful in [true, false] {
        let server = served(Quirks::new()).await;
        let session = begin(&server).await;
        let address = server.address();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("PATCH {session} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n12");
        stream.write_all(head.as_bytes()).unwrap();
        while server.summary().total.bytes_received < 2 {
            tokio::task::yield_now().await;
        }
        let ending = graceful.then(|| tokio::spawn(server.shutdown()));
        // The listener is gone before the last answer.
        while TcpStream::connect(address).is_ok() {
            tokio::task::yield_now().await;
        }
        let answer = tokio::task::spawn_blocking(move || {
            let mut answer = String::new();
            let _ = stream.write_all(b"34");
            let _ = stream.read_to_string(&mut answer);
            answer
        });
        let answer = answer.await.unwrap();
        assert_eq!(answer.starts_with("HTTP/1.1 202"), graceful, "{answer}");
        if let Some(ending) = ending {
            ending.await.unwrap();
        }
    }
}
