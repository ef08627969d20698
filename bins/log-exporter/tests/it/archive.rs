//! An archive in a folder, and what `verify` finds in it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::site::Site;

fn find(folder: &Path, contains: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().contains(contains) {
                return path;
            }
        }
    }
    panic!("no file has `{contains}` in its path")
}

#[tokio::test]
async fn a_flipped_byte_a_missing_part_a_missing_window_and_an_orphan_are_found() {
    let Some(site) = Site::find("folder").await else {
        return;
    };
    let group = site.group("web");
    let truth = site.fill(&group, &[5, 4, 3], 30).await;
    let folder = site.folder.path().join("archive");
    let archive = ["--archive", folder.to_str().unwrap()];
    let (from, to) = (site.ago(5), site.ago(2));
    let mut export = vec![
        "export", "--group", &group, "--from", &from, "--to", &to, "--verify", "--codec", "zstd",
    ];
    export.extend(archive);
    let exported = site.run(&export);
    exported.assert_code(0);
    assert_eq!(site.archived(&group, &archive), truth);
    let verify = |code: i32, says: &str| {
        let mut arguments = vec!["verify", "--gc"];
        arguments.extend(archive);
        let ended = site.run(&arguments);
        ended.assert_code(code);
        assert!(ended.stdout.contains(says), "{says}: {ended:?}");
        ended
    };
    verify(0, "verified: 3 windows of 1 group, 0 for good, 180 events");

    let part = find(&folder.join("events"), "base-");
    let content = fs::read(&part).unwrap();
    let mut flipped = content.clone();
    flipped[content.len() / 2] ^= 4;
    fs::write(&part, &flipped).unwrap();
    verify(1, "damaged part  events/");
    let damaged = site.run(&["cat", "--group", &group, archive[0], archive[1]]);
    damaged.assert_code(1);
    fs::remove_file(&part).unwrap();
    verify(1, "missing part  events/");
    fs::write(&part, &content).unwrap();

    let orphan = part.with_file_name(
        part.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .replace("base-", "base-0"),
    );
    fs::write(&orphan, "left by a worker that was killed").unwrap();
    let found = verify(0, "young orphan  events/");
    assert!(!found.stdout.contains("deleted"), "{found:?}");
    let mut delete = vec!["verify", "--gc", "--delete"];
    delete.extend(archive);
    site.run(&delete).assert_code(0);
    assert!(orphan.exists(), "a worker may be about to refer to it");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(90_000);
    fs::File::open(&orphan).unwrap().set_modified(old).unwrap();
    let deleted = site.run(&delete);
    assert!(deleted.stdout.contains("deleted orphan"), "{deleted:?}");
    assert!(!orphan.exists());

    let mut manifests = Vec::new();
    for ago in 3..6 {
        let hour = format!("hour={}", &site.ago(ago)[11..13]);
        manifests.push(find(&folder.join("manifests"), &hour));
    }
    fs::remove_file(&manifests[1]).unwrap();
    verify(1, "missing window");
}

#[tokio::test]
async fn the_code_says_whether_the_archive_the_machine_or_aws_is_at_fault() {
    let Some(site) = Site::find("codes").await else {
        return;
    };
    let group = site.group("web");
    site.fill(&group, &[3], 10).await;
    let (from, to) = (site.ago(3), site.ago(2));
    let export = |folder: &Path, more: &[&str]| {
        let mut arguments = vec![
            "export",
            "--group",
            &group,
            "--from",
            &from,
            "--to",
            &to,
            "--archive",
        ];
        arguments.push(folder.to_str().unwrap());
        arguments.extend(more);
        site.run(&arguments)
    };
    let folder = site.folder.path().join("archive");
    export(&folder, &["--dry-run"]).assert_code(0);
    assert!(!folder.exists(), "a dry run has made something");
    export(&folder, &[]).assert_code(0);
    fs::write(find(&folder.join("manifests"), "00000.json"), "{").unwrap();
    let damaged = export(&folder, &["--no-checkpoint"]);
    damaged.assert_code(1);
    assert!(damaged.stdout.contains("FAILED"), "{damaged:?}");
    assert!(damaged.stdout.contains("restore"), "{damaged:?}");
    // Where a folder is to be there is a file.
    let blocked = site.folder.path().join("blocked");
    fs::create_dir(&blocked).unwrap();
    fs::write(blocked.join("events"), "").unwrap();
    let failed = export(&blocked, &[]);
    failed.assert_code(2);
    assert!(failed.stdout.contains("events"), "{failed:?}");
}

