//! `cargo xtask bench health`: checking many services beside what people use instead of it, against servers that answer
//! after 20 ms.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::server::Server;
use super::Scratch;
use super::peers::built;
use crate::cargo;
use crate::task::{Error, Verdict};

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Runs of each contender; what takes seconds gets 3.
    pub(crate) runs: usize,
    /// The binary to measure instead of a release build.
    pub(crate) ours: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            runs: 11,
            ours: None,
        }
    }
}

/// How many services are checked.
const FLEETS: [usize; 2] = [12, 200];

/// How long a server takes to answer.
const DELAY: Duration = Duration::from_millis(20);

/// The most time for 200 services that answer three times in a row.
const MOST_TIME: Duration = Duration::from_millis(550);

/// The most memory, in KiB.
const MOST_MEMORY: u64 = 10 * 1024;

/// When the check ends in which one service hangs, and how late that may be.
const DEADLINE: Duration = Duration::from_secs(2);
const TOLERANCE: Duration = Duration::from_millis(100);

/// The version of the npm peer: a number that moves by itself cannot be compared with an earlier one.
const WAIT_ON: &str = "wait-on@9.5.1";

/// The step "Health Check" of the workflow that this project replaces, as it stands there but for the names of the
/// services, which it there takes from an expression, and the address of its load balancer.
const SEED: &str = r#"for service in $SERVICES; do
  HEALTH_URL="http://${ALB_DNS}/api/${service}/actuator/health"
  STATUS=$(curl -s -o /dev/null -w "%{http_code}" $HEALTH_URL)
  if [ $STATUS -ne 200 ]; then
    echo "Health check failed for $service"
    exit 1
  fi
done
"#;

/// What one run cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    time: Duration,
    /// The most memory of the process, in KiB.
    memory: u64,
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    services: usize,
    who: String,
    /// Of all runs: the median and the least time, the most memory.
    median: Duration,
    least: Duration,
    memory: u64,
}

/// Measures all contenders and judges ours.
pub(crate) fn run(options: &Options) -> Result<Verdict, Error> {
    let ours = built(
        options.ours.as_deref(),
        "health-checker-cli",
        "health-checker",
        &["--no-default-features"],
    )?;
    let scratch = Scratch::new(None)?;
    let server = Server::start(DELAY)
        .map_err(|source| Error::broken("starting the server to be asked", source))?;
    let wait_on = wait_on(&scratch.folder);
    if let Err(why) = &wait_on {
        println!("skipped: wait-on: {why}");
    }
    let has_hurl = runs(&mut Command::new("hurl"));
    if !has_hurl {
        println!("skipped: hurl: it is not installed (`cargo install hurl`)");
    }
    let mut rows = Vec::new();
    for services in FLEETS {
        let fleet = Fleet::new(&scratch.folder, &server, services)?;
        for successes in [1, 3] {
            let who = format!("health-checker, {successes} in a row");
            rows.push(time(services, who, options.runs, || {
                fleet.ours(&ours, successes)
            })?);
        }
        let slow = options.runs.min(3);
        rows.push(time(
            services,
            "shell loop with curl".to_owned(),
            slow,
            || fleet.seed(),
        )?);
        rows.push(time(
            services,
            "curl -Z, 50 at a time".to_owned(),
            options.runs,
            || fleet.curl(),
        )?);
        if has_hurl {
            rows.push(time(services, "hurl".to_owned(), slow, || fleet.hurl())?);
        }
        if let Ok(program) = &wait_on {
            rows.push(time(services, "wait-on".to_owned(), slow, || {
                fleet.wait_on(program)
            })?);
        }
    }
    println!("\n{}", table(&rows));
    let hung = hung(&ours, &Fleet::new(&scratch.folder, &server, 200)?)?;
    let gates = gates(&rows, hung);
    for (line, _) in &gates {
        println!("{line}");
    }
    Ok(match gates.iter().all(|(_, kept)| *kept) {
        true => Verdict::Good,
        false => Verdict::Bad,
    })
}

/// The services of one size, as each contender wants to be told of them.
#[derive(Debug)]
struct Fleet {
    folder: PathBuf,
    address: String,
    names: Vec<String>,
}

