//! A real RabbitMQ, which greets as ever while an alarm blocks whoever publishes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use health_checker::{Event, NetworkProbe, Options, Probe, Report, State, Target, check};

use super::held::{End, Held, free_port};

/// A running broker.
struct Broker {
    amqp: u16,
    api: u16,
    environment: Vec<(&'static str, String)>,
    commands: PathBuf,
    held: Held,
}

impl Broker {
    /// Starts one; `None` where nobody says how.
    fn start() -> Option<Self> {
        let Ok(program) = std::env::var("WINDLASS_TEST_RABBITMQ_SERVER") else {
            return skip();
        };
        let folder = tempfile::tempdir().unwrap();
        let [amqp, api, distribution, epmd] = [(); 4].map(|()| free_port());
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let config = format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api}\n\
             distribution.listener.interface = 127.0.0.1\n"
        );
        std::fs::write(at("rabbitmq.conf"), config).unwrap();
        std::fs::write(at("plugins"), "[rabbitmq_management].\n").unwrap();
        let environment = vec![
            ("HOME", at("")),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("ERL_EPMD_PORT", epmd.to_string()),
            ("RABBITMQ_NODENAME", format!("windlass-{amqp}@localhost")),
            ("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins")),
            ("RABBITMQ_MNESIA_BASE", at("data")),
            ("RABBITMQ_PID_FILE", at("pid")),
            ("RABBITMQ_LOGS", "-".to_owned()),
            ("RABBITMQ_DIST_PORT", distribution.to_string()),
            // It then is the process that is started, and not a child of it.
            ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
        ];
        // epmd is a daemon that the broker starts and leaves behind.
        let end = End {
            signal: "TERM",
            after: "epmd -kill",
        };
        let held = Held::start(&program, &[], end, folder, &environment);
        let commands = Path::new(&program).parent().unwrap().to_owned();
        Some(Self {
            amqp,
            api,
            environment,
            commands,
            held,
        })
    }

    fn target(&self) -> Target {
        format!("broker=amqp://127.0.0.1:{}", self.amqp)
            .parse()
            .unwrap()
    }

    fn with_alarms(&self, credentials: &str) -> Target {
        let url = format!("http://{credentials}@127.0.0.1:{}", self.api);
        self.target().alarms(url.parse().unwrap()).unwrap()
    }

    fn control(&self, arguments: &[&str]) {
        let status = Command::new(self.commands.join("rabbitmqctl"))
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
    }
}

#[expect(
    clippy::print_stdout,
    reason = "this is how a test says that it was skipped"
)]
fn skip<T>() -> Option<T> {
    println!("skipped: WINDLASS_TEST_RABBITMQ_SERVER is not set");
    None
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
