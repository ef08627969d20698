//! What is wrong is named, with what to do about it.

use crate::repo::Repo;

#[test]
fn what_is_wrong_is_named_with_a_remedy() {
    let repo = Repo::with_services(&["user-service"]);
    let outside = tempfile::tempdir().unwrap();
    let outside = outside.path().to_str().unwrap();
    for (arguments, code, names) in [
        (&["--repo", outside][..], 2, &[outside][..]),
        (&["--repo", "/no/such/folder"], 2, &["/no/such/folder"]),
        (&["--head", "nowhere"], 2, &["`nowhere`"]),
        (&["--base", "nowhere"], 3, &["`nowhere`"]),
        (
            &["--base", "HEAD", "--config", "/no/such.toml"],
            2,
            &["/no/such.toml"],
        ),
        (&["--base", "HEAD", "--layout", "maven"], 2, &["pom.xml"]),
        (&["--base", "HEAD", "--ignore", "!x"], 2, &["`!x`"]),
        (&["--base", "HEAD", "--services", "a["], 2, &["`a[`"]),
        (
            &["--base", "HEAD", "--explain", "user-servce"],
            2,
            &["`user-servce`", "did you mean `user-service`?"],
        ),
        (
            &["--base", "HEAD", "--events", "/no/such/folder/x"],
            2,
            &["/no/such/folder"],
        ),
    ] {
        repo.run(arguments).assert_refused(code, names);
    }
    for arguments in [
        &["--layout", "bazel"][..],
        &["--print", "everything"],
        &["--base", "a", "--since", "b"],
        &["--worktree", "--head", "a"],
        &["--most-files", "-1"],
        &["--no-such-flag"],
    ] {
        let ended = repo.run(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert_eq!(ended.stdout, "", "{ended:?}");
    }
    let empty = Repo::empty();
    empty.run(&[]).assert_refused(2, &["no commits"]);
    repo.write("windlass.toml", "[detect]\nservice = []\n");
    repo.run(&["--base", "HEAD"])
        .assert_refused(2, &["`service`", "did you mean `services`?"]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_not_passed_over() {
    let repo = Repo::with_services(&["a"]);
    std::fs::create_dir(repo.path().join("windlass.toml")).unwrap();
    repo.run(&["--base", "HEAD"])
        .assert_refused(2, &["windlass.toml"]);
    std::fs::remove_dir(repo.path().join("windlass.toml")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/no/such.toml", repo.path().join("windlass.toml")).unwrap();
        repo.run(&["--base", "HEAD"])
            .assert_refused(2, &["windlass.toml"]);
    }
}

#[test]
fn a_hostile_name_does_not_reach_the_terminal() {
    let repo = Repo::with_services(&["a"]);
    repo.write("services/a/clear \u{1b}[2J", "1");
    repo.commit("Hostile");
    for arguments in [
        &["--base", "HEAD~1"][..],
        &["--base", "HEAD~1", "--print", "services"],
    ] {
        let ended = repo.run(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(
            !ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'),
            "{ended:?}"
        );
    }
}
