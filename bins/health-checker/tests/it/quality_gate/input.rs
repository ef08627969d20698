//! Reports that cannot be used are told with their remedy, and nothing is asked.

use std::fs::File;
use std::time::{Duration, SystemTime};

use health_checker::quality_gate::testing::SonarStub;

use super::{REPORT, Site, green, name};
use crate::run::Ended;

#[test]
fn no_report_is_exit_2_and_says_where_it_was_looked_for() {
    let site = Site::new();
    site.check(&[]).assert_said(
        2,
        &[
            "there is no `report-task.txt`",
            "build/sonar/report-task.txt",
            "--report FILE",
        ],
    );
    site.check(&["--report", "no/such.txt"]).assert_said(
        2,
        &[
            "cannot read the report `no/such.txt`",
            "run the scanner first",
        ],
    );
    site.check(&["--search", "."])
        .assert_said(2, &["no `report-task.txt` below `.`"]);
    site.check(&["--search", "nowhere"])
        .assert_said(2, &["cannot look into `nowhere`"]);
}

#[test]
fn two_reports_in_one_folder_are_not_guessed_between() {
    let site = Site::with(green());
    let other = site.place.path().join(".scannerwork");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::copy(
        site.place.path().join(REPORT),
        other.join("report-task.txt"),
    )
    .unwrap();
    site.check(&[]).assert_said(
        2,
        &[
            "several reports",
            ".scannerwork/report-task.txt",
            "--report",
        ],
    );
    // Named, both lead to one task, which is judged once.
    let ended = site.check(&["--report", REPORT, "--search", ".", "--format", "json"]);
    assert_eq!(ended.json()["services"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_no_report_is_refused_by_line_or_key() {
    for (text, words) in [
        ("", "the report is empty"),
        ("<html>\u{1b}[2J", "line 1 of the report is no `key=value`"),
        (
            "projectKey=a\nserverUrl=http://127.0.0.1:9",
            "the report has no `ceTaskId`",
        ),
        ("projectKey=a\nceTaskId=b", "the report has no `serverUrl`"),
        (
            "serverUrl=http://127.0.0.1:9\nceTaskId=b",
            "the report has no `projectKey`",
        ),
        (
            "projectKey=a\nserverUrl=http://u:hunter2@h\nceTaskId=b",
            "the URL of the server at `h` holds credentials",
        ),
        (
            "projectKey=a\nserverUrl=http://h\nceTaskId=b\nceTaskUrl=http://evil/api/ce/task?id=b",
            "leads to another place",
        ),
    ] {
        let site = Site::new();
        site.write_report("", text);
        let ended = site.check(&[]);
        ended.assert_said(
            2,
            &[
                "target/sonar/report-task.txt` is no scanner's report",
                words,
                "hint: ",
            ],
        );
        assert!(!ended.stderr.contains('\u{1b}'));
    }
}

#[test]
fn an_old_report_is_refused_unless_it_may_be_old() {
    let site = Site::with(green());
    let two_hours_ago = SystemTime::now() - Duration::from_secs(2 * 3600 + 60);
    let file = File::options()
        .append(true)
        .open(site.place.path().join(REPORT))
        .unwrap();
    file.set_modified(two_hours_ago).unwrap();
    site.check(&[])
        .assert_said(2, &["is 2h 1m", "old, older than 1h", "--max-age"]);
    assert_eq!(site.stub.requests(), []);
    assert_eq!(site.check(&["--max-age", "3h"]).code, 0);
    assert_eq!(site.check(&["--max-age", "none"]).code, 0);
    site.check(&["--max-age", "0s"])
        .assert_said(2, &["longer than nothing"]);
}

#[test]
fn the_server_can_be_pinned_by_flag_or_variable() {
    let site = Site::with(green());
    let words = [
        "is of the server http://127.0.0.1:",
        "expected is https://sonar.example.com",
        "SONAR_HOST_URL",
    ];
    site.check(&["--server", "https://sonar.example.com/"])
        .assert_said(2, &words);
    let output = site
        .command(&[])
        .env("SONAR_HOST_URL", "https://sonar.example.com")
        .output();
    Ended::of(output.unwrap()).assert_said(2, &words);
    assert_eq!(site.stub.requests(), []);
    assert_eq!(site.check(&["--server", &site.stub.url()]).code, 0);
    site.check(&["--server", "https://u:hunter2@h"])
        .assert_said(
            2,
            &["--server", "the URL of the server at `h` holds credentials"],
        );
    let empty = site
        .command(&["--poll", "5ms"])
        .env("SONAR_HOST_URL", "")
        .output();
    assert_eq!(Ended::of(empty.unwrap()).code, 0);
}

#[test]
fn the_expected_projects_must_be_there_and_no_others() {
    let site = Site::new();
    site.add("users", "users", green());
    site.add("tasks", "tasks", green());
    let check = |keys: &[&str]| {
        let keys = keys.iter().flat_map(|key| ["--project-key", key]);
        let arguments: Vec<&str> = ["--search", "."].into_iter().chain(keys).collect();
        site.check(&arguments)
    };
    assert_eq!(check(&["users", "tasks"]).code, 0);
    check(&["users"]).assert_said(2, &["is of project `tasks`, expected is `users`"]);
    check(&["users", "tasks", "mail"]).assert_said(2, &["no report of project `mail`"]);
    check(&["user", "tasks"]).assert_said(2, &["did you mean --project-key users"]);
}

#[test]
fn a_token_goes_to_one_server_alone() {
    let site = Site::with(green());
    let other = SonarStub::start(Default::default(), "10.4");
    let report = other.report(&name("tasks"), &name("T"));
    site.write_report("tasks", &report);
    site.check(&["--search", "."])
        .assert_said(2, &["the reports are of two servers"]);
    assert_eq!((site.stub.requests(), other.requests()), (vec![], vec![]));
}

#[test]
fn the_token_is_read_from_the_named_variable_and_never_shown() {
    let site = Site::with(green());
    let run = |variable: &str, token: &str| {
        let mut command = site.command(&["--poll", "5ms", "--token-env", "MY_TOKEN"]);
        Ended::of(command.env(variable, token).output().unwrap())
    };
    assert_eq!(run("MY_TOKEN", SonarStub::TOKEN).code, 0);
    run("OTHER", "x").assert_said(2, &["the variable `MY_TOKEN` is not set"]);
    run("MY_TOKEN", "hunter2 and more").assert_said(2, &["the variable `MY_TOKEN` holds no token"]);
    assert_eq!(run("MY_TOKEN", "squ_hunter2-wrong").code, 3);
}

#[test]
fn rules_and_presets_that_do_not_exist_are_named() {
    let site = Site::with(green());
    site.check(&["--require", "coverage high"])
        .assert_said(2, &["`coverage high` is no rule such as `coverage > 80`"]);
    site.check(&["--preset", "strict"])
        .assert_said(2, &["skill-tracker"]);
    site.check(&["--expect-revision", "main"])
        .assert_said(2, &["`main` is not a revision"]);
}
