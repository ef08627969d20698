//! What an invocation does, and what Lambda hears of it.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use secrets_rotator_lambda::Step;
use serde_json::{Value, json};

use crate::function::{Function, Vault, rotate};
use crate::mongod::{Mongod, Quirk};
use crate::web::Web;

const LONG: Duration = Duration::from_secs(30);
const ARN: &str =
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:sdt/dev/redis-password-AbCdEf";

fn nowhere() -> (&'static str, String) {
    ("REDIS_ENDPOINT", "127.0.0.1:1".to_owned())
}

#[test]
fn a_mongodb_is_rotated_over_and_over_and_a_refused_version_changes_nothing() {
    let Some(vault) = Vault::open() else { return };
    let mongod = Mongod::start("admin", "old hunter2", Quirk::None);
    let secret = vault.create("mongodb-password", "old hunter2");
    let mut function = Function::start(&[
        ("AWS_ENDPOINT_URL", vault.url.clone()),
        ("MONGODB_ENDPOINT", mongod.address.to_string()),
    ]);
    let before = vault.staged(&secret, "AWSCURRENT").unwrap();
    let first = function.step(Step::Create, &secret, &before).unwrap_err();
    assert_eq!(first["errorType"], "NotEnabled", "{first}");

    let mut passwords = Vec::new();
    for _ in 0..3 {
        passwords.push(rotate(&mut function, &vault, &secret, "mongodb"));
        assert_eq!(&mongod.password("admin"), passwords.last().unwrap());
    }
    let strange = function
        .step(Step::Set, &secret, &"0".repeat(32))
        .unwrap_err();
    assert_eq!(strange["errorType"], "UnknownVersion");
    let previous = vault.staged(&secret, "AWSPREVIOUS").unwrap();
    let late = function.step(Step::Finish, &secret, &previous).unwrap_err();
    assert_eq!(late["errorType"], "NotPending");
    assert_eq!(&mongod.password("admin"), passwords.last().unwrap());

    // A rotation that never ended: its password is set, and current is the one of before.
    let version = vault.begin(&secret);
    function.step(Step::Create, &secret, &version).unwrap();
    function.step(Step::Set, &secret, &version).unwrap();
    assert_eq!(mongod.password("admin"), vault.value(&secret, "AWSPENDING"));
    function.step(Step::Finish, &secret, &version).unwrap();
    assert_eq!(mongod.password("admin"), vault.value(&secret, "AWSCURRENT"));
    passwords.push(mongod.password("admin"));

    let log = function.log(&passwords);
    let failed = log.iter().find(|line| line["event"] == "failed").unwrap();
    assert_eq!(
        (&failed["step"], &failed["request"]),
        (&"createSecret".into(), &"request-1".into())
    );
    assert!(failed["hint"].as_str().unwrap().contains("rotation"));
    let done = log.iter().find(|line| line["event"] == "done").unwrap();
    assert_eq!(
        (&done["service"], &done["outcome"]),
        (&"mongodb".into(), &"created".into())
    );
}

#[test]
fn rotation_that_is_switched_on_without_a_rotation_is_tried_and_changes_nothing() {
    let Some(vault) = Vault::open() else { return };
    let mongod = Mongod::start("admin", "hunter2", Quirk::None);
    let secret = vault.create("later/mongodb-password", "hunter2");
    let mut function = Function::start(&[
        ("AWS_ENDPOINT_URL", vault.url.clone()),
        ("MONGODB_ENDPOINT", mongod.address.to_string()),
    ]);
    let version = vault.switch_on(&secret, false);
    let done = function.step(Step::Test, &secret, &version).unwrap();
    assert_eq!(done["outcome"], "tested");
    assert_eq!(mongod.password("admin"), "hunter2");
    assert!(!mongod.commands().contains(&"updateUser".to_owned()));
    function.log(&[]);
}

