//! What the binary tells of itself.

use crate::repo::{Ended, windlass};

#[test]
fn completions_and_man_pages_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = Ended::of(windlass(&["completions", shell]).output().unwrap());
        assert_eq!(ended.code, 0, "{ended:?}");
        for word in ["promote", "dispatch", "rollback", "wait-lock"] {
            assert!(ended.stdout.contains(word), "no `{word}` for {shell}");
        }
    }
    let page = Ended::of(windlass(&["man"]).output().unwrap());
    assert!(page.stdout.contains(".TH windlass 1"), "{page:?}");
    let folder = tempfile::tempdir().unwrap();
    let ended = Ended::of(
        windlass(&["man", "--dir", folder.path().to_str().unwrap()])
            .output()
            .unwrap(),
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    let promote = std::fs::read_to_string(folder.path().join("windlass-promote.1")).unwrap();
    assert!(promote.contains("no\\-source\\-check"), "{promote}");
    let help = Ended::of(windlass(&["--help"]).output().unwrap());
    assert!(!help.stdout.contains("completions"), "{help:?}");
}
