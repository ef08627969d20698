//! The contenders: this workspace's `change-detect` and what people use instead of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::repository::{git, quiet};
use super::stopwatch::{Contender, short};
use crate::cargo;
use crate::task::Error;

/// The versions of the npm peers: a number that moves by itself cannot be compared with an earlier one.
const PACKAGES: [&str; 2] = ["turbo@2.11.11", "nx@24.0.6"];

/// The package whose binary is ours, and the binary.
const OURS: (&str, &str) = ("change-detect-cli", "change-detect");

/// The step "Detect Changed Services" of the workflow that this project replaces, as it stands there but for the
/// workflow's expressions `github.event.before` and `github.sha`, which are BEFORE and SHA here. GitHub runs a step
/// without a shell of its own by `bash -e`
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell>).
const SEED: &str = r#"CHANGED_SERVICES=$(git diff --name-only $BEFORE $SHA | \
  grep '^services/' | \
  cut -d'/' -f2 | \
  sort -u | \
  jq -R -s -c 'split("\n")[:-1]')
echo "services=$CHANGED_SERVICES" >> $GITHUB_OUTPUT
"#;

/// The most runs of what takes seconds.
const SLOW: usize = 3;

/// Our binary: the one that was named, or a release build.
pub(crate) fn ours(named: Option<&Path>) -> Result<PathBuf, Error> {
    let (package, binary) = OURS;
    built(named, package, binary, &[])
}

/// A binary of ours: the one that was named, or a release build of its package.
pub(crate) fn built(
    named: Option<&Path>,
    package: &str,
    binary: &str,
    features: &[&str],
) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return path
            .canonicalize()
            .map_err(|source| Error::Setup(format!("`{}`: {source}", path.display())));
    }
    let mut build = cargo::cargo(["build", "--release", "--locked", "--package", package]);
    build.args(features);
    if !cargo::succeeds(&mut build)? {
        return Err(Error::Broken(format!(
            "`{package}` does not build; --ours FILE measures another program"
        )));
    }
    // The tasks keep their things in a folder of the target folder, beside the profiles' folders.
    let target = cargo::keep();
    let path = target.with_file_name("release").join(binary);
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::Broken(format!("`{}` was not built", path.display())))
    }
}

/// Our command in `folder`.
pub(crate) fn detect(ours: &Path, folder: &Path, base: &str, layout: &str) -> Command {
    let mut command = Command::new(ours);
    command
        .args(["--base", base, "--layout", layout, "--format", "json"])
        .current_dir(folder);
    quiet(&mut command);
    command
}

pub(crate) fn our_contender(ours: &Path, folder: &Path, base: &str, layout: &str) -> Contender {
    Contender {
        name: our_name(layout),
        command: detect(ours, folder, base, layout),
        most: usize::MAX,
        required: true,
    }
}

pub(crate) fn our_name(layout: &str) -> String {
    format!("change-detect, {layout}")
}

pub(crate) fn git_diff(folder: &Path, base: &str) -> Contender {
    Contender {
        name: "git diff --name-only".to_owned(),
        command: git(folder, &["diff", "--name-only", base, "HEAD"]),
        most: usize::MAX,
        required: true,
    }
}

/// The shell pipeline, if the programs in it are here. `before` and `after` are commit ids, as a workflow has them.
pub(crate) fn seed(
    folder: &Path,
    scratch: &Path,
    before: &str,
    after: &str,
) -> Result<Contender, String> {
    for program in ["bash", "jq"] {
        present(program, "--version")?;
    }
    let mut command = Command::new("bash");
    command.args(["-e", "-c", SEED]).current_dir(folder);
    quiet(&mut command);
    command
        .env("BEFORE", before)
        .env("SHA", after)
        .env("GITHUB_OUTPUT", scratch.join("github-output"));
    Ok(Contender {
        name: "shell pipeline".to_owned(),
        command,
        most: usize::MAX,
        required: false,
    })
}

/// turbo and nx, installed beside the repositories.
#[derive(Debug)]
pub(crate) struct NodePeers {
    modules: PathBuf,
}

