//! The project's composite actions, run by act with the binaries of this checkout and what they speak to on loopback: that inputs are
//! data, whatever they hold, that outputs are set, and that a step ends as the binary did.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::servers;
use crate::task::Error;
use crate::venv;

use super::act::{self, PROJECT, Site};
use super::stub::Stub;
use super::{Bench, Job, Outcome, copy, tools};

/// Writes down how one of the binaries is called, and calls it.
const PROGRAM: &str = include_str!("actions/program.py");
/// Holds what the workflows find against what they expect.
const EXPECT: &str = include_str!("actions/expect.py");
/// Installs as `cargo install --path … --root …` would.
const CARGO: &str = "#!/bin/sh\nset -eu\nwhile [ $# -gt 0 ]; do case $1 in --path) path=$2 ;; --root) root=$2 ;; esac; shift; done\nmkdir -p \"$root/bin\"\ncp \"$ACT_PLACE\"/releases/windlass-*/\"${path##*/}\" \"$root/bin/\"\n";
/// Names text that a shell would obey.
const DISPATCH: &str = "{\"action\": \"deploy\", \"client_payload\": {\"environment\": \"local\", \"services\": [\"alpha\"], \"commit_sha\": \"HEAD\", \"pr_title\": \"x'; touch obeyed; \\\"$(touch obeyed)`touch obeyed`\\n::set-output name=services::[]\", \"pr_author\": \"$(touch obeyed)\"}}";
const REPORT: &str = "{\"event\": \"deployment-completed\", \"environment\": \"dev\", \"services\": [{\"name\": \"web\", \"status\": \"deployed\"}], \"title\": \"$(touch obeyed) \\\"quoted\\\"\"}";
const FAILING: &str = include_str!("actions/failing.toml");

/// The binaries that have an action: the package that builds each.
pub(super) const BINARIES: [(&str, &str); 9] = [
    ("change-detect", "change-detect-cli"),
    ("cost-exporter", "cost-exporter-cli"),
    ("ecs-deployer", "ecs-deployer-cli"),
    ("ecs-simulator", "ecs-simulator"),
    ("health-checker", "health-checker-cli"),
    ("image-tagger", "image-tagger-cli"),
    ("log-exporter", "log-exporter-cli"),
    ("notifier", "notifier-cli"),
    ("windlass", "windlass"),
];

/// A workflow that uses actions.
struct Case {
    name: &'static str,
    workflow: &'static str,
    event: &'static str,
    /// What the binaries speak to.
    partner: Partner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Partner {
    Nobody,
    Registry,
    Moto,
}

const fn case(name: &'static str, workflow: &'static str, partner: Partner) -> Case {
    Case {
        name,
        workflow,
        event: "workflow_dispatch",
        partner,
    }
}

const CASES: [Case; 9] = [
    Case {
        event: "repository_dispatch",
        ..case(
            "windlass",
            include_str!("actions/windlass.yml"),
            Partner::Nobody,
        )
    },
    case(
        "log-exporter",
        include_str!("actions/log-exporter.yml"),
        Partner::Moto,
    ),
    case(
        "ecs-deployer and ecs-simulator",
        include_str!("actions/ecs-deployer.yml"),
        Partner::Nobody,
    ),
    case(
        "image-tagger",
        include_str!("actions/image-tagger.yml"),
        Partner::Registry,
    ),
    case(
        "health-checker",
        include_str!("actions/health-checker.yml"),
        Partner::Nobody,
    ),
    case(
        "notifier",
        include_str!("actions/notifier.yml"),
        Partner::Nobody,
    ),
    case(
        "change-detect",
        include_str!("actions/change-detect.yml"),
        Partner::Nobody,
    ),
    case(
        "cost-exporter",
        include_str!("actions/cost-exporter.yml"),
        Partner::Nobody,
    ),
    case(
        "installation",
        include_str!("actions/install.yml"),
        Partner::Nobody,
    ),
];

pub(super) fn jobs(bench: &Bench) -> Vec<Job<'_>> {
    let mut jobs: Vec<Job<'_>> = CASES
        .iter()
        .enumerate()
        .map(|(index, case)| {
            Job::new(format!("action {}", case.name), move || {
                let place = bench.scratch.join(format!("action-{index}"));
                run(bench, case, place)
            })
        })
        .collect();
    jobs.push(Job::new("actions zizmor", move || {
        tools::zizmor(bench, &cargo::root().join(".github"))
    }));
    jobs.push(Job::new("actions shellcheck", move || shellcheck(bench)));
    jobs.push(Job::new("actions one for each binary", complete));
    jobs
}

