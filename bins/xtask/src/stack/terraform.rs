//! The Terraform command.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::task::Error;

use super::program::{self, Said};

/// The variable that names the command.
const VARIABLE: &str = "TERRAFORM";
/// Where a command that answers without the network may lie, from the top folder of the checkout.
const BESIDE: &str = "../shared/tfoffline/terraform";

/// A Terraform command that answers.
#[derive(Debug, Clone)]
pub(super) struct Terraform {
    program: PathBuf,
}

impl Terraform {
    /// The command that `TERRAFORM` names, or the one beside the checkout; or why there is none.
    pub(super) fn find() -> Result<Self, String> {
        let beside = cargo::root().join(BESIDE);
        let program = match env::var_os(VARIABLE) {
            Some(named) => PathBuf::from(named),
            None if beside.is_file() => beside,
            None => return Err(format!("{VARIABLE} names no Terraform command")),
        };
        let terraform = Self { program };
        // The first call may have to install something, which two at once could not.
        match terraform.run(Path::new("."), &["version"]) {
            Ok(said) if said.good() => Ok(terraform),
            Ok(said) => Err(format!(
                "`{} version` failed: {}",
                terraform.program.display(),
                said.text.trim()
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Runs the command in `folder`.
    pub(super) fn run(&self, folder: &Path, arguments: &[&str]) -> Result<Said, Error> {
        self.run_with(folder, arguments, &[])
    }

    /// The same with these variables.
    pub(super) fn run_with(
        &self,
        folder: &Path,
        arguments: &[&str],
        variables: &[(&str, String)],
    ) -> Result<Said, Error> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(folder)
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1");
        program::run_with(command, variables)
    }
}
