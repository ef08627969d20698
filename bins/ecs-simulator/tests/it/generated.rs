//! What the binary tells of itself.

use std::process::Command;

#[test]
fn completions_and_man_pages_are_written_and_not_shown_in_the_help() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ecs-simulator"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).contains("scenario"), "{shell}");
    }
    assert!(run(&["man"]).contains(".TH ecs-simulator 1"));
    assert!(!run(&["--help"]).contains("completions"));
}
