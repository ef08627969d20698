//! The build command: for each module that has to be rebuilt, wave after wave, the modules of a wave in parallel.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use change_detect::{Detection, ModuleReport};
use futures_util::stream::{self, StreamExt};
use tokio::process::{Child, Command};
use windlass_cli::{Exit, Failure};

use crate::config::Template;
use crate::event::{Event, Listeners};
use crate::folder;

/// How much of a log is read to find its last lines.
const TAIL_BYTES: u64 = 16 * 1024;

/// How many of a failed build's last lines are shown.
const TAIL_LINES: usize = 15;

/// How many runs' logs are kept.
const KEPT: usize = 20;

/// The builds of one run.
pub(crate) struct Builds<'a> {
    root: &'a Path,
    command: &'a Template,
    max_parallel: usize,
    logs: PathBuf,
    listeners: &'a Listeners<'a>,
}

/// The modules of a detection, as they are to be built.
pub(crate) fn waves(detection: &Detection) -> Vec<Vec<&ModuleReport>> {
    detection
        .waves
        .iter()
        .map(|wave| {
            wave.iter()
                .filter_map(|name| detection.module(name))
                .collect()
        })
        .collect()
}

impl<'a> Builds<'a> {
    /// Makes a folder for the logs of this run, and removes those of runs long ago.
    pub(crate) fn open(
        root: &'a Path,
        environment: &str,
        command: &'a Template,
        max_parallel: usize,
        listeners: &'a Listeners<'a>,
    ) -> Result<Self, Failure> {
        let all = folder::make(root, environment)?.join("logs");
        let begun = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Sorts by time; the process tells apart what begins in the same millisecond.
        let logs = all.join(format!("{:013}-{}", begun.as_millis(), std::process::id()));
        std::fs::create_dir_all(&logs).map_err(|error| folder::denied(root, &logs, &error))?;
        sweep(&all);
        Ok(Self {
            root,
            command,
            max_parallel,
            logs,
            listeners,
        })
    }

    /// Where the logs are, a file for each module.
    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Builds all waves. When a module fails the others of its wave are built to their end, and no later wave is begun.
    pub(crate) async fn run(&self, waves: &[Vec<&ModuleReport>]) -> Result<(), Failure> {
        let mut waves = waves.iter();
        while let Some(wave) = waves.next() {
            let results: Vec<Result<(), (String, Failure)>> =
                stream::iter(wave.iter().map(|module| self.build(module)))
                    .buffer_unordered(self.max_parallel)
                    .collect()
                    .await;
            let mut failures = results.into_iter().filter_map(Result::err);
            let Some((module, failure)) = failures.next() else {
                continue;
            };
            for skipped in waves.flatten() {
                self.listeners.tell(&Event::BuildSkipped {
                    module: skipped.name.to_string(),
                    reason: format!("not built because {module} failed"),
                });
            }
            let others: Vec<String> = failures.map(|(module, _)| module).collect();
            return Err(if others.is_empty() {
                failure
            } else {
                failure.hint(format!(
                    "{} failed too; the logs are in `{}`",
                    others.join(", "),
                    self.logs.display()
                ))
            });
        }
        Ok(())
    }

    async fn build(&self, module: &ModuleReport) -> Result<(), (String, Failure)> {
        let name = module.name.to_string();
        self.build_module(module)
            .await
            .map_err(|failure| (name, failure))
    }

