//! From a module to its image: run the build command, then take the image it made, or pack the module's folder.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use change_detect::{DiffSource, EntryKind, ModuleReport, RepoPath, walk};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use image_tagger::{ImageSpec, OciDirectory, Source, pack};
use windlass_cli::{Exit, Failure};

use crate::checkout::Checkout;
use crate::config::{Build, Template};
use crate::event::{Event, Listeners};
use crate::failures;
use crate::plan::PlannedService;

/// The folder that a packed service stands in within its image.
const FOLDER_IN_IMAGE: &str = "app";

/// Makes the images of one run.
#[derive(Debug)]
pub(crate) struct Images<'a> {
    checkout: &'a Checkout,
    build: &'a Build,
    max_parallel: usize,
}

impl<'a> Images<'a> {
    /// Images of the checkout's head. `packable` says whether a folder may be packed as it is: tasks of the local
    /// environment run no code, a container on Fargate has to.
    pub(crate) fn new(
        checkout: &'a Checkout,
        build: &'a Build,
        packable: bool,
        max_parallel: usize,
    ) -> Result<Self, Failure> {
        if build.image.is_none() && !packable {
            return Err(Failure::usage("build.image is not set, so there is no image to deploy").hint(
                "say where the build leaves each image, for example build.image = \"oci:{path}/target/image\"",
            ));
        }
        if build.command.is_some() || build.image.is_some() {
            checkout.require_head_in_work_tree()?;
        }
        Ok(Self {
            checkout,
            build,
            max_parallel,
        })
    }

    /// Runs the build command for each module, the waves one after the other, the modules of a wave in parallel.
    pub(crate) async fn build(
        &self,
        waves: &[Vec<&ModuleReport>],
        listeners: &Listeners<'_>,
    ) -> Result<(), Failure> {
        let Some(command) = &self.build.command else {
            return Ok(());
        };
        for wave in waves {
            stream::iter(
                wave.iter()
                    .map(|module| self.build_module(command, module, listeners)),
            )
            .buffer_unordered(self.max_parallel)
            .try_collect::<Vec<()>>()
            .await?;
        }
        Ok(())
    }

