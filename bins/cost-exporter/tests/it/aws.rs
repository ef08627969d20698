//! The whole program against an AWS on loopback, through the connector that it ships with.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cost_exporter::Basis;
use cost_exporter::sim::{SimBill, SimFault, SimSource};
use cost_exporter::testing::AwsStub;
use jiff::{Timestamp, ToSpan};

use crate::run::{Ran, command, folder};

/// Twelve services in three environments, for the last forty days.
pub(crate) fn stub() -> AwsStub {
    let now = Timestamp::now();
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    let mut bill = SimBill::new();
    for days in 0..75 {
        let date = today.checked_sub(days.days()).unwrap();
        for service in 0..12 {
            for environment in ["prod", "dev", ""] {
                bill = bill.charge(
                    &date.to_string(),
                    &format!("Service {service}"),
                    environment,
                    "0.0000000001",
                );
            }
        }
    }
    AwsStub::start(SimSource::new(bill, now))
}

/// The program with an AWS.
pub(crate) fn with(stub: &AwsStub, folder: &tempfile::TempDir) -> Command {
    let mut command = command(folder.path());
    command
        .env("AWS_ENDPOINT_URL", stub.url())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn export(stub: &AwsStub, folder: &tempfile::TempDir, more: &[&str]) -> Ran {
    let mut command = with(stub, folder);
    let ran = Ran::of(command.arg("export").args(more).output().unwrap());
    assert!(!format!("{ran:?}").contains("hunter2"));
    ran
}

#[test]
fn a_refresh_takes_two_requests_and_a_second_run_puts_nothing_twice() {
    let (stub, folder) = (stub(), folder());
    let arguments = [
        "--sink",
        "cloudwatch=Test",
        "--ledger",
        "s3://costs/ledger.json",
        "--format",
        "json",
    ];
    let ran = export(&stub, &folder, &arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        stub.count("GetCostAndUsage") + stub.count("GetCostForecast"),
        2
    );
    assert_eq!(ran.json()["spending"]["dollars"], "0.02");
    assert!(stub.object("/costs/ledger.json").is_some());
    let points = stub.points();
    assert!(points.len() > 100 && points.keys().all(|point| point.namespace == "Test"));
    let ran = export(&stub, &folder, &arguments);
    assert_eq!(
        (ran.code, ran.json()["sinks"][0]["days"].as_u64()),
        (0, Some(0)),
        "{ran:?}"
    );
    assert!(stub.points().values().all(|(_, count)| *count == 1));
    assert_eq!(ran.json()["spending"]["month_dollars"], "0.04");
    // A day that AWS corrects is put as the difference.
    let yesterday = jiff::tz::TimeZone::UTC
        .to_datetime(stub.source().now())
        .date()
        .yesterday()
        .unwrap();
    stub.source().change(|bill| {
        bill.add(
            yesterday,
            "Service 0",
            "dev",
            Basis::Unblended,
            "5".parse().unwrap(),
        )
    });
    let ran = export(&stub, &folder, &arguments);
    // The total, the environment and the service changed.
    assert_eq!(ran.json()["sinks"][0]["days"], 3, "{ran:?}");
}

#[test]
fn missing_permissions_and_the_request_budget_are_told() {
    let (stub, folder) = (stub(), folder());
    stub.source().fault(SimFault::Denied);
    let ran = export(&stub, &folder, &[]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.stderr
            .contains("hint: allow ce:GetCostAndUsage in the IAM policy"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("requests: 1 ($0.01), and nothing was published"),
        "{ran:?}"
    );
    stub.source().fault(SimFault::Throttled);
    let ran = export(&stub, &folder, &["--budget-requests", "1"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let ran = export(&stub, &folder, &["--budget-requests", "1"]);
    assert!(
        ran.code == 0 && ran.stderr.contains("request 2 of this refresh is not sent"),
        "{ran:?}"
    );
    // The ledger of the user's state folder knows all of them.
    assert!(ran.stderr.contains("this month 3 ($0.03)"), "{ran:?}");
    stub.fail_put(403, "AccessDeniedException");
    let ran = export(&stub, &folder, &["--sink", "cloudwatch", "--no-forecast"]);
    assert!(
        ran.code == 3 && ran.stderr.contains("cloudwatch:PutMetricData"),
        "{ran:?}"
    );
}

#[test]
fn what_was_put_to_one_region_is_not_taken_for_put_to_another() {
    let (stub, folder) = (stub(), folder());
    let put = |more: &[&str]| {
        let arguments = [
            "--sink",
            "cloudwatch",
            "--ledger",
            "l.json",
            "--format",
            "json",
        ];
        let ran = export(&stub, &folder, &[&arguments, more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()["sinks"][0].clone()
    };
    let first = put(&[]);
    assert_eq!(first["sink"], "cloudwatch=Windlass/Costs@eu-west-1");
    assert_eq!(put(&[])["days"], 0);
    let other = put(&["--region", "us-west-2"]);
    assert_eq!(other["days"], first["days"]);
}

#[test]
fn a_ledger_of_another_account_is_refused_before_it_costs_anything() {
    let (stub, folder) = (stub(), folder());
    assert_eq!(export(&stub, &folder, &[]).code, 0);
    let config = "[aws]\naccount = \"210987654321\"\n";
    std::fs::write(folder.path().join("cost-exporter.toml"), config).unwrap();
    let before = stub.count("GetCostAndUsage");
    let ran = export(&stub, &folder, &[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("account 123456789012") && ran.stderr.contains("hint: keep a ledger"),
        "{ran:?}"
    );
    assert_eq!(stub.count("GetCostAndUsage"), before);
}

#[test]
fn without_credentials_nothing_is_sent_and_nothing_counted() {
    let (stub, folder) = (stub(), folder());
    let mut command = with(&stub, &folder);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let ran = Ran::of(
        command
            .args(["export", "--ledger", "l.json"])
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.stderr.contains("could not be sent") && !ran.stderr.contains("requests:"),
        "{ran:?}"
    );
    assert_eq!(stub.calls(), Vec::<String>::new());
    let ran = export(&stub, &folder, &["--ledger", "l.json", "--format", "json"]);
    assert_eq!(ran.json()["spending"]["month_requests"], 2, "{ran:?}");
}

#[test]
fn a_dry_run_counts_what_it_costs_and_writes_nothing_else() {
    let (stub, folder) = (stub(), folder());
    let ran = export(&stub, &folder, &["--ledger", "l.json", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = export(&stub, &folder, &["--ledger", "l.json", "--format", "json"]);
    assert_eq!(ran.json()["spending"]["month_requests"], 4, "{ran:?}");
}

#[test]
fn a_run_that_is_stopped_while_it_puts_puts_nothing_twice() {
    let (stub, folder) = (stub(), folder());
    stub.slow_down("PutMetricData", Duration::from_secs(3));
    let arguments = ["export", "--sink", "cloudwatch", "--ledger", "l.json"];
    let stopped = |signal: &str| {
        let puts = stub.count("PutMetricData");
        let mut child = with(&stub, &folder)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while stub.count("PutMetricData") == puts && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        child.wait().unwrap().code()
    };
    // Stopped in good order, it lets the next one in, which takes everything as put.
    assert_eq!(stopped("-INT"), Some(130));
    let ran = export(&stub, &folder, &arguments[1..]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("they are taken as put"), "{ran:?}");
    let yesterday = jiff::tz::TimeZone::UTC
        .to_datetime(stub.source().now())
        .date()
        .yesterday()
        .unwrap();
    stub.source().change(|bill| {
        bill.add(
            yesterday,
            "Service 0",
            "dev",
            Basis::Unblended,
            "5".parse().unwrap(),
        );
    });
    // Killed, it keeps the others out for a while.
    assert_eq!(stopped("-KILL"), None);
    let puts = stub.count("PutMetricData");
    let ran = export(&stub, &folder, &arguments[1..]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("another run is at work"), "{ran:?}");
    assert_eq!(stub.count("PutMetricData"), puts);
    let present = |(point, _): &(&cost_exporter::testing::Point, &(f64, u32))| {
        point.metric == "MonthToDateCost"
    };
    assert!(
        stub.points()
            .iter()
            .filter(present)
            .all(|(_, (_, count))| *count == 1)
    );
}

#[test]
fn a_cost_explorer_that_says_nothing_is_not_waited_for_for_ever() {
    let (stub, folder) = (stub(), folder());
    stub.slow_down("GetCostAndUsage", Duration::from_secs(30));
    let begun = Instant::now();
    let ran = export(
        &stub,
        &folder,
        &["--timeout", "300ms", "--budget-requests", "2"],
    );
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("requests: 2 ($0.02)"), "{ran:?}");
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[test]
fn who_refuses_everything_has_nothing() {
    let (stub, folder) = (stub(), folder());
    stub.fail_put(403, "");
    let ran = export(
        &stub,
        &folder,
        &["--sink", "cloudwatch", "--ledger", "l.json"],
    );
    assert_eq!((ran.code, stub.count("PutMetricData")), (3, 1), "{ran:?}");
}

#[test]
fn a_report_tells_what_it_cost_in_every_form() {
    let (stub, folder) = (stub(), folder());
    for format in ["human", "json", "csv"] {
        let mut command = with(&stub, &folder);
        let ran = Ran::of(
            command
                .args(["report", "--format", format])
                .output()
                .unwrap(),
        );
        assert_eq!(ran.code, 0, "{ran:?}");
        let told = match format {
            "human" => &ran.stdout,
            _ => &ran.stderr,
        };
        assert!(told.contains("requests: 2 of 6 ($0.02)"), "{ran:?}");
    }
    stub.source().fault(SimFault::Denied);
    let mut command = with(&stub, &folder);
    let ran = Ran::of(command.arg("report").output().unwrap());
    assert!(
        ran.code == 3 && ran.stderr.contains("requests: 1 ($0.01)"),
        "{ran:?}"
    );
}
