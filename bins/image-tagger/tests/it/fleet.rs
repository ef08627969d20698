//! Several images in one run.

use serde_json::json;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn what_images_share_is_uploaded_once() {
    let site = Site::new().await;
    let mut list = Vec::new();
    for name in ["a", "b", "c"] {
        let (_, source) = site.layout(name, "the same", "").await;
        list.push(json!({"source": source, "repository": site.repository(name), "tags": ["v1"], "moving": null}));
    }
    // Paths are those of the list's folder.
    std::fs::write(site.path().join("fleet.json"), json!(list).to_string()).unwrap();
    let mut command = site.command(&[
        "push-all",
        "fleet.json",
        "--insecure-http",
        "--format",
        "json",
    ]);
    command.current_dir(site.path());
    let pushed = crate::site::ended(command).await;
    let document = pushed.json();
    let images = document["images"].as_array().unwrap();
    assert_eq!(images.len(), 3);
    let uploads = images
        .iter()
        .filter(|image| image["bytes_pushed"].as_u64() > Some(0));
    assert_eq!(uploads.count(), 1, "{document}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_partial_and_named() {
    let site = Site::new().await;
    site.registry.immutable_except([]);
    let (_, old) = site.layout("old", "old", "").await;
    let repository = site.repository("b");
    let first = site
        .run(&["push", &old, "--repository", &repository, "--tag", "v1"])
        .await;
    assert_eq!(first.code, Some(0), "{first:?}");
    let mut list = Vec::new();
    for name in ["a", "b"] {
        let (_, source) = site.layout(name, name, "").await;
        list.push(json!({"source": source, "repository": site.repository(name), "tags": ["v1"]}));
    }
    std::fs::write(site.path().join("fleet.json"), json!(list).to_string()).unwrap();
    let ended = site.run(&["push-all", "fleet.json"]).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("immutable"), "{ended:?}");
    assert!(ended.stdout.contains("1 of 2 images"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_nothing_to_do_and_a_broken_one_is_refused() {
    let site = Site::new().await;
    let list = site.path().join("fleet.json");
    std::fs::write(&list, "[]").unwrap();
    let empty = site.run(&["push-all", "fleet.json"]).await;
    assert_eq!(empty.code, Some(0), "{empty:?}");
    for (text, part) in [
        ("null", "list of images"),
        (r#"[{"source":"x"}]"#, "oci:DIR"),
        (r#"[{"source":"oci:x","repository":"a.b/c"}]"#, "no tag"),
        (
            r#"[{"source":"oci:x","repository":"a.b/c","tags":["v1"],"movign":"x"}]"#,
            "movign",
        ),
        (
            r#"[{"source":"oci:x","repository":"a.b/c","tags":["v1"]}]"#,
            "no such folder",
        ),
        (
            r#"[{"source":"oci:x","repository":"a.b/c","tags":["v1"]},{"source":"oci:y","repository":"a.b/c","tags":["v0"],"moving":"v1"}]"#,
            "named twice",
        ),
    ] {
        std::fs::write(&list, text).unwrap();
        site.run(&["push-all", "fleet.json"])
            .await
            .assert_refused(2, &[part]);
    }
    site.run(&["push-all", "missing.json"])
        .await
        .assert_refused(2, &["missing.json"]);
}
