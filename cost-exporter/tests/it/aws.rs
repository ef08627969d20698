//! The adapters over the wire, against an AWS on loopback with the limits of the real one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cost_exporter::aws::{
    AccountId, AwsBudgets, CloudWatchSink, CostExplorer, Namespace, S3Ledger,
};
use cost_exporter::sim::{MemoryLedger, SimBill, SimFault, SimForecast, SimSource};
use cost_exporter::testing::{
    AwsStub, cost_source_contract, ledger_contract, metric_sink_contract,
};
use cost_exporter::{
    Amount, AwsBudget, Basis, BudgetSource, CostQuery, CostSource, DaySample, Error, Forecast,
    Grouping, Item, Label, Labels, Metric, MetricSink, Options, Parts, Period, Publication, Sample,
    day, refresh,
};

use crate::connector;
use crate::stage::{amount, at};

const NOW: &str = "2026-03-10T12:00:00Z";

fn bill(services: usize, environments: usize) -> SimBill {
    let mut bill = SimBill::new();
    let period = Period::new(day("2026-02-01").unwrap(), day("2026-03-11").unwrap()).unwrap();
    for date in period.days() {
        for service in 0..services {
            for environment in 0..environments {
                let name = if environment == 0 {
                    String::new()
                } else {
                    format!("umgebung-ü{environment}")
                };
                let cost = format!("{service}.{environment}000000001");
                bill = bill.charge(
                    &date.to_string(),
                    &format!("Service {service}"),
                    &name,
                    &cost,
                );
            }
        }
    }
    bill
}

fn stub(bill: SimBill) -> AwsStub {
    AwsStub::start(SimSource::new(bill, at(NOW)))
}

fn sink(stub: &AwsStub) -> CloudWatchSink {
    let namespace: Namespace = "Windlass/Costs".parse().unwrap();
    CloudWatchSink::new(connector::cloudwatch(&stub.url()), namespace).unwrap()
}

fn forecast() -> SimForecast {
    SimForecast::Known(Box::new(Forecast {
        mean: amount("200"),
        lower: amount("180"),
        upper: amount("230"),
        currency: "USD".parse().unwrap(),
    }))
}

#[tokio::test]
async fn cost_explorer_keeps_the_contract_page_by_page() {
    let stub = AwsStub::start(SimSource::new(bill(3, 2), at(NOW)).page_size(5));
    let source = CostExplorer::new(connector::cost_explorer(&stub.url()));
    let period = Period::new(day("2026-03-01").unwrap(), day("2026-03-05").unwrap()).unwrap();
    cost_source_contract(&source, period, &"Environment".parse().unwrap()).await;
    cost_source_contract(stub.source(), period, &"Environment".parse().unwrap()).await;
}

#[tokio::test]
async fn a_refresh_of_twelve_services_in_three_environments_takes_two_requests_at_the_wire() {
    let stub = AwsStub::start(SimSource::new(bill(12, 3), at(NOW)).forecasts(forecast()));
    let source = CostExplorer::new(connector::cost_explorer(&stub.url()));
    let budgets = AwsBudgets::new(
        connector::budgets(&stub.url()),
        "123456789012".parse().unwrap(),
    );
    let (ledger, sink) = (
        S3Ledger::new(connector::s3(&stub.url()), "costs", "ledger.json"),
        sink(&stub),
    );
    let parts = Parts {
        source: &source,
        budgets: Some(&budgets),
        ledger: &ledger,
        sinks: &[&sink],
    };
    let outcome = refresh(&parts, &Options::default(), at(NOW), &|_| {})
        .await
        .unwrap();
    assert!(outcome.complete(), "{outcome:?}");
    assert_eq!(
        stub.count("GetCostAndUsage") + stub.count("GetCostForecast"),
        2
    );
    assert_eq!(outcome.spending.requests, 2);
    // What was billed comes to CloudWatch as it is, under names of ASCII.
    let bill = stub.source().bill();
    let whole = bill.sum(Basis::Unblended, |date, _| {
        date >= day("2026-03-01").unwrap()
    });
    let sums: BTreeMap<_, _> = stub
        .points()
        .into_iter()
        .filter(|(point, _)| point.metric == "MonthToDateCost")
        .collect();
    let total = sums
        .iter()
        .find(|(point, _)| point.dimensions.len() == 2)
        .unwrap();
    assert_eq!(total.1, &(whole.to_f64(), 1));
    assert!(stub.points().keys().any(|point| {
        point
            .dimensions
            .get("Environment")
            .is_some_and(|name| name == "umgebung-%C3%BC1")
    }));
    // A further refresh with pages takes three.
    let before = stub.calls().len();
    let paged = AwsStub::start(
        SimSource::new(bill, at(NOW))
            .forecasts(forecast())
            .page_size(300),
    );
    let source = CostExplorer::new(connector::cost_explorer(&paged.url()));
    let parts = Parts {
        source: &source,
        ..parts
    };
    let outcome = refresh(&parts, &Options::default(), at(NOW), &|_| {})
        .await
        .unwrap();
    assert_eq!(paged.calls().len(), 3);
    // Nothing changed, and the hour has its present: CloudWatch is not asked at all.
    assert!(outcome.complete() && !stub.calls()[before..].contains(&"PutMetricData".to_owned()));
}

