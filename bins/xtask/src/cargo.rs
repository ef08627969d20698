//! Running cargo and other programs.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use crate::task::Error;

/// The top folder of the checkout.
pub(crate) fn root() -> PathBuf {
    // `cargo run` names the package's folder at run time; the folder known at build time serves a binary that was started by itself.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .ancestors()
        .nth(2)
        .map_or_else(|| package.clone(), PathBuf::from)
}

/// The folder below the target folder that the tasks keep their things in.
pub(crate) fn keep() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |folder| root().join(folder));
    target.join("xtask")
}

/// A cargo command in the top folder, without what `cargo run` told this very program about itself.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text == "CARGO_BIN_NAME"
            || text == "CARGO_CRATE_NAME"
        {
            command.env_remove(&name);
        }
    }
    command
}

/// A command as a person would type it.
pub(crate) fn typed(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Runs `command` with this program's own output, and says whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool, Error> {
    println!("$ {}", typed(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|source| Error::broken(typed(command), source))?;
    Ok(status.success())
}

/// Runs `command` silently and returns what it wrote to stdout; its stderr is part of the error when it fails.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let line = typed(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::broken(&line, source))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::broken(
            &line,
            String::from_utf8_lossy(&output.stderr).trim_end(),
        ))
    }
}

/// Runs `command` and hands each line of its output to `each`, at once, which says whether to show it.
///
/// stdout and stderr share one pipe: cargo names the test binary on one and libtest its result on the other, and only their order joins the two.
pub(crate) fn stream(
    mut command: Command,
    mut each: impl FnMut(&str) -> bool,
) -> Result<ExitStatus, Error> {
    let line = typed(&command);
    println!("$ {line}");
    if io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let broken = |source: io::Error| Error::broken(&line, source);
    let (reader, writer) = io::pipe().map_err(broken)?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(broken)?)
        .stderr(writer);
    let mut child = command.spawn().map_err(broken)?;
    // The command holds the pipe's other end; reading would never end.
    drop(command);
    for bytes in BufReader::new(reader).split(b'\n') {
        let bytes = bytes.map_err(broken)?;
        let text = String::from_utf8_lossy(&bytes);
        if each(&plain(&text)) {
            println!("{text}");
        }
    }
    child.wait().map_err(broken)
}

/// `text` without terminal escapes and carriage returns.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => {
                // An escape sequence: `[`, parameters, one letter.
                for inner in rest.by_ref() {
                    if inner.is_ascii_alphabetic() {
                        break;
                    }
                }
            }
            '\r' => {}
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_not_part_of_a_line() {
        assert_eq!(
            plain("\u{1b}[1m\u{1b}[92m     Running\u{1b}[0m unittests\r"),
            "     Running unittests"
        );
        assert_eq!(
            plain("test result: \u{1b}[32mok\u{1b}(B\u{1b}[m. 1 passed"),
            "test result: ok. 1 passed"
        );
    }

    #[test]
    fn both_streams_arrive_in_the_order_they_were_written() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let mut lines = Vec::new();
        let status = stream(command, |line| {
            lines.push(line.to_owned());
            false
        })
        .unwrap();
        assert_eq!(
            (lines, status.code()),
            (vec!["one".into(), "two".into(), "three".into()], Some(3))
        );
    }

    #[test]
    fn a_failed_command_says_what_it_wrote_to_stderr() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such lock >&2; exit 1"]);
        assert!(
            output(&mut command)
                .unwrap_err()
                .to_string()
                .contains("no such lock")
        );
    }

    #[test]
    fn the_root_is_the_folder_of_the_workspace() {
        assert!(root().join("Cargo.lock").is_file());
    }
}
