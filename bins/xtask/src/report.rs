//! Reading what `cargo test` prints, and counting it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo;
use crate::manifest::Workspace;

/// How the variables begin that tell tests where a server is.
pub(crate) const VARIABLE: &str = "WINDLASS_TEST_";
/// What a test writes that finds no server.
const SKIPPED: &str = "skipped: WINDLASS_TEST_";

/// Counted tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Ignored, or without the server they need.
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// What one `cargo test` did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By package.
    pub(crate) packages: BTreeMap<String, Counts>,
    /// `package: test` of each test that failed.
    pub(crate) failures: Vec<String>,
    /// The variables that tests missed, with how many tests missed each.
    pub(crate) missed: BTreeMap<String, u64>,
    /// What the compiler warned of in the workspace's own packages, one line per target.
    pub(crate) warnings: Vec<String>,
    /// The package whose tests are running.
    package: String,
    /// The tests of the binary that is running that skipped themselves.
    skipping: u64,
    /// Whether the lines are what tests that passed have printed.
    aside: bool,
}

impl Report {
    /// All packages together.
    pub(crate) fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.packages.values().for_each(|counts| total.add(*counts));
        total
    }

    /// Takes in one line of the output of `cargo test -- --show-output`, and says whether people want to see it.
    ///
    /// libtest swallows what a test that passed has printed unless it is asked to show it, and a test that skipped itself is one that passed.
    pub(crate) fn read(&mut self, line: &str, workspace: &Workspace) -> bool {
        // libtest may not have ended its own line when a test writes.
        if let Some((_, rest)) = line.split_once(SKIPPED) {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            *self.missed.entry(format!("{VARIABLE}{name}")).or_default() += 1;
            self.skipping += 1;
        }
        let line = line.trim();
        self.aside = match line {
            "successes:" => true,
            "failures:" => false,
            _ => self.aside && !line.starts_with("test result: "),
        };
        if self.aside {
            return false;
        }
        if let Some((source, binary)) = running(line) {
            self.begin(package_of(source, binary, workspace));
        } else if let Some(library) = line.strip_prefix("Doc-tests ") {
            self.begin(package_called(library, workspace));
        } else if let Some(counts) = result(line) {
            self.end(counts);
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(format!("{}: {name}", self.package));
        } else if line.starts_with("warning: `") && line.contains("generated") {
            self.warnings.push(line.to_owned());
        }
        true
    }

    fn begin(&mut self, package: String) {
        self.package = package;
        self.skipping = 0;
    }

    fn end(&mut self, mut counts: Counts) {
        // A test that skipped itself counts as passed in libtest, and not here.
        let skipping = self.skipping.min(counts.passed);
        counts.passed -= skipping;
        counts.skipped += skipping;
        self.skipping = 0;
        self.packages
            .entry(self.package.clone())
            .or_default()
            .add(counts);
    }
}

/// The source file and the binary of `Running unittests src/lib.rs (target/debug/deps/windlass-0123)`.
fn running(line: &str) -> Option<(&str, &str)> {
    let (source, binary) = line
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .rsplit_once(" (")?;
    Some((source.strip_prefix("unittests ").unwrap_or(source), binary))
}

/// The package of a test binary: the compiler's list of sources beside it names the file below the package's folder.
/// The binary's own name does not do, since every package calls its integration tests `it`.
fn package_of(source: &str, binary: &str, workspace: &Workspace) -> String {
    let binary = PathBuf::from(binary);
    let sources =
        fs::read_to_string(cargo::root().join(&binary).with_extension("d")).unwrap_or_default();
    package_below(source, &sources, workspace).unwrap_or_else(|| {
        let stem = binary.file_stem().unwrap_or_default().to_string_lossy();
        package_called(
            stem.rsplit_once('-').map_or(&*stem, |(name, _)| name),
            workspace,
        )
    })
}

/// The package whose crate is called `name`, or `name` itself.
fn package_called(name: &str, workspace: &Workspace) -> String {
    let named = workspace
        .members
        .iter()
        .find(|package| package.name.replace('-', "_") == name);
    named.map_or_else(|| name.to_owned(), |package| package.name.clone())
}

fn package_below(source: &str, sources: &str, workspace: &Workspace) -> Option<String> {
    let root = cargo::root();
    sources.split_whitespace().find_map(|file| {
        let folder = file.strip_suffix(source)?.trim_end_matches('/');
        let folder = Path::new(folder)
            .strip_prefix(&root)
            .unwrap_or(Path::new(folder));
        Some(workspace.in_folder(folder)?.name.clone())
    })
}

