//! The project's own workflows, run: which commands they give, and that they end badly when one of these does.
//!
//! cargo and what else changes a machine are stand-ins that write down how they were called; git, tar and sha256sum are real.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::task::Error;

use super::act::{self, STAND_IN, Site};
use super::actions::BINARIES;
use super::{Bench, Job, Outcome, copy, tools};

/// cargo: builds programs that say what they are asked, and ends a broken demo as DEMO says.
const CARGO: &str = include_str!("project/cargo.sh");
/// Keeps what it is given, for a download or a look.
const UPLOAD: &str = include_str!("project/upload.yml");
const DOWNLOAD: &str = include_str!("project/download.yml");
/// Calls deploy.yml as another repository would.
const CALLER: &str = include_str!("project/caller.yml");
/// Programs that would change the machine.
const PROGRAMS: [&str; 3] = ["rustup", "sudo", "gh"];

pub(super) fn jobs(bench: &Bench) -> Vec<Job<'_>> {
    let place = |name: &str| bench.scratch.join(format!("project-{name}"));
    vec![
        Job::new("project workflow release", move || {
            release(bench, place("release"))
        }),
        Job::new("project workflow release of another version", move || {
            other_version(bench, place("other"))
        }),
        Job::new("project workflow ci", move || ci(bench, place("ci"))),
        Job::new(
            "project workflow ci with a break that is not caught",
            move || uncaught(bench, place("uncaught")),
        ),
        Job::new("project workflow audit", move || {
            audit(bench, place("audit"))
        }),
        Job::new("project workflow deploy", move || {
            deploy(bench, place("deploy"))
        }),
        Job::new("project workflows actionlint", move || {
            tools::actionlint(bench, &cargo::root().join(".github/workflows"))
        }),
    ]
}

/// A site with the project's workflows and stand-ins for what they call.
fn site(place: PathBuf) -> Result<Site, Error> {
    let mut site = Site::new(place)?;
    let root = cargo::root();
    let repository = site.repository();
    act::project(&repository)?;
    copy::tree(
        &root.join(".github/workflows"),
        &repository.join(".github/workflows"),
    )?;
    for name in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy::write(&repository.join(name), &copy::read(&root.join(name))?)?;
    }
    // What the release workflow learns the packages from.
    for folder in copy::folders(&root.join("bins"))? {
        let to = repository.join("bins").join(&folder);
        act::make(&to)?;
        let manifest = Path::new("bins").join(&folder).join("Cargo.toml");
        copy::write(
            &repository.join(&manifest),
            &copy::read(&root.join(&manifest))?,
        )?;
    }
    site.program("cargo", CARGO)?;
    for name in PROGRAMS {
        site.program(name, STAND_IN)?;
    }
    for file in ["ci.yml", "audit.yml", "release.yml", "deploy.yml"] {
        let path = repository.join(".github/workflows").join(file);
        let text = copy::read(&path)?;
        for action in act::uses(&text) {
            // A checkout copies the repository; act does that by itself.
            if action.starts_with("$/") || action.starts_with("actions/checkout@") {
                continue;
            }
            let stand_in = match action.split('@').next() {
                Some("actions/upload-artifact") => Some(UPLOAD),
                Some("actions/download-artifact") => Some(DOWNLOAD),
                _ => None,
            };
            site.action(action, stand_in)?;
        }
    }
    Ok(site)
}

/// The calls of a program, each as one line; sorted, since jobs have no order. act asks gh for a token by itself.
fn lines(site: &Site, program: &str) -> Vec<String> {
    let mut lines: Vec<String> = site
        .calls()
        .into_iter()
        .filter(|call| call[0] == program && call.get(1).is_none_or(|word| word != "auth"))
        .map(|call| call[1..].join(" "))
        .collect();
    lines.sort();
    lines
}

fn ci(bench: &Bench, place: PathBuf) -> Result<Outcome, Error> {
    let mut site = site(place)?;
    site.variable("DEMO", "5");
    let said = site.run(bench, "ci.yml", "push", "{\"ref\": \"refs/heads/main\"}")?;
    let mut wanted: Vec<String> = [
        "xtask lint",
        "xtask release-check --quick",
        "xtask test",
        "+1.95 check --locked --workspace --all-features --all-targets",
        "demo",
    ]
    .map(str::to_owned)
    .to_vec();
    for breaks in ["bad-image", "crash", "unhealthy", "stale"] {
        wanted.push(format!("demo --break {breaks}"));
    }
    for package in [
        "change-detect",
        "image-tagger",
        "ecs-deployer",
        "health-checker",
        "deploy-notifier",
        "cost-exporter",
        "log-exporter",
        "windlass",
    ] {
        for features in ["--no-default-features ", "", "--all-features "] {
            wanted.push(format!(
                "clippy --locked --package {package} {features}--all-targets -- -D warnings"
            ));
        }
    }
    wanted.sort();
    let calls = lines(&site, "cargo");
    Ok(if said.good() && calls == wanted {
        Outcome::Passed(wanted.len() as u64)
    } else {
        Outcome::Failed(format!("called {calls:#?}\n{}", said.text))
    })
}

