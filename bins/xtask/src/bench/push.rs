//! `cargo xtask bench push`: pushing images beside skopeo, counted from a real registry's own log.

mod images;
pub(super) mod wire;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::images::{Fleet, SERVICES};
use self::wire::{Registry, Traffic};
use super::peers::built;
use super::{Scratch, high_water};
use crate::cargo;
use crate::task::{Error, Verdict};

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Options {
    /// Where to make the images, and to leave them; otherwise they go when the bench ends.
    pub(crate) keep: Option<PathBuf>,
    /// The binary to measure instead of a release build.
    pub(crate) ours: Option<PathBuf>,
}

/// What a contender's step cost.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    traffic: Traffic,
    time: Duration,
    /// The most memory of one of its processes, in KiB.
    memory: u64,
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    case: &'static str,
    who: &'static str,
    cost: Cost,
}

/// What the project wants of its own costs: the case, the most requests, the most bytes sent, the most KiB of memory.
const GATES: [(&str, u64, u64, u64); 6] = [
    ("cold, 2 tags, verified", 31, u64::MAX, 40 * 1024),
    ("warm, 2 tags", 5, 100_000, 40 * 1024),
    ("retag", 3, 100_000, 40 * 1024),
    ("promote within the registry", u64::MAX, 100_000, 40 * 1024),
    ("12 services, 2 tags, cold", 262, 796_000_000, 40 * 1024),
    ("one layer of 1 GB", u64::MAX, u64::MAX, 40 * 1024),
];

/// Makes the images, pushes them in each case, and prints a table with the gates.
pub(crate) fn run(options: &Options) -> Result<Verdict, Error> {
    let ours = built(
        options.ours.as_deref(),
        "image-tagger-cli",
        "image-tagger",
        &["--no-default-features"],
    )?;
    let scratch = Scratch::new(options.keep.as_deref())?;
    println!("making {SERVICES} images of 300 MB that share 255 MB, and one of 1 GB");
    let fleet = Fleet::make(&scratch.folder)?;
    let mut rows = Vec::new();
    rows.extend(us(&ours, &fleet, &scratch.folder)?);
    match skopeo(&fleet, &scratch.folder)? {
        Some(theirs) => rows.extend(theirs),
        None => println!("skipped: skopeo is not installed (Debian package `skopeo`)"),
    }
    rows.sort_by_key(|row| GATES.iter().position(|gate| gate.0 == row.case));
    println!("\n{}", table(&rows));
    let gates = gates(&rows);
    for (line, _) in &gates {
        println!("{line}");
    }
    Ok(match gates.iter().all(|(_, kept)| *kept) {
        true => Verdict::Good,
        false => Verdict::Bad,
    })
}

fn us(ours: &Path, fleet: &Fleet, scratch: &Path) -> Result<Vec<Row>, Error> {
    let registry = Registry::start(scratch, "ours")?;
    let host = registry.host();
    let push = |arguments: &[&str]| {
        let mut command = Command::new(ours);
        // No history to ask: what is measured is the push.
        command
            .args(arguments)
            .args(["--insecure-http", "--quiet"])
            .current_dir(scratch);
        measured(command, &registry)
    };
    let image = fleet.source(0);
    let one = format!("{host}/one/app");
    let cold = [
        "push",
        &image,
        "--repository",
        &one,
        "--tag",
        "sha-1",
        "--moving",
        "latest",
    ];
    let mut rows = Vec::new();
    let mut row = |case, cost| {
        rows.push(Row {
            case,
            who: "image-tagger",
            cost,
        })
    };
    row(GATES[0].0, push(&cold)?);
    row(GATES[1].0, push(&cold)?);
    row(
        GATES[2].0,
        push(&["retag", &format!("{one}:sha-1"), "--tag", "v1"])?,
    );
    let promoted = format!("{host}/prod/app");
    row(
        GATES[3].0,
        push(&[
            "promote",
            &format!("{one}:sha-1"),
            &promoted,
            "--no-attachments",
        ])?,
    );
    let list = fleet.list(&host, scratch)?;
    row(GATES[4].0, push(&["push-all", &list.to_string_lossy()])?);
    let large = format!("{host}/one/large");
    row(
        GATES[5].0,
        push(&[
            "push",
            &fleet.large(),
            "--repository",
            &large,
            "--tag",
            "sha-1",
        ])?,
    );
    Ok(rows)
}

