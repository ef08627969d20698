//! The servers that some tests talk to, on loopback ports that are free.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo;
use crate::needs::RABBITMQ;
use crate::scrub::scrub;
use crate::task::Error;

/// How long a server may take to answer. moto imports for seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often a server is started: the port that was free may be taken before the server has it.
const TRIES: usize = 3;

/// A kind of server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The variable that tells the tests where it is; a test that does not find it skips itself and says so.
    pub(crate) variable: &'static str,
    /// What stands before `127.0.0.1:PORT` in the variable's value.
    pub(crate) scheme: &'static str,
    pub(crate) sign: Sign,
    /// The command line for a port, with a folder of its own to write into.
    pub(crate) launch: fn(&Launch<'_>) -> io::Result<Vec<String>>,
}

/// How a server shows that it serves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign {
    /// It answers a GET of this path with 200.
    Get(&'static str),
    /// It answers Redis' PING, if only by asking for the password.
    Ping,
}

/// What a command line is made of.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    python: &'a Path,
    scratch: &'a Path,
    pub(crate) port: u16,
}

/// CNCF's registry.
pub(crate) const REGISTRY: Kind = Kind {
    name: "docker-registry",
    variable: "WINDLASS_TEST_REGISTRY",
    scheme: "",
    sign: Sign::Get("/v2/"),
    launch: registry,
};

/// moto, which answers as AWS does.
pub(crate) const MOTO: Kind = Kind {
    name: "moto",
    variable: "WINDLASS_TEST_MOTO",
    scheme: "http://",
    sign: Sign::Get("/moto-api/"),
    launch: moto,
};

/// A Redis with a password, in a configuration file that it may rewrite.
pub(crate) const REDIS: Kind = Kind {
    name: "redis-server",
    variable: "",
    scheme: "",
    sign: Sign::Ping,
    launch: redis,
};

/// The password that each [`REDIS`] begins with.
pub(crate) const REDIS_PASSWORD: &str = "the-first-password";

const KINDS: [Kind; 3] = [
    REGISTRY,
    MOTO,
    Kind {
        name: "Pushgateway",
        variable: "WINDLASS_TEST_PUSHGATEWAY",
        scheme: "http://",
        sign: Sign::Get("/-/ready"),
        launch: pushgateway,
    },
];

fn registry(launch: &Launch<'_>) -> io::Result<Vec<String>> {
    let config = launch.scratch.join("config.yml");
    fs::write(&config, registry_config(launch.scratch, launch.port))?;
    Ok(vec![
        "docker-registry".into(),
        "serve".into(),
        config.to_string_lossy().into_owned(),
    ])
}

fn registry_config(scratch: &Path, port: u16) -> String {
    // JSON's strings are YAML's: a path with a blank or a colon stays one value.
    let folder = format!("{:?}", scratch.join("blobs").to_string_lossy());
    format!(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {folder}\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n"
    )
}

fn moto(launch: &Launch<'_>) -> io::Result<Vec<String>> {
    let port = launch.port.to_string();
    let python = launch.python.to_string_lossy();
    Ok(
        [&python, "-m", "moto.server", "-H", "127.0.0.1", "-p", &port]
            .map(str::to_owned)
            .to_vec(),
    )
}

fn pushgateway(launch: &Launch<'_>) -> io::Result<Vec<String>> {
    Ok(vec![
        "prometheus-pushgateway".into(),
        format!("--web.listen-address=127.0.0.1:{}", launch.port),
    ])
}

fn redis(launch: &Launch<'_>) -> io::Result<Vec<String>> {
    let config = launch.scratch.join("redis.conf");
    fs::write(
        &config,
        format!(
            "bind 127.0.0.1\nport {}\nsave \"\"\nrequirepass {REDIS_PASSWORD}\n",
            launch.port
        ),
    )?;
    Ok(vec![
        "redis-server".into(),
        config.to_string_lossy().into_owned(),
    ])
}

/// The servers that run, and where the tools are that tests start themselves. Dropping them stops the servers.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    running: Vec<Server>,
    tools: Vec<(&'static str, String)>,
}

/// A server that runs. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    variable: &'static str,
    value: String,
    holder: Child,
}

impl Servers {
    /// Starts one server of each kind and returns when all of them answer. `python` and `modules` are what was installed
    /// of Python and of Node.js.
    pub(crate) fn start(python: &Path, modules: &Path) -> Result<Self, Error> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut servers = Self {
            tools: vec![
                // Each test starts a Prometheus of its own, for each has other targets and another past.
                ("WINDLASS_TEST_PROMETHEUS", "prometheus".to_owned()),
                ("WINDLASS_TEST_SLACK_PYTHON", text(python)),
                ("WINDLASS_TEST_PARQUET_PYTHON", text(python)),
                ("WINDLASS_TEST_SLACK_TYPES", text(modules)),
                ("WINDLASS_TEST_REDIS_SERVER", "redis-server".to_owned()),
                ("WINDLASS_TEST_RABBITMQ_SERVER", RABBITMQ.to_owned()),
            ],
            ..Self::default()
        };
        for kind in &KINDS {
            let server = start(kind, python)?;
            println!("{} answers at {}", server.name, server.value);
            servers.running.push(server);
        }
        Ok(servers)
    }

    /// The variables that tell the tests where the servers and the tools are.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.running
            .iter()
            .map(|server| (server.variable, server.value.as_str()))
            .chain(
                self.tools
                    .iter()
                    .map(|(name, value)| (*name, value.as_str())),
            )
    }

    /// The servers' names.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.running.iter().map(|server| server.name).collect()
    }

    /// Stops all servers and returns the names of those that had ended before.
    pub(crate) fn stop(mut self) -> Vec<&'static str> {
        self.running
            .drain(..)
            .filter_map(|mut server| (!server.stop()).then_some(server.name))
            .collect()
    }
}

