//! What goes wrong: Lambda hears of it, and nothing is shown twice when that can be avoided.

use std::time::{Duration, Instant};

use deploy_notifier::testing::{SlackFault, SlackStub};
use serde_json::json;

use crate::fixtures::event;
use crate::function::Function;

#[test]
fn a_dead_webhook_fails_the_invocation() {
    let stub = SlackStub::start();
    let dead = stub.dead_webhook();
    let mut function = Function::with(stub, &[("SLACK_WEBHOOK_URL", dead)]);
    let error = function.invoke(&event("metric")).unwrap_err();
    assert_eq!(error["errorType"], "NotDelivered");
    assert_eq!(
        error["errorMessage"],
        "1 of 1 messages were not shown: 95df01b4-ee98-5cb9-9903-4c221d41eb00: channel `slack` refused the message: status 404, `no_service`"
    );
    let log = function.log();
    assert_eq!(log[0]["event"], "not-delivered");
    assert!(log[0]["hint"].as_str().unwrap().contains("make a new one"));
}

#[test]
fn a_retry_shows_only_what_is_missing() {
    let mut function = Function::start();
    for fault in [
        SlackFault::Slow(Duration::ZERO),
        SlackFault::Status {
            status: 500,
            kept: false,
        },
    ] {
        function.stub.fault(fault);
    }
    let event = event("several-with-a-bad-one");
    // The bad record has no message id, so it is shown again; all else is told apart by its id.
    let mut event = event;
    event["Records"].as_array_mut().unwrap().remove(1);
    let error = function.invoke(&event).unwrap_err();
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .starts_with("1 of 3 messages were not shown"),
        "{error}"
    );
    assert_eq!(function.stub.messages().len(), 2);
    assert_eq!(
        function.invoke(&event).unwrap(),
        json!({"messages": 3, "delivered": 1})
    );
    assert_eq!(
        function.titles(),
        [
            "ALARM: dev-task-service-cpu",
            "OK: dev-task-service-cpu",
            "Message from dev-alarms"
        ]
    );
    let kinds: Vec<_> = function
        .log()
        .iter()
        .map(|line| line["event"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            "delivered",
            "not-delivered",
            "delivered",
            "already-delivered",
            "delivered",
            "already-delivered"
        ]
    );
}

#[test]
fn a_rate_limit_is_waited_out_within_the_functions_time() {
    let mut function = Function::start();
    function.stub.fault(SlackFault::RateLimited(1));
    function.invoke(&event("metric")).unwrap();
    assert_eq!(function.stub.messages().len(), 1);
}

#[test]
fn a_wait_that_outlasts_the_function_is_not_begun() {
    let mut function = Function::start();
    function.stub.fault(SlackFault::RateLimited(10));
    let started = Instant::now();
    let error = function
        .invoke_within(&event("metric"), Duration::from_secs(8))
        .unwrap_err();
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("asks to wait 10 s"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(function.stub.messages().len(), 0);
    assert_eq!(function.log()[0]["outcome_known"], true);
}

#[test]
fn a_function_that_runs_out_of_time_says_so_before_it_is_killed() {
    let mut function = Function::start();
    function
        .stub
        .fault(SlackFault::Slow(Duration::from_secs(4)));
    let started = Instant::now();
    let error = function
        .invoke_within(&event("metric"), Duration::from_millis(1500))
        .unwrap_err();
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("did not have the time"), "{error}");
    assert!(started.elapsed() < Duration::from_millis(3500));
    assert_eq!(function.log()[0]["outcome_known"], false);
}

#[test]
fn without_time_left_nothing_is_sent() {
    let mut function = Function::start();
    let error = function
        .invoke_within(&event("metric"), Duration::from_millis(300))
        .unwrap_err();
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("was not tried"), "{error}");
    assert_eq!(function.stub.requests(), 0);
    assert_eq!(function.log()[0]["outcome_known"], true);
}

#[test]
fn a_slow_channel_takes_no_time_from_the_others() {
    let (slow, stub) = (SlackStub::start(), SlackStub::start());
    slow.fault(SlackFault::Slow(Duration::from_secs(4)));
    let variables = [
        ("SLACK_WEBHOOK_URL", slow.webhook()),
        ("ALARM_WEBHOOK_URL", stub.plain_hook()),
    ];
    let mut function = Function::with(stub, &variables);
    let error = function
        .invoke_within(&event("metric"), Duration::from_secs(2))
        .unwrap_err();
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("`slack`") && !message.contains("`webhook`"),
        "{error}"
    );
    assert_eq!(function.stub.messages().len(), 1);
}

#[test]
fn a_queue_gets_its_messages_back_in_the_way_it_was_set_up() {
    // Without a word about it the whole batch fails: an event source that does not read the answer loses nothing.
    let mut function = Function::start();
    function.stub.fault(SlackFault::Status {
        status: 500,
        kept: false,
    });
    let error = function.invoke(&event("queue")).unwrap_err();
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .starts_with("1 of 3"),
        "{error}"
    );

    let stub = SlackStub::start();
    stub.fault(SlackFault::Status {
        status: 500,
        kept: false,
    });
    let variables = [
        ("SLACK_WEBHOOK_URL", stub.webhook()),
        ("QUEUE_FAILURES", "report".to_owned()),
    ];
    let mut function = Function::with(stub, &variables);
    let answer = function.invoke(&event("queue")).unwrap();
    let items = json!([{"itemIdentifier": "059f36b4-87a3-44ab-83d2-661975830a00"}]);
    assert_eq!(
        answer,
        json!({"messages": 3, "delivered": 2, "batchItemFailures": items})
    );
    // A topic does not read the answer: it hears of failures as failures only.
    function.stub.fault(SlackFault::Status {
        status: 500,
        kept: false,
    });
    assert!(function.invoke(&event("metric")).is_err());
}

#[test]
fn an_event_of_another_kind_fails_and_the_function_goes_on() {
    let mut function = Function::start();
    let error = function
        .invoke(&json!({"detail-type": "EC2 Instance State-change Notification"}))
        .unwrap_err();
    assert_eq!(error["errorType"], "EventNotUnderstood");
    assert_eq!(
        function.invoke(&json!({"Records": []})).unwrap(),
        json!({"messages": 0, "delivered": 0})
    );
    function.invoke(&event("metric")).unwrap();
    assert_eq!(function.stub.messages().len(), 1);
}
