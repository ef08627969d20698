//! The ledger in a file.

use cost_exporter::testing::ledger_contract;
use cost_exporter::{Error, FileLedger, Ledger};

#[tokio::test]
async fn a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    ledger_contract(&FileLedger::new(folder.path().join("ledger.json"))).await;
    ledger_contract(&cost_exporter::sim::MemoryLedger::default()).await;
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.json");
    for (text, part) in [
        ("{", "EOF"),
        ("{\"schema\":1}", "schema 1"),
        ("3", "invalid type"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = FileLedger::new(&path).load().await.unwrap_err();
        assert!(
            matches!(&error, Error::InvalidLedger { problem } if problem.contains(part)),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_stays_one_and_what_is_no_file_is_left_alone() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("a/l.json"), folder.path().join("l.json"));
    std::fs::create_dir(folder.path().join("a")).unwrap();
    symlink("a/l.json", &link).unwrap();
    ledger_contract(&FileLedger::new(&link)).await;
    assert!(link.is_symlink() && target.is_file());
    for path in ["/dev/null", "/dev/stdout", folder.path().to_str().unwrap()] {
        let error = FileLedger::new(path).load().await.unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{path}");
    }
}
