//! Uploads to a served registry: in parts, as a whole, cut, and with the quirks of sessions.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use image_tagger::sim::server::{Quirks, RegistryServer, RequestKind};
use image_tagger::{Digest, OciLayout};

use crate::wire::{ask, begin, served};

#[tokio::test]
async fn a_blob_comes_in_parts_and_goes_out_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let server = RegistryServer::builder(Arc::new(OciLayout::new(folder.path())))
        .host("registry.example")
        .spool_in(folder.path())
        .start()
        .await
        .unwrap();
    let session = begin(&server).await;
    let part = ask(
        &server,
        "PATCH",
        &session,
        "Content-Range: 0-4\r\n",
        b"01234",
    )
    .await;
    assert_eq!((part.status, part.header("range")), (202, Some("0-4")));
    let gap = ask(&server, "PATCH", &session, "Content-Range: 6-7\r\n", b"67").await;
    assert_eq!((gap.status, gap.header("range")), (416, Some("0-4")));
    let status = ask(&server, "GET", &session, "", b"").await;
    assert_eq!((status.status, status.header("range")), (204, Some("0-4")));
    let digest = Digest::of(b"0123456789");
    let end = format!("{session}?digest={digest}");
    let done = ask(&server, "PUT", &end, "", b"56789").await;
    assert_eq!(done.status, 201);
    assert_eq!(done.header("docker-content-digest"), Some(digest.as_str()));
    let blob = done.header("location").unwrap();
    let head = ask(&server, "HEAD", blob, "", b"").await;
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("10"))
    );
    let whole = ask(&server, "GET", blob, "", b"").await;
    assert_eq!((whole.status, &*whole.body), (200, &b"0123456789"[..]));
    let part = ask(&server, "GET", blob, "Range: bytes=3-5\r\n", b"").await;
    assert_eq!((part.status, &*part.body), (206, &b"345"[..]));
    assert_eq!(part.header("content-range"), Some("bytes 3-5/10"));
    let outside = ask(&server, "GET", blob, "Range: bytes=10-\r\n", b"").await;
    assert_eq!(
        (outside.status, outside.header("content-range")),
        (416, Some("bytes */10"))
    );
    server.set_quirks(Quirks::new().redirect_downloads(true));
    let elsewhere = ask(&server, "GET", blob, "", b"").await;
    let url = elsewhere.header("location").unwrap();
    let (_, path) = url.split_once("/storage/").unwrap();
    let path = format!("/storage/{path}");
    let part = ask(&server, "GET", &path, "Range: bytes=8-\r\n", b"").await;
    assert_eq!((elsewhere.status, &*part.body), (307, &b"89"[..]));
    let known = "Authorization: Basic eDp5\r\n";
    assert_eq!(ask(&server, "GET", &path, known, b"").await.status, 400);
    server.set_quirks(Quirks::new());
    assert_eq!(ask(&server, "GET", &path, "", b"").await.status, 404);
    let again = ask(&server, "PUT", &end, "", b"56789").await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (404, "BLOB_UPLOAD_UNKNOWN")
    );
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(
        names,
        ["registry.example"],
        "nothing of the upload is left behind"
    );
}

#[tokio::test]
async fn a_whole_blob_comes_with_the_post_or_the_put() {
    let server = served(Quirks::new()).await;
    let digest = Digest::of(b"whole");
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    let wrong = ask(&server, "POST", &path, "", b"other").await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (400, "DIGEST_INVALID")
    );
    assert_eq!(ask(&server, "POST", &path, "", b"whole").await.status, 201);

    let session = begin(&server).await;
    let other = Digest::of(b"other");
    let end = format!("{session}?digest={other}");
    let wrong = ask(&server, "PUT", &end, "", b"wrong").await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (400, "DIGEST_INVALID")
    );
    // The protocol leaves it open; here the session begins anew.
    assert_eq!(ask(&server, "PUT", &end, "", b"other").await.status, 201);
    let known = format!("/v2/app/blobs/uploads/?digest={other}");
    let wrong = ask(&server, "POST", &known, "", b"wrong").await;
    assert_eq!(
        wrong.status, 400,
        "what is there already is checked as well"
    );

    let session = begin(&server).await;
    assert_eq!(ask(&server, "DELETE", &session, "", b"").await.status, 204);
    let gone = ask(&server, "GET", &session, "", b"").await;
    assert_eq!(
        (gone.status, gone.code().as_str()),
        (404, "BLOB_UPLOAD_UNKNOWN")
    );
    let elsewhere = begin(&server).await.replace("/app/", "/other/");
    assert_eq!(ask(&server, "GET", &elsewhere, "", b"").await.status, 404);
}

