//! Names with several addresses, and with other ones each time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use health_checker::{
    Event, FixedResolver, NetworkProbe, Observation, Options, Probe, Resolver, SystemResolver,
    Target, TargetReport, Verdict, check,
};
use tokio::net::TcpListener;

use crate::server::{DOWN, Server, UP, keep};

fn quick() -> Options {
    Options::default()
        .interval(Duration::from_millis(5))
        .timeout(Duration::from_millis(150))
}

fn patient() -> Options {
    quick().timeout(Duration::from_secs(30))
}

fn named(port: u16) -> Target {
    format!("svc=http://svc.test:{port}/actuator/health")
        .parse()
        .unwrap()
}

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|ip| ip.parse().unwrap()).collect()
}

async fn run(resolver: impl Resolver + 'static, target: Target, options: &Options) -> TargetReport {
    let probe = NetworkProbe::with_resolver(resolver);
    check(&probe, &[target], options, &|_: Event| {})
        .await
        .targets
        .remove(0)
}

/// Servers on one port of several loopback addresses, each up or not.
async fn nodes(states: &[(&str, bool)]) -> (u16, Vec<Server>) {
    // The port that is free on the first address may be taken on another: then all begin again.
    'again: loop {
        let port = TcpListener::bind((states[0].0, 0))
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut servers = Vec::new();
        for (ip, up) in states {
            let address = SocketAddr::new(ip.parse().unwrap(), port);
            let body = if *up { (200, UP) } else { (503, DOWN) };
            match Server::start_at(address, move |_, _| keep(body.0, body.1)).await {
                Ok(server) => servers.push(server),
                Err(_) => continue 'again,
            }
        }
        return (port, servers);
    }
}

fn several(list: &[&str]) -> FixedResolver {
    ips(list)
        .into_iter()
        .fold(FixedResolver::new(SystemResolver), |resolver, ip| {
            resolver.with("svc.test", ip)
        })
}

