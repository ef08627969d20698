//! `cargo xtask bench logs`: a million events out of CloudWatch Logs, beside a script with boto3. Both read the same pages from a
//! server on loopback and write to the same one, so what differs is what they cost.

mod events;
mod server;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::events::Events;
use self::server::Server;
use super::Scratch;
use super::peers::built;
use crate::cargo;
use crate::task::{Error, Verdict};
use crate::venv;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) events: u64,
    /// The binary to measure instead of a release build.
    pub(crate) ours: Option<PathBuf>,
    /// The Python that has boto3.
    pub(crate) python: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            events: 1_000_000,
            ours: None,
            python: None,
        }
    }
}

/// What a run cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Cost {
    /// Seconds of CPU, of user and system together.
    cpu: f64,
    wall: f64,
    /// The most memory, in MB.
    memory: f64,
    /// Bytes that were written to the bucket.
    stored: u64,
}

/// What the project wants of its own costs: whose, the most seconds of CPU for a million events, the most MB.
const GATES: [(&str, f64, f64); 3] = [
    ("log-exporter, gzip", 12.0, 64.0),
    ("log-exporter, zstd", 7.0, 64.0),
    ("log-exporter, Parquet", 7.0, 64.0),
];

const SCRIPT: &str = include_str!("logs/peer.py");

/// Serves the events, measures, and prints a table with the gates.
pub(crate) fn run(options: &Options) -> Result<Verdict, Error> {
    let ours = built(
        options.ours.as_deref(),
        "log-exporter-cli",
        "log-exporter",
        &[],
    )?;
    let python = match &options.python {
        Some(python) => python.clone(),
        None => venv::ensure()?,
    };
    let scratch = Scratch::new(None)?;
    let server = Server::start(Events::new(options.events))
        .map_err(|source| Error::broken("starting the server", source))?;
    println!(
        "{} events, {:.0} MB of lines",
        options.events,
        server.events().lines() as f64 / 1e6
    );
    let mut rows: Vec<(&str, Cost)> = Vec::new();
    let runs = [
        (GATES[0].0, "ndjson", "gzip", "events/"),
        (GATES[1].0, "ndjson", "zstd", "events/"),
        (GATES[2].0, "parquet", "zstd", "parquet/"),
    ];
    for (name, format, codec, folder) in runs {
        let bucket = format!("ours-{format}-{codec}");
        let mut command = surroundings(Command::new(&ours), &server);
        command
            .args([
                "export",
                "--group",
                events::GROUP,
                "--bucket",
                &bucket,
                "--archive-format",
                format,
                "--codec",
                codec,
            ])
            .args([
                "--from",
                events::FROM,
                "--to",
                events::TO,
                "--rate",
                "100000",
                "--format",
                "json",
            ])
            .arg("--spill")
            .arg(&scratch.folder);
        let (mut cost, stdout) = measured(command)?;
        cost.stored = server.stored(&bucket, folder);
        let events = format!("\"events\": {}", options.events);
        if !stdout.contains(&events) || !stdout.contains("\"complete\": true") {
            return Err(Error::Broken(format!(
                "{name} did not archive all: {stdout:.400}"
            )));
        }
        rows.push((name, cost));
        let mut verify = surroundings(Command::new(&ours), &server);
        verify
            .args(["verify", "--bucket", &bucket, "--spill"])
            .arg(&scratch.folder);
        println!("{name}: {}", cargo::output(&mut verify)?.trim());
    }
    let script = scratch.folder.join("peer.py");
    fs::write(&script, SCRIPT).map_err(|source| Error::broken("writing the script", source))?;
    let mut command = surroundings(Command::new(&python), &server);
    command
        .arg(&script)
        .args([events::GROUP, "boto3"])
        .arg(&scratch.folder);
    let (mut cost, stdout) = measured(command)?;
    if stdout.trim() != options.events.to_string() {
        return Err(Error::Broken(format!(
            "the script read other events: {stdout:.400}"
        )));
    }
    cost.stored = server.stored("boto3", "");
    rows.push(("boto3, streaming, gzip 6", cost));
    println!("\n{}", table(&rows));
    let gates = gates(&rows, options.events);
    for (line, _) in &gates {
        println!("{line}");
    }
    Ok(match gates.iter().all(|(_, kept)| *kept) {
        true => Verdict::Good,
        false => Verdict::Bad,
    })
}