#[tokio::test]
async fn a_corrected_day_is_put_as_the_difference_so_that_its_sum_is_right() {
    let stub = stub(bill(2, 2));
    let source = CostExplorer::new(connector::cost_explorer(&stub.url()));
    let (ledger, sink) = (
        MemoryLedger::default(),
        sink(&stub)
            .groupings(vec![Grouping::ServiceEnvironment])
            .bases(Vec::new()),
    );
    let parts = Parts {
        source: &source,
        budgets: None,
        ledger: &ledger,
        sinks: &[&sink],
    };
    let options = Options::default().forecast(false);
    refresh(&parts, &options, at(NOW), &|_| {}).await.unwrap();
    let late = day("2026-03-02").unwrap();
    stub.source()
        .change(|bill| bill.add(late, "Service 1", "", Basis::Amortized, amount("-0.25")));
    let later = "2026-03-10T18:00:00Z";
    stub.source().set_now(at(later));
    let outcome = refresh(&parts, &options, at(later), &|_| {}).await.unwrap();
    assert_eq!((outcome.corrected, outcome.sinks[0].days), (vec![late], 1));
    let point = stub.points().into_iter().find(|(point, _)| {
        point.metric == "DailyCost"
            && point.at == at("2026-03-02T00:00:00Z").as_second()
            && point.dimensions["Basis"] == "amortized"
            && point.dimensions["Service"] == "Service 1"
            && point.dimensions["Environment"] == "untagged"
    });
    assert_eq!(point.unwrap().1, (0.750_000_000_1_f64 + 0.0, 2));
}

fn samples(count: usize) -> Publication {
    let samples = (0..count).map(|index| Sample {
        metric: Metric::MonthToDate,
        labels: Labels::default().with(Label::Service, format!("Service {index}")),
        value: Amount::from(u32::try_from(index).unwrap()),
    });
    Publication {
        at: at(NOW),
        samples: samples.collect(),
        days: Vec::new(),
    }
}

#[tokio::test]
async fn one_bad_datum_loses_no_other() {
    let stub = stub(SimBill::new());
    stub.refuse_dimension("Service 1234");
    let published = sink(&stub).publish(&samples(2500)).await.unwrap();
    let rejected = &published.rejected[..];
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        (rejected[0].item, rejected[0].known),
        (Item::Sample(1234), true)
    );
    assert!(
        rejected[0].series.contains("Service 1234")
            && rejected[0].reason.contains("InvalidParameterValue"),
        "{rejected:?}"
    );
    let points = stub.points();
    assert_eq!(points.len(), 2499);
    assert!(
        points.values().all(|(_, count)| *count == 1),
        "nothing was put twice"
    );
    assert_eq!(published.requests as usize, stub.count("PutMetricData"));
    assert!(published.requests < 30, "{}", published.requests);
}

#[tokio::test]
async fn large_batches_stay_below_the_services_limits() {
    let stub = stub(SimBill::new());
    let mut publication = samples(2001);
    for (index, sample) in publication.samples.iter_mut().enumerate() {
        sample.labels = std::mem::take(&mut sample.labels)
            .with(Label::Environment, format!("{index}{}", "ü".repeat(160)));
    }
    let published = sink(&stub).publish(&publication).await.unwrap();
    assert_eq!(published.rejected, []);
    assert_eq!(stub.points().len(), 2001);
}

#[tokio::test]
async fn the_sink_keeps_the_contract() {
    let stub = AwsStub::start(SimSource::new(SimBill::new(), jiff::Timestamp::now()));
    metric_sink_contract(&sink(&stub)).await;
    assert_eq!(stub.points().len(), 7);
}

