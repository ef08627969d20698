//! Bad input gets one clear error that names it and the remedy.

use crate::site::run;

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
        &with(&["ndjson", "--bulk"]),
        &["--archive-format", "--bulk"],
    );
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
