//! The contract checks for implementations of [`Channel`], reports to try them with, and a Slack on loopback.
//!
//! The checks panic with what does not hold, as assertions in a test do.

mod slack_stub;

use std::error::Error as _;

use crate::channel::Channel;
use crate::clean::one_line;
use crate::report::{
    Alarm, AlarmState, Deployment, GateCondition, GateStatus, HealthResult, HealthResults,
    HealthVerdict, InfrastructureChange, InfrastructureStatus, Notice, Promotion, PromotionStatus,
    QualityGate, Report, ServiceResult, ServiceStatus, Severity,
};

pub use slack_stub::{SlackFault, SlackStub, StubMessage};

/// One report of each kind with ordinary content, and one whose texts try everything that broke other notifiers.
pub fn reports() -> Vec<Report> {
    let dev = || "dev".parse().expect("`dev` is one short line");
    let commit = || {
        "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
            .parse()
            .expect("it is forty hexadecimal digits")
    };
    let deployment = || {
        Deployment::new(dev())
            .commit(commit())
            .title("Fix login for users without a name")
            .author("Ada Lovelace")
            .url("https://github.com/acme/shop/commit/2fd4e1c")
            .run_url("https://github.com/acme/shop/actions/runs/7")
    };
    let user = |status| ServiceResult::new("user-service", status);
    let task = |status| ServiceResult::new("task-service", status);
    let hostile = "\"quoted\" <!channel> @here @channel <@U123> -> a|b & `code` ```\n*bold*\r\n\u{202e}\u{1b}[2J👩\u{200d}🚀 ";
    vec![
        Report::DeploymentStarted(
            deployment()
                .service(user(ServiceStatus::Started))
                .service(task(ServiceStatus::Started)),
        ),
        Report::DeploymentCompleted(
            deployment()
                .service(
                    user(ServiceStatus::Deployed)
                        .image("registry.example/user-service@sha256:0a1b")
                        .seconds(41.0),
                )
                .service(task(ServiceStatus::Unchanged))
                .seconds(332.0),
        ),
        Report::DeploymentFailed(
            deployment()
                .service(user(ServiceStatus::Deployed))
                .service(task(ServiceStatus::Failed).reason("container `app` exited with code 137"))
                .seconds(75.0),
        ),
        Report::RolledBack(
            deployment()
                .service(task(ServiceStatus::RolledBack).reason("health checks failed: status 503"))
                .seconds(190.0),
        ),
        Report::HealthResults(
            HealthResults::new(dev())
                .target(HealthResult::new("user-service", HealthVerdict::Healthy))
                .target(
                    HealthResult::new("task-service", HealthVerdict::Stale)
                        .reason("revision 1a2b3c4 answers"),
                )
                .seconds(12.0)
                .run_url("https://github.com/acme/shop/actions/runs/7"),
        ),
        Report::QualityGate(
            QualityGate::new("acme:shop", GateStatus::Failed)
                .environment(dev())
                .commit(commit())
                .condition(
                    GateCondition::new("new_coverage", GateStatus::Failed)
                        .actual("61.2%")
                        .threshold("80%"),
                )
                .url("https://sonar.example/dashboard?id=acme%3Ashop&branch=main"),
        ),
        Report::InfrastructureChange(
            InfrastructureChange::new(dev(), InfrastructureStatus::Applied)
                .counts(3, 1, 0)
                .resource("aws_ecs_service.user-service")
                .author("Ada Lovelace")
                .commit(commit())
                .seconds(240.0),
        ),
        Report::Promotion(
            Promotion::new(
                dev(),
                "staging".parse().expect("`staging` is one short line"),
                PromotionStatus::Completed,
            )
            .commit(commit())
            .author("Ada Lovelace")
            .service(user(ServiceStatus::Deployed))
            .seconds(95.0),
        ),
        Report::Alarm(
            Alarm::new("dev-task-service-cpu", AlarmState::Alarm)
                .previous(AlarmState::Ok)
                .description("The service is short of CPU")
                .reason("Threshold Crossed: 3 datapoints were greater than the threshold (80.0).")
                .watches("AWS/ECS CPUUtilization (ClusterName=dev, ServiceName=task-service)")
                .condition("Average > 80 for 3 of 3 periods of 60 s")
                .place("123456789012", "us-east-1")
                .url("https://console.aws.amazon.com/cloudwatch/home?region=us-east-1#alarmsV2:alarm/dev-task-service-cpu"),
        ),
        Report::Notice(
            Notice::new("Disk almost full", "host-7: /var is at 93 %\nhost-9: /var is at 91 %")
                .severity(Severity::Warning)
                .source("ops-topic"),
        ),
        Report::DeploymentFailed(
            Deployment::new(dev())
                .title(hostile.repeat(400))
                .author(hostile)
                .url("https://example.com/a|b>c<d \"e\"&f=1")
                .services((0..120).map(|_| {
                    ServiceResult::new(hostile, ServiceStatus::Failed)
                        .reason(hostile.repeat(20))
                        .image(hostile)
                }))
                .seconds(f64::MAX)
                .run_url("javascript:alert(1)"),
        ),
    ]
}

/// Checks a channel that works: it names itself, delivers every report once, and takes two at the same time.
///
/// `received` counts the reports that arrived at the place so far.
pub async fn delivers_every_report(channel: &dyn Channel, received: &(dyn Fn() -> usize + Sync)) {
    let name = channel.name().to_owned();
    assert!(
        !name.is_empty() && one_line(&name) == name,
        "the name is one line of text: {name:?}"
    );
    assert_eq!(channel.name(), name, "the name stays the same");

    let reports = reports();
    for report in &reports {
        let before = received();
        let delivery = channel.send(report).await;
        let delivery =
            delivery.unwrap_or_else(|error| panic!("{} is delivered: {error}", report.kind()));
        assert!(
            delivery.attempts >= 1,
            "a delivered report was tried: {delivery:?}"
        );
        assert!(
            delivery.seconds.is_finite() && delivery.seconds >= 0.0,
            "time goes forward: {delivery:?}"
        );
        assert_eq!(received(), before + 1, "{} arrives once", report.kind());
    }

    let before = received();
    drop(channel.send(&reports[0]));
    assert_eq!(
        received(),
        before,
        "a send that was never awaited sends nothing"
    );

    let (first, second) =
        futures_util::future::join(channel.send(&reports[0]), channel.send(&reports[1])).await;
    assert!(
        first.is_ok() && second.is_ok(),
        "two at once both arrive: {first:?}, {second:?}"
    );
    assert_eq!(
        received(),
        before + 2,
        "two at once are neither merged nor dropped"
    );
}

/// Checks a channel whose place is broken: sending is an error that names the channel, and `secret` shows nowhere.
pub async fn fails_honestly(channel: &dyn Channel, secret: &str) {
    for report in &reports() {
        let error = match channel.send(report).await {
            Ok(delivery) => panic!("{} cannot have been delivered: {delivery:?}", report.kind()),
            Err(error) => error,
        };
        assert_eq!(
            error.channel(),
            channel.name(),
            "the error names its channel"
        );
        assert!(
            error.to_string().contains(channel.name()),
            "the message names the channel: {error}"
        );
        let mut shown = format!(
            "{error}\n{error:?}\n{error:#?}\n{:?}\n{channel:?}\n{channel:#?}",
            error.hint()
        );
        let mut cause = error.source();
        while let Some(inner) = cause {
            shown.push_str(&format!("\n{inner}\n{inner:?}"));
            cause = inner.source();
        }
        assert!(
            !shown.contains(secret),
            "the secret shows in: {}",
            shown.replace(secret, "SECRET")
        );
    }
}
