//! Bad input gets one clear error that names it and the remedy.

use crate::site::{Ended, command, run};

#[track_caller]
fn refused(arguments: &[&str], says: &[&str]) {
    let ended = run(arguments);
    ended.assert_code(2);
    assert_eq!(ended.stdout, "", "{ended:?}");
    for text in says {
        assert!(ended.stderr.contains(text), "{text}: {ended:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    refused(
        &["plan", "--group", "g"],
        &["no archive is named", "--bucket"],
    );
    refused(
        &["export", "--group", "g", "--bucket", "b"],
        &["no AWS region", "AWS_REGION"],
    );
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().to_str().unwrap();
    refused(
        &["export", "--archive", archive, "--region", "us-east-1"],
        &["no log group is named", "--prefix"],
    );
    refused(&["retention", "--group", "g"], &["--days"]);
    refused(
        &["verify", "--archive", archive],
        &["nothing in this archive"],
    );
    refused(&["ddl", "--archive", archive], &["nothing in this archive"]);
    refused(
        &["cat", "--group", "g", "--archive", archive],
        &["nothing of `g`"],
    );
}

#[test]
fn what_is_wrong_is_named_with_its_remedy() {
    refused(
        &["retention", "--group", "g", "--days", "10"],
        &["`10`", "7 and 14"],
    );
    refused(
        &["retention", "--group", "g", "--environment", "qa"],
        &["`qa`", "staging"],
    );
    refused(
        &["export", "--group", "a b", "--bucket", "b"],
        &["`a b`", "letters"],
    );
    refused(
        &[
            "export",
            "--group",
            "g",
            "--bucket",
            "b",
            "--from",
            "yesterday",
        ],
        &["`yesterday`", "2026-11-26"],
    );
    refused(
        &[
            "export",
            "--group",
            "g",
            "--bucket",
            "b",
            "--rate",
            "0",
            "--region",
            "us-east-1",
        ],
        &["`0`", "--rate"],
    );
    refused(
        &[
            "export",
            "--group",
            "g",
            "--bucket",
            "b",
            "--bulk",
            "--region",
            "us-east-1",
        ],
        &["--from", "--to"],
    );
    refused(&["verify", "--archive", "x", "--delete"], &["--gc"]);
    for (codec, level, levels) in [("gzip", "10", "1 to 9"), ("zstd", "99", "1 to 19")] {
        refused(
            &[
                "export", "--group", "g", "--bucket", "b", "--codec", codec, "--level", level,
            ],
            &[level, levels],
        );
    }
    let export = [
        "export",
        "--group",
        "g",
        "--bucket",
        "b",
        "--archive-format",
    ];
    let with = |more: &[&'static str]| [&export[..], more].concat();
    refused(&with(&["orc"]), &["orc", "ndjson", "parquet"]);
    refused(
        &["export", "--group", "g", "--bucket", "b", "--poll", "1s"],
        &["--bulk"],
    );
    match cfg!(feature = "parquet") {
        true => refused(&with(&["parquet", "--codec", "gzip"]), &["gzip", "zstd"]),
        false => refused(
            &with(&["parquet"]),
            &["this build cannot write parquet", "the feature `parquet`"],
        ),
    }
}

#[test]
fn what_an_export_task_knows_nothing_of_is_refused() {
    let bulk = [
        "export", "--bulk", "--group", "g", "--bucket", "b", "--from", "2d", "--to", "1d",
    ];
    for option in [
        &["--archive-format", "ndjson"][..],
        &["--codec", "zstd"],
        &["--level", "6"],
        &["--part-size", "64"],
        &["--lag", "15m"],
        &["--max-parallel", "4"],
        &["--memory", "24"],
        &["--spill", "/tmp"],
        &["--no-checkpoint"],
        &["--verify"],
    ] {
        let arguments = [&bulk[..], option].concat();
        refused(&arguments, &[option[0], "--bulk", "cannot be used with"]);
    }
}

#[test]
fn missing_credentials_are_said_at_once_and_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let started = std::time::Instant::now();
    let ended = run(&[
        "export",
        "--group",
        "g",
        "--archive",
        archive.to_str().unwrap(),
        "--region",
        "us-east-1",
    ]);
    ended.assert_code(2);
    assert!(started.elapsed() < std::time::Duration::from_secs(10));
    assert!(ended.stderr.contains("no AWS credentials"), "{ended:?}");
    assert!(ended.stderr.contains("AWS_PROFILE"), "{ended:?}");
    for debug in ["DispatchFailure", "CredentialsNotLoaded(", "{"] {
        assert!(!ended.stderr.contains(debug), "{ended:?}");
    }
    assert!(!archive.exists());
}

#[test]
fn a_dry_run_of_windows_is_a_document_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("units");
    let unit = r#"{"account":"123456789012","region":"us-east-1","group":"/g","window":"2026-11-26T10:00:00Z","sweep":"base","due":"2026-11-26T11:15:00Z"}"#;
    std::fs::write(&file, unit).unwrap();
    let archive = folder.path().join("archive");
    let ended = run(&[
        "export",
        "--dry-run",
        "--format",
        "json",
        "--units",
        file.to_str().unwrap(),
        "--archive",
        archive.to_str().unwrap(),
    ]);
    ended.assert_code(0);
    assert_eq!(ended.json()["units"][0]["group"], "/g");
    assert!(!archive.exists());
}

#[test]
fn an_archive_without_manifests_is_not_collected() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join(
        "events/account=123456789012/region=us-east-1/group=g/dt=2026-01-01/hour=10/base-0-00000.ndjson.gz",
    );
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::fs::write(&part, "x").unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(200_000);
    std::fs::File::open(&part)
        .unwrap()
        .set_modified(old)
        .unwrap();
    let archive = folder.path().to_str().unwrap();
    refused(
        &["verify", "--gc", "--delete", "--archive", archive],
        &["no manifest", "restore"],
    );
    assert!(part.exists());
}

#[test]
fn windows_that_are_none_are_refused_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("units");
    std::fs::write(&file, "\n{\"window\": 7}\n").unwrap();
    let archive = folder.path().join("archive");
    refused(
        &[
            "export",
            "--units",
            file.to_str().unwrap(),
            "--archive",
            archive.to_str().unwrap(),
            "--region",
            "us-east-1",
        ],
        &["line 2", "plan --emit lines"],
    );
}

#[test]
fn an_endpoint_that_is_no_url_is_named_before_anybody_is_asked() {
    let mut command = command(&["plan", "--group", "g", "--bucket", "b"]);
    command.env("AWS_ENDPOINT_URL_LOGS", "localhost:1");
    let ended = Ended::of(command.output().unwrap());
    ended.assert_code(2);
    for text in ["AWS_ENDPOINT_URL_LOGS", "http://HOST:PORT"] {
        assert!(ended.stderr.contains(text), "{text}: {ended:?}");
    }
}