impl NodePeers {
    /// Installs both into `scratch`, without running any script of theirs; the reason when it cannot.
    pub(crate) fn install(scratch: &Path) -> Result<Self, String> {
        present("npm", "--version")?;
        present("node", "--version")?;
        let folder = scratch.join("node-peers");
        let modules = folder.join("node_modules");
        let mark = folder.join("installed");
        let wanted = PACKAGES.join(" ");
        if fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
            return Ok(Self { modules });
        }
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("package.json"), "{\"private\": true}\n"))
            .map_err(|source| format!("`{}`: {source}", folder.display()))?;
        println!("installing {wanted} into {}", folder.display());
        let mut install = Command::new("npm");
        install
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--fetch-retries=1",
            ])
            .args(PACKAGES)
            .current_dir(&folder);
        private(&mut install);
        cargo::output(&mut install).map_err(|error| short(&error))?;
        fs::write(&mark, wanted).map_err(|source| format!("`{}`: {source}", mark.display()))?;
        Ok(Self { modules })
    }

    /// Lets the workspace in `folder` find nx, which has to be its own. The folder's `.gitignore` names `node_modules`.
    #[cfg(unix)]
    pub(crate) fn link(&self, folder: &Path) -> Result<(), String> {
        let link = folder.join("node_modules");
        if fs::read_link(&link).is_ok_and(|to| to == self.modules) {
            return Ok(());
        }
        // A link to a folder that is gone.
        if link.is_symlink() {
            fs::remove_file(&link).map_err(|source| format!("`{}`: {source}", link.display()))?;
        }
        std::os::unix::fs::symlink(&self.modules, &link)
            .map_err(|source| format!("`{}`: {source}", link.display()))
    }

    #[cfg(not(unix))]
    pub(crate) fn link(&self, _: &Path) -> Result<(), String> {
        Err("links are made on Unix alone".to_owned())
    }

    /// turbo's native binary, not the script that npm puts before it.
    pub(crate) fn turbo(
        &self,
        folder: &Path,
        before: &str,
        after: &str,
    ) -> Result<[Contender; 2], String> {
        let places = [
            "turbo-linux-64",
            "@turbo/linux-64",
            "turbo-linux-arm64",
            "@turbo/linux-arm64",
            "turbo-darwin-arm64",
            "@turbo/darwin-arm64",
        ];
        let binary = places
            .iter()
            .map(|place| self.modules.join(place).join("bin/turbo"))
            .find(|path| path.is_file())
            .ok_or("npm installed no binary of it for this machine")?;
        let contender = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(&binary);
            command
                .arg("--skip-infer")
                .args(arguments)
                .arg("--affected")
                .current_dir(folder);
            private(&mut command);
            command
                .env("TURBO_SCM_BASE", before)
                .env("TURBO_SCM_HEAD", after);
            Contender {
                name: name.to_owned(),
                command,
                most: usize::MAX,
                required: false,
            }
        };
        Ok([
            contender("turbo ls", &["ls", "--output=json"]),
            contender("turbo run --dry", &["run", "build", "--dry=json"]),
        ])
    }

    pub(crate) fn nx(&self, before: &str, after: &str, folder: &Path) -> Contender {
        let mut command = Command::new("node");
        command
            .arg(folder.join("node_modules/.bin/nx"))
            .args(["show", "projects", "--affected", "--json"])
            .args(["--base", before, "--head", after])
            .current_dir(folder);
        private(&mut command);
        Contender {
            name: "nx show projects".to_owned(),
            command,
            most: SLOW,
            required: false,
        }
    }
}

/// Maven's own walk over the reactor for one module and all that depend on it.
pub(crate) fn mvn(folder: &Path, module: &str) -> Result<Contender, String> {
    present("mvn", "--version")?;
    let mut command = Command::new("mvn");
    command
        .args(["-o", "-q", "validate", "-pl", module, "-amd"])
        .current_dir(folder);
    quiet(&mut command);
    Ok(Contender {
        name: format!("mvn validate -pl {module} -amd"),
        command,
        most: SLOW,
        required: false,
    })
}

/// Keeps a peer from reporting home and from leaving a daemon behind.
fn private(command: &mut Command) {
    quiet(command);
    command
        .env("DO_NOT_TRACK", "1")
        .env("TURBO_TELEMETRY_DISABLED", "1")
        .env("TURBO_NO_UPDATE_NOTIFIER", "1")
        .env("NX_NO_CLOUD", "true")
        .env("NX_DAEMON", "false")
        .env("NX_TUI", "false")
        .env("NX_INTERACTIVE", "false");
}

fn present(program: &str, argument: &str) -> Result<(), String> {
    cargo::output(Command::new(program).arg(argument))
        .map(|_| ())
        .map_err(|_| format!("`{program}` is not installed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_a_reason() {
        assert_eq!(
            present("windlass-no-such-program", "--version"),
            Err("`windlass-no-such-program` is not installed".to_owned())
        );
    }

    #[test]
    fn our_command_line_is_the_documented_one() {
        let command = detect(
            Path::new("/x/change-detect"),
            Path::new("/"),
            "HEAD~1",
            "maven",
        );
        assert_eq!(
            cargo::typed(&command),
            "change-detect --base HEAD~1 --layout maven --format json"
        );
    }

    #[test]
    fn a_named_binary_that_is_not_there_is_a_usage_error() {
        let error = ours(Some(Path::new("/windlass/no/such/binary"))).unwrap_err();
        assert!(matches!(error, Error::Setup(_)), "{error}");
    }
}
