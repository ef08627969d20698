//! What an invocation does, and what Lambda hears of it.

use std::process::Command;
use std::time::{Duration, Instant};

use cost_exporter::LedgerState;
use cost_exporter::sim::SimFault;
use jiff::Timestamp;
use serde_json::Value;

use crate::function::Function;

const LONG: Duration = Duration::from_secs(30);

#[test]
fn an_event_that_is_delivered_twice_puts_nothing_twice() {
    let mut function = Function::start();
    let answer = function.invoke(LONG).unwrap();
    assert_eq!(
        (&answer["requests"], &answer["dollars"]),
        (&"2".parse::<Value>().unwrap(), &"0.02".into())
    );
    assert!(answer["days"].as_u64().unwrap() > 50, "{answer}");
    let points = function.stub.points();
    let again = function.invoke(LONG).unwrap();
    assert_eq!(again["days"], 0);
    // Between the two the hour may have changed, which has a present of its own.
    let after = function.stub.points();
    assert!(
        points
            .iter()
            .all(|(point, put)| after[point] == *put && put.1 == 1)
    );
    let log = function.log();
    assert!(
        log.iter()
            .all(|line| line["request"].as_str().unwrap().starts_with("request-"))
    );
    // moto and new accounts alike have no forecast; that fails nothing.
    assert!(log.iter().any(|line| line["event"] == "no-forecast"));
}

#[test]
fn what_cannot_be_read_fails_the_invocation_and_names_the_action() {
    let mut function = Function::start();
    function.stub.source().fault(SimFault::Denied);
    let error = function.invoke(LONG).unwrap_err();
    assert_eq!(error["errorType"], "Denied");
    let answer = function.invoke(LONG).unwrap();
    assert_eq!(
        answer["month_dollars"], "0.03",
        "failed requests are paid for too"
    );
    let log = function.log();
    let failed = log.iter().find(|line| line["event"] == "failed").unwrap();
    assert!(
        failed["hint"]
            .as_str()
            .unwrap()
            .contains("ce:GetCostAndUsage"),
        "{failed}"
    );
}

#[test]
fn what_cannot_be_put_fails_the_invocation_and_is_put_by_the_next() {
    let mut function = Function::start();
    function.stub.fail_put(403, "AccessDeniedException");
    let error = function.invoke(LONG).unwrap_err();
    assert_eq!(error["errorType"], "NotComplete");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("put metrics"),
        "{error}"
    );
    assert!(function.stub.points().is_empty());
    assert!(function.invoke(LONG).unwrap()["days"].as_u64().unwrap() > 50);
}

#[test]
fn a_function_that_runs_out_of_time_says_so_before_it_is_killed() {
    let mut function = Function::start();
    // Each try waits longer than the one before.
    (0..4).for_each(|_| function.stub.source().fault(SimFault::Throttled));
    let begun = Instant::now();
    let error = function.invoke(Duration::from_millis(1500)).unwrap_err();
    assert_eq!(error["errorType"], "OutOfTime");
    assert!(begun.elapsed() < Duration::from_millis(4000));
}

#[test]
fn a_slow_forecast_costs_nothing_but_the_forecast() {
    let mut function = Function::start();
    function
        .stub
        .slow_down("GetCostForecast", Duration::from_secs(20));
    let answer = function.invoke(Duration::from_secs(4)).unwrap();
    assert!(answer["projected"].is_null());
    assert!(answer["days"].as_u64().unwrap() > 50, "{answer}");
    assert!(answer["too_old"].as_u64().unwrap() > 0, "{answer}");
    let log = function.log();
    let said = |event: &str| log.iter().any(|line| line["event"] == event);
    assert!(said("no-forecast") && said("too-old"), "{log:?}");
}

#[test]
fn a_retry_of_a_function_that_ran_out_of_time_need_not_wait() {
    let mut function = Function::start();
    function
        .stub
        .slow_down("GetCostAndUsage", Duration::from_secs(5));
    let error = function.invoke(Duration::from_millis(1500)).unwrap_err();
    assert_eq!(error["errorType"], "OutOfTime");
    function.stub.slow_down("GetCostAndUsage", Duration::ZERO);
    let answer = function.invoke(LONG).unwrap();
    assert_eq!(
        answer["month_dollars"], "0.03",
        "what was asked in vain is paid for too"
    );
}

#[test]
fn what_is_left_of_a_lock_ends_with_the_function() {
    let mut function = Function::start();
    for (operation, millis) in [
        // Too slow for letting go of the ledger in the end.
        ("GET object", 600),
        ("GetCostAndUsage", 1000),
        ("PutMetricData", 20_000),
    ] {
        function
            .stub
            .slow_down(operation, Duration::from_millis(millis));
    }
    let time = Duration::from_secs(3);
    let end = Timestamp::now() + time;
    let error = function.invoke(time).unwrap_err();
    assert_eq!(error["errorType"], "OutOfTime");
    let ledger = function.stub.object("/costs/ledger.json").unwrap();
    let ledger = LedgerState::from_json(&String::from_utf8(ledger).unwrap()).unwrap();
    let until = ledger.run.unwrap().until;
    // The runtime takes a moment to hand over the event.
    assert!(until < end + Duration::from_millis(700), "{until} {end}");
}

#[test]
fn a_function_that_is_set_up_wrong_does_not_start() {
    let output = Command::new(env!("CARGO_BIN_EXE_cost-exporter-lambda"))
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let line: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(line["event"], "misconfigured");
    assert!(line["hint"].as_str().unwrap().contains("s3://BUCKET/KEY"));
}
