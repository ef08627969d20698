//! Finding the scanners' reports and checking what they say.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use health_checker::quality_gate::{REPORT_PLACES, ReportTask};
use windlass_cli::{Failure, nearest};

use super::args::CheckArgs;
use super::server;

/// A report is half a dozen lines; what is longer is the wrong file.
const LONGEST: u64 = 64 << 10;
/// Folders that hold no modules.
const CLOSED: [&str; 4] = ["target", "build", "node_modules", "dist"];

/// A report and where it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) task: ReportTask,
}

/// Every report that the arguments lead to, each task once, in the order of paths.
pub(super) fn all(args: &CheckArgs) -> Result<Vec<Found>, Failure> {
    let mut paths: Vec<PathBuf> = args.report.clone();
    for folder in &args.search {
        let before = paths.len();
        search(folder, &mut paths)?;
        if paths.len() == before {
            return Err(Failure::usage(format!(
                "no `report-task.txt` below `{}`",
                folder.display()
            ))
            .hint(format!(
                "run the scanner first; reports are looked for in {}",
                REPORT_PLACES.join(", ")
            )));
        }
    }
    if args.report.is_empty() && args.search.is_empty() {
        paths.push(here()?);
    }
    let mut found: Vec<Found> = Vec::new();
    for path in paths {
        let task = read(&path, args.max_age.0)?;
        if !found.iter().any(|known| known.task == task) {
            found.push(Found { path, task });
        }
    }
    of_the_server(&found, args)?;
    of_the_projects(&found, args)?;
    Ok(found)
}

/// The one report of this folder.
fn here() -> Result<PathBuf, Failure> {
    let present: Vec<&str> = REPORT_PLACES
        .into_iter()
        .filter(|place| Path::new(place).exists())
        .collect();
    match present[..] {
        [one] => Ok(one.into()),
        [] => Err(
            Failure::usage("there is no `report-task.txt` in this folder").hint(format!(
                "run the scanner first, or name its report with --report FILE; looked for in {}",
                REPORT_PLACES.join(", ")
            )),
        ),
        [..] => Err(Failure::usage(format!(
            "there are several reports in this folder: {}",
            present.join(", ")
        ))
        .hint("name the one of this build with --report FILE")),
    }
}

/// Adds the reports below a folder. Links are not followed.
fn search(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for place in REPORT_PLACES {
        let path = folder.join(place);
        if path.is_file() {
            paths.push(path);
        }
    }
    let failed = |error: std::io::Error| {
        Failure::usage(format!("cannot look into `{}`", folder.display()))
            .caused_by(&error)
            .hint("give --search a folder that exists and may be read")
    };
    let mut below: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_closed = name
            .to_str()
            .is_some_and(|name| name.starts_with('.') || CLOSED.contains(&name));
        if !is_closed && entry.file_type().map_err(failed)?.is_dir() {
            below.push(entry.path());
        }
    }
    below.sort_unstable();
    below.iter().try_for_each(|folder| search(folder, paths))
}

fn read(path: &Path, max_age: Option<Duration>) -> Result<ReportTask, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Failure::usage(format!("cannot read the report `{shown}`"))
                .caused_by(&error)
                .hint("run the scanner first, or name the report that it wrote: target/sonar/report-task.txt for Maven")
    };
    let file = fs::File::open(path).map_err(failed)?;
    let modified = file
        .metadata()
        .and_then(|data| data.modified())
        .map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let no_report = || Failure::usage(format!("`{shown}` is no scanner's report"));
    if bytes.len() as u64 > LONGEST {
        return Err(no_report().hint("it is longer than 64 KiB; a report has half a dozen lines"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        no_report()
            .caused_by(&error)
            .hint("give the `report-task.txt` of the scanner itself")
    })?;
    let task: ReportTask =
        text.parse()
            .map_err(|error: health_checker::quality_gate::InvalidReportTask| {
                no_report().caused_by(&error).hint(error.hint())
            })?;
    let age = SystemTime::now()
        .duration_since(modified)
        .unwrap_or_default();
    match max_age {
        Some(limit) if age > limit => Err(Failure::usage(format!(
            "the report `{shown}` is {} old, older than {}",
            rough(age),
            rough(limit)
        ))
        .hint(
            "it may be left from another build: run the scanner again, or allow it with --max-age",
        )),
        _ => Ok(task),
    }
}

fn rough(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs().max(1))).to_string()
}

/// Every report is of the server that was named.
fn of_the_server(found: &[Found], args: &CheckArgs) -> Result<(), Failure> {
    // A variable that is set to nothing is as good as unset.
    let Some(server) = args.server.as_deref().filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let server = server::address(server)?;
    for one in found {
        if !server.is_same(&one.task.server) {
            return Err(Failure::usage(format!(
                "the report `{}` is of the server {}, expected is {server}",
                one.path.display(),
                one.task.server
            ))
            .hint(
                "give --server, or the variable SONAR_HOST_URL, the address that the scanner reports (its serverUrl), or \
                 run the scanner against the expected server",
            ));
        }
    }
    Ok(())
}

/// The reports are of the expected projects and of no others.
fn of_the_projects(found: &[Found], args: &CheckArgs) -> Result<(), Failure> {
    let expected: BTreeSet<_> = args.project_key.iter().collect();
    if expected.is_empty() {
        return Ok(());
    }
    let names = || expected.iter().map(|key| key.as_str());
    for one in found {
        let project = &one.task.project;
        if !expected.contains(project) {
            let listed: Vec<String> = names().map(|name| format!("`{name}`")).collect();
            let hint = match nearest(project.as_str(), names()) {
                Some(near) => {
                    format!("did you mean --project-key {project}, or the report of `{near}`?")
                }
                None => "give the report of the expected project, or its key with --project-key"
                    .to_owned(),
            };
            return Err(Failure::usage(format!(
                "the report `{}` is of project `{project}`, expected is {}",
                one.path.display(),
                listed.join(" or ")
            ))
            .hint(hint));
        }
    }
    let present: BTreeSet<_> = found.iter().map(|one| &one.task.project).collect();
    match expected.iter().find(|key| !present.contains(*key)) {
        None => Ok(()),
        Some(missing) => Err(
            Failure::usage(format!("there is no report of project `{missing}`"))
                .hint("run its scanner, or name its report with --report FILE"),
        ),
    }
}
