//! The base that each of GitHub's events means.

use serde_json::{Value, json};

use crate::repo::{Ended, Repo};

fn run(repo: &Repo, event: &str, payload: &Value, arguments: &[&str]) -> Ended {
    let path = repo.path().join(".git/event.json");
    std::fs::write(&path, payload.to_string()).unwrap();
    let mut command = repo.command(&[arguments, &["--format", "json"]].concat());
    command
        .env("GITHUB_EVENT_NAME", event)
        .env("GITHUB_EVENT_PATH", path)
        .env("GITHUB_SHA", repo.rev("HEAD"));
    Ended::of(command.output().unwrap())
}

fn found(repo: &Repo, event: &str, payload: &Value) -> (Value, Value) {
    let ended = run(repo, event, payload, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let document = ended.json();
    (
        document["services"].clone(),
        document["selection"]["method"].clone(),
    )
}

fn push(branch: &str, before: &str, after: &str) -> Value {
    json!({"ref": format!("refs/heads/{branch}"), "before": before, "after": after, "repository": {"default_branch": "main"}})
}

/// A trunk of three commits on a, b, c; a branch that left it after the first, on d.
fn branched() -> Repo {
    let repo = Repo::with_services(&["a", "b", "c", "d"]);
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.write("services/d/src/main.txt", "two\n");
    repo.commit("D");
    repo.git(&["checkout", "--quiet", "main"]);
    for service in ["b", "c"] {
        repo.write(&format!("services/{service}/src/main.txt"), "two\n");
        repo.commit(service);
    }
    repo.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    repo
}

#[test]
fn a_push_counts_from_where_the_branch_was() {
    let repo = branched();
    let (head, first) = (repo.rev("HEAD"), repo.rev("HEAD~2"));
    assert_eq!(
        found(&repo, "push", &push("main", &first, &head)),
        (json!(["b", "c"]), json!("before-push"))
    );
    // Forced away from the trunk: what was taken back counts as well.
    let topic = repo.rev("topic");
    assert_eq!(
        found(&repo, "push", &push("main", &head, &topic)).0,
        json!(["b", "c", "d"])
    );
    let gone = run(&repo, "push", &push("main", &"ab".repeat(20), &head), &[]);
    gone.assert_refused(3, &["abababa"]);
    assert_eq!(gone.json()["confidence"], "unknown");
    assert!(
        gone.json().get("services").is_none(),
        "no list that could be taken for an empty one"
    );
    let all = run(
        &repo,
        "push",
        &push("main", &"ab".repeat(20), &head),
        &["--on-unknown", "all"],
    );
    assert_eq!(all.code, 0, "{all:?}");
    assert_eq!(all.json()["services"], json!(["a", "b", "c", "d"]));
    assert_eq!(all.json()["confidence"], "over-approximate");
}

#[test]
fn a_new_branch_counts_from_where_it_left_the_default_branch() {
    let repo = branched();
    let topic = repo.rev("topic");
    let zeros = "0".repeat(40);
    assert_eq!(
        found(&repo, "push", &push("topic", &zeros, &topic)),
        (json!(["d"]), json!("merge-base"))
    );
    run(&repo, "push", &push("topic", &topic, &zeros), &[])
        .assert_refused(2, &["refs/heads/topic"]);
}

#[test]
fn a_pull_request_counts_from_its_target() {
    let repo = branched();
    let (main, topic) = (repo.rev("main"), repo.rev("topic"));
    let payload = json!({"pull_request": {"base": {"sha": main}, "head": {"sha": topic}}});
    assert_eq!(
        found(&repo, "pull_request", &payload),
        (json!(["d"]), json!("merge-base"))
    );
    repo.git(&["checkout", "--quiet", "--detach", "main"]);
    repo.git(&["merge", "--quiet", "--no-ff", "--message", "Merge", "topic"]);
    assert_eq!(
        found(&repo, "pull_request", &payload),
        (json!(["d"]), json!("merge-parent"))
    );
}

#[test]
fn a_merge_group_and_a_tag_say_where_they_begin() {
    let repo = branched();
    let payload =
        json!({"merge_group": {"base_sha": repo.rev("main~1"), "head_sha": repo.rev("main")}});
    assert_eq!(
        found(&repo, "merge_group", &payload),
        (json!(["c"]), json!("merge-group"))
    );
    repo.git(&["tag", "v1.0", "main~2"]);
    repo.git(&["tag", "--annotate", "--message=x", "v1.1", "main"]);
    let tag = json!({"ref": "refs/tags/v1.1", "before": "0".repeat(40), "after": repo.rev("v1.1")});
    assert_eq!(
        found(&repo, "push", &tag),
        (json!(["b", "c"]), json!("previous-tag"))
    );
}

#[test]
fn an_event_that_says_nothing_needs_a_base_that_was_named() {
    let repo = branched();
    let ended = run(&repo, "schedule", &json!({}), &[]);
    ended.assert_refused(3, &["`schedule`", "on-unknown"]);
    let ended = run(&repo, "schedule", &json!({}), &["--base", "HEAD~1"]);
    assert_eq!(ended.json()["services"], json!(["c"]));
}

#[test]
fn a_commit_that_was_named_is_compared_with_the_base_of_the_event() {
    let repo = branched();
    let (head, first) = (repo.rev("HEAD"), repo.rev("HEAD~2"));
    let payload = push("main", &first, &head);
    for named in ["HEAD", "main", head.as_str()] {
        let ended = run(&repo, "push", &payload, &["--head", named]);
        assert_eq!(ended.json()["services"], json!(["b", "c"]), "{named}");
        assert_eq!(ended.json()["selection"]["method"], "before-push");
    }
    let ended = run(&repo, "push", &payload, &["--head", "HEAD~1"]);
    assert_eq!(ended.json()["services"], json!(["b"]));
    run(&repo, "workflow_dispatch", &json!({}), &["--head", "HEAD"])
        .assert_refused(3, &["`workflow_dispatch`"]);

    let (main, topic) = (repo.rev("main"), repo.rev("topic"));
    let payload = json!({"pull_request": {"base": {"sha": main}, "head": {"sha": topic}}});
    repo.git(&["checkout", "--quiet", "--detach", "main"]);
    repo.git(&["merge", "--quiet", "--no-ff", "--message", "Merge", "topic"]);
    for (named, method) in [("HEAD", "merge-parent"), ("topic", "merge-base")] {
        let ended = run(&repo, "pull_request", &payload, &["--head", named]);
        assert_eq!(ended.json()["services"], json!(["d"]), "{named}");
        assert_eq!(ended.json()["selection"]["method"], method);
    }
}

#[test]
fn a_head_that_the_clone_lacks_is_unknown() {
    let repo = branched();
    let (first, gone) = (repo.rev("HEAD~2"), "ab".repeat(20));
    let ended = run(&repo, "push", &push("main", &first, &gone), &[]);
    ended.assert_refused(3, &[&gone]);
    assert_eq!(ended.json()["confidence"], "unknown");
    let ended = run(
        &repo,
        "schedule",
        &json!({}),
        &["--base", &first, "--head", &gone],
    );
    ended.assert_refused(3, &[&gone]);
    assert_eq!(ended.json()["confidence"], "unknown");
}

#[test]
fn a_broken_event_is_named() {
    let repo = branched();
    run(&repo, "push", &json!({"ref": 1}), &[]).assert_refused(2, &["`push`"]);
    let mut command = repo.command(&[]);
    command
        .env("GITHUB_EVENT_NAME", "push")
        .env("GITHUB_EVENT_PATH", "/no/such/event.json");
    Ended::of(command.output().unwrap()).assert_refused(2, &["/no/such/event.json"]);
}

#[test]
fn without_an_event_a_branch_counts_from_the_trunk_and_the_trunk_from_the_commit_before() {
    let repo = branched();
    assert_eq!(repo.services(&[]), ["c"]);
    assert_eq!(repo.services(&["--head", "topic"]), ["d"]);
    assert_eq!(repo.services(&["--since", "topic"]), ["b", "c"]);
    assert_eq!(
        repo.services(&["--head", "main~2"]),
        ["a", "b", "c", "d"],
        "the first commit"
    );
}
