//! The Debian packages that the tests need, and installing them where the user may.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use crate::cargo;
use crate::task::Error;

/// One thing the tests need on this machine.
#[derive(Debug, Clone, Copy)]
struct Need {
    /// What people call it.
    name: &'static str,
    /// A command that succeeds when it is there.
    probe: &'static [&'static str],
    /// The Debian package that brings it.
    package: &'static str,
    /// What the tests do with it.
    why: &'static str,
}

/// Where RabbitMQ's own commands are.
pub(crate) const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// All of them. A server also wants an entry in [`crate::servers`].
const NEEDS: [Need; 8] = [
    Need {
        name: "Python with venv",
        probe: &["python3", "-c", "import venv, ensurepip"],
        package: "python3-venv",
        why: "runs moto, which answers as AWS does",
    },
    Need {
        name: "docker-registry",
        probe: &["docker-registry", "--version"],
        package: "docker-registry",
        why: "a real registry to push images to",
    },
    Need {
        name: "skopeo",
        probe: &["skopeo", "--version"],
        package: "skopeo",
        why: "another client, which reads what was pushed",
    },
    Need {
        name: "Redis",
        probe: &["redis-server", "--version"],
        package: "redis-server",
        why: "a real Redis to ask, loading, locked and unable to save",
    },
    Need {
        name: "RabbitMQ",
        // The command of this name in the path wants to become another user.
        probe: &["test", "-x", RABBITMQ],
        package: "rabbitmq-server",
        why: "a real broker to ask, with and without an alarm",
    },
    Need {
        name: "Node.js",
        probe: &["node", "--version"],
        package: "nodejs",
        why: "runs TypeScript's compiler, which holds messages against Slack's own types",
    },
    Need {
        name: "npm",
        probe: &["npm", "--version"],
        package: "npm",
        why: "installs that compiler and those types",
    },
    Need {
        name: "promtool",
        probe: &["promtool", "--version"],
        package: "prometheus",
        why: "checks and tests the reference deployment's rules",
    },
];

/// Makes sure that each need is met: installs what is missing, or says what is missing and how to install it.
pub(crate) fn ensure() -> Result<(), Error> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let Some(prefix) = privilege() else {
        return Err(Error::Setup(explain(&missing)));
    };
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    println!("installing {}", packages.join(", "));
    let mut install = apt(prefix, &["install", "--yes", "--no-install-recommends"]);
    install.args(&packages);
    // The lists may be old, or never have been fetched; fetching them when they are good costs everybody time.
    if !cargo::succeeds(&mut install)? {
        cargo::succeeds(&mut apt(prefix, &["update"]))?;
        cargo::succeeds(&mut install)?;
    }
    let missing = self::missing();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::Setup(explain(&missing)))
    }
}

fn missing() -> Vec<Need> {
    NEEDS
        .into_iter()
        .filter(|need| !quietly(need.probe))
        .collect()
}

fn explain(missing: &[Need]) -> String {
    let mut text = String::from("the tests need what is not on this machine:");
    for need in missing {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "\n  {} (Debian package `{}`): {}",
            need.name, need.package, need.why
        );
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let _ = write!(
        text,
        "\ninstall it:  sudo apt-get install {}\nor run the rest without servers:  cargo xtask test --no-servers",
        packages.join(" ")
    );
    text
}

/// What to put before `apt-get`, or nothing when this user may not install.
fn privilege() -> Option<&'static [&'static str]> {
    if !quietly(&["apt-get", "--version"]) {
        None
    } else if cargo::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
        Some(&[])
    } else if quietly(&["sudo", "-n", "true"]) {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Command {
    // `env` carries the variable through sudo, which drops its own environment.
    let mut words = prefix.iter().copied().chain([
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "--quiet",
    ]);
    let mut command = Command::new(words.next().unwrap_or("env"));
    command.args(words).args(arguments);
    command
}

fn quietly(words: &[&str]) -> bool {
    let Some((program, arguments)) = words.split_first() else {
        return false;
    };
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_reason_and_the_command_that_installs_it() {
        let text = explain(&NEEDS);
        for part in [
            "docker-registry",
            "a real registry",
            "sudo apt-get install python3-venv docker-registry skopeo redis-server rabbitmq-server nodejs npm prometheus",
            "--no-servers",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_does_not_answer_a_probe() {
        assert!(quietly(&["sh", "-c", "exit 0"]));
        assert!(!quietly(&["sh", "-c", "exit 1"]));
        assert!(!quietly(&["windlass-no-such-program"]));
        assert!(!quietly(&[]));
    }

    #[test]
    fn sudo_does_not_lose_the_variable_that_keeps_apt_from_asking() {
        let line = |prefix| cargo::typed(&apt(prefix, &["update"]));
        assert_eq!(
            line(&[]),
            "env DEBIAN_FRONTEND=noninteractive apt-get --quiet update"
        );
        assert_eq!(
            line(&["sudo", "-n"]),
            "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get --quiet update"
        );
    }
}
