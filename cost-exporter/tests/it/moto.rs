//! Cost Explorer and S3 as moto answers for them.

use aws_sdk_s3::Client;
use cost_exporter::aws::{CostExplorer, S3Ledger};
use cost_exporter::testing::ledger_contract;
use cost_exporter::{Basis, CostEnvironment, CostQuery, CostSource, Period, day};
use serde_json::json;

use crate::connector;

/// Where `cargo xtask test` started moto.
#[expect(
    clippy::print_stdout,
    reason = "a test that skips itself says so, and is counted by this line"
)]
fn url() -> Option<String> {
    let url = std::env::var("WINDLASS_TEST_MOTO").ok();
    if url.is_none() {
        println!("skipped: WINDLASS_TEST_MOTO is not set");
    }
    url
}

#[tokio::test]
async fn costs_that_are_queued_are_read_as_they_are() {
    let Some(url) = url() else { return };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let group = |service: &str, tag: &str, amount: &str| {
        json!({"Keys": [service, format!("Environment${tag}")], "Metrics": {
            "UnblendedCost": {"Amount": amount, "Unit": "USD"},
            "NetAmortizedCost": {"Amount": "1E-8", "Unit": "USD"},
        }})
    };
    let result = json!({
        "ResultsByTime": [{
            "TimePeriod": {"Start": "2026-03-01", "End": "2026-03-02"},
            "Estimated": true,
            "Groups": [group("Amazon EC2", "prod", "12.3456789012"), group("Tax", "", "-0.0000000001")],
        }],
        "DimensionValueAttributes": [],
        "GroupDefinitions": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": "Environment"}],
    });
    let queue = http.post(format!("{url}/moto-api/static/ce/cost-and-usage-results"));
    let queued = queue
        .header("content-type", "application/json")
        .body(json!({"results": [result]}).to_string());
    assert!(queued.send().await.unwrap().status().is_success());
    let source = CostExplorer::new(connector::cost_explorer(&url));
    let period = Period::new(day("2026-03-01").unwrap(), day("2026-03-02").unwrap()).unwrap();
    let bases = vec![Basis::Unblended, Basis::NetAmortized];
    let query = CostQuery {
        period,
        bases,
        tag: "Environment".parse().unwrap(),
    };
    let page = source.costs(&query, None).await.unwrap();
    assert!(page.next.is_none() && page.days.len() == 1 && page.days[0].estimated);
    let cells = &page.days[0].cells;
    assert_eq!(
        cells[0].amounts[&Basis::Unblended].to_string(),
        "12.3456789012"
    );
    assert_eq!(
        cells[0].amounts[&Basis::NetAmortized].to_string(),
        "0.00000001"
    );
    assert_eq!(cells[1].environment, CostEnvironment::Untagged);
    assert_eq!(
        cells[1].amounts[&Basis::Unblended].to_string(),
        "-0.0000000001"
    );
}

#[tokio::test]
async fn the_ledger_in_s3_keeps_the_contract() {
    let Some(url) = url() else { return };
    let client: Client = connector::s3(&url);
    // moto lives on between runs of the tests.
    let bucket = format!("costs-{}", std::process::id());
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    ledger_contract(&S3Ledger::new(client, bucket, "ledger.json")).await;
}
