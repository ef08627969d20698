//! What is wrong is named, with a remedy, and nothing is asked of anybody.

use crate::run::{Ran, command, folder, run};

#[test]
fn bad_input_ends_with_code_2() {
    let folder = folder();
    std::fs::write(folder.path().join("bad.toml"), "tags = \"x\"\n").unwrap();
    for (arguments, part) in [
        (
            &["export", "--from", "2026-02-30"][..],
            "`2026-02-30` is no day",
        ),
        (&["export", "--from", "yesterday"], "YYYY-MM-DD"),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--from",
                "2026-03-05",
                "--to",
                "2026-03-01",
            ],
            "lies after --to",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--from",
                "2999-01-01",
            ],
            "lies in the future",
        ),
        (
            &["export", "--source", "file:none.json"],
            "cannot read the saved costs `none.json`",
        ),
        (
            &["export", "--source", "file:bad.toml"],
            "the saved costs cannot be read",
        ),
        (&["export", "--source", "s3"], "`s3` is no source"),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--sink",
                "prometheus",
            ],
            "did you mean `prometheus-textfile`?",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--sink",
                "prometheus-textfile=no/such/c.prom",
            ],
            "the folder of",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--sink",
                "stdout",
                "--sink",
                "stdout",
            ],
            "named twice",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--sink",
                "stdout",
                "--format",
                "json",
            ],
            "both want stdout",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--sink",
                "cloudwatch",
            ],
            "has to be remembered",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--config",
                "bad.toml",
            ],
            "did you mean `tag`?",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--config",
                "none.toml",
            ],
            "`none.toml`",
        ),
        (
            &["export", "--source", "file:saved.json", "--tag", "a$b"],
            "no tag key",
        ),
        (
            &["export", "--source", "file:saved.json", "--tag", "Stage"],
            "grouped by the tag `Environment`",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--ledger",
                "s3://bucket",
            ],
            "no object of S3",
        ),
        (&["export", "--budget-requests", "0"], "budget-requests"),
        (&["serve", "--listen", "9641"], "--listen"),
        (&["serve", "--interval", "0s"], "longer than nothing"),
        (
            &["report", "--source", "file:saved.json", "--basis", "net"],
            "no cost basis",
        ),
    ] {
        let ran = run(&folder, arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(part), "{arguments:?}: {ran:?}");
    }
}

#[cfg(feature = "aws")]
#[test]
fn an_endpoint_that_is_no_url_is_named_before_anybody_is_asked() {
    let folder = folder();
    let mut command = command(folder.path());
    command
        .args(["export", "--sink", "stdout", "--region", "us-east-1"])
        .env("AWS_ENDPOINT_URL", "localhost:1");
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, 2, "{ran:?}");
    for part in ["AWS_ENDPOINT_URL", "http://HOST:PORT"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
}
