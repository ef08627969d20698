//! Prometheus's own tools and servers take what is published.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cost_exporter::sim::{SimBill, SimForecast, SimSource};
use cost_exporter::testing::metric_sink_contract;
use cost_exporter::{
    Basis, Budget, Forecast, GatewayUrl, Metric, MetricSink, MetricsServer, OpenMetricsFile,
    Options, Pushgateway, TextFile, day,
};
use serde_json::Value;

use crate::stage::{amount, ledger, run, source};

/// Says that a test skips itself, which is counted by this line.
#[expect(clippy::print_stdout, reason = "a test that skips itself says so")]
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        println!("skipped: {name} is not set");
    }
    value
}

/// Hard names and numbers, in every metric there is.
fn bill() -> SimBill {
    let mut bill = SimBill::new();
    for date in 1..=10 {
        let date = format!("2026-03-{date:02}");
        bill = bill
            .charge(&date, "Amazon \"EC2\" \\ Other", "prüfung", "12.3456789012")
            .charge(&date, "Tax", "", "-0.0000000001")
            .charge(&date, "Line\nbreak", "dev", "1000000.25");
    }
    for date in 1..=28 {
        bill = bill.charge(&format!("2026-02-{date:02}"), "Tax", "", "0.1");
    }
    bill
}

fn everything() -> (SimSource, Options) {
    let forecast = Forecast {
        mean: amount("200.123456789"),
        lower: amount("180"),
        upper: amount("230"),
        currency: "USD".parse().unwrap(),
    };
    let source = source(bill()).forecasts(SimForecast::Known(Box::new(forecast)));
    let budget = Budget::new(
        "all".parse().unwrap(),
        amount("100"),
        "USD".parse().unwrap(),
    );
    (source, Options::default().budgets(vec![budget]))
}

const NOW: &str = "2026-03-10T12:00:00Z";

#[test]
fn every_metric_has_a_name_of_its_own() {
    for names in [
        Metric::ALL.map(Metric::prometheus),
        Metric::ALL.map(Metric::cloudwatch),
    ] {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metric::ALL.len());
    }
}

#[tokio::test]
async fn promtool_has_nothing_to_say_against_the_text() {
    if variable("WINDLASS_TEST_PROMETHEUS").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("costs.prom");
    let (source, options) = everything();
    let (file, server) = (
        TextFile::new("file".parse().unwrap(), &path),
        MetricsServer::new("server".parse().unwrap()),
    );
    let sinks: [&dyn MetricSink; 2] = [&file, &server];
    run(&source, &ledger(), &sinks, &options, NOW).await.ok();
    let text = fs::read_to_string(&path).unwrap();
    for metric in Metric::ALL
        .into_iter()
        .filter(|metric| *metric != Metric::Day)
    {
        assert!(
            text.contains(&format!("# TYPE {} gauge", metric.prometheus())),
            "{metric:?}"
        );
    }
    for text in [text, server.text()] {
        let input = folder.path().join("input");
        fs::write(&input, text).unwrap();
        let check = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(fs::File::open(&input).unwrap())
            .output()
            .unwrap();
        assert!(
            check.status.success(),
            "{}",
            String::from_utf8_lossy(&check.stderr)
        );
        assert_eq!(String::from_utf8_lossy(&check.stderr), "");
    }
}

