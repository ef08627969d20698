//! `health-checker quality-gate ensure`.

use health_checker::quality_gate::testing::StubFault;
use serde_json::json;

use super::{Site, name};
use crate::run::Ended;

fn ensure(site: &Site, arguments: &[&str]) -> Ended {
    let url = site.stub.url();
    let first = [
        "ensure",
        "--server",
        &url,
        "--name",
        "Platform",
        "--preset",
        "skill-tracker",
    ];
    site.run(&[&first, arguments].concat())
}

#[test]
fn a_gate_is_checked_made_and_then_left_alone() {
    let site = Site::new();
    for flag in ["--check", "--dry-run"] {
        let ended = ensure(&site, &[flag]);
        ended.assert_said(1, &["nothing was changed"]);
        assert!(
            ended
                .stdout
                .starts_with("would create the gate `Platform`\nwould add coverage LT 80\n"),
            "{ended:#?}"
        );
        assert_eq!(site.stub.sonar().conditions(&name("Platform")), None);
    }
    let ended = ensure(&site, &[]);
    ended.assert_said(
        0,
        &[
            "is now as it should be (classic mode)",
            "left alone: new_violations GT 0",
        ],
    );
    assert_eq!(ended.stdout.lines().count(), 6, "{ended:#?}");
    let again = ensure(&site, &["--check"]);
    again.assert_said(0, &["is as it should be"]);
    assert_eq!(again.stdout, "");
    let exact = ensure(
        &site,
        &["--exact", "--project", "users", "--format", "json"],
    );
    let document = exact.json();
    assert_eq!(document["state"], "changed");
    assert_eq!(document["mode"], "classic");
    assert_eq!(document["changes"][0]["change"], "remove-condition");
    assert_eq!(
        document["changes"][1],
        json!({"change": "select-project", "project": "users", "from": "Sonar way"})
    );
    assert_eq!(
        site.stub
            .sonar()
            .conditions(&name("Platform"))
            .unwrap()
            .len(),
        5
    );
}

#[test]
fn the_metrics_of_the_other_mode_can_be_named() {
    let site = Site::new();
    let ended = ensure(&site, &["--check", "--mode", "mqr"]);
    assert!(
        ended
            .stdout
            .contains("would add software_quality_security_issues GT 0\n"),
        "{ended:#?}"
    );
}

#[test]
fn changes_are_told_when_it_goes_wrong_in_their_midst() {
    let site = Site::new();
    // The gate's absence, its making, the gate, and then no permission for a condition.
    let fine = |path: &str| {
        site.stub
            .requests()
            .iter()
            .any(|one| one.path.ends_with(path))
    };
    assert!(!fine("create"));
    let first = ensure(&site, &[]);
    assert_eq!(first.code, 0);
    let url = site.stub.url();
    // Coverage is changed, then the debt ratio is refused.
    site.stub
        .sonar()
        .fail_after(2, health_checker::quality_gate::sim::SimFault::Forbidden);
    let ended = site.run(&[
        "ensure",
        "--server",
        &url,
        "--name",
        "Platform",
        "--mode",
        "classic",
        "--require",
        "coverage > 85",
        "--require",
        "sqale_debt_ratio < 4",
    ]);
    ended.assert_said(
        4,
        &[
            "is not known to be what it should be",
            "Administer Quality Gates",
        ],
    );
    assert_eq!(ended.stdout, "change coverage LT 80 to coverage LT 85\n");
}

#[test]
fn refusals_before_anything_was_changed_are_exit_3_and_wrong_usage_is_2() {
    let site = Site::new();
    site.stub.fail_next([StubFault::status(403)]);
    let ended = ensure(&site, &["--mode", "classic"]);
    ended.assert_said(
        3,
        &["the token is not allowed to", "Administer Quality Gates"],
    );
    let url = site.stub.url();
    let built_in = [
        "ensure",
        "--server",
        &url,
        "--name",
        "Sonar way",
        "--preset",
        "seed",
    ];
    site.run(&built_in)
        .assert_said(2, &["built into the server", "choose another name"]);
    ensure(&site, &["--require", "coverage > 85"])
        .assert_said(2, &["two rules want different limits for `coverage`"]);
    site.run(&["ensure", "--server", &url, "--name", "Platform"])
        .assert_said(2, &["--preset"]);
    site.run(&["ensure", "--name", "Platform", "--preset", "seed"])
        .assert_said(2, &["--server"]);
}

#[test]
fn github_and_events_hear_of_changes() {
    let site = Site::new();
    let url = site.stub.url();
    let path = |name: &str| site.place.path().join(name);
    let arguments = [
        "ensure",
        "--server",
        &url,
        "--name",
        "Platform",
        "--require",
        "coverage >= 80",
        "--events",
        "events",
    ];
    let output = site
        .command(&arguments)
        .env("GITHUB_OUTPUT", path("outputs"))
        .env("GITHUB_STEP_SUMMARY", path("summary"))
        .output()
        .unwrap();
    assert_eq!(Ended::of(output).code, 0);
    let outputs = site.place.read("outputs");
    assert!(
        outputs.contains("\nchanged\n") && outputs.contains("\n2\n"),
        "{outputs}"
    );
    assert!(
        site.place
            .read("summary")
            .contains("- add coverage LT 80\n")
    );
    let events = site.place.read("events");
    assert_eq!(events.lines().count(), 2);
    assert!(events.contains(r#""event":"gate-changed""#), "{events}");
    assert!(events.contains(r#""change":"add-condition""#), "{events}");
}
