//! The adapters against replayed answers: what goes over the wire, and what is made of what comes back.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use log_exporter::aws::{CloudWatchLogs, S3Archive};
use log_exporter::{
    Archive, BulkOptions, Clock, Error, ExportTask, GroupClass, GroupInfo, LogAdmin, LogSource,
    Millis, PageToken, Place, Put, Sha256, Span, TaskState, Version, bulk,
};
use serde_json::{Value, json};

/// A request as it went over the wire.
#[derive(Debug, Clone)]
struct Asked {
    method: String,
    path: String,
    operation: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// Gives answers in turn, and keeps what it was asked.
#[derive(Clone)]
struct Replay {
    answers: Arc<Mutex<Vec<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replay")
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name| request.headers().get(name).unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(Asked {
            method: request.method().to_owned(),
            path: request.uri().to_owned(),
            operation: header("x-amz-target")
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        });
        let (status, headers, body) = self.answers.lock().unwrap().remove(0);
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            response.headers_mut().insert(name, value);
        }
        response
            .headers_mut()
            .insert("x-amzn-requestid", "request-7");
        response
            .headers_mut()
            .insert("x-amz-request-id", "request-7");
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Replay {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Replay {
    fn new(answers: Vec<Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers)),
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn logs(&self) -> CloudWatchLogs {
        let config = aws_sdk_cloudwatchlogs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("key", "hunter2", None, None, "test"))
            // The adapter turns this off.
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .http_client(self.clone())
            .build();
        CloudWatchLogs::new(&aws_sdk_cloudwatchlogs::Client::from_conf(config))
    }

    fn archive(&self) -> S3Archive {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("key", "hunter2", None, None, "test"))
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .http_client(self.clone())
            .build();
        S3Archive::new(&aws_sdk_s3::Client::from_conf(config), "bucket")
    }
}

fn ok(body: Value) -> Answer {
    (200, vec![], body.to_string().into_bytes())
}

fn failed(status: u16, code: &str) -> Answer {
    let body = json!({"__type": code, "message": "a message"}).to_string();
    (status, vec![], body.into_bytes())
}

fn xml(status: u16, code: &str) -> Answer {
    let body = format!(
        "<Error><Code>{code}</Code><Message>a message</Message><RequestId>request-7</RequestId></Error>"
    );
    (status, vec![], body.into_bytes())
}

fn span(from: i64, to: i64) -> Span {
    Span::new(Millis::from_epoch(from), Millis::from_epoch(to)).unwrap()
}

