//! The channels against a Slack on loopback: each fault ends as designed, and nothing is shown twice when that can be
//! avoided.

use std::time::Duration;

use deploy_notifier::testing::{self, SlackFault, SlackStub};
use deploy_notifier::{
    Channel, Delivery, DeliveryOptions, Deployment, Error, HealthResult, HealthResults,
    HealthVerdict, Report, ServiceResult, ServiceStatus, SlackApi, SlackWebhook, Webhook,
};

fn options() -> DeliveryOptions {
    DeliveryOptions::default()
        .timeout(Duration::from_millis(800))
        .retry_budget(Duration::from_secs(5))
}

fn api_to(stub: &SlackStub, token: &str, conversation: &str) -> SlackApi {
    let endpoint = stub.api().parse().unwrap();
    let (token, conversation) = (token.parse().unwrap(), conversation.parse().unwrap());
    SlackApi::at(endpoint, "slack", &token, conversation, options()).unwrap()
}

fn api(stub: &SlackStub) -> SlackApi {
    api_to(stub, SlackStub::TOKEN, "#deployments")
}

fn webhook(url: &str) -> SlackWebhook {
    SlackWebhook::with_options("slack", url.parse().unwrap(), options()).unwrap()
}

fn hook(stub: &SlackStub) -> Webhook {
    Webhook::with_options("audit", stub.plain_hook().parse().unwrap(), options()).unwrap()
}

/// The three kinds, each to a place that works.
fn channels(stub: &SlackStub) -> [Box<dyn Channel>; 3] {
    [
        Box::new(webhook(&stub.webhook())),
        Box::new(api(stub)),
        Box::new(hook(stub)),
    ]
}

fn deployment() -> Deployment {
    Deployment::new("dev".parse().unwrap()).commit("2fd4e1c6".parse().unwrap())
}

fn failed() -> Report {
    let service = ServiceResult::new("task-service", ServiceStatus::Failed).reason("exit code 137");
    Report::DeploymentFailed(deployment().service(service))
}

async fn send(channel: &dyn Channel) -> Result<Delivery, Error> {
    let result = channel.send(&failed()).await;
    let shown = match &result {
        Ok(delivery) => format!("{delivery:?} {channel:?}"),
        Err(error) => {
            let mut shown = format!("{error} {error:?} {:?} {channel:?}", error.hint());
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                shown.push_str(&format!(" {inner} {inner:?}"));
                cause = inner.source();
            }
            shown
        }
    };
    assert!(!shown.contains("hunter2"), "{shown}");
    result
}

#[tokio::test]
async fn the_web_api_obeys_the_contract() {
    let stub = SlackStub::start();
    let channel = api(&stub);
    // A card that is updated received a report as one that is posted does; details belong to the report before them.
    let received = || {
        let count = |message: &testing::StubMessage| match message.body["ts"].is_string() {
            true => 1 + message.updates,
            false => usize::from(message.thread.is_none() || !details(message)),
        };
        stub.messages().iter().map(count).sum()
    };
    testing::delivers_every_report(&channel, &received).await;
    let channel = api_to(&stub, "xoxb-hunter2", "C0DEPLOY");
    testing::fails_honestly(&channel, "hunter2").await;
}

/// Whether a reply is the details of a deployment and not a report of its own.
fn details(message: &testing::StubMessage) -> bool {
    message.body.get("blocks").is_none()
}