#[tokio::test]
async fn every_address_is_asked_in_each_round() {
    let (port, servers) = nodes(&[
        ("127.0.0.1", true),
        ("127.0.0.2", true),
        ("127.0.0.3", true),
    ])
    .await;
    let resolver = several(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    let report = run(resolver, named(port), &patient()).await;
    assert_eq!(
        (report.verdict, report.attempts, report.probes),
        (Verdict::Healthy, 3, 9)
    );
    for server in servers {
        assert_eq!(server.connections(), 3);
    }
}

#[tokio::test]
async fn one_bad_address_of_two_is_unhealthy_and_named() {
    let (port, _servers) = nodes(&[("127.0.0.1", true), ("127.0.0.2", false)]).await;
    let report = run(several(&["127.0.0.1", "127.0.0.2"]), named(port), &quick()).await;
    assert_eq!(
        (report.verdict, report.consecutive),
        (Verdict::Unhealthy, 0)
    );
    let reason = report.reason.unwrap();
    let place = format!("answers 503 DOWN (at 127.0.0.2:{port}, one of 2 addresses)");
    assert!(reason.starts_with(&place), "{reason}");
    // Refusing is as bad as answering badly where another address answers.
    let report = run(several(&["127.0.0.1", "127.0.0.4"]), named(port), &quick()).await;
    assert_eq!(report.verdict, Verdict::Unhealthy, "{report:?}");
    assert!(report.reason.unwrap().contains("refuses the connection"));
}

/// Gives other addresses each time.
#[derive(Debug)]
struct Changing {
    records: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Changing {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(host, "svc.test");
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut records = self.records.lock().unwrap();
        let next = match records.len() {
            1 => records[0].clone(),
            _ => records.remove(0),
        };
        match next.is_empty() {
            true => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            false => Ok(next),
        }
    }
}

#[tokio::test]
async fn names_are_resolved_afresh_in_each_round_and_old_addresses_are_left_alone() {
    let (port, servers) = nodes(&[("127.0.0.1", false), ("127.0.0.2", true)]).await;
    let resolver = std::sync::Arc::new(Changing {
        records: Mutex::new(vec![
            ips(&["127.0.0.1"]),
            ips(&["127.0.0.1", "127.0.0.2"]),
            ips(&["127.0.0.2"]),
        ]),
        asked: AtomicUsize::new(0),
    });
    let report = run(std::sync::Arc::clone(&resolver), named(port), &patient()).await;
    assert_eq!((report.verdict, report.attempts), (Verdict::Healthy, 5));
    assert_eq!(
        resolver.asked.load(Ordering::Relaxed),
        5,
        "one resolution a round"
    );
    let connections: Vec<usize> = servers.iter().map(Server::connections).collect();
    assert_eq!(connections, [2, 4]);
}

#[tokio::test]
async fn a_name_without_address_is_inconclusive_and_one_that_loses_it_is_not_healthy() {
    let changing = |records: Vec<Vec<IpAddr>>| Changing {
        records: Mutex::new(records),
        asked: AtomicUsize::new(0),
    };
    let nowhere = run(changing(vec![vec![]]), named(80), &quick()).await;
    assert_eq!(nowhere.verdict, Verdict::Inconclusive);
    assert!(
        nowhere
            .reason
            .unwrap()
            .starts_with("cannot be reached: `svc.test` has no address")
    );
    let (port, _servers) = nodes(&[("127.0.0.1", true)]).await;
    let lost = changing(vec![ips(&["127.0.0.1"]), vec![]]);
    assert_eq!(
        run(lost, named(port), &quick()).await.verdict,
        Verdict::Unhealthy
    );
}

/// Never answers.
#[derive(Debug)]
struct Hung;

#[async_trait]
impl Resolver for Hung {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn the_deadline_holds_while_a_name_is_being_resolved() {
    let began = Instant::now();
    let report = run(Hung, named(80), &quick()).await;
    assert!(
        (150..800).contains(&began.elapsed().as_millis()),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(report.verdict, Verdict::Inconclusive);
}

#[tokio::test]
async fn a_server_on_one_kind_of_address_is_healthy_and_the_closed_way_is_told() {
    let (port, servers) = nodes(&[("127.0.0.1", true)]).await;
    let report = run(several(&["::1", "127.0.0.1"]), named(port), &patient()).await;
    assert_eq!(
        (report.verdict, report.attempts),
        (Verdict::Healthy, 3),
        "{report:?}"
    );
    let note = report.note.unwrap();
    assert!(
        note.starts_with("one way to it is closed: it cannot be reached"),
        "{note}"
    );
    assert!(note.contains(&format!("[::1]:{port}")), "{note}");
    assert_eq!(servers[0].connections(), 3);
}

#[tokio::test]
async fn no_more_connections_than_allowed_are_under_way_however_many_addresses_a_name_has() {
    let slow =
        |_: usize, _: &str| crate::server::Reply::Slow(Duration::from_millis(30), keep_bytes());
    let list: Vec<String> = (1..=6).map(|n| format!("127.0.0.{n}")).collect();
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let peak = std::sync::Arc::new(crate::server::Peak::default());
    let (port, _servers) = 'again: loop {
        let port = TcpListener::bind((list[0], 0))
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut servers = Vec::new();
        for ip in &list {
            let address = SocketAddr::new(ip.parse().unwrap(), port);
            match Server::start_counted(address, std::sync::Arc::clone(&peak), slow).await {
                Ok(server) => servers.push(server),
                Err(_) => continue 'again,
            }
        }
        break (port, servers);
    };
    let options = patient().max_parallel(2);
    let report = run(several(&list), named(port), &options).await;
    assert_eq!((report.verdict, report.probes), (Verdict::Healthy, 18));
    assert_eq!(peak.most(), 2);
}

fn keep_bytes() -> String {
    crate::server::answer(200, UP)
}

/// A server at both kinds of loopback address, one of which closes after the first round.
#[derive(Debug, Default)]
struct Closing(AtomicUsize);

#[async_trait]
impl Probe for Closing {
    async fn probe(&self, _: &Target) -> Observation {
        Observation::unknown("is asked at its addresses")
    }

    async fn addresses(&self, _: &Target, _: Duration) -> Result<Vec<SocketAddr>, Observation> {
        Ok(vec![
            "127.0.0.1:80".parse().unwrap(),
            "[::1]:80".parse().unwrap(),
        ])
    }

    async fn probe_at(&self, _: &Target, address: SocketAddr, _: Duration) -> Observation {
        if address.is_ipv6() && self.0.fetch_add(1, Ordering::Relaxed) > 0 {
            return Observation::unknown("cannot be reached").address(address);
        }
        Observation::up().address(address)
    }
}

#[tokio::test]
async fn a_kind_of_address_that_answered_and_then_closes_is_unhealthy() {
    let report = check(&Closing::default(), &[named(80)], &quick(), &|_: Event| {})
        .await
        .targets
        .remove(0);
    assert_eq!(report.verdict, Verdict::Unhealthy, "{report:?}");
    assert!(report.reason.unwrap().contains("at [::1]:80"));
}