#[tokio::test]
async fn what_was_not_answered_is_not_put_again() {
    let stub = stub(SimBill::new());
    stub.fail_put(0, "");
    let published = sink(&stub).publish(&samples(3)).await.unwrap();
    assert_eq!(published.rejected.len(), 3);
    assert!(published.rejected.iter().all(|rejected| !rejected.known));
    assert_eq!((stub.count("PutMetricData"), stub.points().len()), (1, 3));
    stub.fail_put(500, "InternalServiceFault");
    let published = sink(&stub).publish(&samples(3)).await.unwrap();
    assert!(
        published.rejected.iter().all(|rejected| !rejected.known)
            && stub.count("PutMetricData") == 2
    );
}

#[tokio::test]
async fn throttled_puts_are_repeated_and_missing_permissions_name_the_action() {
    let stub = stub(SimBill::new());
    stub.fail_put(400, "ThrottlingException");
    let published = sink(&stub).publish(&samples(3)).await.unwrap();
    assert_eq!(
        (
            published.requests,
            published.rejected.len(),
            stub.points().len()
        ),
        (2, 0, 3)
    );
    stub.fail_put(403, "AccessDeniedException");
    let error = sink(&stub).publish(&samples(3)).await.unwrap_err();
    assert!(
        error.hint().unwrap().contains("cloudwatch:PutMetricData"),
        "{error}"
    );
    assert!(error.to_string().contains("request-7"), "{error}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let sink = CloudWatchSink::new(
        connector::cloudwatch(&format!("http://{closed}")),
        "A".parse().unwrap(),
    )
    .unwrap();
    assert!(
        matches!(
            sink.publish(&samples(3)).await.unwrap_err(),
            Error::NotSent { .. }
        ),
        "nobody was there: nothing was put"
    );
}

