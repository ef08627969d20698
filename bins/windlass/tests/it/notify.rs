//! Messages: to stderr without configuration, to webhooks with it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::repo::{Ended, Repo};

/// A webhook that answers with `status` and passes on what it got.
fn webhook(status: &'static str) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/services/T000/B000/secretsecret",
        listener.local_addr().unwrap()
    );
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            let body = loop {
                let count = stream.read(&mut buffer).unwrap();
                text.extend_from_slice(&buffer[..count]);
                let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else {
                    continue;
                };
                let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
                let length: usize = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .unwrap()
                    .trim()
                    .parse()
                    .unwrap();
                if text.len() >= end + 4 + length {
                    break text[end + 4..].to_vec();
                }
            };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            stream.write_all(answer.as_bytes()).unwrap();
            if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

fn run(repo: &Repo, variable: &str, url: &str) -> Ended {
    Ended::of(
        repo.command(&["run", "-e", "local"])
            .env(variable, url)
            .output()
            .unwrap(),
    )
}

fn configured(section: &str) -> Repo {
    let repo = Repo::with_services(&["alpha"]);
    repo.write(
        "windlass.toml",
        &format!("{section}\n[environments.local]\nprovider = \"local\"\nspeed = 200\n"),
    );
    repo.commit("Say \"hello\" to <!channel>");
    repo
}

#[test]
fn slack_gets_started_and_completed() {
    let repo = configured("[notify.slack]\nwebhook-env = \"HOOK\"");
    let (url, messages) = webhook("200 OK");
    let ended = run(&repo, "HOOK", &url);
    assert_eq!(ended.code, 0, "{ended:?}");
    let got: Vec<Value> = messages.try_iter().collect();
    assert_eq!(got.len(), 2, "{got:?}");
    for message in &got {
        assert!(
            message["text"].is_string() && !message.to_string().contains("<!channel>"),
            "{message}"
        );
    }
    assert!(got[1].to_string().contains("alpha"));
    assert!(!ended.stderr.contains("secretsecret") && !ended.stdout.contains("secretsecret"));
}

#[test]
fn nothing_to_do_is_not_announced() {
    let repo = configured("[notify.slack]\nwebhook-env = \"HOOK\"");
    let (url, messages) = webhook("200 OK");
    run(&repo, "HOOK", &url);
    assert_eq!(messages.try_iter().count(), 2);
    run(&repo, "HOOK", &url);
    assert_eq!(messages.try_iter().count(), 0);
}

#[test]
fn a_generic_webhook_gets_the_report() {
    let repo = configured("[notify.webhook]\nurl-env = \"HOOK\"");
    let (url, messages) = webhook("204 No Content");
    assert_eq!(run(&repo, "HOOK", &url).code, 0);
    let got: Vec<Value> = messages.try_iter().collect();
    assert!(
        got[1].to_string().contains("deployment-completed"),
        "{got:?}"
    );
}

#[test]
fn a_dead_webhook_is_told_and_does_not_change_the_verdict() {
    let repo = configured("[notify.slack]\nwebhook-env = \"HOOK\"");
    let (url, _messages) = webhook("404 Not Found");
    let ended = run(&repo, "HOOK", &url);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("did not arrive"), "{ended:?}");
    assert!(!ended.stderr.contains("secretsecret"), "{ended:?}");
}

#[test]
fn quiet_does_not_hide_a_message_that_did_not_arrive() {
    let repo = configured("[notify.slack]\nwebhook-env = \"HOOK\"");
    let (url, _messages) = webhook("404 Not Found");
    let mut command = repo.command(&["run", "-e", "local", "--quiet"]);
    let ended = Ended::of(command.env("HOOK", url).output().unwrap());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.stderr.contains("warning: the message to") && ended.stderr.contains("did not arrive"),
        "{ended:?}"
    );
}

/// A webhook that takes messages and never answers.
fn hanging() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            held.push(stream);
        }
    });
    url
}

