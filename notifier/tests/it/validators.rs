//! Ten thousand hostile reports held against what others wrote to check messages: slack-sdk, blockkit, and the compiler
//! of TypeScript with Slack's own types. None of them catches all, and each catches what another does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use deploy_notifier::{SlackLayout, slack_details, slack_with};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::hostile;

const REPORTS: usize = 10_000;
const TEXTS: usize = 2_000;

/// The messages that the reports make, in both layouts and with their details, as JSON.
static MESSAGES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let make = || {
        let mut runner = TestRunner::default();
        // Making a text takes long; reports share a pool of some thousand.
        let hostile = hostile::hostile();
        let pool: Vec<String> = (0..TEXTS)
            .map(|_| hostile.new_tree(&mut runner).unwrap().current())
            .collect();
        let strategy = hostile::report(&proptest::sample::select(pool).boxed());
        let mut messages = Vec::new();
        for _ in 0..REPORTS / 2 {
            let report = strategy.new_tree(&mut runner).unwrap().current();
            for layout in [SlackLayout::Blocks, SlackLayout::Fields] {
                messages.push(serde_json::to_string(&slack_with(&report, layout)).unwrap());
            }
            messages.extend(
                slack_details(&report).map(|details| serde_json::to_string(&details).unwrap()),
            );
        }
        messages
    };
    let other = std::thread::spawn(make);
    let mut messages = make();
    messages.extend(other.join().unwrap());
    messages
});

/// Messages that Slack refuses, with the validators that have to say so: a check that cannot fail proves nothing. None of
/// them knows the limits of fifty blocks and of 2,000 units in a field; those `hostile` holds.
fn malformed() -> Vec<(Value, &'static [&'static str])> {
    let x = |count: usize| "x".repeat(count);
    let section = |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}});
    let message = |blocks: Value| json!({"text": "x", "blocks": blocks, "attachments": []});
    let header =
        |kind: &str, text: &str| json!([{"type": "header", "text": {"type": kind, "text": text}}]);
    let both: &[&str] = &["slack-sdk", "blockkit"];
    let all: &[&str] = &["slack-sdk", "blockkit", "tsc"];
    vec![
        (message(header("plain_text", &x(151))), both),
        (message(header("mrkdwn", "x")), &["blockkit", "tsc"]),
        (message(json!([section(&x(3001))])), both),
        (message(json!([section("")])), &["blockkit"]),
        (
            message(
                json!([{"type": "section", "fields": vec![json!({"type": "mrkdwn", "text": "x"}); 11]}]),
            ),
            &["slack-sdk"],
        ),
        (
            message(json!([{"type": "heading", "text": {"type": "plain_text", "text": "x"}}])),
            all,
        ),
        (
            message(
                json!([{"type": "context", "elements": vec![json!({"type": "mrkdwn", "text": "x"}); 11]}]),
            ),
            both,
        ),
        (
            json!({"text": "x", "attachments": [{"color": 7, "fields": [{"title": "x", "value": "x", "short": true}]}]}),
            &["tsc"],
        ),
        (
            json!({"text": "x", "attachments": [{"fields": [{"titel": "x", "value": "x", "short": true}]}]}),
            &["slack-sdk", "tsc"],
        ),
    ]
}

#[test]
fn slack_sdk_and_blockkit_find_nothing_malformed() {
    let Ok(python) = std::env::var("WINDLASS_TEST_SLACK_PYTHON") else {
        println!("skipped: WINDLASS_TEST_SLACK_PYTHON is not set");
        return;
    };
    let malformed = malformed();
    let bad: Vec<String> = malformed
        .iter()
        .map(|(message, _)| message.to_string())
        .collect();
    let refused = by_python(&python, &bad);
    for (index, (message, validators)) in malformed.iter().enumerate() {
        for validator in validators.iter().filter(|name| **name != "tsc") {
            let start = format!("{index} {validator}: ");
            assert!(
                refused.iter().any(|line| line.starts_with(&start)),
                "{validator} takes {message}"
            );
        }
    }
    let refused = by_python(&python, &MESSAGES);
    let message = |line: &String| {
        let index = line
            .split(' ')
            .next()
            .and_then(|index| index.parse::<usize>().ok());
        index.map(|index| MESSAGES[index].chars().take(2000).collect::<String>())
    };
    assert!(
        refused.is_empty(),
        "{} refused, first: {} {:?}",
        refused.len(),
        refused[0],
        message(&refused[0])
    );
    assert!(MESSAGES.len() >= 2 * REPORTS);
}