fn skopeo(fleet: &Fleet, scratch: &Path) -> Result<Option<Vec<Row>>, Error> {
    if !Command::new("skopeo")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        return Ok(None);
    }
    let registry = Registry::start(scratch, "skopeo")?;
    let host = registry.host();
    // One cache for all, as on one runner.
    let home = scratch.join("skopeo-home");
    fs::create_dir_all(&home)
        .map_err(|source| Error::broken(format!("making `{}`", home.display()), source))?;
    let each = |steps: &[Vec<String>]| -> Result<Cost, Error> {
        let mut sum = Cost::default();
        for step in steps {
            let mut command = Command::new("skopeo");
            command
                .args(step)
                .env("HOME", &home)
                .env("XDG_DATA_HOME", &home);
            let cost = measured(command, &registry)?;
            sum.traffic.requests += cost.traffic.requests;
            sum.traffic.sent += cost.traffic.sent;
            sum.time += cost.time;
            sum.memory = sum.memory.max(cost.memory);
        }
        Ok(sum)
    };
    let copy = |from: &str, to: &str| -> Vec<String> {
        let to = format!("docker://{to}");
        let mut words = vec![
            "copy",
            "--quiet",
            "--preserve-digests",
            "--dest-tls-verify=false",
        ];
        if from.starts_with("docker:") {
            words.push("--src-tls-verify=false");
        }
        words.extend([from, &to]);
        words.into_iter().map(str::to_owned).collect()
    };
    let look = |image: &str| -> Vec<String> {
        let image = format!("docker://{image}");
        ["inspect", "--raw", "--tls-verify=false", &image]
            .map(str::to_owned)
            .to_vec()
    };
    let both = |from: &str, to: &str| {
        vec![
            copy(from, &format!("{to}:sha-1")),
            copy(from, &format!("{to}:latest")),
            look(&format!("{to}:sha-1")),
            look(&format!("{to}:latest")),
        ]
    };
    let one = format!("{host}/one/app");
    let image = fleet.source(0);
    let mut rows = Vec::new();
    let mut row = |case, cost| {
        rows.push(Row {
            case,
            who: "skopeo",
            cost,
        })
    };
    row(GATES[0].0, each(&both(&image, &one))?);
    row(GATES[1].0, each(&both(&image, &one))?);
    let from = format!("docker://{one}:sha-1");
    row(GATES[2].0, each(&[copy(&from, &format!("{one}:v1"))])?);
    row(
        GATES[3].0,
        each(&[copy(&from, &format!("{host}/prod/app:sha-1"))])?,
    );
    let fleet_steps: Vec<Vec<String>> = (0..SERVICES)
        .flat_map(|service| both(&fleet.source(service), &format!("{host}/fleet/s{service}")))
        .collect();
    row(GATES[4].0, each(&fleet_steps)?);
    row(
        GATES[5].0,
        each(&[copy(&fleet.large(), &format!("{host}/one/large:sha-1"))])?,
    );
    Ok(Some(rows))
}

/// Runs a command to its end, and says what it cost.
fn measured(mut command: Command, registry: &Registry) -> Result<Cost, Error> {
    let before = registry.traffic()?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| {
            Error::broken(format!("starting `{}`", cargo::typed(&command)), source)
        })?;
    let status_file = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut memory = 0;
    let status = loop {
        // The mark only rises: the last look before the end is the most.
        memory = high_water(&status_file).unwrap_or_default().max(memory);
        let ended = child.try_wait().map_err(|source| {
            Error::broken(format!("waiting for `{}`", cargo::typed(&command)), source)
        })?;
        match ended {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let time = started.elapsed();
    if !status.success() {
        let mut text = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            let _ = stderr.read_to_string(&mut text);
        }
        return Err(Error::Broken(format!(
            "`{}` ended with {status}: {text}",
            cargo::typed(&command)
        )));
    }
    let after = registry.traffic()?;
    Ok(Cost {
        traffic: Traffic {
            requests: after.requests - before.requests,
            sent: after.sent - before.sent,
        },
        time,
        memory,
    })
}

fn table(rows: &[Row]) -> String {
    let mut text =
        "| case | who | requests | MB sent | s | MiB of memory |\n|---|---|--:|--:|--:|--:|\n"
            .to_owned();
    for Row { case, who, cost } in rows {
        text += &format!(
            "| {case} | {who} | {} | {:.1} | {:.2} | {:.1} |\n",
            cost.traffic.requests,
            cost.traffic.sent as f64 / 1e6,
            cost.time.as_secs_f64(),
            cost.memory as f64 / 1024.0
        );
    }
    text
}

fn gates(rows: &[Row]) -> Vec<(String, bool)> {
    let mut lines = Vec::new();
    for (case, requests, bytes, memory) in GATES {
        let Some(row) = rows
            .iter()
            .find(|row| row.case == case && row.who == "image-tagger")
        else {
            continue;
        };
        let mut judge = |what: &str, is: u64, most: u64| {
            if most < u64::MAX {
                let kept = is <= most;
                let verdict = if kept { "kept" } else { "MISSED" };
                lines.push((
                    format!("gate: {case}, {what} at most {most}: {verdict} ({is})"),
                    kept,
                ));
            }
        };
        judge("requests", row.cost.traffic.requests, requests);
        judge("bytes sent", row.cost.traffic.sent, bytes);
        judge("KiB of memory", row.cost.memory, memory);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_holds_at_its_limit_and_not_past_it() {
        for (requests, kept) in [(31, true), (32, false)] {
            let cost = Cost {
                traffic: Traffic { requests, sent: 0 },
                ..Cost::default()
            };
            let rows = [
                Row {
                    case: GATES[0].0,
                    who: "skopeo",
                    cost: Cost::default(),
                },
                Row {
                    case: GATES[0].0,
                    who: "image-tagger",
                    cost,
                },
            ];
            let gates = gates(&rows);
            assert_eq!(gates.iter().all(|(_, kept)| *kept), kept, "{gates:?}");
            assert!(gates[0].0.contains(&format!("({requests})")));
        }
    }

    #[test]
    fn the_memory_of_this_process_is_read() {
        assert!(high_water(Path::new("/proc/self/status")).unwrap() > 100);
        assert_eq!(high_water(Path::new("/proc/self/nothing")), None);
    }
}
