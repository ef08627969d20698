//! Alarms of each shape on their way to Slack.

use serde_json::json;

use crate::fixtures::event;
use crate::function::Function;

#[test]
fn each_shape_of_an_alarm_becomes_a_card() {
    let mut function = Function::start();
    let wanted = [
        ("metric", "ALARM: dev-task-service-cpu", "danger"),
        ("ok", "OK: dev-task-service-cpu", "good"),
        (
            "insufficient-data",
            "INSUFFICIENT_DATA: dev-task-service-cpu",
            "warning",
        ),
        ("null-description", "ALARM: eu alarm/5xx %", "danger"),
        ("math", "ALARM: dev-error-rate", "danger"),
        ("anomaly", "ALARM: dev-latency-anomaly", "danger"),
        ("composite", "ALARM: dev-user-visible", "danger"),
        ("direct", "ALARM: dev-task-service-cpu", "danger"),
        ("eventbridge", "ALARM: dev-task-service-cpu", "danger"),
    ];
    for (shape, title, color) in wanted {
        // Each recorded event has the message id of the first of them: here they are different messages.
        let mut event = event(shape);
        if let Some(record) = event.pointer_mut("/Records/0/Sns/MessageId") {
            *record = json!(shape);
        }
        assert_eq!(
            function.invoke(&event).unwrap(),
            json!({"messages": 1, "delivered": 1}),
            "{shape}"
        );
        let message = function.stub.messages().pop().unwrap();
        assert_eq!(message.body["text"], title);
        assert_eq!(message.body["attachments"][0]["color"], color);
        let console = message
            .body
            .to_string()
            .contains("console.aws.amazon.com/cloudwatch/home?region=");
        assert!(console, "{shape}");
    }
    assert_eq!(function.stub.messages().len(), wanted.len());
    let log = function.log();
    assert_eq!(log.len(), wanted.len());
    assert!(
        log.iter().all(|line| line["event"] == "delivered"),
        "{log:?}"
    );
}

#[test]
fn a_plain_text_is_a_message_as_well() {
    let mut function = Function::start();
    function.invoke(&event("plain-text")).unwrap();
    assert_eq!(function.titles(), ["Backup failed"]);
    assert!(
        !function.stub.messages()[0]
            .body
            .to_string()
            .contains("<!channel>")
    );
}

#[test]
fn a_bad_record_loses_no_other() {
    let mut function = Function::start();
    let answer = function.invoke(&event("several-with-a-bad-one")).unwrap();
    assert_eq!(answer, json!({"messages": 4, "delivered": 4}));
    assert_eq!(
        function.titles(),
        [
            "ALARM: dev-task-service-cpu",
            "A record without a message",
            "Message from dev-alarms",
            "OK: dev-task-service-cpu"
        ]
    );
}

#[test]
fn the_web_api_and_a_webhook_of_ones_own_get_them_too() {
    use deploy_notifier::testing::SlackStub;
    let stub = SlackStub::start();
    let variables = [
        ("SLACK_BOT_TOKEN", SlackStub::TOKEN.to_owned()),
        ("SLACK_CHANNEL", "C0DEPLOY".to_owned()),
        ("SLACK_API_URL", stub.api()),
        ("SLACK_LAYOUT", "attachment".to_owned()),
        ("ALARM_WEBHOOK_URL", stub.plain_hook()),
    ];
    let mut function = Function::with(stub, &variables);
    assert_eq!(function.invoke(&event("metric")).unwrap()["delivered"], 2);
    // Both are told at once, in either order.
    let messages = function.stub.messages();
    let (slack, own): (Vec<_>, Vec<_>) = messages
        .iter()
        .partition(|message| message.channel == "C0DEPLOY");
    assert_eq!((slack.len(), own.len()), (1, 1));
    assert_eq!(
        slack[0].body["attachments"][0]["fields"][0]["title"],
        "Status"
    );
    assert_eq!(own[0].body["event"], "alarm");
}