impl Fleet {
    fn new(scratch: &Path, server: &Server, services: usize) -> Result<Self, Error> {
        let folder = scratch.join(services.to_string());
        let fleet = Self {
            names: (0..services).map(|n| format!("service-{n:03}")).collect(),
            address: server.address(),
            folder,
        };
        let urls = fleet.urls();
        let list = urls
            .iter()
            .map(|url| format!("{url:?}"))
            .collect::<Vec<_>>();
        let curl: String = urls
            .iter()
            .map(|url| format!("url = {url:?}\noutput = \"/dev/null\"\n"))
            .collect();
        // hurl goes through one file in order and takes files at once, so each target has a file.
        let hurl = |folder: &Path| {
            let mut asked = fleet.names.iter().zip(&urls);
            asked.try_for_each(|(name, url)| {
                fs::write(
                    folder.join(format!("{name}.hurl")),
                    format!("GET {url}\nHTTP 200\n"),
                )
            })
        };
        fs::create_dir_all(&fleet.folder)
            .and_then(|()| {
                fs::write(
                    fleet.folder.join("targets.json"),
                    format!("[{}]", list.join(",")),
                )
            })
            .and_then(|()| fs::write(fleet.folder.join("curl.conf"), curl))
            .and_then(|()| hurl(&fleet.folder))
            .map_err(|source| {
                Error::broken(format!("writing to `{}`", fleet.folder.display()), source)
            })?;
        Ok(fleet)
    }

    fn urls(&self) -> Vec<String> {
        self.names
            .iter()
            .map(|name| format!("http://{}/api/{name}/actuator/health", self.address))
            .collect()
    }

    fn ours(&self, ours: &Path, successes: u32) -> Command {
        let mut command = Command::new(ours);
        let successes = successes.to_string();
        command
            .args([
                "check",
                "--targets",
                "targets.json",
                "--successes",
                &successes,
            ])
            .args([
                "--interval",
                "1ms",
                "--jitter",
                "0s",
                "--max-parallel",
                "50",
                "--quiet",
            ])
            .current_dir(&self.folder);
        command
    }

    fn seed(&self) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-e", "-c", SEED])
            .env("SERVICES", self.names.join(" "))
            .env("ALB_DNS", &self.address);
        command
    }

    fn curl(&self) -> Command {
        let mut command = Command::new("curl");
        command
            .args([
                "--silent",
                "--fail",
                "--parallel",
                "--parallel-immediate",
                "--parallel-max",
                "50",
            ])
            .args(["--config", "curl.conf"])
            .current_dir(&self.folder);
        command
    }

    fn hurl(&self) -> Command {
        let mut command = Command::new("hurl");
        command
            .args(["--test", "--jobs", "50"])
            .args(self.names.iter().map(|name| format!("{name}.hurl")))
            .current_dir(&self.folder);
        command
    }

    fn wait_on(&self, program: &Path) -> Command {
        let mut command = Command::new("node");
        command.arg(program);
        // Its plain `http:` asks with HEAD.
        command.args(
            self.urls()
                .iter()
                .map(|url| url.replacen("http:", "http-get:", 1)),
        );
        command
    }
}

/// Installs wait-on and gives its program.
fn wait_on(scratch: &Path) -> Result<PathBuf, String> {
    let mut install = Command::new("npm");
    install
        .args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(scratch)
        .arg(WAIT_ON);
    match cargo::succeeds(&mut install) {
        Ok(true) => Ok(scratch.join("node_modules/wait-on/bin/wait-on")),
        Ok(false) => Err(format!("npm does not install {WAIT_ON}")),
        Err(error) => Err(error.to_string()),
    }
}

