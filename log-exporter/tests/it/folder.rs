//! An archive in a folder: what it changes, and what it holds.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use log_exporter::{Archive, FolderArchive, Put, Sha256};

async fn put(archive: &FolderArchive, key: &str) -> Put {
    let bytes = Bytes::from_static(b"content");
    archive
        .put_new(key, bytes.clone(), &Sha256::of(&bytes))
        .await
        .unwrap()
}

#[tokio::test]
async fn only_a_write_makes_anything() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    let archive = FolderArchive::open(&root).unwrap();
    assert_eq!(archive.list("", None).await.unwrap().objects, []);
    assert_eq!(archive.get("a/b").await.unwrap(), None);
    archive.delete("a/b").await.unwrap();
    assert!(!root.exists());
    assert_eq!(put(&archive, "a/b").await, Put::Written);
    assert!(root.join("a/b").exists());
}

#[tokio::test]
async fn what_may_only_be_read_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    fs::create_dir_all(root.join("a")).unwrap();
    fs::write(root.join("a/b"), "content").unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o555)).unwrap();
    let archive = FolderArchive::open(&root).unwrap();
    assert_eq!(archive.list("a/", None).await.unwrap().objects.len(), 1);
    assert!(archive.get("a/b").await.unwrap().is_some());
    let names: Vec<_> = fs::read_dir(&root).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_group_of_the_longest_name_has_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let archive = FolderArchive::open(folder.path()).unwrap();
    let mut keys: Vec<String> = [244, 250, 400, 512]
        .map(|length| format!("manifests/group={}/00000.json", "g".repeat(length)))
        .into();
    for key in &keys {
        assert_eq!(put(&archive, key).await, Put::Written);
        assert_eq!(put(&archive, key).await, Put::Refused);
        assert!(archive.get(key).await.unwrap().is_some());
        let below = key.strip_suffix("00000.json").unwrap();
        let listed = archive.list(below, None).await.unwrap().objects;
        assert_eq!(listed.iter().map(|one| &one.key).collect::<Vec<_>>(), [key]);
    }
    let all = archive.list("manifests/", None).await.unwrap().objects;
    keys.sort();
    assert_eq!(all.into_iter().map(|one| one.key).collect::<Vec<_>>(), keys);
}

#[tokio::test]
async fn a_file_is_no_archive() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = FolderArchive::open(&file).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("is not a folder"));
}
