//! A real RabbitMQ, which greets as ever while an alarm blocks whoever publishes.

use std::time::Duration;

use health_checker::{Event, NetworkProbe, Options, Probe, Report, State, Target, check};

use super::broker::Broker;

impl Broker {
    fn target(&self) -> Target {
        format!("broker=amqp://127.0.0.1:{}", self.amqp)
            .parse()
            .unwrap()
    }

    fn with_alarms(&self, credentials: &str) -> Target {
        let url = format!("http://{credentials}@127.0.0.1:{}", self.api);
        self.target().alarms(url.parse().unwrap()).unwrap()
    }
}

async fn run(target: Target, successes: u32, timeout: Duration) -> Report {
    let options = Options::default()
        .successes(successes)
        .interval(Duration::from_millis(50))
        .timeout(timeout);
    check(&NetworkProbe::new(), &[target], &options, &|_: Event| {}).await
}

#[tokio::test]
async fn a_broker_is_healthy_until_it_has_an_alarm_and_again_after_it() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let probe = NetworkProbe::new();
    // It starts up for some seconds: that is what checks are for.
    let report = run(
        broker.with_alarms("guest:guest"),
        3,
        Duration::from_secs(90),
    )
    .await;
    let started = report.targets[0].clone();
    assert_eq!(
        started.verdict.as_str(),
        "healthy",
        "{report:?} {:?}",
        broker.held
    );
    assert!(started.attempts > 3, "{report:?}");

    broker.control(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    let greeted = probe.probe(&broker.target()).await;
    assert_eq!(
        greeted.state,
        State::Up,
        "the greeting alone says nothing of alarms"
    );
    assert!(greeted.note.unwrap().contains("alarm"));
    let alarmed = run(
        broker.with_alarms("guest:guest"),
        60,
        Duration::from_secs(4),
    )
    .await;
    assert_eq!(
        alarmed.targets[0].verdict.as_str(),
        "unhealthy",
        "{alarmed:?}"
    );
    assert!(
        alarmed.targets[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("an alarm is in effect (memory on windlass-"),
        "{alarmed:?}"
    );
    let locked_out = probe.probe(&broker.with_alarms("guest:hunter2")).await;
    assert!(
        matches!(locked_out.state, State::Unknown { .. }),
        "{locked_out:?}"
    );
    assert!(!format!("{locked_out:?}").contains("hunter2"));

    broker.control(&["set_vm_memory_high_watermark", "0.9"]);
    let over = run(
        broker.with_alarms("guest:guest"),
        3,
        Duration::from_secs(30),
    )
    .await;
    assert_eq!(over.targets[0].verdict.as_str(), "healthy", "{over:?}");
}