#[tokio::test]
async fn who_refuses_everything_is_asked_once() {
    for (status, code) in [(403, ""), (407, ""), (400, "UnknownOperationException")] {
        let stub = stub(SimBill::new());
        stub.fail_put(status, code);
        let error = sink(&stub).publish(&samples(2500)).await.unwrap_err();
        assert_eq!(stub.count("PutMetricData"), 1, "{status}");
        assert_eq!(
            matches!(error, Error::Denied { .. }),
            status != 400,
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_sink_is_known_by_its_namespace_and_region_and_has_none_without() {
    let stub = stub(SimBill::new());
    assert_eq!(
        sink(&stub).name().as_str(),
        "cloudwatch=Windlass/Costs@us-east-1"
    );
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(aws_sdk_cloudwatch::config::BehaviorVersion::latest())
        .build();
    let client = aws_sdk_cloudwatch::Client::from_conf(config);
    assert!(CloudWatchSink::new(client, "A".parse().unwrap()).is_err());
    let config: cost_exporter::Config = serde_json::from_str(
        r#"{"bases":["amortized"],"cloudwatch":{"namespace":"X","groupings":["total"]}}"#,
    )
    .unwrap();
    let client = || connector::cloudwatch(&stub.url());
    let sink = CloudWatchSink::of_config(client(), None, &config).unwrap();
    assert_eq!(sink.style().bases, [Basis::Amortized]);
    assert_eq!(sink.style().groupings, [Grouping::Total]);
    assert_eq!(sink.name().as_str(), "cloudwatch=X@us-east-1");
    let named = CloudWatchSink::of_config(client(), Some("Y"), &config).unwrap();
    assert_eq!(named.name().as_str(), "cloudwatch=Y@us-east-1");
}

#[tokio::test]
async fn the_account_is_that_of_the_credentials() {
    let stub = stub(SimBill::new());
    let account = AccountId::of_caller(&connector::sts(&stub.url()))
        .await
        .unwrap();
    let source = CostExplorer::new(connector::cost_explorer(&stub.url()));
    assert_eq!(source.bill(), None);
    let source = source.account(Some(account));
    assert_eq!(source.bill().unwrap().as_str(), "account 123456789012");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_waited_for_in_vain_and_not_for_ever() {
    let patience = Duration::from_millis(200);
    let stub = stub(bill(1, 1));
    stub.slow_down("GetCostAndUsage", Duration::from_secs(5));
    stub.slow_down("PutMetricData", Duration::from_secs(5));
    let source = CostExplorer::new(connector::cost_explorer(&stub.url())).patience(patience);
    let period = Period::new(day("2026-03-01").unwrap(), day("2026-03-05").unwrap()).unwrap();
    let query = CostQuery {
        period,
        bases: vec![Basis::Unblended],
        tag: "Environment".parse().unwrap(),
    };
    let begun = Instant::now();
    let error = source.costs(&query, None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let sink = sink(&stub).patience(patience);
    let published = sink.publish(&samples(3)).await.unwrap();
    assert!(published.rejected.iter().all(|rejected| !rejected.known));
    assert_eq!(
        (published.rejected.len(), stub.count("PutMetricData")),
        (3, 1)
    );
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_save_whose_answer_was_lost_is_known_again() {
    let stub = stub(bill(1, 1));
    let ledger = S3Ledger::new(connector::s3(&stub.url()), "costs", "ledger.json");
    let source = CostExplorer::new(connector::cost_explorer(&stub.url()));
    // The ledger is saved, and says that it was not.
    let ledger = crate::stage::Forgetful::new(ledger);
    let parts = Parts {
        source: &source,
        budgets: None,
        ledger: &ledger,
        sinks: &[],
    };
    let options = Options::default().forecast(false);
    let outcome = refresh(&parts, &options, at(NOW), &|_| {}).await.unwrap();
    assert_eq!(outcome.spending.month_requests, 1);
}

#[tokio::test]
async fn days_are_put_at_their_beginning_and_old_ones_are_refused_alone() {
    let stub = stub(SimBill::new());
    let day = |date: &str| DaySample {
        date: day(date).unwrap(),
        revision: 0,
        estimated: true,
        labels: Labels::default().with(Label::Basis, "unblended"),
        value: amount("5"),
        change: amount("2.5"),
    };
    let publication = Publication {
        at: at(NOW),
        samples: Vec::new(),
        days: vec![day("2026-02-01"), day("2026-03-09")],
    };
    let published = sink(&stub).publish(&publication).await.unwrap();
    assert_eq!(
        published
            .rejected
            .iter()
            .map(|rejected| rejected.item)
            .collect::<Vec<_>>(),
        [Item::Day(0)]
    );
    let (point, put) = stub.points().pop_first().unwrap();
    assert_eq!(
        (point.at, put),
        (at("2026-03-09T00:00:00Z").as_second(), (2.5, 1))
    );
}

#[tokio::test]
async fn errors_of_cost_explorer_are_told_apart_and_no_call_is_sent_twice() {
    let stub = stub(bill(1, 1));
    let source = CostExplorer::new(connector::cost_explorer(&stub.url()));
    let period = Period::new(day("2026-03-01").unwrap(), day("2026-03-05").unwrap()).unwrap();
    let query = CostQuery {
        period,
        bases: vec![Basis::Unblended],
        tag: "Environment".parse().unwrap(),
    };
    let mut calls = 0;
    let mut ask = async |fault| {
        stub.source().fault(fault);
        calls += 1;
        let error = source.costs(&query, None).await.unwrap_err();
        assert_eq!(stub.calls().len(), calls);
        error
    };
    assert!(matches!(
        ask(SimFault::Throttled).await,
        Error::Throttled { .. }
    ));
    assert!(matches!(
        ask(SimFault::PagesChanged).await,
        Error::PagesChanged { .. }
    ));
    assert!(matches!(
        ask(SimFault::DataUnavailable).await,
        Error::DataUnavailable { .. }
    ));
    assert!(matches!(
        ask(SimFault::Unreachable).await,
        Error::Unreachable { .. }
    ));
    let denied = ask(SimFault::Denied).await;
    assert!(
        denied.hint().unwrap().contains("ce:GetCostAndUsage")
            && denied.to_string().contains("request-7"),
        "{denied}"
    );
    let late = CostQuery {
        period: Period::new(day("2026-03-01").unwrap(), day("2026-04-02").unwrap()).unwrap(),
        ..query
    };
    let refused = source.costs(&late, None).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Refused { message: Some(message), .. } if message.contains("next month")),
        "{refused}"
    );
}

#[tokio::test]
async fn budgets_are_read_from_aws() {
    let budget = AwsBudget {
        name: "org".parse().unwrap(),
        limit: amount("50"),
        actual: amount("12.5"),
        forecast: Some(amount("49.99")),
        currency: "USD".parse().unwrap(),
    };
    let stub =
        AwsStub::start(SimSource::new(SimBill::new(), at(NOW)).with_budgets(vec![budget.clone()]));
    let source = AwsBudgets::new(
        connector::budgets(&stub.url()),
        "123456789012".parse().unwrap(),
    );
    assert_eq!(source.budgets().await.unwrap(), [budget]);
}

#[tokio::test]
async fn the_ledger_in_s3_keeps_the_contract() {
    let stub = stub(SimBill::new());
    ledger_contract(&S3Ledger::new(
        connector::s3(&stub.url()),
        "costs",
        "ledger.json",
    ))
    .await;
    assert!(stub.object("/costs/ledger.json").is_some());
}
