//! What the engine's own work costs, without the start of a process: `cargo bench -p change-detect`.
//!
//! `cargo xtask bench detect` measures the whole program beside other tools.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use change_detect::sim::{Draft, SimRepository};
use change_detect::{Bases, CommitId, DiffSource, GitSource, Layout, Options, detect, services_at};
use criterion::Criterion;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SERVICES: usize = 200;
const LIBRARIES: usize = 12;
const FILES_PER_MODULE: usize = 8;

/// The pom of a module that depends on `needs`.
fn pom(name: &str, needs: &[String]) -> String {
    let dependencies: String = needs
        .iter()
        .map(|need| {
            format!(
                "<dependency><groupId>com.example</groupId><artifactId>{need}</artifactId><version>${{project.version}}</version></dependency>"
            )
        })
        .collect();
    format!(
        "<project><parent><groupId>com.example</groupId><artifactId>platform</artifactId><version>1.0</version>\
         <relativePath>../../pom.xml</relativePath></parent><artifactId>{name}</artifactId>\
         <dependencies>{dependencies}</dependencies></project>"
    )
}

/// The files of a Maven monorepo: each service needs two libraries, each library the one before it.
fn files() -> Vec<(String, String)> {
    let libraries: Vec<String> = (0..LIBRARIES)
        .map(|number| format!("lib-{number:02}"))
        .collect();
    let mut files = Vec::new();
    let mut modules = String::new();
    let mut add = |folder: String, name: &str, needs: &[String]| {
        modules.push_str(&format!("<module>{folder}</module>"));
        files.push((format!("{folder}/pom.xml"), pom(name, needs)));
        for number in 1..FILES_PER_MODULE {
            files.push((
                format!("{folder}/src/main/java/com/example/Part{number}.java"),
                format!("class Part{number} {{ String in = \"{name}\"; }}\n"),
            ));
        }
    };
    for (number, library) in libraries.iter().enumerate() {
        let needs = &libraries[number.saturating_sub(1)..number];
        add(format!("libs/{library}"), library, needs);
    }
    for number in 0..SERVICES {
        let name = format!("service-{number:03}");
        let needs = [0, 5].map(|step| libraries[(number + step) % LIBRARIES].clone());
        add(format!("services/{name}"), &name, &needs);
    }
    files.push((
        "pom.xml".to_owned(),
        format!(
            "<project><groupId>com.example</groupId><artifactId>platform</artifactId><version>1.0</version>\
             <packaging>pom</packaging><modules>{modules}</modules></project>"
        ),
    ));
    files
}

/// What the head changes: a file in every fourth service, and one in a library.
fn changed() -> Vec<(String, String)> {
    (0..SERVICES)
        .step_by(4)
        .map(|number| format!("services/service-{number:03}/src/main/java/com/example/Part1.java"))
        .chain(["libs/lib-07/src/main/java/com/example/Part1.java".to_owned()])
        .map(|path| (path, "class Part1 {}\n".to_owned()))
        .collect()
}

fn draft(message: &str, files: Vec<(String, String)>) -> Draft {
    files
        .into_iter()
        .fold(Draft::new(message), |draft, (path, text)| {
            draft.file(path, text)
        })
}

fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Bench",
            "-c",
            "user.email=bench@example.com",
        ])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "git {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        )
        .into())
    }
}

/// Commits `files` to a repository on disk.
fn commit(folder: &Path, message: &str, files: Vec<(String, String)>) -> Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    git(folder, &["add", "--all"])?;
    git(folder, &["commit", "--quiet", "--message", message])
}

/// Times `detect`, once it has been seen to find something: an empty answer is quick and measures nothing.
fn measure(
    criterion: &mut Criterion,
    name: &str,
    source: &dyn DiffSource,
    [base, head]: &[CommitId; 2],
    options: &Options,
) -> Result<()> {
    let bases = Bases::One(base.clone());
    if detect(source, &bases, head, options)?.services.is_empty() {
        return Err(format!("`{name}` finds no service").into());
    }
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| detect(black_box(source), &bases, head, options));
    });
    Ok(())
}

/// The monorepo in memory and on disk, without the graph and with it.
fn repositories(criterion: &mut Criterion) -> Result<()> {
    let sim = SimRepository::new();
    let in_memory = [
        sim.save(draft("Base", files()))?,
        sim.save(draft("Head", changed()))?,
    ];

    let folder = tempfile::tempdir()?;
    git(folder.path(), &["init", "--quiet"])?;
    commit(folder.path(), "Base", files())?;
    commit(folder.path(), "Head", changed())?;
    git(folder.path(), &["gc", "--quiet"])?;
    let disk = GitSource::discover(folder.path())?;
    let on_disk = [disk.resolve("HEAD~1")?, disk.resolve("HEAD")?];

    for layout in [Layout::Directories, Layout::Maven] {
        let options = Options::default().layout(layout);
        let name = |where_: &str| format!("detect/{layout}/{where_}");
        measure(criterion, &name("memory"), &sim, &in_memory, &options)?;
        measure(criterion, &name("git"), &disk, &on_disk, &options)?;
    }
    Ok(())
}

/// One long pom: what reading XML costs.
fn poms(criterion: &mut Criterion) -> Result<()> {
    let needs: Vec<String> = (0..500).map(|number| format!("other-{number}")).collect();
    let repository = SimRepository::new();
    let head = repository.save(Draft::new("Head").file("pom.xml", pom("alone", &needs)))?;
    let options = Options::default().layout(Layout::Maven);
    if services_at(&repository, &head, &options)?.len() != 1 {
        return Err("one pom is one module".into());
    }
    criterion.bench_function("services_at/a pom of 500 dependencies", |bencher| {
        bencher.iter(|| services_at(black_box(&repository), &head, &options));
    });
    Ok(())
}

/// Hundreds of globs against hundreds of changed files.
fn globs(criterion: &mut Criterion) -> Result<()> {
    let repository = SimRepository::new();
    let commits = [
        repository.save(draft("Base", files()))?,
        repository.save(draft(
            "Head",
            files()
                .into_iter()
                .filter(|(path, _)| path.ends_with(".java"))
                .map(|(path, text)| (path, text + "\n"))
                .collect(),
        ))?,
    ];
    let numbered =
        |glob: &'static str| (0..200).map(move |number| glob.replace('#', &number.to_string()));
    let options = Options::default()
        .layout(Layout::Directories)
        .services(numbered("services/service-#*").chain(["services/*".to_owned()]))
        .global(numbered("shared-#/**/*.{yml,xml}"))
        .ignore(numbered("**/generated-#/**").chain(numbered("!**/generated-#/kept/*.java")));
    measure(
        criterion,
        "detect/800 globs",
        &repository,
        &commits,
        &options,
    )
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    repositories(&mut criterion)?;
    poms(&mut criterion)?;
    globs(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