    async fn build_module(
        &self,
        command: &Template,
        module: &ModuleReport,
        listeners: &Listeners<'_>,
    ) -> Result<(), Failure> {
        let path = module.path.to_string();
        // Maven's -pl takes a path and not a bare artifactId, so {module} is the path.
        let values = [
            ("module", path.as_str()),
            ("service", module.name.as_str()),
            ("path", path.as_str()),
        ];
        let words = words(command, &values)?;
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| Failure::usage("build.command is empty"))?;
        let shown = words.join(" ");
        listeners.tell(&Event::BuildStarted {
            module: module.name.to_string(),
            command: shown.clone(),
        });
        let started = Instant::now();
        let output = tokio::process::Command::new(program)
            .args(arguments)
            .current_dir(self.checkout.root())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| {
                Failure::usage(format!("cannot start `{program}` to build `{}`", module.name))
                    .caused_by(&error)
                    .hint("build.command is run without a shell: its first word must be a program on PATH")
            })?;
        if !output.status.success() {
            let tail = tail(&output.stdout, &output.stderr);
            return Err(Failure::new(
                Exit::Negative,
                format!("`{shown}` failed: {}\n{tail}", output.status),
            )
            .hint(format!(
                "run it yourself in `{}`",
                self.checkout.root().display()
            )));
        }
        let seconds = started.elapsed().as_secs_f64();
        listeners.tell(&Event::Built {
            module: module.name.to_string(),
            seconds,
        });
        Ok(())
    }

    /// Where a service's image is read from.
    pub(crate) async fn source(
        &self,
        service: &PlannedService,
    ) -> Result<Arc<dyn Source>, Failure> {
        match &self.build.image {
            Some(image) => self.oci(service, image).await,
            None => self.packed(service),
        }
    }

    async fn oci(
        &self,
        service: &PlannedService,
        image: &Template,
    ) -> Result<Arc<dyn Source>, Failure> {
        let path = service.path.to_string();
        let values = [
            ("module", path.as_str()),
            ("service", service.module.as_str()),
            ("path", path.as_str()),
        ];
        let place = image.fill(&values);
        let place = place.strip_prefix("oci:").unwrap_or(&place);
        // `oci:DIR[:REF]`: a colon in the folder's own name must then be followed by a reference.
        let (folder, reference) = match place.rsplit_once(':') {
            Some((folder, reference)) if !reference.contains('/') => (folder, Some(reference)),
            _ => (place, None),
        };
        let folder: PathBuf = self.checkout.root().join(folder);
        let source = OciDirectory::open(&folder, reference)
            .await
            .map_err(|error| {
                Failure::from_error(Exit::Usage, &error)
                    .hint(error.hint())
                    .hint(format!(
                        "build.image expects the image of `{}` in `{}`",
                        service.module,
                        folder.display()
                    ))
            })?;
        Ok(Arc::new(source))
    }

    /// Packs the module's folder as it is in the commit: no file of the work tree can slip in.
    fn packed(&self, service: &PlannedService) -> Result<Arc<dyn Source>, Failure> {
        let (source, head) = (self.checkout.source(), self.checkout.head());
        let read = |path: &RepoPath| -> Result<Vec<u8>, Failure> {
            let bytes = source
                .read(&head.id, path)
                .map_err(|error| failures::detect(&error))?;
            bytes.ok_or_else(|| {
                Failure::unreachable(format!(
                    "`{path}` is listed at {} but cannot be read",
                    head.id.short()
                ))
            })
        };
        let mut spec = ImageSpec::new()
            .label("org.opencontainers.image.revision", head.id.as_str())
            .label("org.opencontainers.image.title", service.module.as_str())
            .created_seconds(head.seconds)
            .exposed_port(8080);
        for entry in
            walk(source, &head.id, &service.path).map_err(|error| failures::detect(&error))?
        {
            let below = entry
                .path
                .as_bytes()
                .strip_prefix(service.path.as_bytes())
                .unwrap_or(entry.path.as_bytes());
            let mut name = FOLDER_IN_IMAGE.as_bytes().to_vec();
            if !below.starts_with(b"/") {
                name.push(b'/');
            }
            name.extend_from_slice(below);
            spec = match entry.kind {
                EntryKind::File { executable } => spec.file(&name, executable, read(&entry.path)?),
                EntryKind::Symlink => spec.symlink(&name, &read(&entry.path)?),
                // A submodule's files are another repository's.
                _ => spec,
            };
        }
        let packed = pack(&spec)
            .map_err(|error| Failure::from_error(Exit::Usage, &error).hint(error.hint()))?;
        Ok(Arc::new(packed))
    }
}

/// The words of a command: split first, filled in second, so that no name can become two words or a shell's syntax.
fn words(command: &Template, values: &[(&str, &str)]) -> Result<Vec<String>, Failure> {
    let words = shlex::split(command.as_str()).ok_or_else(|| {
        Failure::usage(format!(
            "build.command `{command}` has a quote that is not closed"
        ))
        .hint("quote with '…' or \"…\" as in a shell")
    })?;
    Ok(words
        .iter()
        .map(|word| Template::new(word).fill(values))
        .collect())
}

/// The last lines that a failed build printed.
fn tail(stdout: &[u8], stderr: &[u8]) -> String {
    let text = if stderr.trim_ascii().is_empty() {
        stdout
    } else {
        stderr
    };
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(15)..]
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_path_stays_one_word() {
        let command = Template::new("mvn -q -pl {module} '-Dname=a b'");
        let words = words(&command, &[("module", "x; rm -rf $(HOME)")]).unwrap();
        assert_eq!(
            words,
            ["mvn", "-q", "-pl", "x; rm -rf $(HOME)", "-Dname=a b"]
        );
    }

    #[test]
    fn an_open_quote_is_named() {
        assert!(words(&Template::new("mvn 'x"), &[]).is_err());
    }

    #[test]
    fn the_tail_prefers_what_went_wrong() {
        assert_eq!(tail(b"fine\n", b"boom\n"), "    boom");
        assert_eq!(tail(b"only this\n", b"\n"), "    only this");
        let long = (0..40).map(|n| format!("line {n}\n")).collect::<String>();
        assert_eq!(tail(long.as_bytes(), b"").lines().count(), 15);
    }
}
