//! What is wrong is named, with a remedy, and nothing is asked of anybody.

use crate::run::{Ran, command, folder, run};

#[test]
fn bad_input_ends_with_code_2() {
    let folder = folder();
    std::fs::write(folder.path().join("bad.toml"), "tags = \"x\"\n").unwrap();
    let written = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    written("narrow.toml", "bases = [\"amortized\"]\n");
    written(
        "contrary.toml",
        "bases = [\"amortized\"]\n[cloudwatch]\nbases = [\"unblended\"]\n",
    );
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
        (
            &["export", "--source", "file:saved.json", "--format", "csv"],
            "only `report` writes csv",
        ),
        (&["--format", "csv", "serve"], "only `report` writes csv"),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--to",
                "2026-02-12",
                "--sink",
                "prometheus-textfile=c.prom",
            ],
            "shows the present",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--to",
                "2026-02-12",
                "--sink",
                "pushgateway=http://127.0.0.1:1",
            ],
            "shows the present",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--sink",
                "prometheus-textfile=/dev/stdout",
            ],
            "no file that can be replaced",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--sink",
                "openmetrics=.",
            ],
            "no file that can be replaced",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--ledger",
                "/dev/null",
            ],
            "no file that can be replaced",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--alert-report",
                "/dev/stderr",
            ],
            "no file that can be replaced",
        ),
        (
            &["export", "--sink", "cloudwatch", "--ledger", "l.json"],
            "no region for CloudWatch",
        ),
        (
            &["export", "--ledger", "s3://bucket/key"],
            "no region for the ledger",
        ),
        (
            &[
                "report",
                "--source",
                "file:saved.json",
                "--config",
                "narrow.toml",
                "--basis",
                "blended",
            ],
            "`blended` is not asked for",
        ),
        (
            &[
                "export",
                "--source",
                "file:saved.json",
                "--config",
                "contrary.toml",
            ],
            "`cloudwatch.bases` cannot be `unblended`",
        ),
        (&["export", "--timeout", "0s"], "longer than nothing"),
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

#[test]
fn a_password_is_never_shown() {
    for sink in [
        "push-gateway=http://u:hunter2@h/",
        "http://u:hunter2@h/",
        "pushgateway=ftp://u:hunter2@h/",
        "stdout=hunter2",
    ] {
        let ran = run(
            &folder(),
            &["export", "--source", "file:saved.json", "--sink", sink],
        );
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    }
}

#[test]
fn the_format_may_stand_anywhere() {
    let arguments = ["--format", "json", "export", "--source", "file:saved.json"];
    let ran = run(&folder(), &arguments);
    assert_eq!((ran.code, &ran.json()["complete"]), (0, &true.into()));
    let arguments = ["report", "--source", "file:saved.json", "--format", "csv"];
    assert_eq!(run(&folder(), &arguments).code, 0);
}