#[test]
fn a_service_that_is_not_there_fails_the_step_and_leaves_the_current_version() {
    let Some(vault) = Vault::open() else { return };
    let secret = vault.create("gone/redis-password", "hunter2");
    let mut function = Function::start(&[("AWS_ENDPOINT_URL", vault.url.clone()), nowhere()]);
    let version = vault.begin(&secret);
    function.step(Step::Create, &secret, &version).unwrap();
    for step in [Step::Set, Step::Test, Step::Finish] {
        let error = function.step(step, &secret, &version).unwrap_err();
        assert_eq!(error["errorType"], "ServiceFailed");
        assert!(
            error["errorMessage"]
                .as_str()
                .unwrap()
                .contains("127.0.0.1:1"),
            "{error}"
        );
    }
    assert_eq!(vault.value(&secret, "AWSCURRENT"), "hunter2");
    let pending = vault.value(&secret, "AWSPENDING");
    function.log(&[pending]);
}

#[test]
fn an_action_that_is_missing_is_named_with_the_remedy() {
    let aws = Web::start(|_| {
        (
            400,
            r#"{"__type":"AccessDeniedException","Message":"User is not authorized"}"#.to_owned(),
        )
    });
    let mut function = Function::start(&[("AWS_ENDPOINT_URL", aws.url()), nowhere()]);
    let error = function
        .step(Step::Create, ARN, &"0".repeat(32))
        .unwrap_err();
    assert_eq!(error["errorType"], "Denied");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("User is not authorized"),
        "{error}"
    );
    let log = function.log(&[]);
    assert!(
        log[0]["hint"]
            .as_str()
            .unwrap()
            .contains("secretsmanager:DescribeSecret"),
        "{log:?}"
    );
}

#[test]
fn a_key_that_is_denied_is_named_and_not_the_action_on_the_secret() {
    let version = "0".repeat(32);
    let known = json!({"Name": "sdt/kms/redis-password", "RotationEnabled": true, "VersionIdsToStages": {"1".repeat(32): ["AWSCURRENT"], version.clone(): ["AWSPENDING"]}});
    let random = "x".repeat(48);
    let denied = |message: &str| {
        let text = json!({"__type": "AccessDeniedException", "Message": message});
        (400, text.to_string())
    };
    for (refused, message, hinted) in [
        (
            "GetSecretValue",
            "Access to KMS is not allowed",
            "kms:Decrypt on the KMS key",
        ),
        (
            "GetSecretValue",
            "User is not authorized to perform: kms:Decrypt on resource: x",
            "kms:Decrypt on the KMS key",
        ),
        (
            "PutSecretValue",
            "Access to KMS is not allowed",
            "kms:GenerateDataKey and kms:Decrypt on the KMS key",
        ),
        // It is the secret whose name holds the word.
        (
            "GetSecretValue",
            "User is not authorized to perform: secretsmanager:GetSecretValue on resource: sdt/kms/redis-password",
            "secretsmanager:GetSecretValue on the secret",
        ),
    ] {
        let (known, random) = (known.to_string(), random.clone());
        let aws = Web::start(move |request| {
            let is = |action: &str| request.contains(&format!("secretsmanager.{action}"));
            match () {
                () if is("DescribeSecret") => (200, known.clone()),
                () if is(refused) => denied(message),
                () if is("GetSecretValue") && request.contains("AWSCURRENT") => {
                    (200, json!({"SecretString": "old"}).to_string())
                }
                () if is("GetSecretValue") => (
                    400,
                    r#"{"__type":"ResourceNotFoundException","Message":"no value"}"#.to_owned(),
                ),
                () => (200, json!({"RandomPassword": random}).to_string()),
            }
        });
        let mut function = Function::start(&[("AWS_ENDPOINT_URL", aws.url()), nowhere()]);
        let error = function.step(Step::Create, ARN, &version).unwrap_err();
        assert_eq!(error["errorType"], "Denied");
        assert!(
            error["errorMessage"]
                .as_str()
                .unwrap()
                .contains(&format!("secretsmanager:{refused}")),
            "{error}"
        );
        let log = function.log(&[]);
        let hint = log[0]["hint"].as_str().unwrap();
        assert!(hint.contains(hinted), "{hint}");
    }
}