fn uncaught(bench: &Bench, place: PathBuf) -> Result<Outcome, Error> {
    let mut site = site(place)?;
    site.variable("DEMO", "0");
    site.argument("--job", "demo");
    let said = site.run(bench, "ci.yml", "push", "{\"ref\": \"refs/heads/main\"}")?;
    let told = "cargo demo --break bad-image ended with 0, not with 5";
    Ok(if !said.good() && said.text.contains(told) {
        Outcome::Passed(1)
    } else {
        Outcome::Failed(said.text)
    })
}

fn audit(bench: &Bench, place: PathBuf) -> Result<Outcome, Error> {
    let site = site(place)?;
    let said = site.run(bench, "audit.yml", "workflow_dispatch", "{}")?;
    let calls = lines(&site, "cargo");
    Ok(
        if said.good() && calls.iter().any(|call| call == "deny --all-features check") {
            Outcome::Passed(1)
        } else {
            Outcome::Failed(format!("called {calls:?}\n{}", said.text))
        },
    )
}

/// A tag becomes archives for both processors, and what the action installs from them starts.
fn release(bench: &Bench, place: PathBuf) -> Result<Outcome, Error> {
    let site = site(place)?;
    let version = env!("CARGO_PKG_VERSION");
    let payload = format!("{{\"ref\": \"refs/tags/v{version}\"}}");
    let said = site.run(bench, "release.yml", "push", &payload)?;
    let wrong = |what: String| Ok(Outcome::Failed(format!("{what}\n{}", said.text)));
    if !said.good() {
        return wrong(format!("ended with {:?}", said.code));
    }
    let artifacts = site.place().join("artifacts");
    let mut held = 0;
    let mut published = vec![format!("release create v{version}")];
    for processor in ["aarch64", "x86_64"] {
        let name = format!("windlass-{version}-{processor}-unknown-linux-musl");
        let mut list = Command::new("tar");
        list.arg("-tzf")
            .arg(artifacts.join(format!("{name}.tar.gz")));
        let files = cargo::output(&mut list)?;
        let mut wanted: Vec<String> =
            ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"]
                .map(str::to_owned)
                .to_vec();
        for (binary, _) in BINARIES {
            wanted.extend([
                binary.to_owned(),
                format!("completions/{binary}.bash"),
                format!("completions/_{binary}"),
                format!("completions/{binary}.fish"),
                format!("man/{binary}.1"),
            ]);
        }
        for file in wanted {
            let path = format!("{name}/{file}");
            if !files.lines().any(|line| line == path) {
                return wrong(format!("the archive has no {path}:\n{files}"));
            }
            held += 1;
        }
        published.push(format!("dist/{name}.tar.gz"));
    }
    published.push(format!("dist/SHA256SUMS --verify-tag --title v{version}"));
    let releases = lines(&site, "gh");
    if releases.len() != 1 || !releases[0].starts_with(&published.join(" ")) {
        return wrong(format!("published {releases:?}, not {published:?}"));
    }
    Ok(Outcome::Passed(held + 1))
}

fn other_version(bench: &Bench, place: PathBuf) -> Result<Outcome, Error> {
    let site = site(place)?;
    let payload = "{\"ref\": \"refs/tags/v99.0.0\"}";
    let said = site.run(bench, "release.yml", "push", payload)?;
    let built = lines(&site, "cargo");
    let published = lines(&site, "gh");
    Ok(
        if !said.good()
            && said.text.contains("the tag is v99.0.0")
            && built.is_empty()
            && published.is_empty()
        {
            Outcome::Passed(1)
        } else {
            Outcome::Failed(format!("{built:?} {published:?}\n{}", said.text))
        },
    )
}

/// The reusable workflow hands on what it is given as data, keeps the report, and tells its caller the outcome.
fn deploy(bench: &Bench, place: PathBuf) -> Result<Outcome, Error> {
    let mut site = site(place)?;
    site.release(&[("windlass", include_str!("project/windlass.sh"))])?;
    site.argument("--secret", "SLACK_WEBHOOK_URL=nowhere");
    copy::write(
        &site.repository().join(".github/workflows/caller.yml"),
        CALLER,
    )?;
    let said = site.run(bench, "caller.yml", "workflow_dispatch", "{}")?;
    let calls: Vec<Vec<String>> = site.calls();
    let deployed: Vec<&Vec<String>> = calls
        .iter()
        .filter(|call| call[0] == "windlass" && call.get(1).is_some_and(|word| word == "deploy"))
        .collect();
    let wanted = [
        "--wait-lock=30m",
        "--environment=dev",
        "--service=a b; $(touch obeyed)",
        "--service=beta",
        "--image-tag=sha-1",
    ];
    let told = calls
        .iter()
        .any(|call| *call == ["gh", "told", "[\"beta\"]", "0"]);
    let kept = site
        .place()
        .join("artifacts/windlass-report.html")
        .is_file();
    Ok(
        if said.good()
            && deployed.len() == 1
            && wanted
                .iter()
                .all(|argument| deployed[0].iter().any(|found| found == argument))
            && told
            && kept
            && !site.obeyed()?
        {
            Outcome::Passed(wanted.len() as u64 + 3)
        } else {
            Outcome::Failed(format!(
                "told its caller: {told}, kept the report: {kept}, called {calls:#?}\n{}",
                said.text
            ))
        },
    )
}
