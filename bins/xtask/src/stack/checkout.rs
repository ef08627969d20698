//! A repository of the stack's services, each of one file, with the configuration that the stack's outputs give.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::cargo;
use crate::task::Error;

use super::copy;
use super::state::State;

/// Makes an image out of a service's folder; a build that takes no compiler.
const BUILD: &str = include_str!("image.sh");

/// A repository in a folder.
#[derive(Debug)]
pub(super) struct Checkout {
    pub(super) folder: PathBuf,
}

impl Checkout {
    /// A repository with these services and this configuration, all in one commit.
    pub(super) fn make(
        folder: PathBuf,
        services: &[&str],
        configuration: &str,
    ) -> Result<Self, Error> {
        let checkout = Self { folder };
        for service in services {
            checkout.write(service, "first")?;
        }
        copy::write(&checkout.folder.join("image.sh"), BUILD)?;
        copy::write(&checkout.folder.join("windlass.toml"), configuration)?;
        copy::write(
            &checkout.folder.join(".gitignore"),
            "target/\n.windlass/\n.cache/\n.local/\n",
        )?;
        checkout.git(&["init", "--quiet", "--initial-branch=dev"])?;
        checkout.commit()?;
        Ok(checkout)
    }

    fn write(&self, service: &str, text: &str) -> Result<(), Error> {
        let folder = self.folder.join("services").join(service);
        fs::create_dir_all(&folder).map_err(|source| {
            Error::broken(format!("cannot make `{}`", folder.display()), source)
        })?;
        copy::write(&folder.join("app"), &format!("{service} {text}\n"))
    }

    /// Changes services, in a commit of its own, and returns its id.
    pub(super) fn change(&self, services: &[&str], text: &str) -> Result<String, Error> {
        for service in services {
            self.write(service, text)?;
        }
        self.commit()
    }

    /// Builds the image of a service and returns its digest.
    pub(super) fn build(&self, service: &str) -> Result<String, Error> {
        let mut build = Command::new("sh");
        build
            .args(["image.sh", &format!("services/{service}")])
            .current_dir(&self.folder);
        Ok(cargo::output(&mut build)?.trim().to_owned())
    }

    fn commit(&self) -> Result<String, Error> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message=Change services"])?;
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    fn git(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut git = Command::new("git");
        git.args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .current_dir(&self.folder);
        crate::scrub::scrub(&mut git);
        cargo::output(&mut git)
    }
}

/// The stack's services, as its repositories name them.
pub(super) fn services(state: &State) -> Vec<&str> {
    let mut names: Vec<&str> = state
        .output("repository_urls")
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    names
}

/// `windlass.toml` with an environment as the stack's output `windlass` tells it. Health is asked for at `balancer`, since no load balancer is there.
pub(super) fn configuration(
    name: &str,
    state: &State,
    balancer: &str,
    lock: &str,
) -> Result<String, Error> {
    let told = state.output("windlass");
    let value = |key: &str| match &told[key] {
        Value::String(text) => Ok(text.clone()),
        other => Err(Error::Broken(format!(
            "the output `windlass` has {key} = {other}"
        ))),
    };
    let health = value("health")?;
    let path = health
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or("", |(_, path)| path);
    let order = state.output("deploy_order");
    Ok(format!(
        "[detect]\nlayout = \"directories\"\n\n[build]\ncommand = \"sh image.sh {{path}}\"\nimage = \"oci:{{path}}/target/image\"\n\n\
         [deploy]\norder = {order}\ntimeout = \"1m\"\n\n[health]\nsuccesses = 2\ninterval = \"100ms\"\ntimeout = \"20s\"\n\n{}",
        environment(
            name,
            &[
                ("provider", value("provider")?),
                ("region", value("region")?),
                ("cluster", value("cluster")?),
                ("service", value("service")?),
                ("repository", value("repository")?),
                ("health", format!("{balancer}/{path}")),
                ("lock", lock.to_owned()),
            ]
        )
    ))
}

fn environment(name: &str, values: &[(&str, String)]) -> String {
    let lines: String = values
        .iter()
        .map(|(key, value)| format!("{key} = {value:?}\n"))
        .collect();
    // The registry is on this machine, behind ECR's name.
    format!("[environments.{name}]\n{lines}insecure-http = true\n")
}

/// The arguments of a command on a repository.
pub(super) fn arguments(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
