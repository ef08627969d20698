//! `cargo xtask bench lambda`: how soon the functions cost-exporter-lambda and log-exporter-lambda ask for their first event, what
//! they hold then and how large they are, each beside a handler in Python with boto3, under the same Runtime API in one run.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cargo;
use crate::task::{Error, Verdict};
use crate::venv;

const RUNS: usize = 21;
/// How long a function may take to ask for its first event.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a request for an event begins with.
const NEXT: &[u8] = b"GET /2018-06-01/runtime/invocation/next";

/// The functions, and the clients that each of them will call.
const FUNCTIONS: [(&str, &str, &str); 2] = [
    (
        "cost-exporter-lambda",
        "Python with boto3: ce, cloudwatch, s3",
        "'ce', 'cloudwatch', 's3'",
    ),
    (
        "log-exporter-lambda",
        "Python with boto3: logs, s3",
        "'logs', 's3'",
    ),
];

/// A handler that does in Python what a function needs before its first event: the clients that it will call. AWS's own runtime
/// imports the handler before it asks for an event, too.
const HANDLER: &str = "\
import os, urllib.request
import boto3
clients = [boto3.client(name) for name in (CLIENTS)]
api = os.environ['AWS_LAMBDA_RUNTIME_API']
urllib.request.urlopen(f'http://{api}/2018-06-01/runtime/invocation/next').read()
";

/// How to measure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The cost-exporter-lambda to measure instead of a build with the profile `lambda`.
    pub(crate) ours: Option<PathBuf>,
    /// The log-exporter-lambda to measure, likewise.
    pub(crate) logs: Option<PathBuf>,
}

/// One of them.
struct Contender {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    /// The file that is uploaded.
    upload: PathBuf,
    starts: Vec<f64>,
    memory: Vec<f64>,
}

/// Measures and prints a Markdown table.
pub(crate) fn run(options: &Options) -> Result<Verdict, Error> {
    let python = venv::ensure()?;
    let folder = cargo::keep().join("lambda");
    let broken =
        |source| Error::broken(format!("cannot write below `{}`", folder.display()), source);
    fs::create_dir_all(&folder).map_err(broken)?;
    let mut contenders = Vec::new();
    for ((name, peer, clients), named) in FUNCTIONS.into_iter().zip([&options.ours, &options.logs])
    {
        let ours = match named {
            Some(path) => path.clone(),
            None => built(name)?,
        };
        let handler = folder.join(format!("{name}.py"));
        fs::write(&handler, HANDLER.replace("CLIENTS", clients)).map_err(broken)?;
        contenders.push(Contender::new(name, ours.clone(), Vec::new(), ours));
        let arguments = vec![handler.clone()];
        contenders.push(Contender::new(peer, python.clone(), arguments, handler));
    }
    // In turns, so that whatever else the machine does meets all.
    for _ in 0..RUNS {
        for contender in &mut contenders {
            contender.measure()?;
        }
    }
    println!(
        "| function | exec to first poll, median of {RUNS} | least to most | resident then | on disk | as a zip |"
    );
    println!("|---|---|---|---|---|---|");
    for contender in &mut contenders {
        let zip = folder.join("bootstrap.zip");
        cargo::output(
            Command::new(&python)
                .args(["-m", "zipfile", "-c"])
                .arg(&zip)
                .arg(&contender.upload),
        )?;
        let (disk, zipped) = (megabytes(&contender.upload)?, megabytes(&zip)?);
        let median = median(&mut contender.starts);
        println!(
            "| {} | {median:.1} ms | {:.1} to {:.1} ms | {:.1} MiB | {disk:.2} MB | {zipped:.2} MB |",
            contender.name,
            contender.starts[0],
            contender.starts[RUNS - 1],
            self::median(&mut contender.memory)
        );
    }
    println!(
        "\nboto3 is part of Lambda's runtime for Python and is not in the size of that function."
    );
    Ok(Verdict::Good)
}

fn built(name: &str) -> Result<PathBuf, Error> {
    let mut build = cargo::cargo(["build", "--profile", "lambda", "-p", name]);
    if !cargo::succeeds(&mut build)? {
        return Err(Error::Broken(format!("`{name}` cannot be built")));
    }
    let target = cargo::keep()
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    Ok(target.join("lambda").join(name))
}

impl Contender {
    fn new(name: &'static str, program: PathBuf, arguments: Vec<PathBuf>, upload: PathBuf) -> Self {
        Self {
            name,
            program,
            arguments,
            upload,
            starts: Vec::new(),
            memory: Vec::new(),
        }
    }

    fn measure(&mut self) -> Result<(), Error> {
        let broken = |source| Error::broken(format!("cannot measure {}", self.name), source);
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(broken)?;
        let address = listener.local_addr().map_err(broken)?.to_string();
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "testing")
            .env("AWS_SECRET_ACCESS_KEY", "testing")
            .env("COST_EXPORTER_LEDGER", "s3://bench/ledger.json")
            .env("ARCHIVE_BUCKET", "bench")
            .stdin(Stdio::null());
        let begun = Instant::now();
        let mut child = command.spawn().map_err(broken)?;
        let asked = polled(&listener, &mut child, begun);
        let memory = resident(&child);
        // It may have ended by itself, and then it has not asked.
        let _ = child.kill();
        let _ = child.wait();
        let (time, _waiting) = asked.map_err(broken)?;
        self.starts.push(time.as_secs_f64() * 1000.0);
        self.memory
            .push(memory.ok_or_else(|| Error::Broken("its memory cannot be read".to_owned()))?);
        Ok(())
    }
}

/// How long after `begun` the function asked for an event, and the connection, on which it waits for one that never comes.
fn polled(
    listener: &TcpListener,
    child: &mut Child,
    begun: Instant,
) -> std::io::Result<(Duration, TcpStream)> {
    listener.set_nonblocking(true)?;
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error),
            Err(_) if begun.elapsed() > PATIENCE || child.try_wait()?.is_some() => {
                return Err(std::io::Error::other("it did not ask for an event"));
            }
            Err(_) => std::thread::sleep(Duration::from_micros(100)),
        }
    };
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    asks(&mut stream)?;
    Ok((begun.elapsed(), stream))
}

fn asks(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut head = vec![0; NEXT.len()];
    stream.read_exact(&mut head)?;
    match head == NEXT {
        true => Ok(()),
        false => Err(std::io::Error::other(
            "it asked for something else than an event",
        )),
    }
}

/// What the kernel says of the process, in MiB.
fn resident(child: &Child) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

fn megabytes(path: &Path) -> Result<f64, Error> {
    let size = fs::metadata(path)
        .map_err(|source| Error::broken(format!("cannot read `{}`", path.display()), source))?;
    Ok(size.len() as f64 / 1e6)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_the_question_for_an_event_counts() {
        for (request, counts) in [
            (
                "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
                true,
            ),
            (
                "POST /2018-06-01/runtime/init/error HTTP/1.1\r\n\r\n",
                false,
            ),
        ] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(request.as_bytes()).unwrap();
            assert_eq!(
                asks(&mut listener.accept().unwrap().0).is_ok(),
                counts,
                "{request}"
            );
        }
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    }
}