/// The counts of `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn result(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let (_, numbers) = rest.split_once(". ")?;
    let mut counts = Counts::default();
    for part in numbers.split(';') {
        if let Some((number, what)) = part.trim().split_once(' ')
            && let Ok(number) = number.parse()
        {
            match what {
                "passed" => counts.passed = number,
                "failed" => counts.failed = number,
                "ignored" => counts.skipped = number,
                _ => {}
            }
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Report {
        let workspace = Workspace::load().unwrap();
        let mut report = Report::default();
        for line in text.lines() {
            report.read(line, &workspace);
        }
        report
    }

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn counts_by_package_across_binaries_and_doc_tests() {
        let report = read(
            "   Compiling change-detect v0.1.0
    Finished `test` profile in 3s
     Running unittests src/lib.rs (target/debug/deps/change_detect-00ff)
running 2 tests
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
   Doc-tests change_detect
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
   Doc-tests deploy_notifier
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
",
        );
        assert_eq!(report.packages["change-detect"], counts(3, 0, 1));
        assert_eq!(report.packages["deploy-notifier"], counts(4, 0, 0));
        assert_eq!(report.total(), counts(7, 0, 1));
    }

    #[test]
    fn names_what_failed() {
        let report = read(
            "     Running tests/it/main.rs (target/debug/deps/it-00ff)
test layout::finds_services ... ok
test layout::order ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
",
        );
        assert_eq!(report.failures, ["it: layout::order"]);
        assert_eq!(report.total(), counts(1, 1, 0));
    }

    #[test]
    fn a_test_that_missed_its_server_did_not_pass() {
        let report = read(
            "     Running tests/it/main.rs (target/debug/deps/it-00ff)
skipped: WINDLASS_TEST_REGISTRY is not set
test push ... skipped: WINDLASS_TEST_MOTO is not set
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/it/main.rs (target/debug/deps/it-11ff)
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
",
        );
        assert_eq!(report.total(), counts(4, 0, 2));
        assert_eq!(
            report.missed.into_iter().collect::<Vec<_>>(),
            [
                ("WINDLASS_TEST_MOTO".to_owned(), 1),
                ("WINDLASS_TEST_REGISTRY".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn what_tests_that_passed_have_printed_is_not_shown_and_counts_only_as_skipped() {
        let workspace = Workspace::load().unwrap();
        let mut report = Report::default();
        let text = "   Doc-tests image_tagger
test a ... ok
test b ... FAILED
successes:

---- a stdout ----
skipped: WINDLASS_TEST_REGISTRY is not set
test x ... FAILED
successes:
    a
failures:
---- b stdout ----
test result: FAILED. 1 passed; 1 failed; 0 ignored
";
        let shown: Vec<&str> = text
            .lines()
            .filter(|line| report.read(line, &workspace))
            .collect();
        assert_eq!(
            shown,
            [
                "   Doc-tests image_tagger",
                "test a ... ok",
                "test b ... FAILED",
                "failures:",
                "---- b stdout ----",
                "test result: FAILED. 1 passed; 1 failed; 0 ignored"
            ]
        );
        assert_eq!(report.total(), counts(0, 1, 1));
        assert_eq!(report.failures, ["image-tagger: b"]);
    }

    #[test]
    fn the_package_of_an_integration_test_is_read_from_the_compilers_list() {
        let workspace = Workspace::load().unwrap();
        let sources =
            "/t/debug/deps/it-00: bins/windlass/tests/it/main.rs bins/windlass/tests/it/plan.rs\n";
        assert_eq!(
            package_below("tests/it/main.rs", sources, &workspace).as_deref(),
            Some("windlass")
        );
        let absolute = format!(
            "x: {}\n",
            cargo::root().join("notifier/src/lib.rs").display()
        );
        assert_eq!(
            package_below("src/lib.rs", &absolute, &workspace).as_deref(),
            Some("deploy-notifier")
        );
        assert_eq!(
            package_below("src/lib.rs", "x: elsewhere/src/lib.rs", &workspace),
            None
        );
    }

    #[test]
    fn warnings_of_the_workspaces_packages_are_kept() {
        let report = read(
            "warning: unused import: `x`\nwarning: `windlass` (lib test) generated 1 warning\n",
        );
        assert_eq!(
            report.warnings,
            ["warning: `windlass` (lib test) generated 1 warning"]
        );
    }

    #[test]
    fn what_only_looks_like_a_result_counts_nothing() {
        assert_eq!(
            read("test result: pending\ntest result\nRunning late\nDoc-tests\n").total(),
            counts(0, 0, 0)
        );
    }
}
