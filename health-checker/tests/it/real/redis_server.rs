//! A real Redis.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::held::{End, Held, free_port};

/// A Redis that cannot save does not end when it is asked to.
const END: End = End {
    signal: "KILL",
    after: "",
};

/// A running Redis.
#[derive(Debug)]
pub(super) struct RedisServer {
    pub(super) port: u16,
    pub(super) held: Held,
}

impl RedisServer {
    /// Starts one in a folder, with a configuration file or options; `None` where nobody says how.
    pub(super) fn start(folder: tempfile::TempDir, options: &[&str]) -> Option<Self> {
        let Ok(program) = std::env::var("WINDLASS_TEST_REDIS_SERVER") else {
            return skip();
        };
        let port = free_port();
        let own = [
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--save",
            "3600 1",
        ];
        // A configuration file comes first.
        let arguments: Vec<String> = options
            .iter()
            .chain(&own)
            .map(|option| (*option).to_owned())
            .collect();
        let redis = Self {
            port,
            held: Held::start(&program, &arguments, END, folder, &[]),
        };
        redis.held.until("it accepts connections", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(redis)
    }

    /// Says something in Redis' inline form and gives the beginning of the answer.
    pub(super) fn say(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut bytes = [0; 200];
        let read = stream.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }
}

#[expect(
    clippy::print_stdout,
    reason = "this is how a test says that it was skipped"
)]
fn skip<T>() -> Option<T> {
    println!("skipped: WINDLASS_TEST_REDIS_SERVER is not set");
    None
}
