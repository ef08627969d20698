//! A schedule, a queue, a map's item, and time that runs out.

use std::time::Duration;

use log_exporter::{Clock, Millis, Options, RateLimit, VerifyRequest, verify};
use serde_json::json;

use crate::function::{HOUR, Site, now};

const LONG: Duration = Duration::from_secs(60);

async fn assert_archived(site: &Site, windows: usize, events: u64) {
    let clock = Clock::new(Millis::from_epoch(now()));
    let (options, limit) = (Options::default(), RateLimit::new(1000.0));
    let request = VerifyRequest::new(vec![]).orphans(true);
    let report = verify(
        &site.archive(),
        None,
        &request,
        &options,
        &clock,
        &limit,
        &|_| {},
    )
    .await
    .unwrap();
    assert_eq!((report.findings, report.orphans), (vec![], vec![]));
    assert_eq!((report.windows, report.events), (windows, events));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_archives_what_is_due_and_then_nothing() {
    let Some(site) = Site::find("schedule").await else {
        return;
    };
    site.fill(&[5, 3]).await;
    let group = site.group();
    let mut function = site.start(&[("LOG_GROUPS", &group)]);
    let from = Millis::from_epoch(now() / HOUR * HOUR - 6 * HOUR);
    let to = Millis::from_epoch(now() / HOUR * HOUR - 2 * HOUR);
    let event = json!({"from": from, "to": to});
    let answer = function.invoke(&event, LONG).unwrap();
    assert_eq!(
        (&answer["done"], &answer["events"]),
        (&json!(4), &json!(20)),
        "{answer}"
    );
    assert_archived(&site, 4, 20).await;
    let again = function.invoke(&event, LONG).unwrap();
    assert_eq!(
        (&again["done"], &again["remaining"]),
        (&json!(0), &json!([])),
        "{again}"
    );
    let log = function.log();
    assert_eq!(
        log.iter().filter(|line| line["event"] == "window").count(),
        4,
        "{log:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_hears_which_messages_to_hand_out_again() {
    let Some(site) = Site::find("queue").await else {
        return;
    };
    site.fill(&[5, 4]).await;
    let mut function = site.start(&[]);
    let record =
        |id: &str, body: String| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"});
    let event = json!({"Records": [
        record("good", site.unit(5).to_string()),
        record("bad", "no window".to_owned()),
        record("good-too", site.unit(4).to_string()),
        record("twice", site.unit(4).to_string()),
    ]});
    let answer = function.invoke(&event, LONG).unwrap();
    assert_eq!(
        answer["batchItemFailures"],
        json!([{"itemIdentifier": "bad"}]),
        "{answer}"
    );
    assert_archived(&site, 2, 20).await;
    // Nothing is begun, and so nothing is taken off the queue.
    let late = json!({"Records": [record("late", site.unit(3).to_string())]});
    let answer = function.invoke(&late, Duration::from_millis(5)).unwrap();
    assert_eq!(
        answer["batchItemFailures"],
        json!([{"itemIdentifier": "late"}]),
        "{answer}"
    );
    let log = function.log();
    assert!(
        log.iter()
            .any(|line| line["event"] == "failed"
                && line["reason"].as_str().unwrap().contains("bad")),
        "{log:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_another_region_takes_nothing_off_the_queue() {
    let Some(site) = Site::find("region").await else {
        return;
    };
    site.fill(&[5]).await;
    let region = "ap-south-1";
    let mut function = site.start(&[("AWS_REGION", region), ("AWS_DEFAULT_REGION", region)]);
    let record = json!({"messageId": "one", "body": site.unit(5).to_string()});
    let answer = function
        .invoke(&json!({"Records": [record]}), LONG)
        .unwrap();
    assert_eq!(
        answer["batchItemFailures"],
        json!([{"itemIdentifier": "one"}]),
        "{answer}"
    );
    let failed = function.invoke(&site.unit(5), LONG).unwrap_err();
    assert!(
        failed["errorMessage"]
            .as_str()
            .unwrap()
            .contains("us-east-1"),
        "{failed}"
    );
    assert_archived(&site, 0, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_of_a_map_is_done_or_fails() {
    let Some(site) = Site::find("map").await else {
        return;
    };
    site.fill(&[5]).await;
    let mut function = site.start(&[]);
    let failed = function
        .invoke(&site.unit(5), Duration::from_millis(5))
        .unwrap_err();
    assert_eq!(failed["errorType"], "Unfinished", "{failed}");
    let answer = function.invoke(&site.unit(5), LONG).unwrap();
    assert_eq!(answer["events"], 10, "{answer}");
    let batch = json!({"Items": [site.unit(5), site.unit(4)]});
    // An answer would be the end of the batch to the map.
    let failed = function
        .invoke(&batch, Duration::from_millis(5))
        .unwrap_err();
    assert_eq!(failed["errorType"], "Unfinished", "{failed}");
    assert!(
        failed["errorMessage"].as_str().unwrap().contains("2 of 2"),
        "{failed}"
    );
    let answer = function.invoke(&batch, LONG).unwrap();
    assert_eq!(
        (&answer["done"], &answer["events"]),
        (&json!(2), &json!(0)),
        "{answer}"
    );
    assert_archived(&site, 2, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_in_the_answer_and_is_taken_again() {
    let Some(site) = Site::find("deadline").await else {
        return;
    };
    site.fill(&[9, 5]).await;
    // Two requests a second, for eight windows.
    let group = site.group();
    let mut function = site.start(&[("LOG_GROUPS", &group), ("RATE", "2"), ("RESERVE", "2s")]);
    let from = Millis::from_epoch(now() / HOUR * HOUR - 9 * HOUR);
    let to = Millis::from_epoch(now() / HOUR * HOUR - HOUR);
    let mut answer = function
        .invoke(&json!({"from": from, "to": to}), Duration::from_secs(5))
        .unwrap();
    let mut rounds = 0;
    while answer["remaining"] != json!([]) {
        rounds += 1;
        assert!(rounds < 10, "{answer}");
        answer = function
            .invoke(
                &json!({"remaining": answer["remaining"]}),
                Duration::from_secs(5),
            )
            .unwrap();
    }
    assert!(rounds > 0, "all of it fitted");
    assert_archived(&site, 8, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_one() {
    let Some(site) = Site::find("failure").await else {
        return;
    };
    site.fill(&[5]).await;
    let mut function = site.start(&[]);
    let failed = function.invoke(&json!({}), LONG).unwrap_err();
    assert_eq!(failed["errorType"], "NoGroups", "{failed}");
    let failed = function.invoke(&json!({"group": "x"}), LONG).unwrap_err();
    assert_eq!(failed["errorType"], "EventNotUnderstood", "{failed}");
    let failed = function
        .invoke(&json!({"groups": ["/no/such/group"]}), LONG)
        .unwrap_err();
    assert!(
        failed["errorMessage"]
            .as_str()
            .unwrap()
            .contains("/no/such/group"),
        "{failed}"
    );
    drop(function);
    let mut function = site.start(&[("ARCHIVE_BUCKET", "no-such-bucket-of-anybody")]);
    let failed = function.invoke(&site.unit(5), LONG).unwrap_err();
    assert!(
        failed["errorMessage"]
            .as_str()
            .unwrap()
            .contains("no bucket"),
        "{failed}"
    );
}