    async fn build_module(&self, module: &ModuleReport) -> Result<(), Failure> {
        let path = module.path.to_string();
        // Maven's -pl takes a path and not a bare artifactId, so {module} is the path.
        let values = [
            ("module", path.as_str()),
            ("service", module.name.as_str()),
            ("path", path.as_str()),
        ];
        let words = words(self.command, &values)?;
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| Failure::usage("build.command is empty"))?;
        let shown = words.join(" ");
        let log = self
            .logs
            .join(format!("{}.log", file_name(module.name.as_str())));
        let mut file =
            File::create_new(&log).map_err(|error| folder::denied(self.root, &log, &error))?;
        self.listeners.tell(&Event::BuildStarted {
            module: module.name.to_string(),
            command: shown.clone(),
        });
        let started = Instant::now();
        let status = self
            .command(program, arguments, &file, module)?
            .wait()
            .await
            .map_err(|error| {
                Failure::unreachable(format!("cannot wait for `{program}`")).caused_by(&error)
            })?;
        let (seconds, log) = (started.elapsed().as_secs_f64(), log.display().to_string());
        if status.success() {
            self.listeners.tell(&Event::Built {
                module: module.name.to_string(),
                seconds,
                log,
            });
            return Ok(());
        }
        self.listeners.tell(&Event::BuildFailed {
            module: module.name.to_string(),
            seconds,
            log: log.clone(),
            reason: status.to_string(),
        });
        Err(failed(&shown, status, &tail(&mut file), &log))
    }

    fn command(
        &self,
        program: &str,
        arguments: &[String],
        log: &File,
        module: &ModuleReport,
    ) -> Result<Group, Failure> {
        let outputs = log.try_clone().and_then(|out| Ok((out, log.try_clone()?)));
        let (stdout, stderr) = outputs.map_err(|error| {
            Failure::unreachable("cannot open the build's log once more").caused_by(&error)
        })?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.root)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .kill_on_drop(true);
        // A build tool's own children go with it when the run is stopped.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn().map(Group).map_err(|error| {
            Failure::usage(format!(
                "cannot start `{program}` to build `{}`",
                module.name
            ))
            .caused_by(&error)
            .hint("build.command is run without a shell: its first word must be a program on PATH")
        })
    }
}

/// A build command and all that it has started.
#[derive(Debug)]
struct Group(Child);

impl Group {
    async fn wait(mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // `None` once it has ended.
        #[cfg(unix)]
        if let Some(pid) = self
            .0
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

fn failed(shown: &str, status: ExitStatus, tail: &str, log: &str) -> Failure {
    Failure::new(
        Exit::Negative,
        format!("`{shown}` failed: {status}\n{tail}"),
    )
    .hint(format!("the whole log is `{log}`"))
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

/// A module's name as a file's: what could be a path becomes `%XX`.
fn file_name(module: &str) -> String {
    let mut name = String::new();
    for byte in module.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            b'.' if !name.is_empty() => name.push('.'),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    name
}

/// The last lines of a log.
fn tail(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::End(0))
        .and_then(|length| file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))))
        .and_then(|_| file.read_to_end(&mut bytes));
    if read.is_err() {
        return "    (its log cannot be read)".to_owned();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..]
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Removes the logs of all but the last runs. What cannot be removed only takes room.
fn sweep(all: &Path) {
    let Ok(entries) = std::fs::read_dir(all) else {
        return;
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    folders.sort();
    for old in folders.iter().rev().skip(KEPT) {
        let _ = std::fs::remove_dir_all(old);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

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
    fn a_hostile_name_stays_in_the_folder() {
        assert_eq!(file_name("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
        assert_eq!(file_name("org.acme.shop"), "org.acme.shop");
        assert_eq!(file_name(".."), "%2E.");
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        let mut file = tempfile::tempfile().unwrap();
        for line in 0..40_000 {
            writeln!(file, "line {line}").unwrap();
        }
        let tail = tail(&mut file);
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.ends_with("line 39999"), "{tail}");
    }

    #[test]
    fn old_logs_go() {
        let folder = tempfile::tempdir().unwrap();
        for run in 0..KEPT + 3 {
            std::fs::create_dir(folder.path().join(format!("{run:013}-1"))).unwrap();
        }
        sweep(folder.path());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), KEPT);
        assert!(!folder.path().join("0000000000000-1").exists());
    }
}
