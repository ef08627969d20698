//! The two pipelines, each with a registry, a cluster and a balancer of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use super::balancer::Balancer;
use super::count::{Calls, Cost, Stages};
use super::tracker::{SERVICES, Tracker, write};
use super::{FACTOR, Who};
use crate::bench::deploy::simulator::Simulator;
use crate::bench::push::wire::Registry;
use crate::bench::repository::quiet;
use crate::cargo;
use crate::task::Error;

/// The workflow that this project replaces.
const SEED: &str = include_str!("seed.sh");

/// What ECS's waiter of the AWS CLI pauses for, in its own data.
const PAUSE: &str = "\"delay\" : 15,";

/// All that one pipeline deploys to.
#[derive(Debug)]
pub(super) struct Place {
    who: Who,
    folder: PathBuf,
    registry: Registry,
    simulator: Simulator,
    balancer: Balancer,
}

impl Place {
    /// All services run what the first commit has built, and it stands in the registry.
    pub(super) fn make(
        who: Who,
        tracker: &Tracker,
        simulator: &Path,
        scratch: &Path,
    ) -> Result<Self, Error> {
        let folder = scratch.join(who.word());
        fs::create_dir_all(&folder)
            .map_err(|source| Error::broken(format!("making `{}`", folder.display()), source))?;
        let registry = Registry::start(&folder, who.word())?;
        let host = registry.host();
        let base = &tracker.commits[0];
        let own = match who {
            Who::Ours => format!("sha-{base}"),
            Who::Seed => base.clone(),
        };
        // What services name that the seed's Terraform makes, and what ours has deployed.
        let running = match who {
            Who::Ours => &*own,
            Who::Seed => "latest",
        };
        let mut scenario = String::from("cluster = \"sdt-dev\"\n");
        for service in SERVICES {
            let repository = format!("{host}/dev/{service}");
            for tag in [&*own, "latest"] {
                cargo::output(
                    Command::new("skopeo")
                        .args(["copy", "--quiet", "--dest-tls-verify=false"])
                        .arg(format!("oci:services/{service}/target/image"))
                        .arg(format!("docker://{repository}:{tag}"))
                        .current_dir(&tracker.folder),
                )?;
            }
            scenario.push_str(&format!(
                "[[services]]\nname = \"sdt-dev-{service}\"\nimage = \"{repository}:{running}\"\n\
                 circuit-breaker = \"rollback\"\nload-balancer = true\n"
            ));
        }
        let file = folder.join("scenario.toml");
        write(&file, &scenario)?;
        let simulator = Simulator::start(simulator, &file.to_string_lossy(), FACTOR)?;
        let balancer = Balancer::open(simulator.address())
            .map_err(|source| Error::broken("opening the balancer", source))?;
        Ok(Self {
            who,
            folder,
            registry,
            simulator,
            balancer,
        })
    }

    /// Runs the pipeline once at what is checked out, and says what it cost.
    pub(super) fn run(&self, tracker: &Tracker, ours: &Path, aws: &Path) -> Result<Cost, Error> {
        let stages = self.folder.join("stages");
        // The stages of the run before.
        let _ = fs::remove_file(&stages);
        let mut command = match self.who {
            Who::Ours => self.ours(ours, &stages)?,
            Who::Seed => self.seed(aws, &stages)?,
        };
        quiet(&mut command);
        self.simulator.aim(&mut command);
        command.current_dir(&tracker.folder).stdin(Stdio::null());
        let (calls, traffic) = (self.calls()?, self.registry.traffic()?);
        let asked = self.balancer.requests();
        let begun = Instant::now();
        let output = command
            .output()
            .map_err(|source| Error::broken(cargo::typed(&command), source))?;
        let time = begun.elapsed();
        let after = self.registry.traffic()?;
        let text = fs::read_to_string(&stages).unwrap_or_default();
        let stages = match self.who {
            Who::Ours => Stages::of_report(&text),
            Who::Seed => Stages::of_script(&text),
        };
        if output.status.code() != Some(0) {
            eprintln!("{}", tail(&output));
        }
        Ok(Cost {
            exit: output.status.code(),
            requests: after.requests - traffic.requests,
            sent: after.sent - traffic.sent,
            calls: self.calls()?.since(&calls),
            asked: self.balancer.requests() - asked,
            stages,
            time,
        })
    }

    fn calls(&self) -> Result<Calls, Error> {
        self.simulator
            .get("/_windlass/calls")
            .map(|text| Calls::read(&text))
    }

    fn ours(&self, program: &Path, report: &Path) -> Result<Command, Error> {
        let (registry, balancer) = (self.registry.host(), self.balancer.host());
        // As often as by default, on the model's clock.
        let often = |milliseconds: f64| (milliseconds / FACTOR).round();
        let config = format!(
            "[detect]\nlayout = \"maven\"\n[build]\nimage = \"oci:{{path}}/target/image\"\n\
             [deploy]\npoll = \"{}ms\"\n[health]\ninterval = \"{}ms\"\n\
             [environments.dev]\nprovider = \"aws\"\ncluster = \"sdt-dev\"\nservice = \"sdt-dev-{{service}}\"\n\
             repository = \"{registry}/dev/{{service}}\"\ninsecure-http = true\n\
             health = \"http://{balancer}/api/{{service}}/actuator/health\"\n",
            often(5_000.0),
            often(1_000.0)
        );
        let file = self.folder.join("windlass.toml");
        write(&file, &config)?;
        let mut command = Command::new(program);
        command
            .args(["run", "-e", "dev", "--quiet", "--config"])
            .arg(file)
            .arg("--report-json")
            .arg(report);
        Ok(command)
    }

    fn seed(&self, aws: &Path, stages: &Path) -> Result<Command, Error> {
        let script = self.folder.join("seed.sh");
        write(&script, SEED)?;
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command
            .arg(script)
            .env("STAGES", stages)
            .env("REGISTRY", self.registry.host())
            .env("ALB_DNS", self.balancer.host())
            .env("PATH", format!("{}:{path}", aws.display()))
            .env("AWS_DATA_PATH", self.waiters(aws)?);
        Ok(command)
    }

    /// The AWS CLI's data with a waiter that looks as often as by default, on the model's clock.
    fn waiters(&self, aws: &Path) -> Result<PathBuf, Error> {
        let place = "data/ecs/2014-11-13/waiters-2.json";
        let python = aws.join("python");
        let mut find = Command::new(python);
        find.args([
            "-c",
            "import botocore, os; print(os.path.dirname(botocore.__file__))",
        ]);
        let botocore = PathBuf::from(cargo::output(&mut find)?.trim());
        let path = botocore.join(place);
        let text = fs::read_to_string(&path)
            .map_err(|source| Error::broken(format!("reading `{}`", path.display()), source))?;
        let scaled = format!("\"delay\" : {},", 15.0 / FACTOR);
        let (before, waiter) = text
            .split_once("\"ServicesStable\"")
            .filter(|(_, waiter)| waiter.contains(PAUSE))
            .ok_or_else(|| {
                Error::Broken(format!("`{}` has no {PAUSE} to be scaled", path.display()))
            })?;
        let text = format!(
            "{before}\"ServicesStable\"{}",
            waiter.replacen(PAUSE, &scaled, 1)
        );
        write(&self.folder.join(place), &text)?;
        Ok(self.folder.join("data"))
    }
}

fn tail(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
