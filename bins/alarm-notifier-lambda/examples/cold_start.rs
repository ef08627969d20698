//! How long the function takes from its start to its first question for an event, and how much memory it holds then.
//!
//! `cargo run -p alarm-notifier-lambda --example cold_start -- target/release/alarm-notifier-lambda`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints its figures, and ends when it cannot measure"
)]

#[path = "../tests/it/runtime.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod runtime;

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use runtime::{Runtime, Said};

const RUNS: usize = 21;

fn main() {
    let binary = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target/release/alarm-notifier-lambda".to_owned());
    let mut starts = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..RUNS {
        let runtime = Runtime::start();
        let mut command = Command::new(&binary);
        runtime.tell(&mut command);
        command
            .env(
                "SLACK_WEBHOOK_URL",
                "https://hooks.slack.com/services/T000/B000/secret",
            )
            .stdin(Stdio::null());
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        let Said::Next(asked) = runtime.said() else {
            panic!("the function asks for an event first");
        };
        starts.push((asked - begun).as_secs_f64() * 1000.0);
        memory.push(resident(&child));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let size = std::fs::metadata(&binary).unwrap().len();
    println!("binary: {:.1} MB", size as f64 / 1e6);
    println!(
        "exec to first poll, {RUNS} runs: median {:.1} ms, {:.1} to {:.1}",
        median(&mut starts),
        starts[0],
        starts[RUNS - 1]
    );
    println!("resident then: median {:.1} MiB", median(&mut memory));
}

/// What the kernel says of the process, in MiB.
fn resident(child: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