#[tokio::test]
async fn the_last_millisecond_of_a_span_is_the_end_that_is_asked_for() {
    let replay = Replay::new(vec![
        ok(json!({"events": [], "nextToken": "more"})),
        ok(json!({"events": [
            {"logStreamName": "a/1", "timestamp": 3_599_999, "ingestionTime": 4_000_000, "eventId": "7",
             "message": "\u{fffd}\u{0}é\n"}
        ]})),
    ]);
    let logs = replay.logs();
    let group = "/ecs/web".parse().unwrap();
    let first = logs.events(&group, span(0, 3_600_000), None).await.unwrap();
    assert_eq!(first.events, []);
    let token = first.next.unwrap();
    let second = logs
        .events(&group, span(0, 3_600_000), Some(&token))
        .await
        .unwrap();
    assert_eq!(second.next, None);
    let event = &second.events[0];
    assert_eq!((event.timestamp, event.ingestion), (3_599_999, 4_000_000));
    assert_eq!(
        (&*event.stream, &*event.id, &*event.message),
        ("a/1", "7", "\u{fffd}\u{0}é\n")
    );
    let asked = replay.asked();
    assert_eq!(asked[0].operation, "FilterLogEvents");
    assert_eq!(
        asked[1].json(),
        json!({"logGroupName": "/ecs/web", "startTime": 0, "endTime": 3_599_999, "limit": 10_000, "nextToken": "more"})
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_are_an_error_and_never_an_empty_page() {
    let mut body = br#"{"events":[{"logStreamName":"a","timestamp":1,"ingestionTime":2,"eventId":"7","message":""#.to_vec();
    body.extend(b"\xff\xfe\"}]}");
    let surrogate =
        br#"{"events":[{"logStreamName":"a","timestamp":1,"eventId":"7","message":"\ud800"}]}"#
            .to_vec();
    let replay = Replay::new(vec![
        (200, vec![], body),
        (200, vec![], surrogate),
        ok(json!({"events": [{"message": "x"}]})),
    ]);
    let logs = replay.logs();
    for _ in 0..3 {
        let read = logs.events(&"g".parse().unwrap(), span(0, 10), None).await;
        assert!(matches!(read, Err(Error::Unreachable { .. })), "{read:?}");
    }
}

#[tokio::test]
async fn errors_of_cloudwatch_logs_say_what_to_do() {
    let answers = vec![
        failed(400, "ResourceNotFoundException"),
        failed(400, "InvalidParameterException"),
        failed(400, "ThrottlingException"),
        failed(400, "AccessDeniedException"),
        failed(503, "ServiceUnavailableException"),
        failed(400, "InvalidParameterException"),
    ];
    let count = answers.len();
    let replay = Replay::new(answers);
    let logs = replay.logs();
    let group = "g".parse().unwrap();
    let token = PageToken::new("t");
    let mut errors = Vec::new();
    for index in 0..count {
        let token = (index == 1).then_some(&token);
        errors.push(logs.events(&group, span(0, 10), token).await.unwrap_err());
    }
    assert!(matches!(errors[0], Error::GroupNotFound { .. }));
    assert!(matches!(errors[1], Error::TokenExpired { .. }));
    assert!(matches!(errors[2], Error::Throttled { .. }));
    assert!(errors[3].hint().unwrap().contains("logs:FilterLogEvents"));
    assert!(
        errors[3]
            .to_string()
            .contains("AccessDeniedException: a message (request request-7)")
    );
    assert!(errors[4].is_passing());
    assert!(matches!(&errors[5], Error::Refused { .. }));
    assert!(!format!("{errors:?}").contains("hunter2"));
    assert_eq!(replay.asked().len(), count, "nothing is retried here");
}

#[tokio::test]
async fn groups_are_told_with_account_region_retention_and_class() {
    let replay = Replay::new(vec![ok(json!({"nextToken": "more", "logGroups": [
        {"logGroupName": "/ecs/web", "arn": "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/web:*",
         "creationTime": 1000, "retentionInDays": 30, "storedBytes": 5, "logGroupClass": "INFREQUENT_ACCESS"}
    ]}))]);
    let page = replay.logs().groups(Some("/ecs"), None).await.unwrap();
    let info = &page.groups[0];
    assert_eq!(
        (info.place.account.as_str(), info.place.region.as_str()),
        ("123456789012", "eu-west-1")
    );
    assert_eq!(
        (info.retention_days, info.class, info.stored_bytes),
        (Some(30), GroupClass::InfrequentAccess, 5)
    );
    assert_eq!(page.next, Some(PageToken::new("more")));
    assert_eq!(
        replay.asked()[0].json(),
        json!({"logGroupNamePrefix": "/ecs", "limit": 50})
    );
}

#[tokio::test]
async fn each_state_of_an_export_task_is_told() {
    let states = [
        ("PENDING", TaskState::Pending),
        ("RUNNING", TaskState::Running),
        ("PENDING_CANCEL", TaskState::Running),
        ("CANCELLED", TaskState::Cancelled),
        ("COMPLETED", TaskState::Completed),
        ("FAILED", TaskState::Failed("no reason is given".to_owned())),
    ];
    let answers = states
        .iter()
        .map(|(code, _)| ok(json!({"exportTasks": [{"taskId": "t", "status": {"code": code}}]})));
    let replay = Replay::new(answers.collect());
    let logs = replay.logs();
    for (_, state) in states {
        assert_eq!(logs.export_state("t").await.unwrap(), Some(state));
    }
}

#[tokio::test]
async fn a_task_that_is_under_way_is_found_by_what_it_exports() {
    let group = "g".parse().unwrap();
    let task = ExportTask {
        group,
        span: span(0, 1000),
        bucket: "bucket".to_owned(),
        prefix: "bulk".to_owned(),
    };
    let told = |id: &str, to: i64, prefix: &str, code: &str| {
        json!({"taskId": id, "logGroupName": "g", "from": 0, "to": to, "destination": "bucket",
               "destinationPrefix": prefix, "status": {"code": code}})
    };
    let replay = Replay::new(vec![
        ok(json!({"exportTasks": [told("longer", 1000, "bulk", "RUNNING")], "nextToken": "more"})),
        ok(
            json!({"exportTasks": [told("elsewhere", 999, "other", "RUNNING"),
                                  told("over", 999, "bulk", "COMPLETED")]}),
        ),
        ok(json!({"exportTasks": [told("it", 999, "bulk", "PENDING")]})),
        ok(json!({"exportTasks": []})),
        ok(json!({})),
    ]);
    let logs = replay.logs();
    assert_eq!(logs.find_export(&task).await.unwrap().unwrap(), "it");
    assert_eq!(logs.find_export(&task).await.unwrap(), None);
    let asked = replay.asked();
    assert_eq!(asked[0].json(), json!({"statusCode": "RUNNING"}));
    assert_eq!(
        asked[1].json(),
        json!({"statusCode": "RUNNING", "nextToken": "more"})
    );
    assert_eq!(asked[2].json(), json!({"statusCode": "PENDING"}));
}

#[tokio::test]
async fn the_one_task_of_an_account_is_waited_for_and_ours_is_followed() {
    let state =
        |code: &str| ok(json!({"exportTasks": [{"taskId": "t", "status": {"code": code}}]}));
    let none = || ok(json!({"exportTasks": []}));
    let replay = Replay::new(vec![
        none(),
        none(),
        failed(400, "LimitExceededException"),
        none(),
        none(),
        ok(json!({"taskId": "t"})),
        state("PENDING"),
        failed(400, "ThrottlingException"),
        state("RUNNING"),
        state("COMPLETED"),
    ]);
    let place = Place::new(
        "123456789012".parse().unwrap(),
        "us-east-1".parse().unwrap(),
        "g".parse().unwrap(),
    );
    let task = ExportTask {
        group: place.group.clone(),
        span: span(0, 1000),
        bucket: "bucket".to_owned(),
        prefix: "bulk".to_owned(),
    };
    let info = GroupInfo::new(place, Millis::from_epoch(0));
    let options = BulkOptions::default().poll(std::time::Duration::from_millis(1));
    let clock = Clock::new("2026-11-26T12:00:00Z".parse().unwrap());
    let outcome = bulk(&replay.logs(), &info, &task, &options, &clock).await;
    let outcome = outcome.unwrap();
    assert_eq!(
        (outcome.task.as_str(), outcome.state, outcome.resumed),
        ("t", TaskState::Completed, false)
    );
    assert_eq!(replay.asked().len(), 10);
}

#[tokio::test]
async fn export_tasks_and_retention_go_over_the_wire() {
    let replay = Replay::new(vec![
        failed(400, "LimitExceededException"),
        ok(json!({"taskId": "t-1"})),
        ok(
            json!({"exportTasks": [{"taskId": "t-1", "status": {"code": "FAILED", "message": "no access"}}]}),
        ),
        ok(json!({"exportTasks": []})),
        ok(json!({})),
        failed(400, "AccessDeniedException"),
    ]);
    let logs = replay.logs();
    let task = ExportTask {
        group: "g".parse().unwrap(),
        span: span(0, 1000),
        bucket: "bucket".to_owned(),
        prefix: "bulk".to_owned(),
    };
    assert!(matches!(
        logs.start_export(&task).await,
        Err(Error::ExportBusy)
    ));
    assert_eq!(logs.start_export(&task).await.unwrap(), "t-1");
    assert_eq!(
        logs.export_state("t-1").await.unwrap(),
        Some(TaskState::Failed("no access".to_owned()))
    );
    assert_eq!(logs.export_state("t-1").await.unwrap(), None);
    logs.set_retention(&task.group, 30).await.unwrap();
    let denied = logs.set_retention(&task.group, 30).await.unwrap_err();
    assert!(denied.hint().unwrap().contains("logs:PutRetentionPolicy"));
    let asked = replay.asked();
    assert_eq!(asked[1].json()["to"], 999);
    assert_eq!(
        asked[4].json(),
        json!({"logGroupName": "g", "retentionInDays": 30})
    );
}

#[tokio::test]
async fn writes_are_conditional_and_carry_their_digest() {
    let replay = Replay::new(vec![
        (200, vec![("etag", "\"1\"".to_owned())], vec![]),
        xml(412, "PreconditionFailed"),
        xml(409, "ConditionalRequestConflict"),
        xml(503, "SlowDown"),
        xml(403, "AccessDenied"),
        xml(404, "NoSuchBucket"),
        (200, vec![], vec![]),
        xml(412, "PreconditionFailed"),
        xml(404, "NoSuchKey"),
    ]);
    let archive = replay.archive();
    let bytes = Bytes::from_static(b"content");
    let sha256 = Sha256::of(&bytes);
    let new = || archive.put_new("logs/a.json", bytes.clone(), &sha256);
    assert_eq!(new().await.unwrap(), Put::Written);
    assert_eq!(new().await.unwrap(), Put::Refused);
    assert!(new().await.unwrap_err().is_passing());
    assert!(matches!(new().await, Err(Error::Throttled { .. })));
    assert!(
        new()
            .await
            .unwrap_err()
            .hint()
            .unwrap()
            .contains("s3:PutObject")
    );
    assert!(matches!(new().await, Err(Error::BucketNotFound { .. })));
    let version = Version::new("\"1\"");
    let over = || archive.put_over("logs/a.json", bytes.clone(), &sha256, &version);
    assert_eq!(over().await.unwrap(), Put::Written);
    assert_eq!(over().await.unwrap(), Put::Refused);
    assert_eq!(over().await.unwrap(), Put::Refused);
    let asked = replay.asked();
    assert_eq!(asked[0].method, "PUT");
    assert!(
        asked[0].path.contains("bucket") && asked[0].path.contains("/logs/a.json"),
        "{}",
        asked[0].path
    );
    assert_eq!(asked[0].header("if-none-match"), Some("*"));
    assert_eq!(
        asked[0].header("x-amz-checksum-sha256"),
        Some("7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=")
    );
    assert_eq!(
        (
            asked[6].header("if-match"),
            asked[6].header("if-none-match")
        ),
        (Some("\"1\""), None)
    );
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_may_not_be_seen() {
    let digest = "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
    let head = |more: Vec<(&'static str, String)>| {
        let mut headers = vec![
            ("etag", "\"1\"".to_owned()),
            ("content-length", "7".to_owned()),
        ];
        headers.extend(more);
        (200, headers, vec![])
    };
    let replay = Replay::new(vec![
        head(vec![("x-amz-checksum-sha256", digest.to_owned())]),
        head(vec![("x-amz-checksum-sha256", format!("{digest}-3"))]),
        (404, vec![], vec![]),
        (403, vec![], vec![]),
        xml(404, "NoSuchKey"),
        xml(404, "NoSuchBucket"),
        xml(403, "AccessDenied"),
    ]);
    let archive = replay.archive();
    let whole = archive.stat("k").await.unwrap().unwrap();
    assert_eq!(
        (whole.size, whole.sha256),
        (7, Some(Sha256::of(b"content")))
    );
    assert_eq!(
        archive.stat("k").await.unwrap().unwrap().sha256,
        None,
        "that is of several parts"
    );
    assert_eq!(archive.stat("k").await.unwrap(), None);
    assert!(
        archive
            .stat("k")
            .await
            .unwrap_err()
            .hint()
            .unwrap()
            .contains("s3:GetObject")
    );
    assert_eq!(archive.get("k").await.unwrap(), None);
    assert!(matches!(
        archive.get("k").await,
        Err(Error::BucketNotFound { .. })
    ));
    assert!(
        archive
            .get("k")
            .await
            .unwrap_err()
            .hint()
            .unwrap()
            .contains("s3:ListBucket")
    );
}

#[tokio::test]
async fn each_missing_permission_is_named() {
    let denied = || failed(400, "AccessDeniedException");
    let replay = Replay::new(vec![denied(), denied(), denied(), denied(), denied()]);
    let logs = replay.logs();
    let group = "g".parse().unwrap();
    let task = ExportTask {
        group: "g".parse().unwrap(),
        span: span(0, 1000),
        bucket: "bucket".to_owned(),
        prefix: String::new(),
    };
    let errors = [
        (
            "logs:DescribeLogGroups",
            logs.groups(None, None).await.unwrap_err(),
        ),
        (
            "logs:FilterLogEvents",
            logs.events(&group, span(0, 1), None).await.unwrap_err(),
        ),
        (
            "logs:PutRetentionPolicy",
            logs.set_retention(&group, 30).await.unwrap_err(),
        ),
        (
            "logs:CreateExportTask",
            logs.start_export(&task).await.unwrap_err(),
        ),
        (
            "logs:DescribeExportTasks",
            logs.export_state("t").await.unwrap_err(),
        ),
    ];
    let denied = || xml(403, "AccessDenied");
    let replay = Replay::new(vec![
        denied(),
        denied(),
        (403, vec![], vec![]),
        denied(),
        denied(),
        denied(),
    ]);
    let archive = replay.archive();
    let (bytes, version) = (Bytes::from_static(b"x"), Version::new("\"1\""));
    let sha256 = Sha256::of(&bytes);
    let more = [
        (
            "s3:PutObject",
            archive
                .put_new("k", bytes.clone(), &sha256)
                .await
                .unwrap_err(),
        ),
        (
            "s3:PutObject",
            archive
                .put_over("k", bytes.clone(), &sha256, &version)
                .await
                .unwrap_err(),
        ),
        ("s3:GetObject", archive.stat("k").await.unwrap_err()),
        ("s3:GetObject", archive.get("k").await.unwrap_err()),
        ("s3:ListBucket", archive.list("p", None).await.unwrap_err()),
        ("s3:DeleteObject", archive.delete("k").await.unwrap_err()),
    ];
    for (action, error) in errors.iter().chain(&more) {
        let hint = error.hint().unwrap();
        assert!(hint.contains(action), "{action}: {hint}");
        assert!(!error.is_passing());
    }
}

#[tokio::test]
async fn a_request_that_did_not_arrive_as_it_was_sent_is_sent_again() {
    let codes = [
        "RequestTimeout",
        "BadDigest",
        "XAmzContentSHA256Mismatch",
        "IncompleteBody",
    ];
    let replay = Replay::new(codes.iter().map(|code| xml(400, code)).collect());
    let archive = replay.archive();
    let bytes = Bytes::from_static(b"content");
    let sha256 = Sha256::of(&bytes);
    for code in codes {
        let put = archive.put_new("k", bytes.clone(), &sha256).await;
        let error = put.unwrap_err();
        assert!(error.is_passing(), "{code}: {error:?}");
    }
    let replay = Replay::new(vec![xml(400, "InvalidArgument")]);
    let put = replay.archive().put_new("k", bytes, &sha256).await;
    assert!(matches!(put, Err(Error::Refused { .. })), "{put:?}");
}

#[tokio::test]
async fn whose_logs_are_read_is_asked_for_once() {
    let groups = |list: Value| ok(json!({"logGroups": list}));
    let replay = Replay::new(vec![
        groups(json!([])),
        groups(json!([{"logGroupName": "/ecs/web", "creationTime": 1000,
            "arn": "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/web:*"}])),
    ]);
    let logs = replay.logs();
    assert_eq!(logs.home().await.unwrap(), None);
    for _ in 0..2 {
        let home = logs.home().await.unwrap().unwrap();
        assert_eq!(home.to_string(), "eu-west-1 of the account 123456789012");
    }
    assert_eq!(replay.asked().len(), 2);
}

#[tokio::test]
async fn credentials_that_have_expired_are_no_missing_permission() {
    let replay = Replay::new(vec![failed(400, "ExpiredTokenException")]);
    let error = replay.logs().groups(None, None).await.unwrap_err();
    assert!(error.hint().unwrap().contains("log in again"), "{error:?}");
}
