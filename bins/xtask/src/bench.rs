//! `cargo xtask bench detect`: change detection beside what people use instead, on repositories made for it.

mod answer;
mod chance;
pub(crate) mod deploy;
mod gates;
pub(crate) mod health;
pub(crate) mod lambda;
pub(crate) mod logs;
mod manifests;
mod peers;
pub(crate) mod pipeline;
pub(crate) mod push;
mod repository;
mod sample;
mod stopwatch;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use self::peers::NodePeers;
use self::repository::Repository;
use self::sample::{RECIPES, Recipe};
use self::stopwatch::Contender;
use self::table::Comparison;
use crate::cargo;
use crate::task::{Error, Verdict};

/// What `--only` takes: the samples' names, then the contenders'.
pub(crate) const REPOSITORIES: [&str; 3] = ["maven", "npm", "reactor"];
pub(crate) const CONTENDERS: [&str; 6] = ["ours", "git", "seed", "turbo", "nx", "mvn"];

/// The base that answers are checked at.
const CHECKED: &str = "HEAD~50";

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Runs of each contender.
    pub(crate) runs: usize,
    /// Where to make the repositories, and to leave them; otherwise they go when the bench ends.
    pub(crate) keep: Option<PathBuf>,
    /// Names of [`REPOSITORIES`] and [`CONTENDERS`]; of a kind that is not named all take part.
    pub(crate) only: Vec<String>,
    /// The binary to measure instead of a release build.
    pub(crate) ours: Option<PathBuf>,
    /// Where to write the results as JSON too.
    pub(crate) json: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            runs: 15,
            keep: None,
            only: Vec::new(),
            ours: None,
            json: None,
        }
    }
}

impl Options {
    fn wants(&self, name: &str, kind: &[&str]) -> bool {
        let mut named = self
            .only
            .iter()
            .filter(|only| kind.contains(&only.as_str()))
            .peekable();
        named.peek().is_none() || named.any(|only| only == name)
    }

    fn wants_contender(&self, name: &str) -> bool {
        self.wants(name, &CONTENDERS)
    }
}

/// A folder that goes when this does, unless it is to be kept.
#[derive(Debug)]
struct Scratch {
    folder: PathBuf,
    keep: bool,
}

impl Scratch {
    fn new(keep: Option<&Path>) -> Result<Self, Error> {
        let folder = keep.map_or_else(
            || std::env::temp_dir().join(format!("windlass-bench-{}", std::process::id())),
            Path::to_path_buf,
        );
        // Programs are started in other folders, where a relative path would name something else.
        fs::create_dir_all(&folder)
            .and_then(|()| folder.canonicalize())
            .map(|folder| Self {
                folder,
                keep: keep.is_some(),
            })
            .map_err(|source| Error::broken(format!("making `{}`", folder.display()), source))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            eprintln!(
                "warning: `{}` is left behind: {error}",
                self.folder.display()
            );
        }
    }
}