#[tokio::test]
async fn a_patch_after_the_first_is_dropped_and_the_failed_put_ends_the_session() {
    let quirks = Quirks::new()
        .drop_later_patches(true)
        .end_failed_sessions(true);
    let server = served(quirks).await;
    let session = begin(&server).await;
    for part in [b"01234", b"56789"] {
        let answer = ask(&server, "PATCH", &session, "", part).await;
        assert_eq!((answer.status, answer.header("range")), (201, Some("0-4")));
    }
    let end = format!("{session}?digest={}", Digest::of(b"0123456789"));
    let wrong = ask(&server, "PUT", &end, "", b"").await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (400, "DIGEST_INVALID")
    );
    for (method, path) in [("PUT", &end), ("PATCH", &session), ("GET", &session)] {
        let ended = ask(&server, method, path, "", b"").await;
        assert_eq!((ended.status, ended.status == 416), (416, true), "{method}");
        assert_eq!(ended.code(), "BLOB_UPLOAD_UNKNOWN");
    }
    // The whole content in one PUT is what ECR wants.
    let session = begin(&server).await;
    let end = format!("{session}?digest={}", Digest::of(b"0123456789"));
    assert_eq!(
        ask(&server, "PUT", &end, "", b"0123456789").await.status,
        201
    );
}

#[tokio::test]
async fn a_client_that_hangs_up_in_a_put_leaves_the_session_as_it_was_or_ends_it() {
    for (quirks, status) in [
        (Quirks::new(), 201),
        (Quirks::new().end_failed_sessions(true), 416),
    ] {
        let server = served(quirks).await;
        let session = begin(&server).await;
        ask(&server, "PATCH", &session, "", b"01234").await;
        let end = format!("{session}?digest={}", Digest::of(b"0123456789"));
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let head = format!("PUT {end} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n567");
        stream.write_all(head.as_bytes()).unwrap();
        let received = || {
            let puts = server.summary().of_kind(RequestKind::UploadFinish);
            puts.bytes_received
        };
        while received() < 3 {
            tokio::task::yield_now().await;
        }
        drop(stream);
        let again = ask(&server, "PUT", &end, "", b"56789").await;
        assert_eq!(again.status, status);
    }
}

#[tokio::test]
async fn a_part_that_is_cut_goes_on_where_it_was_cut() {
    let server = served(Quirks::new().cut_upload(3, 1)).await;
    let session = begin(&server).await;
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!("PATCH {session} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n01234");
    stream.write_all(head.as_bytes()).unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        let mut answer = Vec::new();
        // It is reset or closed: there is no answer either way.
        let _ = stream.read_to_end(&mut answer);
        answer
    });
    assert_eq!(answer.await.unwrap(), b"");
    let status = ask(&server, "GET", &session, "", b"").await;
    assert_eq!(status.header("range"), Some("0-2"));
    let rest = ask(&server, "PATCH", &session, "Content-Range: 3-4\r\n", b"34").await;
    assert_eq!((rest.status, rest.header("range")), (202, Some("0-4")));
    let end = format!("{session}?digest={}", Digest::of(b"01234"));
    assert_eq!(ask(&server, "PUT", &end, "", b"").await.status, 201);
    let [_, cut, ..] = &server.requests()[..] else {
        panic!("more were sent")
    };
    assert_eq!((cut.status, cut.bytes_received), (None, 3));
}
