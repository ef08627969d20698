//! The whole program against an AWS on loopback, through the connector that it ships with.

use cost_exporter::Basis;
use cost_exporter::sim::{SimBill, SimFault, SimSource};
use cost_exporter::testing::AwsStub;
use jiff::{Timestamp, ToSpan};

use crate::run::{Ran, command, folder};

/// Twelve services in three environments, for the last forty days.
fn stub() -> AwsStub {
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

fn export(stub: &AwsStub, folder: &tempfile::TempDir, more: &[&str]) -> Ran {
    let mut command = command(folder.path());
    command
        .env("AWS_ENDPOINT_URL", stub.url())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2")
        .env("AWS_EC2_METADATA_DISABLED", "true");
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
