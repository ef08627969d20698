//! Maven itself.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What Maven says to one call.
#[derive(Debug)]
pub(super) struct Said {
    /// `group:artifact` and version of each project, in the order that they are built in.
    pub(super) projects: Vec<(String, String)>,
    pub(super) succeeded: bool,
    pub(super) text: String,
}

/// Runs Maven many times in one JVM; starting one for each call would take minutes.
pub(super) fn maven(calls: &[(&Path, Vec<String>)], repository: &Path) -> Option<Vec<Said>> {
    let Ok(version) = Command::new("mvn").arg("--version").output() else {
        println!("skipped: mvn is not installed");
        return None;
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let home = version
        .lines()
        .find_map(|line| line.strip_prefix("Maven home: "))
        .expect("mvn names its home");
    assert!(
        version.contains("Apache Maven 3."),
        "the layout follows Maven 3: {version}"
    );
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reactor/Driver.java");
    let mut java = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-cp"])
        .arg(format!("{home}/lib/*:{home}/boot/*"))
        .arg(driver)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("mvn runs on java");
    let mut stdin = java.stdin.take().unwrap();
    let mut lines = String::new();
    for (folder, args) in calls {
        let fixed = ["-B", "-o", "validate"].map(ToOwned::to_owned);
        let repository = format!("-Dmaven.repo.local={}", repository.display());
        let words = fixed.into_iter().chain([repository]).chain(args.clone());
        lines += &format!(
            "{}\t{}\n",
            folder.display(),
            words.collect::<Vec<_>>().join("\t")
        );
    }
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = java.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut said: Vec<Said> = Vec::new();
    let mut rest = text.as_str();
    while let Some((call, after)) = rest.split_once("=== ") {
        let (code, after) = after.split_once('\n').unwrap_or((after, ""));
        said.push(Said {
            projects: projects(call),
            succeeded: code == "0",
            text: call.to_owned(),
        });
        rest = after;
    }
    assert_eq!(said.len(), calls.len(), "{text}");
    Some(said)
}

/// The projects of a build, by the lines above each: `---< group:artifact >---`, then `Building name version [1/2]`.
fn projects(text: &str) -> Vec<(String, String)> {
    let mut projects = Vec::new();
    let mut name = None;
    for line in text.lines() {
        if let Some((_, after)) = line.split_once("-< ")
            && let Some((found, _)) = after.split_once(" >-")
        {
            name = Some(found.to_owned());
        } else if let Some((_, building)) = line.split_once("Building ")
            && let Some(name) = name.take()
        {
            let mut words = building.split_whitespace();
            let version = words.rfind(|word| !word.starts_with('['));
            projects.push((name, version.unwrap_or_default().to_owned()));
        }
    }
    projects
}

/// The names that this crate gives to Maven's projects.
pub(super) fn named(projects: &[(String, String)], all: &[(String, String)]) -> Vec<String> {
    let artifact = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
    projects
        .iter()
        .map(|(name, version)| {
            let same = |other: &&(String, String)| artifact(&other.0) == artifact(name);
            match (
                all.iter().filter(same).count(),
                all.iter().filter(|other| other.0 == *name).count(),
            ) {
                (1, _) => artifact(name),
                (_, 1) => name.clone(),
                _ => format!("{name}:{version}"),
            }
        })
        .collect()
}