/// A Prometheus of a test's own, on loopback. Dropping it ends it.
struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    fn start(folder: &Path, scrape: Option<&str>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = folder.join("prometheus.yml");
        let scrape = scrape.map_or_else(String::new, |target| {
            format!("scrape_configs:\n- job_name: costs\n  scrape_interval: 1s\n  static_configs:\n  - targets: [\"{target}\"]\n")
        });
        fs::write(&config, scrape).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// The values of a query, in the order of their labels, once there are any.
    async fn query(&self, query: &str, at: Option<&str>) -> Vec<(Value, String)> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let begun = Instant::now();
        loop {
            let mut url = reqwest::Url::parse(&format!("{}/api/v1/query", self.url)).unwrap();
            url.query_pairs_mut().append_pair("query", query);
            if let Some(at) = at {
                url.query_pairs_mut().append_pair("time", at);
            }
            if let Ok(answer) = client.get(url).send().await {
                let body: Value =
                    serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
                let found = body["data"]["result"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                if !found.is_empty() {
                    let mut values: Vec<(Value, String)> = found
                        .iter()
                        .map(|series| {
                            (
                                series["metric"].clone(),
                                series["value"][1].as_str().unwrap().to_owned(),
                            )
                        })
                        .collect();
                    values.sort_by_key(|(labels, _)| labels.to_string());
                    return values;
                }
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no answer to {query}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself, and then a query has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_prometheus_scrapes_the_server_and_keeps_what_it_had_when_a_refresh_fails() {
    if variable("WINDLASS_TEST_PROMETHEUS").is_none() {
        return;
    }
    let server = MetricsServer::new("server".parse().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = server.clone();
    let task = tokio::spawn(async move { serving.serve(listener).await });
    let (source, options) = everything();
    run(&source, &ledger(), &[&server], &options, NOW)
        .await
        .ok();
    server.refresh_failed(2);
    let folder = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(folder.path(), Some(&address));
    let total = prometheus
        .query("sum(aws_cost_month_to_date{basis=\"amortized\"})", None)
        .await;
    let whole = source.bill().sum(Basis::Amortized, |date, _| {
        date >= day("2026-03-01").unwrap()
    });
    // Prometheus adds up in floating point.
    assert!(
        (total[0].1.parse::<f64>().unwrap() - whole.to_f64()).abs() < 1e-6,
        "{total:?}"
    );
    let one = prometheus
        .query(
            "aws_cost_yesterday{environment=\"prüfung\",basis=\"unblended\"}",
            None,
        )
        .await;
    assert_eq!(one[0].0["service"], "Amazon \"EC2\" \\ Other");
    assert_eq!(one[0].1, "12.3456789012");
    assert_eq!(
        prometheus.query("aws_cost_exporter_up", None).await[0].1,
        "0"
    );
    assert_eq!(prometheus.query("up", None).await[0].1, "1");
    task.abort();
}

#[tokio::test]
async fn back_filled_blocks_answer_with_the_past_and_with_its_corrections() {
    if variable("WINDLASS_TEST_PROMETHEUS").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("costs.om");
    let sink = OpenMetricsFile::new("history".parse().unwrap(), &path);
    let (source, options) = everything();
    let ledger = ledger();
    let fill = || {
        let filled = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .arg(&path)
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(
            filled.status.success(),
            "{}",
            String::from_utf8_lossy(&filled.stderr)
        );
    };
    run(&source, &ledger, &[&sink], &options, NOW).await.ok();
    fill();
    source.change(|bill| {
        bill.add(
            day("2026-03-02").unwrap(),
            "Tax",
            "",
            Basis::Unblended,
            amount("7.5"),
        );
        bill.remove(day("2026-03-03").unwrap(), "Line\nbreak", "dev");
    });
    run(&source, &ledger, &[&sink], &options, "2026-03-10T18:00:00Z")
        .await
        .ok();
    fill();
    let prometheus = Prometheus::start(folder.path(), None);
    for date in 1..=9 {
        let date = day(&format!("2026-03-{date:02}")).unwrap();
        let end = format!("{date}T23:59:59Z");
        let query = "last_over_time(aws_cost_day{basis=\"unblended\"}[86399s])";
        for (labels, value) in prometheus.query(query, Some(&end)).await {
            let of = source.bill().sum(Basis::Unblended, |other, key| {
                other == date
                    && labels["service"] == key.service.as_str()
                    && labels["environment"] == key.environment.as_str()
            });
            assert_eq!(
                value.parse::<f64>().unwrap(),
                of.to_f64(),
                "{date} {labels}"
            );
        }
    }
    let query = "last_over_time(aws_cost_day{basis=\"unblended\",service=\"Tax\"}[86399s])";
    assert_eq!(
        prometheus.query(query, Some("2026-03-02T23:59:59Z")).await[0].1,
        "7.4999999999"
    );
    assert_eq!(
        prometheus.query(query, Some("2026-02-14T23:59:59Z")).await[0].1,
        "0.1"
    );
}

#[tokio::test]
async fn a_pushgateway_takes_the_full_set_and_forgets_what_is_gone() {
    let Some(url) = variable("WINDLASS_TEST_PUSHGATEWAY") else {
        return;
    };
    let group = format!("{url}/metrics/job/costs/instance/{}", std::process::id());
    let sink = Pushgateway::new(
        "gateway".parse().unwrap(),
        group.parse::<GatewayUrl>().unwrap(),
        Duration::from_secs(10),
    )
    .unwrap();
    metric_sink_contract(&sink).await;
    let (source, options) = everything();
    let ledger = ledger();
    run(&source, &ledger, &[&sink], &options, NOW).await.ok();
    let page = async || {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let text = client
            .get(format!("{url}/metrics"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let ours = format!("instance=\"{}\"", std::process::id());
        text.lines()
            .filter(|line| line.contains(&ours))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let lines = page().await;
    assert!(lines.iter().any(|line| line.starts_with("aws_cost_yesterday{") && line.contains("service=\"Tax\"")), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains(":colon")),
        "what the contract pushed is gone"
    );
    // Next month's first day knows nothing of what the bill no longer has.
    source.change(|bill| bill.remove(day("2026-03-09").unwrap(), "Tax", ""));
    let fresh = crate::stage::ledger();
    run(&source, &fresh, &[&sink], &options, "2026-03-10T18:00:00Z")
        .await
        .ok();
    let lines = page().await;
    assert!(!lines.iter().any(|line| line.starts_with("aws_cost_yesterday{") && line.contains("service=\"Tax\"")));
}

#[tokio::test]
async fn a_gateway_that_refuses_or_is_not_there_is_told_apart() {
    let sink = |url: &str| {
        Pushgateway::new(
            "gateway".parse().unwrap(),
            url.parse().unwrap(),
            Duration::from_secs(5),
        )
        .unwrap()
    };
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let publication = cost_exporter::Publication {
        at: jiff::Timestamp::UNIX_EPOCH,
        samples: Vec::new(),
        days: Vec::new(),
    };
    let error = sink(&format!("http://me:hunter2@{closed}"))
        .publish(&publication)
        .await
        .unwrap_err();
    assert!(
        error.is_passing() && !format!("{error:?}").contains("hunter2"),
        "{error:?}"
    );
    let Some(url) = variable("WINDLASS_TEST_PUSHGATEWAY") else {
        return;
    };
    let error = sink(&format!("{url}/no/such/metrics/job/x/y"))
        .publish(&publication)
        .await
        .unwrap_err();
    assert!(!error.is_passing(), "{error}");
}

#[tokio::test]
async fn the_server_answers_what_it_has_and_nothing_else() {
    let server = MetricsServer::new("server".parse().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = server.clone();
    let task = tokio::spawn(async move { serving.serve(listener).await });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str| {
        let answer = client
            .get(format!("http://{address}{path}"))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/-/ready").await.0, 503);
    assert!(ask("/metrics").await.1.contains("aws_cost_exporter_up 0\n"));
    run(
        &source(bill()),
        &ledger(),
        &[&server],
        &Options::default(),
        NOW,
    )
    .await
    .ok();
    server.refresh_succeeded(2);
    assert_eq!(
        (
            ask("/-/ready").await.0,
            ask("/-/healthy").await.0,
            ask("/secret").await.0
        ),
        (200, 200, 404)
    );
    let (_, before) = ask("/metrics").await;
    assert!(
        before.contains("aws_cost_exporter_up 1\n")
            && before.contains("aws_cost_exporter_requests_total 2\n")
    );
    assert!(
        before.contains("last_success_timestamp_seconds 1773144000\n"),
        "{before}"
    );
    server.refresh_failed(1);
    let (_, after) = ask("/metrics").await;
    let costs = |text: &str| {
        text.lines()
            .filter(|line| line.contains("basis="))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(costs(&before), costs(&after));
    assert!(after.contains("aws_cost_exporter_up 0\n") && after.contains("requests_total 3\n"));
    assert_eq!(
        client
            .post(format!("http://{address}/metrics"))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        405
    );
    metric_sink_contract(&server).await;
    task.abort();
}
