//! A server that runs for as long as the test does, and not a moment longer.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs what follows until its stdin ends, which it does when the test ends in whatever way; then ends it with `SIGNAL` and
/// runs what `AFTER` names.
const HOLD: &str =
    r#""$@" & server=$!; read -r _; kill -$SIGNAL $server; wait; [ -z "$AFTER" ] || $AFTER"#;

/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// How a server is ended, and what is run after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) signal: &'static str,
    pub(super) after: &'static str,
}

/// A running server and its folder.
#[derive(Debug)]
pub(super) struct Held {
    holder: Child,
    pub(super) folder: tempfile::TempDir,
}

impl Held {
    /// Starts a command in a folder of its own, with its output in `log` there.
    pub(super) fn start(
        program: &str,
        arguments: &[String],
        end: End,
        folder: tempfile::TempDir,
        environment: &[(&str, String)],
    ) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let holder = Command::new("sh")
            .args(["-c", HOLD, "sh", program])
            .args(arguments)
            .current_dir(folder.path())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("AFTER", end.after)
            .env("SIGNAL", end.signal)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { holder, folder }
    }

    /// Waits until something is so.
    pub(super) fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(
                began.elapsed() < PATIENCE,
                "{what}: {}",
                log(self.folder.path())
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn log(folder: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = std::fs::File::open(folder.join("log")) {
        let _ = file.read_to_string(&mut text);
    }
    text
}

/// A port of loopback that nobody uses just now.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
