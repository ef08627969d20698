//! A real RabbitMQ with its management plugin, whose user is `guest` with the password `guest`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::held::{End, Held, free_port};

/// A running broker.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) amqp: u16,
    pub(super) api: u16,
    environment: Vec<(&'static str, String)>,
    commands: PathBuf,
    pub(super) held: Held,
}

impl Broker {
    /// Starts one; `None` where nobody says how.
    pub(super) fn start() -> Option<Self> {
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

    pub(super) fn control(&self, arguments: &[&str]) {
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