/// A command that speaks with the server alone.
fn surroundings(mut command: Command, server: &Server) -> Command {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_ENDPOINT_URL", server.url())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Runs a command to its end, and says what it cost and printed.
fn measured(mut command: Command) -> Result<(Cost, String), Error> {
    let typed = cargo::typed(&command);
    let broken = |source: std::io::Error| Error::broken(format!("running `{typed}`"), source);
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_string(&mut text);
            }
            text
        })
    };
    let stdout = reader(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = reader(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    let (mut memory, mut cpu) = (0, 0.0);
    // A process that has ended keeps its times until it is waited for; its memory is gone by then.
    loop {
        memory = high_water(&folder.join("status"))
            .unwrap_or_default()
            .max(memory);
        let Some((state, seconds)) = fs::read_to_string(folder.join("stat"))
            .ok()
            .as_deref()
            .and_then(times)
        else {
            break;
        };
        cpu = seconds;
        if state == 'Z' {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let wall = started.elapsed().as_secs_f64();
    let status = child.wait().map_err(broken)?;
    let (stdout, stderr) = (
        stdout.join().unwrap_or_default(),
        stderr.join().unwrap_or_default(),
    );
    if !status.success() {
        return Err(Error::Broken(format!(
            "`{typed}` ended with {status}: {stdout}{stderr}"
        )));
    }
    let cost = Cost {
        cpu,
        wall,
        memory: memory as f64 * 1024.0 / 1e6,
        stored: 0,
    };
    Ok((cost, stdout))
}

/// The state of a process and its seconds of CPU, out of its `stat`. The kernel counts in hundredths.
fn times(stat: &str) -> Option<(char, f64)> {
    // The name may hold blanks and parentheses.
    let rest = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let state = fields.first()?.chars().next()?;
    Some((state, (ticks(11)? + ticks(12)?) as f64 / 100.0))
}

fn high_water(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn table(rows: &[(&str, Cost)]) -> String {
    let mut text =
        "| who | CPU s | wall s | MB of memory | MB stored |\n|---|--:|--:|--:|--:|\n".to_owned();
    for (who, cost) in rows {
        text += &format!(
            "| {who} | {:.1} | {:.1} | {:.0} | {:.1} |\n",
            cost.cpu,
            cost.wall,
            cost.memory,
            cost.stored as f64 / 1e6
        );
    }
    text
}

fn gates(rows: &[(&str, Cost)], events: u64) -> Vec<(String, bool)> {
    let share = events as f64 / 1e6;
    let mut lines = Vec::new();
    for (who, cpu, memory) in GATES {
        let Some((_, cost)) = rows.iter().find(|(name, _)| *name == who) else {
            continue;
        };
        for (what, is, most) in [
            ("CPU s", cost.cpu, cpu * share),
            ("MB of memory", cost.memory, memory),
        ] {
            let kept = is <= most;
            let verdict = if kept { "kept" } else { "MISSED" };
            lines.push((
                format!("gate: {who}, {what} at most {most:.1}: {verdict} ({is:.1})"),
                kept,
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_process_are_read() {
        let stat = "7 (a (b) c) Z 1 7 7 0 -1 4 5 0 0 0 150 50 0 0 20 0 1 0";
        assert_eq!(times(stat), Some(('Z', 2.0)));
        assert_eq!(times("nonsense"), None);
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        assert!(times(&own).is_some());
    }

    #[test]
    fn a_gate_holds_at_its_limit_and_not_past_it() {
        for (cpu, kept) in [(12.0, true), (12.1, false)] {
            let cost = Cost {
                cpu,
                ..Cost::default()
            };
            let gates = gates(&[(GATES[0].0, cost)], 1_000_000);
            assert_eq!(gates.iter().all(|(_, kept)| *kept), kept, "{gates:?}");
        }
    }
}