#[tokio::test]
async fn the_webhooks_obey_the_contract() {
    for index in [0, 2] {
        let stub = SlackStub::start();
        let channel = &channels(&stub)[index];
        testing::delivers_every_report(channel, &|| stub.messages().len()).await;
    }
    let stub = SlackStub::start();
    testing::fails_honestly(&webhook(&stub.dead_webhook()), SlackStub::SECRET).await;
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_and_the_message_shown_once() {
    for index in 0..3 {
        let stub = SlackStub::start();
        let channel = &channels(&stub)[index];
        stub.fault(SlackFault::RateLimited(0));
        stub.fault(SlackFault::RateLimited(0));
        let delivery = send(channel).await.unwrap();
        assert_eq!(
            (delivery.attempts, stub.messages().len()),
            (3, 1),
            "{}",
            channel.name()
        );
    }
}

#[tokio::test]
async fn a_rate_limit_that_lasts_is_waited_out_as_long_as_the_budget_has_room() {
    let stub = SlackStub::start();
    let options = options().retry_budget(Duration::from_secs(20));
    let channel =
        SlackWebhook::with_options("slack", stub.webhook().parse().unwrap(), options).unwrap();
    for _ in 0..6 {
        stub.fault(SlackFault::RateLimited(1));
    }
    let delivery = send(&channel).await.unwrap();
    assert_eq!((delivery.attempts, stub.messages().len()), (7, 1));
    assert!(delivery.seconds >= 6.0, "{delivery:?}");
}

#[tokio::test]
async fn a_rate_limit_past_the_budget_is_told_at_once() {
    for index in 0..3 {
        let stub = SlackStub::start();
        let channel = &channels(&stub)[index];
        stub.fault(SlackFault::RateLimited(3600));
        let error = send(channel).await.unwrap_err();
        assert!(
            matches!(error, Error::RateLimited { attempts: 1, .. }),
            "{error:?}"
        );
        assert_eq!((stub.requests(), stub.messages().len()), (1, 0));
    }
}

#[tokio::test]
async fn what_may_have_arrived_is_never_posted_again() {
    let faults = [
        SlackFault::Status {
            status: 500,
            kept: true,
        },
        SlackFault::Status {
            status: 503,
            kept: false,
        },
        SlackFault::Cut { kept: true },
        SlackFault::Cut { kept: false },
        SlackFault::Slow(Duration::from_secs(2)),
    ];
    for fault in faults {
        for index in 0..3 {
            let stub = SlackStub::start();
            let channel = &channels(&stub)[index];
            stub.fault(fault.clone());
            let error = send(channel).await.unwrap_err();
            assert!(
                matches!(error, Error::Ambiguous { .. }),
                "{fault:?}: {error:?}"
            );
            assert!(!error.outcome_known() && stub.requests() == 1, "{fault:?}");
            assert!(stub.messages().len() <= 1, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_answer_within_the_time_is_an_answer() {
    for index in 0..3 {
        let stub = SlackStub::start();
        stub.fault(SlackFault::Slow(Duration::from_millis(200)));
        send(&channels(&stub)[index]).await.unwrap();
        assert_eq!(stub.messages().len(), 1);
    }
}

#[tokio::test]
async fn what_slack_will_never_take_is_refused_with_a_remedy() {
    let stub = SlackStub::start();
    let refusals: [(Box<dyn Channel>, &str, &str); 4] = [
        (
            Box::new(webhook(&stub.dead_webhook())),
            "`no_service`",
            "make a new one",
        ),
        (
            Box::new(api_to(&stub, "xoxb-hunter2", "C0DEPLOY")),
            "`invalid_auth`",
            "update the secret",
        ),
        (
            Box::new(api_to(&stub, SlackStub::TOKEN, "C0ARCHIVED")),
            "`is_archived`",
            "unarchive",
        ),
        (
            Box::new(api_to(&stub, SlackStub::TOKEN, "C0NOWHERE")),
            "`channel_not_found`",
            "gone",
        ),
    ];
    for (index, (channel, code, remedy)) in refusals.iter().enumerate() {
        let error = send(channel).await.unwrap_err();
        assert!(
            matches!(error, Error::Refused { .. }) && error.outcome_known(),
            "{error:?}"
        );
        assert!(error.to_string().contains(code), "{error}");
        assert!(error.hint().unwrap().contains(remedy), "{:?}", error.hint());
        assert_eq!(stub.requests(), index + 1, "asked once");
    }
    for (code, hint) in [
        ("not_in_channel", "invite"),
        ("missing_scope", "chat:write"),
        ("token_revoked", "install the app again"),
        ("restricted_action", "administrator"),
    ] {
        stub.fault(SlackFault::Code(code));
        let error = send(&api(&stub)).await.unwrap_err();
        assert!(
            error.hint().unwrap().contains(hint),
            "{code}: {:?}",
            error.hint()
        );
    }
    stub.fault(SlackFault::Code("invalid_blocks"));
    let error = send(&api(&stub)).await.unwrap_err();
    assert!(matches!(error, Error::InvalidMessage { .. }), "{error:?}");
    assert!(stub.messages().is_empty());
}

#[tokio::test]
async fn a_deployment_that_went_well_has_one_card_from_its_beginning_to_its_end() {
    let stub = SlackStub::start();
    let slack = api(&stub);
    slack
        .send(&Report::DeploymentStarted(deployment()))
        .await
        .unwrap();
    assert_eq!(slack.cards().await.len(), 1);
    let target = HealthResult::new("user-service", HealthVerdict::Healthy);
    let health = HealthResults::new("dev".parse().unwrap()).target(target);
    slack.send(&Report::HealthResults(health)).await.unwrap();
    slack
        .send(&Report::DeploymentCompleted(deployment().seconds(9.0)))
        .await
        .unwrap();
    assert!(slack.cards().await.is_empty());

    let [card, health] = &stub.messages()[..] else {
        panic!("{:#?}", stub.messages());
    };
    assert_eq!((card.updates, card.thread.as_deref()), (1, None));
    assert_eq!(card.body["text"], "Deployment to dev completed");
    assert_eq!(
        (health.thread.as_ref(), health.broadcast),
        (Some(&card.ts), false)
    );
}

#[tokio::test]
async fn a_deployment_that_failed_updates_its_card_and_tells_the_channel() {
    let stub = SlackStub::start();
    let slack = api(&stub);
    slack
        .send(&Report::DeploymentStarted(deployment()))
        .await
        .unwrap();
    slack.send(&failed()).await.unwrap();
    let [card, reply] = &stub.messages()[..] else {
        panic!("{:#?}", stub.messages());
    };
    assert_eq!(card.body["attachments"][0]["color"], "danger");
    assert_eq!(
        (reply.thread.as_ref(), reply.broadcast),
        (Some(&card.ts), true)
    );
    let text = &reply.body["attachments"][0]["blocks"][0]["text"]["text"];
    assert_eq!(text, "`task-service`: failed: exit code 137");
}

#[tokio::test]
async fn another_process_takes_up_the_card() {
    let stub = SlackStub::start();
    let first = api(&stub);
    first
        .send(&Report::DeploymentStarted(deployment()))
        .await
        .unwrap();
    let kept = serde_json::to_string(&first.cards().await).unwrap();
    let second = api(&stub).resume(serde_json::from_str(&kept).unwrap());
    second
        .send(&Report::DeploymentCompleted(deployment()))
        .await
        .unwrap();
    assert_eq!((stub.messages().len(), stub.messages()[0].updates), (1, 1));
}

#[tokio::test]
async fn an_update_is_repeated_when_its_outcome_is_unclear_because_it_shows_once() {
    let stub = SlackStub::start();
    let slack = api(&stub);
    slack
        .send(&Report::DeploymentStarted(deployment()))
        .await
        .unwrap();
    stub.fault(SlackFault::Cut { kept: true });
    stub.fault(SlackFault::Status {
        status: 500,
        kept: false,
    });
    let delivery = slack
        .send(&Report::DeploymentCompleted(deployment()))
        .await
        .unwrap();
    assert_eq!(delivery.attempts, 3);
    assert_eq!((stub.messages().len(), stub.messages()[0].updates), (1, 2));
}

#[tokio::test]
async fn a_card_that_someone_deleted_is_posted_anew() {
    let stub = SlackStub::start();
    let slack = api(&stub);
    slack
        .send(&Report::DeploymentStarted(deployment()))
        .await
        .unwrap();
    stub.delete(&stub.messages()[0].ts);
    let health = HealthResults::new("dev".parse().unwrap());
    slack.send(&Report::HealthResults(health)).await.unwrap();
    slack
        .send(&Report::DeploymentCompleted(deployment()))
        .await
        .unwrap();
    let messages = stub.messages();
    assert_eq!(messages.len(), 2);
    assert!(
        messages
            .iter()
            .all(|message| message.thread.is_none() && message.updates == 0)
    );
}

#[tokio::test]
async fn details_that_may_be_missing_are_an_error_that_says_so() {
    let stub = SlackStub::start();
    let slack = api(&stub);
    slack
        .send(&Report::DeploymentStarted(deployment()))
        .await
        .unwrap();
    // The update passes, the reply does not.
    stub.fault(SlackFault::Slow(Duration::ZERO));
    stub.fault(SlackFault::Code("restricted_action_thread_locked"));
    let error = slack.send(&failed()).await.unwrap_err();
    assert!(
        matches!(error, Error::Details { .. }) && !error.outcome_known(),
        "{error:?}"
    );
    assert_eq!(stub.messages()[0].updates, 1);
}

#[tokio::test]
async fn a_beginning_and_an_end_sent_at_once_stay_in_order() {
    let stub = SlackStub::start();
    let slack = api(&stub);
    stub.fault(SlackFault::Slow(Duration::from_millis(200)));
    let (started, completed) = (
        Report::DeploymentStarted(deployment()),
        Report::DeploymentCompleted(deployment()),
    );
    let (first, second) = tokio::join!(slack.send(&started), slack.send(&completed));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!((stub.messages().len(), stub.messages()[0].updates), (1, 1));
}
