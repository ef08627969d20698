//! A function that was set up wrong does not start, and says why.

use std::process::Command;

use serde_json::Value;

fn refused(variables: &[(&str, &str)]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_alarm-notifier-lambda"))
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_is_wrong_is_one_line_with_a_remedy() {
    let line = refused(&[]);
    assert_eq!(line["event"], "misconfigured");
    assert!(line["hint"].as_str().unwrap().contains("SLACK_WEBHOOK_URL"));
    let line = refused(&[("SLACK_WEBHOOK_URL", "http://hunter2.example/x")]);
    assert!(
        line["reason"].as_str().unwrap().contains("use https"),
        "{line}"
    );
}