fn runs(command: &mut Command) -> bool {
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn time(
    services: usize,
    who: String,
    runs: usize,
    command: impl Fn() -> Command,
) -> Result<Row, Error> {
    eprintln!("timing {services} services: {who}");
    let mut costs = Vec::with_capacity(runs);
    for _ in 0..runs {
        let (code, cost) = measured(command())?;
        if code != Some(0) {
            return Err(Error::Broken(format!(
                "{who} says that {services} good services are not: it ended with {code:?}"
            )));
        }
        costs.push(cost);
    }
    let mut times: Vec<Duration> = costs.iter().map(|cost| cost.time).collect();
    times.sort_unstable();
    Ok(Row {
        services,
        who,
        median: times[times.len() / 2],
        least: times[0],
        memory: costs.iter().map(|cost| cost.memory).max().unwrap_or(0),
    })
}

/// Runs a command to its end: its exit code, and what it cost.
fn measured(mut command: Command) -> Result<(Option<i32>, Cost), Error> {
    let broken = |command: &Command, source| {
        Error::broken(
            format!("running `{}`", command.get_program().display()),
            source,
        )
    };
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| broken(&command, source))?;
    let status_file = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut memory = 0;
    loop {
        // The mark only rises: the last look before the end is the most.
        memory = super::high_water(&status_file)
            .unwrap_or_default()
            .max(memory);
        match child
            .try_wait()
            .map_err(|source| broken(&command, source))?
        {
            Some(status) => {
                let time = began.elapsed();
                return Ok((status.code(), Cost { time, memory }));
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// When a check of 200 services ends of which one hangs, and with which code.
fn hung(ours: &Path, fleet: &Fleet) -> Result<(Option<i32>, Duration), Error> {
    let path = fleet.folder.join("targets.json");
    let broken = |source| Error::broken(format!("writing `{}`", path.display()), source);
    let good = fs::read_to_string(&path).map_err(broken)?;
    fs::write(&path, good.replacen("/service-077/", "/hang/", 1)).map_err(broken)?;
    let mut command = fleet.ours(ours, 3);
    command.args([
        "--timeout",
        &format!("{}s", DEADLINE.as_secs()),
        "--try-timeout",
        "30s",
    ]);
    let (code, cost) = measured(command)?;
    Ok((code, cost.time))
}

fn table(rows: &[Row]) -> String {
    let mut text =
        "| services | who | ms, median | ms, least | MiB of memory |\n|--:|---|--:|--:|--:|\n"
            .to_owned();
    for row in rows {
        text += &format!(
            "| {} | {} | {} | {} | {:.1} |\n",
            row.services,
            row.who,
            row.median.as_millis(),
            row.least.as_millis(),
            row.memory as f64 / 1024.0
        );
    }
    text
}

fn gates(rows: &[Row], (code, ended): (Option<i32>, Duration)) -> Vec<(String, bool)> {
    let mut lines = Vec::new();
    let mut judge = |what: String, kept: bool| {
        let verdict = if kept { "kept" } else { "MISSED" };
        lines.push((format!("gate: {what}: {verdict}"), kept));
    };
    let ours = |row: &&Row| row.who.starts_with("health-checker");
    if let Some(row) = rows
        .iter()
        .find(|row| row.services == 200 && row.who == "health-checker, 3 in a row")
    {
        judge(
            format!(
                "200 services, 3 in a row, within {} ms ({})",
                MOST_TIME.as_millis(),
                row.median.as_millis()
            ),
            row.median < MOST_TIME,
        );
    }
    let memory = rows
        .iter()
        .filter(ours)
        .map(|row| row.memory)
        .max()
        .unwrap_or(0);
    judge(
        format!("at most {MOST_MEMORY} KiB of memory ({memory})"),
        memory > 0 && memory <= MOST_MEMORY,
    );
    judge(
        format!(
            "one of 200 hangs: unhealthy (exit code {code:?}) at the deadline of {} ms ({})",
            DEADLINE.as_millis(),
            ended.as_millis()
        ),
        code == Some(1) && ended >= DEADLINE && ended <= DEADLINE + TOLERANCE,
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(median: u64, memory: u64) -> Row {
        Row {
            services: 200,
            who: "health-checker, 3 in a row".to_owned(),
            median: Duration::from_millis(median),
            least: Duration::ZERO,
            memory,
        }
    }

    #[test]
    fn each_gate_holds_at_its_limit_and_not_past_it() {
        let kept = |row: Row, hung| {
            gates(&[row], hung)
                .iter()
                .map(|(_, kept)| *kept)
                .collect::<Vec<_>>()
        };
        let good = (Some(1), Duration::from_millis(2050));
        assert_eq!(kept(row(549, 10 * 1024), good), [true, true, true]);
        assert_eq!(kept(row(550, 10 * 1024 + 1), good), [false, false, true]);
        for hung in [
            (Some(1), Duration::from_millis(2101)),
            (Some(1), Duration::from_millis(1999)),
            (Some(0), Duration::from_millis(2050)),
            (None, Duration::from_millis(2050)),
        ] {
            assert_eq!(kept(row(1, 1), hung), [true, true, false], "{hung:?}");
        }
    }
}
