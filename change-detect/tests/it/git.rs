//! The way from a folder on disk to a detection, with the real git.

use std::path::Path;
use std::process::Command;

use change_detect::{Bases, Confidence, DiffSource, Error, GitSource, Options, detect};

use crate::support::{names, report};

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Ada Example",
            "-c",
            "user.email=ada@example.com",
        ])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn write(folder: &Path, file: &str, text: &str) {
    let file = folder.join(file);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn commit(folder: &Path, message: &str) {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", message]);
}

#[test]
fn a_work_tree_is_compared_as_committed() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    git(folder, &["init", "--quiet"]);
    let source = GitSource::discover(folder).unwrap();
    assert!(matches!(source.resolve("HEAD"), Err(Error::NoCommits)));

    let text = "a file that is long enough for git to see that it moved\n".repeat(5);
    write(folder, "services/a/moved.txt", &text);
    write(folder, "services/a/main.py", "1");
    write(folder, "services/b/main.py", "1");
    write(folder, "services/gone/main.py", "1");
    commit(folder, "First");
    git(folder, &["tag", "--annotate", "--message=Release", "v1"]);
    git(
        folder,
        &["mv", "services/a/moved.txt", "services/b/moved.txt"],
    );
    git(folder, &["rm", "-r", "--quiet", "services/gone"]);
    write(folder, "services/README.md", "1");
    commit(folder, "Second");
    write(folder, "services/uncommitted/main.py", "1");

    let (base, head) = (
        source.resolve("v1").unwrap(),
        source.resolve("HEAD").unwrap(),
    );
    let detection = detect(&source, &Bases::One(base), &head, &Options::default()).unwrap();
    assert_eq!(
        report(&detection),
        [
            "a changed: services/a/moved.txt changed",
            "b changed: services/b/moved.txt changed"
        ]
    );
    assert_eq!(names(&detection.removed), ["gone"]);
    assert_eq!(detection.unowned, ["services/README.md".parse().unwrap()]);
    assert_eq!(detection.confidence, Confidence::Exact);
    assert_eq!(source.commit(&head).unwrap().title, "Second");
}