/// The lines of `validate.py` that refuse a message.
fn by_python(python: &str, messages: &[String]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validators/validate.py");
    let mut child = Command::new(python)
        // Its class for messages, which alone counts attachments, is called unmaintained.
        .args(["-W", "ignore"])
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = messages.join("\n") + "\n";
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(
        lines.pop(),
        Some(format!("{} messages", messages.len())),
        "every message was read"
    );
    lines
}

#[test]
fn the_types_of_slack_find_nothing_malformed() {
    let Ok(modules) = std::env::var("WINDLASS_TEST_SLACK_TYPES") else {
        println!("skipped: WINDLASS_TEST_SLACK_TYPES is not set");
        return;
    };
    // What a type says does not depend on what an ordinary text says, so messages of one shape are one message to it.
    let mut shapes: BTreeMap<String, usize> = BTreeMap::new();
    for message in MESSAGES.iter() {
        let mut shape: Value = serde_json::from_str(message).unwrap();
        blank(&mut shape);
        *shapes.entry(shape.to_string()).or_default() += 1;
    }
    assert_eq!(shapes.values().sum::<usize>(), MESSAGES.len());
    // A hundred are compiled as they are, in case a text matters after all.
    let whole = MESSAGES.iter().step_by(MESSAGES.len() / 100);
    let good: Vec<&String> = shapes.keys().chain(whole).collect();
    let malformed = malformed();
    let bad: Vec<String> = malformed
        .iter()
        .map(|(message, _)| message.to_string())
        .collect();

    let refused = by_tsc(&modules, &good, &bad);
    for (index, (message, validators)) in malformed.iter().enumerate() {
        let start = format!("bad.ts({},", index + 3);
        let found = refused.iter().any(|line| line.starts_with(&start));
        assert_eq!(found, validators.contains(&"tsc"), "{message}");
    }
    let wrong: Vec<&String> = refused
        .iter()
        .filter(|line| !line.starts_with("bad.ts"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(
        (10..5000).contains(&shapes.len()),
        "{} shapes",
        shapes.len()
    );
}

/// The errors that the compiler prints for two lists of messages, which begin in the third line of their files.
fn by_tsc(modules: &str, good: &[&String], bad: &[String]) -> Vec<String> {
    let folder = std::env::temp_dir().join(format!("windlass-types-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, messages: &[&String]| {
        let mut text = String::from(
            "import type { Message } from './message';\nexport const messages: Message[] = [\n",
        );
        for message in messages {
            writeln!(text, "{message},").unwrap();
        }
        text.push_str("];\n");
        std::fs::write(folder.join(name), text).unwrap();
    };
    file("good.ts", good);
    file("bad.ts", &bad.iter().collect::<Vec<_>>());
    // Its own types allow any block with a type; the known ones are what has to fit.
    let types = "import type { KnownBlock, MessageAttachment } from '@slack/types';\n\
                 export interface Message {\n  text: string;\n  blocks?: KnownBlock[];\n  \
                 attachments: (Omit<MessageAttachment, 'blocks'> & { blocks?: KnownBlock[] })[];\n}\n";
    std::fs::write(folder.join("message.ts"), types).unwrap();
    let options = json!({
        "compilerOptions": {
            "strict": true, "noEmit": true, "module": "esnext", "moduleResolution": "bundler", "types": [],
            "paths": {"@slack/types": [format!("{modules}/@slack/types/dist/index.d.ts")]},
        },
        "files": ["good.ts", "bad.ts"],
    });
    std::fs::write(folder.join("tsconfig.json"), options.to_string()).unwrap();
    let output = Command::new(format!("{modules}/.bin/tsc"))
        .args(["--pretty", "false", "--project", "tsconfig.json"])
        .current_dir(&folder)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A message is on one line; what follows it indented explains it.
    text.lines()
        .filter(|line| !line.starts_with(' '))
        .map(str::to_owned)
        .collect()
}

/// Replaces every text that is no keyword of Slack's.
fn blank(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if !matches!(key.as_str(), "type" | "color") => {
                        *text = "x".to_owned()
                    }
                    other => blank(other),
                }
            }
        }
        _ => {}
    }
}
