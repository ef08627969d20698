//! Servers whose answers change in the course of a check.

use std::sync::Arc;
use std::time::{Duration, Instant};

use health_checker::{Event, NetworkProbe, Options, Target, TargetReport, Verdict, check};

use crate::server::{DOWN, Peak, Reply, Server, UP, answer, keep};

fn target(server: &Server) -> Target {
    format!("svc={}", server.url("/actuator/health"))
        .parse()
        .unwrap()
}

fn options() -> Options {
    Options::default()
        .interval(Duration::from_millis(5))
        .timeout(Duration::from_secs(30))
}

async fn report(server: &Server, options: &Options) -> TargetReport {
    let report = check(
        &NetworkProbe::new(),
        &[target(server)],
        options,
        &|_: Event| {},
    )
    .await;
    report.targets.into_iter().next().unwrap()
}

#[tokio::test]
async fn up_up_down_up_up_up_is_healthy_at_the_sixth_probe() {
    let server = Server::start(|connection, _| match connection {
        2 => keep(503, DOWN),
        _ => keep(200, UP),
    })
    .await;
    let report = report(&server, &options()).await;
    assert_eq!(
        (report.verdict, report.attempts, report.consecutive),
        (Verdict::Healthy, 6, 3)
    );
    assert_eq!(server.connections(), 6);
}

#[tokio::test]
async fn what_comes_up_once_and_falls_over_is_caught_by_a_dwell() {
    let once = || {
        Server::start(|connection, _| match connection {
            0..3 => keep(200, UP),
            _ => keep(503, DOWN),
        })
    };
    assert_eq!(
        report(&once().await, &options()).await.verdict,
        Verdict::Healthy
    );
    let strict = options()
        .dwell(Duration::from_millis(300))
        .timeout(Duration::from_millis(600));
    assert_eq!(
        report(&once().await, &strict).await.verdict,
        Verdict::Unhealthy
    );
}

#[tokio::test]
async fn a_slow_start_passes_once_it_is_warm() {
    // Down, then up and slow, then up and quick.
    let server = Server::start(|connection, _| match connection {
        0..4 => keep(503, DOWN),
        4..7 => Reply::Slow(Duration::from_millis(400), answer(200, UP)),
        _ => Reply::Slow(Duration::from_millis(5), answer(200, UP)),
    })
    .await;
    let report = report(
        &server,
        &options().latency_ceiling(Duration::from_millis(300)),
    )
    .await;
    assert_eq!(
        (report.verdict, report.attempts),
        (Verdict::Healthy, 10),
        "{report:?}"
    );
}

#[tokio::test]
async fn one_slow_target_of_200_piles_nothing_up() {
    let peak = Arc::new(Peak::default());
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::start_counted(address, Arc::clone(&peak), |_, path| match path {
        "/77/actuator/health" => Reply::Silence,
        _ => Reply::Slow(Duration::from_millis(10), answer(200, UP)),
    })
    .await
    .unwrap();
    let targets: Vec<Target> = (0..200)
        .map(|n| {
            server
                .url(&format!("/{n}/actuator/health"))
                .parse()
                .unwrap()
        })
        .collect();
    let timeout = Duration::from_secs(8);
    let options = options().max_parallel(20).timeout(timeout);
    let began = Instant::now();
    let report = check(&NetworkProbe::new(), &targets, &options, &|_: Event| {}).await;
    let took = began.elapsed();
    assert!(
        took >= timeout && took < timeout + Duration::from_secs(1),
        "{took:?}"
    );
    let bad: Vec<_> = report
        .targets
        .iter()
        .filter(|target| target.verdict != Verdict::Healthy)
        .collect();
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert_eq!(bad[0].verdict, Verdict::Unhealthy);
    assert!(peak.most() <= 20, "{}", peak.most());
    assert_eq!(
        server.connections(),
        report
            .targets
            .iter()
            .map(|target| target.probes as usize)
            .sum::<usize>()
    );
}
