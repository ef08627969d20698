//! `report`.

use crate::run::{folder, run};

#[test]
fn bars_and_a_trend_are_drawn() {
    let ran = run(
        &folder(),
        &[
            "report",
            "--source",
            "file:saved.json",
            "--from",
            "2026-02-15",
        ],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "2026-02-15 to 2026-03-10: 204.00 USD, unblended");
    assert_eq!(
        lines[1],
        "10 of 24 days are estimated (~) and may still change"
    );
    assert!(
        lines.contains(
            &"  trend: 8.50 a day in the last 7 whole days, 8.50 in the 7 before, +0.0 %"
        ),
        "{ran:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("  prod")
            && line.contains("168.00")
            && line.ends_with('█')),
        "{ran:?}"
    );
    assert!(!ran.stdout.contains('\u{1b}'));
}

#[test]
fn rows_have_the_columns_of_focus_and_can_be_read_again() {
    let folder = folder();
    let ran = run(
        &folder,
        &["report", "--source", "file:saved.json", "--format", "json"],
    );
    let rows = ran.json();
    assert_eq!(rows.as_array().unwrap().len(), 30);
    assert_eq!(rows[0]["ChargePeriodStart"], "2026-03-01T00:00:00Z");
    assert_eq!(rows[2]["Tags"]["Environment"], "prod");
    assert_eq!(rows[2]["BilledCost"], "7.0000000001");
    assert_eq!(rows[2]["EffectiveCost"], "0.00000001");
    std::fs::write(folder.path().join("rows.json"), &ran.stdout).unwrap();
    let again = run(
        &folder,
        &["report", "--source", "file:rows.json", "--format", "json"],
    );
    let sum = |rows: &serde_json::Value| {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["x_Costs"]["UnblendedCost"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(sum(&again.json()), sum(&rows));
}

#[test]
fn a_table_holds_no_formula() {
    let ran = run(
        &folder(),
        &["report", "--source", "file:saved.json", "--format", "csv"],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut lines = ran.stdout.lines();
    assert!(lines.next().unwrap().starts_with("ChargePeriodStart,ChargePeriodEnd,BillingPeriodStart,BillingPeriodEnd,ServiceName,Tags,BillingCurrency,BilledCost,EffectiveCost"));
    assert_eq!(lines.count(), 30);
    assert!(
        ran.stdout.contains(",'=cmd|' /C calc'!A0,{},USD,-0.5,"),
        "{ran:?}"
    );
}

#[test]
fn the_ledger_can_be_shown_without_a_request() {
    let folder = folder();
    assert_eq!(
        run(
            &folder,
            &[
                "export",
                "--source",
                "file:saved.json",
                "--ledger",
                "l.json"
            ]
        )
        .code,
        0
    );
    let ran = run(
        &folder,
        &[
            "report",
            "--source",
            "file:saved.json",
            "--ledger",
            "l.json",
            "--offline",
        ],
    );
    assert!(
        ran.code == 0
            && ran
                .stdout
                .starts_with("2026-03-01 to 2026-03-10: 85.00 USD"),
        "{ran:?}"
    );
    let ran = run(
        &folder,
        &[
            "report",
            "--source",
            "file:saved.json",
            "--ledger",
            "none",
            "--offline",
        ],
    );
    assert!(
        ran.code == 2 && ran.stderr.contains("the ledger knows no day"),
        "{ran:?}"
    );
}

#[test]
fn a_ledger_by_another_tag_is_not_shown() {
    let folder = folder();
    let saved = ["--source", "file:saved.json", "--ledger", "l.json"];
    assert_eq!(run(&folder, &[&["export"][..], &saved].concat()).code, 0);
    std::fs::write(folder.path().join("empty.json"), "[]").unwrap();
    let ran = run(
        &folder,
        &[
            "report",
            "--offline",
            "--source",
            "file:empty.json",
            "--ledger",
            "l.json",
            "--tag",
            "Team",
            "--from",
            "2026-03-01",
        ],
    );
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("by the tag `Environment`"), "{ran:?}");
}