fn run(bench: &Bench, case: &Case, place: PathBuf) -> Result<Outcome, Error> {
    let mut site = Site::new(place)?;
    repository(&site, case.workflow)?;
    site.program("cargo", CARGO)?;
    let programs: Vec<(&str, &str)> = BINARIES.iter().map(|(name, _)| (*name, PROGRAM)).collect();
    let checksum = site.release(&programs)?;
    let result = site.place().join("result");
    let library = site.place().join("library");
    act::make(&library)?;
    copy::write(&library.join("expect.py"), EXPECT)?;
    site.variable("RESULT", result.to_string_lossy());
    site.variable("PYTHONPATH", library.to_string_lossy());
    site.variable("BINARIES", folder().to_string_lossy());
    site.argument("--var", format!("CHECKSUM={checksum}"));
    let stub = Stub::start()?;
    site.argument("--var", format!("STUB={}", stub.url()));
    let _partner = match case.partner {
        Partner::Nobody => None,
        Partner::Registry => Some(partner(&mut site, "docker-registry", "REGISTRY")?),
        Partner::Moto => Some(partner(&mut site, "moto", "MOTO")?),
    };
    let mut head = Command::new("git");
    head.args(["rev-parse", "HEAD"])
        .current_dir(site.repository());
    let payload = payload(case).replace("HEAD", cargo::output(&mut head)?.trim());
    let said = site.run(bench, "job.yml", case.event, &payload)?;
    let held = fs::read_to_string(&result).unwrap_or_default();
    let wrong: Vec<&str> = held.lines().filter(|line| *line != "ok").collect();
    let count = held.lines().count();
    Ok(if !said.good() || !wrong.is_empty() || count == 0 {
        Outcome::Failed(format!("{}\n{}", wrong.join("\n"), said.text))
    } else if site.obeyed()? {
        Outcome::Failed(format!("a shell obeyed an input\n{}", said.text))
    } else {
        Outcome::Passed(count as u64)
    })
}

const fn payload(case: &Case) -> &'static str {
    match case.partner {
        Partner::Nobody => DISPATCH,
        Partner::Registry | Partner::Moto => "{}",
    }
}

/// Starts a server and tells the workflow where it is.
fn partner(site: &mut Site, kind: &str, name: &str) -> Result<servers::Server, Error> {
    let python = venv::ensure()?;
    let server = servers::one(kind, &python)?;
    site.argument("--var", format!("{name}={}", server.value()));
    site.argument("--var", format!("PYTHON={}", python.display()));
    Ok(server)
}

/// Two services with two commits, the actions of this checkout and the workflow.
fn repository(site: &Site, workflow: &str) -> Result<(), Error> {
    let repository = site.repository();
    act::project(&repository)?;
    act::make(&repository.join(".github/workflows"))?;
    copy::write(&repository.join(".github/workflows/job.yml"), workflow)?;
    copy::write(&repository.join("report.json"), REPORT)?;
    copy::write(&repository.join("failing.toml"), FAILING)?;
    copy::write(
        &repository.join("windlass.toml"),
        "[detect]\nlayout = \"directories\"\n\n[environments.local]\nprovider = \"local\"\nspeed = 200\n\n[environments.other]\nprovider = \"local\"\nspeed = 200\n\n[environments.dev]\nprovider = \"local\"\n",
    )?;
    for service in ["alpha", "beta"] {
        let folder = repository.join("services").join(service);
        act::make(&folder)?;
        copy::write(&folder.join("main.txt"), "one\n")?;
    }
    act::commit(&repository)?;
    copy::write(&repository.join("services/alpha/main.txt"), "two\n")?;
    act::commit(&repository)
}