#[test]
#[cfg(unix)]
fn a_channel_that_hangs_neither_delays_the_work_nor_survives_an_interrupt() {
    let repo = configured("[notify.slack]\nwebhook-env = \"HOOK\"");
    let events = repo.path().join(".git/events");
    let child = repo
        .command(&[
            "run",
            "-e",
            "local",
            "--format",
            "json",
            "--events",
            events.to_str().unwrap(),
        ])
        .env("HOOK", hanging())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let text = loop {
        let text = std::fs::read_to_string(&events).unwrap_or_default();
        // The work is done, and now the last message hangs.
        if text.contains("\"event\":\"ended\"") {
            break text;
        }
        assert!(std::time::Instant::now() < deadline, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    let place = |event: &str| text.find(&format!("\"event\":\"{event}\""));
    assert!(
        place("pushed").unwrap() < place("notified").unwrap(),
        "the push waited for the message: {text}"
    );
    std::thread::sleep(std::time::Duration::from_millis(300));
    let begun = std::time::Instant::now();
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    let document = ended.json();
    // What was deployed is deployed.
    assert_eq!(
        (ended.code, &document["services"][0]["verdict"]),
        (0, &Value::from("deployed")),
        "{ended:?}"
    );
    assert!(
        document["notifications"][0]["error"]
            .as_str()
            .unwrap()
            .contains("SIGINT"),
        "{document}"
    );
}

/// A run under way, and where its events go.
#[cfg(unix)]
fn start(repo: &Repo, hooks: &[(&str, String)]) -> (std::process::Child, std::path::PathBuf) {
    let events = repo.path().join(".git/events");
    let path = events.to_str().unwrap();
    let child = repo
        .command(&["run", "-e", "local", "--format", "json", "--events", path])
        .envs(hooks.iter().map(|(name, url)| (name, url)))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    (child, events)
}

/// The events so far, as soon as they are what the test waits for.
#[cfg(unix)]
fn wait_for(events: &std::path::Path, enough: impl Fn(&str) -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let text = std::fs::read_to_string(events).unwrap_or_default();
        if enough(&text) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
}

#[test]
#[cfg(unix)]
fn a_signal_while_only_the_first_message_is_waited_for_leaves_the_verdict() {
    let repo = configured("[notify.slack]\nwebhook-env = \"HOOK\"");
    let (child, events) = start(&repo, &[("HOOK", hanging())]);
    wait_for(&events, |text| text.contains("\"event\":\"finished\""));
    std::thread::sleep(std::time::Duration::from_millis(500));
    let begun = std::time::Instant::now();
    interrupt(&child);
    let ended = Ended::of(child.wait_with_output().unwrap());
    let document = ended.json();
    assert_eq!(
        (ended.code, &document["services"][0]["verdict"]),
        (0, &Value::from("deployed")),
        "{ended:?}"
    );
    assert_eq!(document["interrupted"], Value::Null, "{document}");
    // Who was in a hurry once gets the last message's moment, and no more.
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
#[cfg(unix)]
fn the_first_message_gets_a_moment_when_the_work_is_done() {
    let repo = configured("[notify.slack]\nwebhook-env = \"HOOK\"");
    let (child, events) = start(&repo, &[("HOOK", hanging())]);
    wait_for(&events, |text| text.contains("\"event\":\"finished\""));
    let begun = std::time::Instant::now();
    wait_for(&events, |text| text.contains("\"event\":\"ended\""));
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
    interrupt(&child);
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
#[cfg(unix)]
fn a_message_that_arrived_is_not_said_to_be_lost_because_another_channel_hangs() {
    let repo = configured(
        "[notify.slack]\nwebhook-env = \"HANGS\"\n[notify.webhook]\nurl-env = \"ANSWERS\"",
    );
    let (url, _messages) = webhook("200 OK");
    let (child, events) = start(&repo, &[("HANGS", hanging()), ("ANSWERS", url)]);
    let heard = |text: &str| {
        let (_, last) = text.split_once("\"event\":\"ended\"").unwrap_or_default();
        last.matches("\"channel\":\"webhook\"").count()
    };
    wait_for(&events, |text| heard(text) == 1);
    interrupt(&child);
    let ended = Ended::of(child.wait_with_output().unwrap());
    let document = ended.json();
    let notifications = document["notifications"].as_array().unwrap();
    let error = |channel: &str| {
        let found = notifications.iter().find(|told| told["channel"] == channel);
        found.unwrap_or_else(|| panic!("{document}"))["error"].clone()
    };
    assert_eq!(error("webhook"), Value::Null, "{document}");
    assert!(
        error("slack").as_str().unwrap().contains("SIGINT"),
        "{document}"
    );
    // And nothing else was said of it afterwards.
    let text = std::fs::read_to_string(&events).unwrap();
    assert_eq!(heard(&text), 1, "{text}");
}

#[test]
fn a_variable_that_is_not_set_is_refused_before_anything_happens() {
    let repo = configured("[notify.slack]\nwebhook-env = \"NO_SUCH_HOOK\"");
    repo.windlass(&["run", "-e", "local"])
        .assert_refused(2, &["NO_SUCH_HOOK"]);
    assert!(!repo.path().join(".windlass").exists());
}

#[test]
fn without_configuration_stderr_is_told() {
    let repo = Repo::with_services(&["alpha"]);
    let ended = repo.windlass(&["run", "-e", "local"]);
    assert!(
        ended.stderr.contains("alpha") && ended.stderr.contains("Begin"),
        "{ended:?}"
    );
}
