//! The packages of Node.js that the tests need, in the target folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cargo;
use crate::task::Error;

/// Slack's own types of its messages, Grafana's of its dashboards, and the compiler that reads them.
const PACKAGES: [&str; 3] = [
    "@slack/types@3.2.0",
    "@grafana/grafana-foundation-sdk@0.0.21",
    "typescript@7.0.2",
];

/// Makes sure that [`PACKAGES`] are there, and returns the folder that holds them.
pub(crate) fn ensure() -> Result<PathBuf, Error> {
    let folder = cargo::keep().join("node");
    let modules = folder.join("node_modules");
    // Written last, so an installation that was interrupted is done again.
    let stamp = folder.join(".packages");
    let wanted = PACKAGES.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(modules);
    }
    let broken = |source| Error::broken(format!("cannot write to `{}`", folder.display()), source);
    fs::create_dir_all(&folder).map_err(broken)?;
    let mut install = Command::new("npm");
    install
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--silent",
            // Nothing that a package brings is run here but the compiler.
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(&folder)
        .args(PACKAGES);
    if !cargo::succeeds(&mut install)? {
        return Err(Error::Setup(format!(
            "{} could not be installed, `{}` failed\nrun the rest without servers:  cargo xtask test --no-servers",
            PACKAGES.join(", "),
            cargo::typed(&install)
        )));
    }
    fs::write(&stamp, wanted).map_err(broken)?;
    Ok(modules)
}
