//! What a rollback refuses before anything is told or touched, and what it warns of.

use crate::repo::{Repo, all, verdicts};

/// Two services, of which `beta` has an earlier revision.
fn two_services() -> Repo {
    let repo = Repo::with_services(&["alpha", "beta"]);
    assert_eq!(repo.run(&[]).1, 0);
    repo.write("services/beta/main.txt", "two\n");
    repo.commit("Change beta");
    assert_eq!(repo.run(&[]).1, 0);
    repo
}

/// What runs, without the ages of the commits.
fn running(repo: &Repo) -> Vec<serde_json::Value> {
    let document = repo.windlass(&["status", "--format", "json"]).json();
    let services = document["environments"][0]["services"].as_array().unwrap();
    services
        .iter()
        .map(|service| service["live"].clone())
        .collect()
}

#[test]
fn another_services_revision_is_refused() {
    let repo = two_services();
    let before = running(&repo);
    for more in [&[][..], &["--dry-run"]] {
        let to = ["rollback", "-e", "local", "-s", "alpha", "--to", "beta:1"];
        repo.windlass(&[&to[..], more].concat())
            .assert_refused_after_start(2, &["`beta:1` is no revision of `alpha`", "`alpha`"]);
    }
    assert_eq!(running(&repo), before);
}

#[test]
fn without_an_earlier_revision_nothing_is_begun_for_any_service() {
    let repo = two_services();
    let before = running(&repo);
    let both = ["rollback", "-e", "local", "-s", "alpha", "-s", "beta"];
    for more in [&[][..], &["--dry-run"]] {
        let ended = repo.windlass(&[&both[..], more].concat());
        ended.assert_refused(2, &["`alpha` has no earlier revision"]);
        assert!(!ended.stderr.contains("goes back"), "{ended:?}");
    }
    assert_eq!(running(&repo), before);
}

#[test]
fn the_revision_is_shown_and_the_next_run_is_warned_of() {
    let repo = two_services();
    let back = ["rollback", "-e", "local", "-s", "beta"];
    let dry = repo.windlass(&[&back[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.stdout.contains("beta:1"), "{dry:?}");
    let ended = repo.windlass(&[&back[..], &["--format", "json"]].concat());
    let document = ended.json();
    assert_eq!(
        (verdicts(&document), ended.code),
        (all(&["beta"], "restored"), 0),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("goes back to beta:1"), "{ended:?}");
    for ended in [&dry, &ended] {
        assert!(
            ended
                .stderr
                .contains("warning: the next `windlass run --environment local`"),
            "{ended:?}"
        );
    }
    assert!(
        document["warnings"][0].as_str().unwrap().contains("beta"),
        "{document}"
    );
}

#[test]
fn nobody_is_warned_of_a_run_that_would_change_nothing() {
    let repo = two_services();
    let back = |more: &[&str]| {
        let words = ["rollback", "-e", "local", "-s", "beta", "--format", "json"];
        let ended = repo.windlass(&[&words[..], more].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(
            !ended.stderr.contains("the next `windlass run"),
            "{ended:?}"
        );
        let document = ended.json();
        assert_eq!(document["warnings"], serde_json::json!([]), "{document}");
        document
    };
    // What runs is what the head has, and stays.
    let document = back(&["--to", "2"]);
    assert_eq!(verdicts(&document), all(&["beta"], "unchanged"));
    // From an earlier one the way leads to the head's.
    let earlier = repo.windlass(&["rollback", "-e", "local", "-s", "beta"]);
    assert!(
        earlier.stderr.contains("the next `windlass run"),
        "{earlier:?}"
    );
    back(&["--to", "2", "--dry-run"]);
    let document = back(&["--to", "2"]);
    assert_eq!(verdicts(&document), all(&["beta"], "restored"));
}