#[tokio::test]
async fn reading_back_warns_of_what_is_not_there() {
    let Some(site) = Site::find("gaps").await else {
        return;
    };
    let group = site.group("web");
    site.fill(&group, &[5, 4, 3], 10).await;
    let folder = site.folder.path().join("archive");
    let archive = ["--archive", folder.to_str().unwrap()];
    let (from, to) = (site.ago(5), site.ago(2));
    let mut export = vec!["export", "--group", &group, "--from", &from, "--to", &to];
    export.extend(archive);
    site.run(&export).assert_code(0);
    let cat = |more: &[&str]| {
        let mut arguments = vec!["cat", "--group", &group];
        arguments.extend(archive);
        arguments.extend(more);
        let ended = site.run(&arguments);
        ended.assert_code(0);
        ended.stderr
    };
    assert_eq!(cat(&[]), "");
    assert!(cat(&["--from", "9h"]).contains("has nothing of"));
    let lost = format!("hour={}", &site.ago(3)[11..13]);
    fs::remove_file(find(&folder.join("manifests"), &lost)).unwrap();
    assert!(cat(&[]).contains("has nothing of"));
    // Nothing can be there of such a time, and that is no success.
    for time in [["--to", "2020-01-01"], ["--from", "2030-01-01"]] {
        let mut export = vec!["export", "--group", &group];
        export.extend(archive);
        export.extend(time);
        let refused = site.run(&export);
        refused.assert_code(2);
        assert!(refused.stderr.contains(time[1]), "{refused:?}");
    }
}

#[tokio::test]
async fn events_and_progress_are_written_and_stdout_is_data() {
    let Some(site) = Site::find("events").await else {
        return;
    };
    let group = site.group("web");
    site.fill(&group, &[3], 10).await;
    let folder = site.folder.path().join("archive");
    let log = site.folder.path().join("events");
    let ended = site.run(&[
        "export",
        "--group",
        &group,
        "--from",
        "4h",
        "--to",
        "2h",
        "--archive",
        folder.to_str().unwrap(),
        "--events",
        log.to_str().unwrap(),
        "--format",
        "json",
    ]);
    ended.assert_code(0);
    assert_eq!(ended.json()["events"], 20);
    assert!(ended.stderr.contains("20 events"), "{ended:?}");
    let log = fs::read_to_string(log).unwrap();
    for name in ["planned", "page", "part-written", "window-done"] {
        assert!(
            log.contains(&format!("\"event\":\"{name}\"")),
            "{name}: {log}"
        );
    }
    let messages = site.run(&[
        "cat",
        "--messages",
        "--group",
        &group,
        "--archive",
        folder.to_str().unwrap(),
        "--from",
        "4h",
    ]);
    assert!(
        messages.stdout.starts_with("3 hours ago, number 0"),
        "{messages:?}"
    );
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn an_archive_may_have_hours_in_both_formats() {
    let Some(site) = Site::find("formats").await else {
        return;
    };
    let group = site.group("web");
    let truth = site.fill(&group, &[5, 4, 3], 30).await;
    let folder = site.folder.path().join("archive");
    let archive = ["--archive", folder.to_str().unwrap()];
    let export = |from: i64, to: i64, format: &str| {
        let (from, to) = (site.ago(from), site.ago(to));
        let mut export = vec![
            "export", "--group", &group, "--from", &from, "--to", &to, "--verify",
        ];
        export.extend(["--archive-format", format]);
        export.extend(archive);
        let ended = site.run(&export);
        ended.assert_code(0);
        ended
    };
    let ddl = |more: &[&str]| {
        let mut ddl = vec!["ddl"];
        ddl.extend(archive);
        ddl.extend(more);
        let ended = site.run(&ddl);
        ended.assert_code(0);
        ended.stdout
    };
    export(5, 3, "ndjson");
    assert!(!ddl(&[]).contains("PARQUET"));
    let ended = export(5, 2, "parquet");
    assert!(ended.stdout.contains("60 events archived"), "{ended:?}");
    let part = find(&folder.join("parquet"), "base-");
    assert!(part.to_str().unwrap().ends_with("-00000.parquet"));
    assert_eq!(site.archived(&group, &archive), truth);
    let mut verify = vec!["verify", "--fresh", "--gc"];
    verify.extend(archive);
    let verified = site.run(&verify);
    verified.assert_code(0);
    let all = "verified: 3 windows of 1 group, 0 for good, 180 events";
    assert!(verified.stdout.contains(all), "{verified:?}");
    let tables = ddl(&["--table", "web"]);
    for text in [
        "TABLE `web` (",
        "TABLE `web_parquet` (",
        "STORED AS PARQUET",
        "VIEW \"web_all\"",
    ] {
        assert!(tables.contains(text), "{text}: {tables}");
    }
    let one = ddl(&["--archive-format", "parquet"]);
    assert!(
        one.contains("TABLE `logs_parquet` (") && one.contains("/parquet/"),
        "{one}"
    );
    assert!(!one.contains("VIEW"), "{one}");
    fs::write(&part, "no parquet").unwrap();
    let damaged = site.run(&["cat", "--group", &group, archive[0], archive[1]]);
    damaged.assert_code(1);
    assert!(damaged.stderr.contains("SHA-256"), "{damaged:?}");
}
