//! A function that was set up wrong does not start, and says why.

use std::process::Command;

use serde_json::Value;

#[test]
fn what_is_wrong_is_one_line_with_a_remedy() {
    let output = Command::new(env!("CARGO_BIN_EXE_log-exporter-lambda"))
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let line: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(line["event"], "misconfigured");
    assert!(
        line["reason"].as_str().unwrap().contains("ARCHIVE_BUCKET"),
        "{line}"
    );
}
