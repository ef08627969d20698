//! Repositories of others, damaged ones, and machines without git.

use crate::repo::{Ended, Repo};

/// What would run if git ran what the repository's configuration names.
fn trapped(repo: &Repo) -> std::path::PathBuf {
    let trap = repo.path().join("ran");
    let command = format!("touch '{}'; cat", trap.display());
    repo.git(&["config", "filter.trap.clean", &command]);
    repo.git(&["config", "core.sshCommand", &command]);
    repo.git(&["config", "core.fsmonitor", &command]);
    repo.write(".git/info/attributes", "* filter=trap\n");
    trap
}

#[test]
fn git_is_not_started_in_a_repository_of_another_user() {
    let origin = Repo::with_services(&["a", "b"]);
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    origin.write("services/a/src/main.txt", "two\n");
    origin.commit("A");
    let whole = origin.clone(&[]);
    let treeless = origin.clone(&["--filter=tree:0", "--no-checkout"]);
    let shallow = origin.clone(&["--depth=1"]);
    let foreign = |repo: &Repo, arguments: &[&str]| {
        let mut command = repo.command(arguments);
        // Of git's own tests: it takes every repository for somebody else's.
        command
            .env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        Ended::of(command.output().unwrap())
    };
    for (repo, arguments) in [
        (&whole, &["--worktree"][..]),
        (&treeless, &["--base", "HEAD~1"]),
        (&shallow, &["--base", &origin.rev("HEAD~1"), "--fetch"]),
    ] {
        repo.write("services/b/src/main.txt", "two\n");
        let trap = trapped(repo);
        let ended = foreign(repo, arguments);
        ended.assert_refused(3, &["belongs to another user", "safe.directory"]);
        assert!(!trap.exists(), "{ended:?}");
    }
    let ended = foreign(&whole, &["--base", "HEAD~1", "--print", "services"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "a\n"), "{ended:?}");
}

#[test]
fn without_git_what_needs_it_says_so() {
    let repo = Repo::with_services(&["a"]);
    repo.write("services/a/src/main.txt", "two\n");
    repo.commit("A");
    let mut command = repo.command(&["--worktree"]);
    command.env("PATH", "/nowhere");
    Ended::of(command.output().unwrap())
        .assert_refused(3, &["`git` could not be started", "install git"]);
    let mut command = repo.command(&["--base", "HEAD~1", "--print", "services"]);
    command.env("PATH", "/nowhere");
    assert_eq!(Ended::of(command.output().unwrap()).stdout, "a\n");
}

#[test]
fn a_broken_list_of_shallow_commits_is_named() {
    let repo = Repo::with_services(&["a"]);
    repo.write("services/a/src/main.txt", "two\n");
    repo.commit("A");
    for garbage in ["x\n", "\n", "0123\n", "\u{1}", "zz zz\nabc", "\n\n"] {
        std::fs::write(repo.path().join(".git/shallow"), garbage).unwrap();
        for arguments in [&["--since", "HEAD~1"][..], &[], &["--base", "HEAD~1"]] {
            repo.run(arguments)
                .assert_refused(3, &["shallow", "line 1"]);
        }
    }
}