impl Server {
    /// `127.0.0.1:PORT`, with the kind's scheme before it.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// Whether the server still ran.
    fn stop(&mut self) -> bool {
        drop(self.holder.stdin.take());
        self.holder.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts a server of one kind, for one check alone.
pub(crate) fn one(name: &str, python: &Path) -> Result<Server, Error> {
    let kind = KINDS
        .iter()
        .find(|kind| kind.name == name)
        .ok_or_else(|| Error::Broken(format!("there is no kind of server `{name}`")))?;
    start(kind, python)
}

/// Starts a server and returns when it answers.
pub(crate) fn start(kind: &Kind, python: &Path) -> Result<Server, Error> {
    for attempt in 1..=TRIES {
        let mut server = launch(kind, python, attempt)
            .map_err(|source| Error::broken(format!("cannot start {}", kind.name), source))?;
        let address = server.value.trim_start_matches(kind.scheme).to_owned();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            // A server that ended has said why; another process may have its port.
            if !matches!(server.holder.try_wait(), Ok(None)) {
                break;
            }
            if kind.sign.shows(&address) {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Err(Error::Broken(format!(
        "{} did not answer, {TRIES} times",
        kind.name
    )))
}

fn launch(kind: &Kind, python: &Path, attempt: usize) -> io::Result<Server> {
    let port = free_port()?;
    // Several of a kind may run, so the port is part of the name.
    let scratch: PathBuf =
        cargo::keep()
            .join("run")
            .join(format!("{}-{}-{port}-{attempt}", id(), kind.name));
    fs::create_dir_all(&scratch)?;
    let mut holder = Command::new(std::env::current_exe()?);
    holder
        .arg("hold")
        .arg(&scratch)
        .args((kind.launch)(&Launch {
            python,
            scratch: &scratch,
            port,
        })?);
    scrub(&mut holder);
    // A group of its own: Ctrl-C in the terminal is this task's; the holder learns of it by its pipe and tidies up.
    holder.process_group(0).stdin(Stdio::piped());
    let holder = holder.spawn()?;
    Ok(Server {
        name: kind.name,
        variable: kind.variable,
        value: format!("{}127.0.0.1:{port}", kind.scheme),
        holder,
    })
}

pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether a GET of `path` at `address` is answered with 200.
pub(crate) fn answers(address: &str, path: &str) -> bool {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    // Enough for `HTTP/1.1 200`; the whole of it is not needed.
    begins(address, &request, 12)
        .is_ok_and(|line| line.starts_with(b"HTTP/1.") && line.ends_with(b" 200"))
}

/// How the answer to a request begins.
fn begins(address: &str, request: &str, length: u64) -> io::Result<Vec<u8>> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // One write: a server that answers the first of several and closes would break the connection.
    stream.write_all(request.as_bytes())?;
    let mut begin = Vec::new();
    stream.take(length).read_to_end(&mut begin)?;
    Ok(begin)
}

impl Sign {
    fn shows(self, address: &str) -> bool {
        match self {
            Self::Get(path) => answers(address, path),
            // A Redis that still loads says so with another word.
            Self::Ping => begins(address, "PING\r\n", 5)
                .is_ok_and(|begin| matches!(begin.as_slice(), b"+PONG" | b"-NOAU")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(answer: &'static str) -> String {
        server_after("\r\n\r\n", answer)
    }

    fn server_after(end: &'static str, answer: &'static str) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(end.as_bytes()) {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_a_200_means_that_a_server_serves() {
        assert!(answers(&server("HTTP/1.1 200 OK\r\n\r\n{}"), "/v2/"));
        assert!(!answers(
            &server("HTTP/1.1 503 Service Unavailable\r\n\r\n"),
            "/v2/"
        ));
        assert!(!answers(&server("nonsense 200"), "/v2/"));
        assert!(!answers(&server(""), "/v2/"));
    }

    #[test]
    fn a_redis_serves_when_it_asks_for_the_password_and_not_while_it_loads() {
        let shows = |answer| Sign::Ping.shows(&server_after("\r\n", answer));
        assert!(shows("-NOAUTH Authentication required.\r\n"));
        assert!(shows("+PONG\r\n"));
        assert!(!shows(
            "-LOADING Redis is loading the dataset in memory\r\n"
        ));
        assert!(!shows(""));
    }

    #[test]
    fn nobody_at_the_port_is_no_answer() {
        let port = free_port().unwrap();
        assert!(!answers(&format!("127.0.0.1:{port}"), "/"));
    }

    #[test]
    fn the_registry_is_configured_for_loopback_with_deletion() {
        let config = registry_config(Path::new("/tmp/a b: c"), 5001);
        assert!(
            config.contains("rootdirectory: \"/tmp/a b: c/blobs\"\n"),
            "{config}"
        );
        assert!(
            config.contains("addr: 127.0.0.1:5001\n")
                && config.contains("delete:\n    enabled: true\n"),
            "{config}"
        );
    }

    #[test]
    fn each_kind_has_a_variable_of_its_own() {
        let mut variables: Vec<&str> = KINDS.iter().map(|kind| kind.variable).collect();
        variables.dedup();
        assert_eq!(variables.len(), KINDS.len());
        assert!(
            variables
                .iter()
                .all(|name| name.starts_with(crate::report::VARIABLE))
        );
    }
}
