//! Validating reports and messages.

use serde_json::json;

use crate::run::{FAILED, Place};

#[test]
fn a_report_is_valid_or_not() {
    let place = Place::new();
    place
        .pipe(FAILED, &["validate", "--report", "-"])
        .assert_said(0, &["stdin is a report of kind deployment-failed"]);
    let bad = r#"{"event":"deployment-failed","environment":"dev","commmit":"x"}"#;
    place
        .pipe(bad, &["validate", "--report", "-"])
        .assert_said(1, &["stdin is no report", "commmit"]);
    place
        .run(&["validate", "--report", "missing.json"])
        .assert_said(2, &["cannot read `missing.json`"]);
}

#[test]
fn a_message_made_elsewhere_is_told_where_it_is_wrong() {
    let place = Place::new();
    let header = json!({"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}});
    let message = json!({"text": "x", "blocks": [header, {"type": "section"}]}).to_string();
    let ended = place.pipe(&message, &["validate", "--message", "-"]);
    assert_eq!(ended.code, 1);
    assert_eq!(
        ended.stdout,
        "blocks[0].text.text: has 151 characters, and at most 150 are taken\nblocks[1]: has neither text nor fields\n"
    );
    let document = place
        .pipe(
            &message,
            &["validate", "--message", "-", "--format", "json"],
        )
        .json();
    assert_eq!(
        (&document["valid"], &document["problems"][1]["path"]),
        (&json!(false), &json!("blocks[1]"))
    );
    place
        .pipe(r#"{"text":"x"}"#, &["validate", "--message", "-"])
        .assert_said(0, &["a message that Slack takes"]);
    // What shell scripts make of a commit's title with a quote in it.
    place
        .pipe(
            "{\"text\":\"Fix \"login\"\"}",
            &["validate", "--message", "-"],
        )
        .assert_said(1, &["is not JSON", "line 1 column 15"]);
}

#[test]
fn what_is_rendered_validates() {
    let place = Place::new();
    for format in ["blocks", "attachment"] {
        let message = place
            .pipe(FAILED, &["render", "--report", "-", "--format", format])
            .stdout;
        place
            .pipe(&message, &["validate", "--message", "-"])
            .assert_said(0, &[]);
    }
}

#[test]
fn a_message_with_nothing_to_show_is_refused() {
    let place = Place::new();
    for message in [
        r#"{"attachments":[{}]}"#,
        r#"{"attachments":[{"color":"good"}]}"#,
    ] {
        let path = place.write("message.json", message);
        let ended = place.run(&["validate", "--message", path.to_str().unwrap()]);
        assert_eq!(ended.code, 1, "{ended:?}");
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        assert!(shown.contains("nothing to show"), "{shown}");
    }
}