/// The most memory that a process has had so far, in KiB, by its status file in /proc.
fn high_water(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// What a run gathers.
#[derive(Debug, Default)]
struct Results {
    repositories: Vec<(&'static str, String)>,
    comparisons: Vec<Comparison>,
    skipped: Vec<String>,
}

impl Results {
    fn skip(&mut self, what: &str, why: &str) {
        let line = format!("{what}: {why}");
        println!("skipped: {line}");
        self.skipped.push(line);
    }
}

/// Makes the repositories, checks the answers, measures, and prints each table as it comes.
pub(crate) fn run(options: &Options) -> Result<Verdict, Error> {
    let ours = peers::ours(options.ours.as_deref())?;
    let scratch = Scratch::new(options.keep.as_deref())?;
    let mut results = Results::default();
    for recipe in RECIPES {
        if !options.wants(recipe.name, &REPOSITORIES) {
            continue;
        }
        let start = Instant::now();
        let repository = Repository::make(&recipe, &scratch.folder)?;
        let (files, commits) = repository.size()?;
        if (files, commits) != (recipe.files, recipe.commits) {
            return Err(Error::Broken(format!(
                "`{}` has {files} files and {commits} commits, not {}",
                recipe.name,
                recipe.describe()
            )));
        }
        println!(
            "{}: {} ({:.1} s, {})",
            recipe.name,
            recipe.describe(),
            start.elapsed().as_secs_f64(),
            repository.folder.display()
        );
        results.repositories.push((recipe.name, recipe.describe()));
        if !check(&ours, &recipe, &repository)? {
            return Ok(Verdict::Bad);
        }
        measure(
            options,
            &ours,
            &scratch.folder,
            &recipe,
            &repository,
            &mut results,
        )?;
    }
    for line in gates::times(&results.comparisons) {
        println!("{line}");
    }
    println!("{}", gates::size(&ours)?);
    if let Some(path) = &options.json {
        let text = table::document(
            &results.repositories,
            &results.comparisons,
            &results.skipped,
        );
        fs::write(path, text)
            .map_err(|source| Error::broken(format!("writing `{}`", path.display()), source))?;
    }
    Ok(Verdict::Good)
}

/// Whether our services are those whose files git lists as changed: a fast wrong answer is worth nothing.
fn check(ours: &Path, recipe: &Recipe, repository: &Repository) -> Result<bool, Error> {
    let text = cargo::output(&mut peers::detect(
        ours,
        &repository.folder,
        CHECKED,
        "directories",
    ))?;
    let Some(found) = answer::services(&text) else {
        return Err(Error::Broken(format!(
            "`{}` printed no `services`: {}",
            ours.display(),
            text.chars().take(300).collect::<String>()
        )));
    };
    let expected = repository.services_changed(CHECKED)?;
    let (correct, line) = compare(&found, &expected);
    println!("{}: {line}", recipe.name);
    Ok(correct)
}

/// Whether two answers are equal, and a line that says so or how they differ.
fn compare(found: &BTreeSet<String>, expected: &BTreeSet<String>) -> (bool, String) {
    if found == expected {
        let count = found.len();
        return (
            true,
            format!(
                "correct, the {count} services changed since {CHECKED} are those of git diff --no-renames"
            ),
        );
    }
    let difference = |one: &BTreeSet<String>, other| {
        let names: Vec<&str> = one.difference(other).map(String::as_str).collect();
        names.join(", ")
    };
    (
        false,
        format!(
            "WRONG since {CHECKED}: missing [{}], too many [{}]",
            difference(expected, found),
            difference(found, expected)
        ),
    )
}

/// Races the contenders of one repository at each distance.
fn measure(
    options: &Options,
    ours: &Path,
    scratch: &Path,
    recipe: &Recipe,
    repository: &Repository,
    results: &mut Results,
) -> Result<(), Error> {
    let folder = repository.folder.as_path();
    let (distances, layouts, measure): (&[usize], &[&str], &str) = match recipe.name {
        "maven" => (&[1, 50, 499], &["directories", "maven"], "directories"),
        "npm" => (&[1, 50, 499], &["directories", "npm"], "npm"),
        _ => (&[1], &["maven"], "maven"),
    };
    let node = (recipe.name == "npm"
        && (options.wants_contender("turbo") || options.wants_contender("nx")))
    .then(|| NodePeers::install(scratch).and_then(|node| node.link(folder).map(|()| node)));
    if let Some(Err(why)) = &node {
        results.skip("turbo and nx", why);
    }
    let after = repository.resolve("HEAD")?;
    for distance in distances {
        let base = format!("HEAD~{distance}");
        let before = repository.resolve(&base)?;
        let mut contenders: Vec<Contender> = layouts
            .iter()
            .map(|layout| peers::our_contender(ours, folder, &base, layout))
            .collect();
        let mut refused = Vec::new();
        if options.wants_contender("git") {
            contenders.push(peers::git_diff(folder, &base));
        }
        if recipe.name == "maven" && options.wants_contender("seed") {
            match peers::seed(folder, scratch, &before, &after) {
                Ok(contender) => contenders.push(contender),
                Err(why) => refused.push(("shell pipeline", why)),
            }
        }
        if let Some(Ok(node)) = &node {
            if options.wants_contender("turbo") {
                match node.turbo(folder, &before, &after) {
                    Ok(both) => contenders.extend(both),
                    Err(why) => refused.push(("turbo", why)),
                }
            }
            if options.wants_contender("nx") {
                contenders.push(node.nx(&before, &after, folder));
            }
        }
        if recipe.name == "reactor" && options.wants_contender("mvn") {
            match peers::mvn(folder, "libs/lib-001") {
                Ok(contender) => contenders.push(contender),
                Err(why) => refused.push(("mvn", why)),
            }
        }
        for (what, why) in refused {
            results.skip(what, &why);
        }
        eprintln!(
            "timing {} {base}: {} contenders",
            recipe.name,
            contenders.len()
        );
        let (times, left_out) = stopwatch::race(contenders, options.runs)?;
        for line in left_out {
            results.skip(&format!("{} {base}", recipe.name), &line);
        }
        let comparison = Comparison {
            repository: recipe.name,
            base,
            measure: peers::our_name(measure),
            times,
        };
        // At once: a contender that fails later must not take what was measured with it.
        println!("\n{}", comparison.markdown());
        results.comparisons.push(comparison);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(names: &[&str]) -> Options {
        Options {
            only: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Options::default()
        }
    }

    #[test]
    fn naming_a_repository_leaves_the_contenders_alone_and_the_other_way_round() {
        let options = only(&["npm"]);
        assert!(options.wants("npm", &REPOSITORIES) && !options.wants("maven", &REPOSITORIES));
        assert!(CONTENDERS.iter().all(|name| options.wants_contender(name)));
        let options = only(&["turbo", "nx"]);
        assert!(options.wants("maven", &REPOSITORIES));
        assert!(options.wants_contender("nx") && !options.wants_contender("git"));
    }

    #[test]
    fn the_samples_are_those_that_can_be_named() {
        assert_eq!(RECIPES.map(|recipe| recipe.name), REPOSITORIES);
    }

    #[test]
    fn an_answer_that_git_does_not_give_is_wrong_and_says_how() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert!(compare(&set(&["a", "b"]), &set(&["b", "a"])).0);
        assert_eq!(
            compare(&set(&["a", "c", "d"]), &set(&["a", "b"])),
            (
                false,
                "WRONG since HEAD~50: missing [b], too many [c, d]".to_owned()
            )
        );
        assert!(!compare(&set(&[]), &set(&["a"])).0);
    }
}
