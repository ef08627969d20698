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
        ("{\"schema\":2}", "schema 2"),
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