/// Where cargo puts binaries.
fn folder() -> PathBuf {
    cargo::keep()
        .parent()
        .map_or_else(PathBuf::new, |target| target.join("debug"))
}

/// Builds the binaries that are not there. Those that are there are what was tested.
pub(super) fn build() -> Result<(), Error> {
    let folder = folder();
    let missing: Vec<&str> = BINARIES
        .iter()
        .filter(|(name, _)| !folder.join(name).is_file())
        .flat_map(|(_, package)| ["--package", package])
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut command = cargo::cargo(["build", "--locked"]);
    command.args(missing);
    if cargo::succeeds(&mut command)? {
        Ok(())
    } else {
        Err(Error::Broken("the binaries could not be built".into()))
    }
}

/// The shell beside the actions; that in them is in their YAML.
fn shellcheck(bench: &Bench) -> Result<Outcome, Error> {
    let actions = cargo::root().join(".github/actions");
    let mut scripts = vec![actions.join("install.sh"), actions.join("flags.sh")];
    for (name, _) in BINARIES {
        let text = copy::read(&actions.join(name).join("action.yml"))?;
        let script = bench.scratch.join(format!("action-{name}.sh"));
        let body = script_of(&text)
            .ok_or_else(|| Error::Broken(format!("the action {name} ends with no script")))?;
        copy::write(&script, &format!("#!/bin/bash\n{body}"))?;
        scripts.push(script);
    }
    let mut command = Command::new(bench.python.with_file_name("shellcheck"));
    command
        // What an action is given, and what flags.sh makes of it, is set elsewhere.
        .args(["--exclude=SC2154"])
        .args(&scripts);
    let said = super::program::run(command)?;
    Ok(if said.good() {
        Outcome::Passed(scripts.len() as u64)
    } else {
        Outcome::Failed(said.text)
    })
}

/// The last script of an action.
fn script_of(action: &str) -> Option<String> {
    let (_, script) = action.rsplit_once("      run: |\n")?;
    let lines = script
        .lines()
        .map(|line| line.strip_prefix("        ").unwrap_or(line));
    Some(lines.map(|line| format!("{line}\n")).collect())
}

/// Each binary has its action, and each action's script knows each of its inputs.
fn complete() -> Result<Outcome, Error> {
    let folder = cargo::root().join(".github/actions");
    let found = copy::folders(&folder)?;
    let wanted: Vec<String> = BINARIES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if found != wanted {
        return Ok(Outcome::Failed(format!(
            "{PROJECT} has the actions {found:?}, not {wanted:?}"
        )));
    }
    let unused = unused(&folder)?;
    Ok(if unused.is_empty() {
        Outcome::Passed(wanted.len() as u64)
    } else {
        Outcome::Failed(unused.join("\n"))
    })
}

/// Inputs that no script looks at.
fn unused(folder: &Path) -> Result<Vec<String>, Error> {
    let mut unused = Vec::new();
    for (name, _) in BINARIES {
        let text = copy::read(&folder.join(name).join("action.yml"))?;
        let script = script_of(&text).unwrap_or_default();
        let variables = text
            .lines()
            .filter_map(|line| line.trim().split_once(": ${{ inputs."))
            .map(|(variable, _)| variable)
            .filter(|variable| variable.starts_with("IN_"));
        for variable in variables {
            if !script.contains(&format!("${variable}"))
                && !script.contains(&format!("${{{variable}"))
            {
                unused.push(format!("{name}: {variable} is not used"));
            }
        }
    }
    Ok(unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_script_of_an_action_is_found() {
        let action = "steps:\n    - run: |\n      x\n      run: |\n        one\n          two\n";
        assert_eq!(script_of(action).as_deref(), Some("one\n  two\n"));
    }

    #[test]
    fn every_binary_has_its_package() {
        for (name, package) in BINARIES {
            let manifest = cargo::root().join("bins").join(name).join("Cargo.toml");
            let text = fs::read_to_string(manifest).unwrap();
            assert!(text.contains(&format!("name = \"{package}\"")), "{name}");
        }
    }
}
