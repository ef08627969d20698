//! A real Redis in each state in which it accepts connections and does not serve.

use std::time::Duration;

use health_checker::{
    Event, NetworkProbe, Observation, Options, Probe, State, Target, Verdict, check,
};

use super::redis_server::RedisServer;

impl RedisServer {
    fn target(&self, credentials: &str) -> Target {
        format!("cache=redis://{credentials}127.0.0.1:{}", self.port)
            .parse()
            .unwrap()
    }

    async fn ask(&self, credentials: &str) -> Observation {
        NetworkProbe::new().probe(&self.target(credentials)).await
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn down(observation: &Observation, status: &str) {
    assert!(
        matches!(observation.state, State::Down { .. }),
        "{observation:?}"
    );
    assert_eq!(observation.body_status.as_deref(), Some(status));
}

#[tokio::test]
async fn a_redis_that_serves_is_healthy() {
    let Some(redis) = RedisServer::start(folder(), &[]) else {
        return;
    };
    let options = Options::default().interval(Duration::from_millis(10));
    let report = check(
        &NetworkProbe::new(),
        &[redis.target("")],
        &options,
        &|_: Event| {},
    )
    .await;
    assert_eq!(report.verdict(), Some(Verdict::Healthy), "{report:?}");
}

#[tokio::test]
async fn a_locked_redis_is_down_without_its_password_and_up_with_it() {
    let Some(redis) = RedisServer::start(folder(), &["--requirepass", "hunter2"]) else {
        return;
    };
    down(&redis.ask("").await, "NOAUTH");
    assert_eq!(redis.ask(":hunter2@").await.state, State::Up);
    assert_eq!(redis.ask("default:hunter2@").await.state, State::Up);
    let wrong = redis.ask(":hunter3@").await;
    assert!(matches!(wrong.state, State::Unknown { .. }), "{wrong:?}");
    assert_eq!(wrong.body_status.as_deref(), Some("WRONGPASS"));
}

#[tokio::test]
async fn a_redis_that_cannot_save_is_down() {
    let Some(redis) = RedisServer::start(folder(), &[]) else {
        return;
    };
    assert!(redis.say("SET a b").starts_with("+OK"));
    // The place to save to is gone.
    std::fs::remove_dir_all(redis.held.folder.path()).unwrap();
    redis.say("BGSAVE");
    redis.held.until("saving has failed", || {
        redis.say("SET c d").starts_with("-MISCONF")
    });
    down(&redis.ask("").await, "MISCONF");
}

#[tokio::test]
async fn a_redis_that_loads_its_data_is_down_until_it_has() {
    let Some(redis) = RedisServer::start(folder(), &[]) else {
        return;
    };
    let keys: String = (0..400).map(|n| format!(" k{n} v")).collect();
    assert!(redis.say(&format!("MSET{keys}")).starts_with("+OK"));
    assert!(redis.say("SAVE").starts_with("+OK"));
    let again = folder();
    std::fs::copy(
        redis.held.folder.path().join("dump.rdb"),
        again.path().join("dump.rdb"),
    )
    .unwrap();
    // 5 ms for each key, and an ear for clients in between.
    let slowly = [
        "--key-load-delay",
        "5000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    let Some(redis) = RedisServer::start(again, &slowly) else {
        return;
    };
    down(&redis.ask("").await, "LOADING");
    let options = Options::default().interval(Duration::from_millis(50));
    let report = check(
        &NetworkProbe::new(),
        &[redis.target("")],
        &options,
        &|_: Event| {},
    )
    .await;
    assert_eq!(report.verdict(), Some(Verdict::Healthy), "{report:?}");
    assert!(report.targets[0].attempts > 3, "{report:?}");
}

#[tokio::test]
async fn a_replica_without_its_master_is_down() {
    let options = [
        "--replicaof",
        "127.0.0.1 1",
        "--replica-serve-stale-data",
        "no",
    ];
    let Some(redis) = RedisServer::start(folder(), &options) else {
        return;
    };
    down(&redis.ask("").await, "MASTERDOWN");
}