#[test]
fn what_secrets_manager_says_of_a_refused_value_is_not_passed_on() {
    let version = "0".repeat(32);
    let known = json!({"Name": "sdt/dev/redis-password", "RotationEnabled": true, "VersionIdsToStages": {"1".repeat(32): ["AWSCURRENT"], version.clone(): ["AWSPENDING"]}});
    let random = "x".repeat(48);
    let aws = Web::start(move |request| {
        let missing = (
            400,
            r#"{"__type":"ResourceNotFoundException","Message":"no value"}"#.to_owned(),
        );
        let is = |action: &str| request.contains(&format!("secretsmanager.{action}"));
        match () {
            () if is("DescribeSecret") => (200, known.to_string()),
            () if is("GetSecretValue") && request.contains("AWSCURRENT") => (200, json!({"SecretString": "old"}).to_string()),
            () if is("GetSecretValue") => missing,
            () if is("GetRandomPassword") => (200, json!({"RandomPassword": random}).to_string()),
            () => (400, json!({"__type": "InvalidParameterException", "Message": format!("{random} is bad")}).to_string()),
        }
    });
    let mut function = Function::start(&[("AWS_ENDPOINT_URL", aws.url()), nowhere()]);
    let error = function.step(Step::Create, ARN, &version).unwrap_err();
    assert_eq!(error["errorType"], "StoreFailed");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("secretsmanager:PutSecretValue"),
        "{error}"
    );
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("InvalidParameterException"),
        "{error}"
    );
    function.log(&["x".repeat(48)]);
}

#[test]
fn a_secret_that_holds_more_than_the_password_is_refused() {
    let Some(vault) = Vault::open() else { return };
    let secret = vault.create("json/redis-password", r#"{"password":"hunter2"}"#);
    let mut function = Function::start(&[("AWS_ENDPOINT_URL", vault.url.clone()), nowhere()]);
    let version = vault.begin(&secret);
    let error = function.step(Step::Create, &secret, &version).unwrap_err();
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("JSON document"),
        "{error}"
    );
    function.log(&[]);
}

#[test]
fn an_event_of_something_else_is_refused() {
    let mut function = Function::start(&[nowhere()]);
    for event in [
        json!({"source": "aws.events"}),
        json!({"Step": "dropSecret"}),
        Value::Null,
    ] {
        let error = function.invoke(&event, LONG).unwrap_err();
        assert_eq!(error["errorType"], "EventNotUnderstood");
    }
    assert_eq!(function.log(&[]).len(), 3);
}

#[test]
fn a_function_that_runs_out_of_time_says_so_before_it_is_killed() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut function = Function::start(&[("AWS_ENDPOINT_URL", url), nowhere()]);
    let begun = Instant::now();
    let event = json!({"Step": "setSecret", "SecretId": ARN, "ClientRequestToken": "0".repeat(32)});
    let error = function
        .invoke(&event, Duration::from_millis(1500))
        .unwrap_err();
    assert_eq!(error["errorType"], "OutOfTime");
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_function_that_is_set_up_wrong_does_not_start() {
    for (variables, part) in [
        (vec![], "no variable"),
        (
            vec![("RABBITMQ_ENDPOINT", "http://u:hunter2@h")],
            "RABBITMQ_ENDPOINT",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_secrets-rotator-lambda"))
            .env_clear()
            .envs(variables)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let line: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(line["event"], "misconfigured");
        assert!(line["reason"].as_str().unwrap().contains(part), "{line}");
        assert!(!line.to_string().contains("hunter2"), "{line}");
    }
}
