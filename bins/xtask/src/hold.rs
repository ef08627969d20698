//! Keeping a server for as long as the task that started it lives, and not a moment longer.
//!
//! `cargo xtask hold` starts the server and reads its own stdin. The pipe at the other end belongs to the task: when the task is done, fails, is interrupted or is killed,
//! the pipe closes, and the server and its files go. Nothing less survives a SIGKILL, and the standard library knows no signals.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::task::{Error, Verdict};

/// How often the server is looked at.
const BEAT: Duration = Duration::from_millis(100);
/// How much of its log is shown when it ends by itself.
const TAIL: usize = 20;

/// What to hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The server's own folder, removed with it. Its log is `log` in there.
    pub(crate) scratch: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// Holds the server until stdin ends ([`Verdict::Good`]) or the server does ([`Verdict::Bad`]).
pub(crate) fn run(held: &Held) -> Result<Verdict, Error> {
    keep(held, io::stdin())
}

fn keep(held: &Held, until: impl Read + Send + 'static) -> Result<Verdict, Error> {
    let verdict = serve(held, until);
    if let (Ok(Verdict::Bad), Ok(log)) = (&verdict, fs::read_to_string(held.scratch.join("log"))) {
        let lines: Vec<&str> = log.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
            eprintln!("  {line}");
        }
    }
    // What cannot be removed lies in the target folder, where `cargo clean` finds it.
    let _ = fs::remove_dir_all(&held.scratch);
    verdict
}

fn serve(held: &Held, mut until: impl Read + Send + 'static) -> Result<Verdict, Error> {
    let broken = |source: io::Error| {
        Error::broken(format!("cannot start `{}`", held.program.display()), source)
    };
    let log = File::create(held.scratch.join("log")).map_err(broken)?;
    let mut server = Server(
        Command::new(&held.program)
            .args(&held.arguments)
            .current_dir(&held.scratch)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(broken)?)
            .stderr(log)
            .spawn()
            .map_err(broken)?,
    );
    let (done, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        // Ends at the pipe's end, or at an error, which is no better; nobody writes into it.
        let _ = io::copy(&mut until, &mut io::sink());
        drop(done);
    });
    loop {
        match ended.recv_timeout(BEAT) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(Verdict::Good),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(status) = server.0.try_wait().map_err(broken)? {
            eprintln!("`{}` ended by itself: {status}", held.program.display());
            return Ok(Verdict::Bad);
        }
    }
}

/// A child that does not outlive its handle.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a child that is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn held(name: &str, script: &str) -> Held {
        let scratch = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&scratch).unwrap();
        Held {
            scratch,
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
        }
    }

    #[test]
    fn the_server_and_its_files_go_when_the_pipe_closes() {
        let (reader, writer) = io::pipe().unwrap();
        let held = held("closes", "echo $$ > pid; exec sleep 1000");
        let pid = held.scratch.join("pid");
        let holder = thread::spawn(move || {
            let verdict = keep(&held, reader);
            (verdict.unwrap(), held)
        });
        let number = loop {
            if let Ok(text) = fs::read_to_string(&pid)
                && text.ends_with('\n')
            {
                break text.trim().to_owned();
            }
            thread::yield_now();
        };
        assert!(PathBuf::from(format!("/proc/{number}")).exists());
        drop(writer);
        let (verdict, held) = holder.join().unwrap();
        assert_eq!(verdict, Verdict::Good);
        assert!(!PathBuf::from(format!("/proc/{number}")).exists());
        assert!(!held.scratch.exists());
    }

    #[test]
    fn a_server_that_ends_by_itself_is_noticed_while_the_pipe_is_open() {
        let (reader, _writer) = io::pipe().unwrap();
        let held = held("ends", "echo port taken >&2; exit 7");
        let begun = Instant::now();
        assert_eq!(keep(&held, reader).unwrap(), Verdict::Bad);
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!(!held.scratch.exists());
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let (reader, _writer) = io::pipe().unwrap();
        let mut held = held("missing", "");
        held.program = "windlass-no-such-program".into();
        assert!(
            keep(&held, reader)
                .unwrap_err()
                .to_string()
                .contains("windlass-no-such-program")
        );
    }
}
