//! Clones that lack something.

use crate::repo::{Ended, Repo};

/// Ten commits on the trunk and a branch that left it at the third; each commit on a service of its own.
fn origin() -> Repo {
    let services: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let names: Vec<&str> = services.iter().map(String::as_str).collect();
    let repo = Repo::with_services(&names);
    for key in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
        repo.git(&["config", key, "true"]);
    }
    for n in 0..10 {
        repo.write(&format!("services/s{n}/src/main.txt"), "two\n");
        repo.commit(&format!("S{n}"));
        if n == 2 {
            repo.git(&["branch", "topic"]);
        }
    }
    repo.git(&["checkout", "--quiet", "topic"]);
    repo.write("services/s9/src/main.txt", "topic\n");
    repo.commit("Topic");
    repo
}

#[test]
fn a_cut_history_is_unknown_and_not_empty_until_it_may_be_fetched() {
    let origin = origin();
    let clone = origin.clone(&["--depth=1", "--no-single-branch"]);
    let refused = clone.run(&["--since", "origin/main", "--format", "json"]);
    refused.assert_refused(3, &["cut at"]);
    assert_eq!(refused.json()["confidence"], "unknown");
    assert_eq!(
        clone.run(&["--since", "origin/main"]).stdout,
        "",
        "nothing that could be taken for a result"
    );
    let fetched = clone.json(&["--since", "origin/main", "--fetch"]);
    assert_eq!(fetched["services"], serde_json::json!(["s9"]));
    assert_eq!(fetched["confidence"], "exact");
    assert_eq!(fetched["base"], origin.rev("main~7"));
    // The trunk that the clone had is still all there.
    assert_eq!(clone.rev("origin/main"), origin.rev("main"));
}

#[test]
fn a_base_beyond_the_cut_is_unknown_until_it_may_be_fetched() {
    let origin = origin();
    let base = origin.rev("topic~2");
    let clone = origin.clone(&["--depth=1"]);
    clone
        .run(&["--base", &base])
        .assert_refused(3, &[&base, "on-unknown"]);
    assert_eq!(clone.services(&["--base", &base, "--fetch"]), ["s2", "s9"]);
    clone
        .run(&["--base", &"ab".repeat(20), "--fetch"])
        .assert_refused(3, &[&"ab".repeat(20)]);
}

#[test]
fn a_remote_that_is_gone_is_an_error_that_says_so() {
    let origin = origin();
    let clone = origin.clone(&["--depth=1", "--no-single-branch"]);
    drop(origin);
    clone
        .run(&["--since", "origin/main", "--fetch"])
        .assert_refused(3, &["cannot fetch more history"]);
}

#[test]
fn clones_without_blobs_or_trees_are_read_through_git() {
    let origin = origin();
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let clone = origin.clone(&[filter, "--no-checkout"]);
        assert_eq!(
            clone.services(&["--base", "HEAD~3"]),
            ["s1", "s2", "s9"],
            "{filter}"
        );
    }
}

/// A line of commits with tags v1, v2 and v3, the second on a branch that was merged.
fn tagged() -> Repo {
    let repo = Repo::with_services(&["a", "b", "c"]);
    for key in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
        repo.git(&["config", key, "true"]);
    }
    repo.git(&["tag", "v1"]);
    for (service, tag) in [("a", "v2"), ("b", "v3")] {
        repo.write(&format!("services/{service}/src/main.txt"), "two\n");
        repo.commit(service);
        repo.git(&["tag", tag]);
    }
    repo
}

fn pushed(clone: &Repo, tag: &str, arguments: &[&str]) -> Ended {
    let path = clone.path().join(".git/event.json");
    let after = clone.rev(tag);
    let event = serde_json::json!({"ref": format!("refs/tags/{tag}"), "before": "0".repeat(40), "after": after});
    std::fs::write(&path, event.to_string()).unwrap();
    let mut command = clone.command(&[&["--format", "json"], arguments].concat());
    command
        .env("GITHUB_EVENT_NAME", "push")
        .env("GITHUB_EVENT_PATH", path);
    Ended::of(command.output().unwrap())
}

#[test]
fn a_clone_without_tags_does_not_know_the_tag_before_until_they_may_be_fetched() {
    let origin = tagged();
    for arguments in [
        &["--no-tags"][..],
        &["--no-tags", "--depth=1"],
        &["--depth=1"],
    ] {
        let clone = origin.clone(arguments);
        clone.git(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "origin",
            "refs/tags/v3:refs/tags/v3",
        ]);
        pushed(&clone, "v3", &[]).assert_refused(3, &["`v3`"]);
        let fetched = pushed(&clone, "v3", &["--fetch"]);
        assert_eq!(fetched.code, 0, "{fetched:?}");
        assert_eq!(fetched.json()["base"], origin.rev("v2"), "{arguments:?}");
        assert_eq!(fetched.json()["services"], serde_json::json!(["b"]));
    }
}
