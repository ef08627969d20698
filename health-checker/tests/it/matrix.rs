//! Each way in which a health check has been fooled, and each way in which it must not hang.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use health_checker::{
    Event, NetworkProbe, Observation, Options, Probe, RevisionSource, State, Target, TargetKind,
    TargetReport, Verdict, check,
};

use tokio::sync::Notify;

use crate::server::{DOWN, Reply, Server, UP, answer, info, keep};

const NEW: &str = "abc1234def5678";
const OLD: &str = "9ab01cd5e1f2a3";
const HEALTH: &str = "/actuator/health";

fn target(server: &Server) -> Target {
    format!("svc={}", server.url(HEALTH)).parse().unwrap()
}

fn identified(server: &Server) -> Target {
    target(server).expect_revision(NEW.parse().unwrap())
}

/// Three successes, quickly; the deadline leaves room for some twenty probes.
fn quick() -> Options {
    Options::default()
        .interval(Duration::from_millis(5))
        .timeout(Duration::from_millis(150))
}

/// For what ends well before any deadline.
fn patient() -> Options {
    quick().timeout(Duration::from_secs(30))
}

async fn report(target: Target, options: &Options) -> TargetReport {
    check(&NetworkProbe::new(), &[target], options, &|_: Event| {})
        .await
        .targets
        .remove(0)
}

async fn probe_once(reply: Reply) -> (Observation, Server) {
    let server = Server::start(move |_, _| reply.clone()).await;
    let observation = NetworkProbe::new()
        .try_timeout(Duration::from_millis(300))
        .probe(&target(&server))
        .await;
    (observation, server)
}

/// The reason for not being up, and whether it could be told at all.
fn why(observation: &Observation) -> (&'static str, &str) {
    match &observation.state {
        State::Up => ("up", ""),
        State::Down { reason } => ("down", reason),
        State::Unknown { reason } => ("unknown", reason),
        _ => ("", ""),
    }
}

#[tokio::test]
async fn answers_are_read_by_what_they_say_not_by_their_status() {
    let html = "<html><body>OK</body></html>";
    let failing =
        r#"{"status":"DOWN","components":{"db":{"status":"DOWN"},"ping":{"status":"UP"}}}"#;
    for (status, body, state, reason) in [
        (200, UP, "up", ""),
        (200, "\u{feff}{\"status\":\"UP\"}", "up", ""),
        (200, DOWN, "down", "answers 200 DOWN"),
        (
            200,
            r#"{"status":"UNKNOWN"}"#,
            "down",
            "answers 200 UNKNOWN",
        ),
        (
            200,
            "{}",
            "down",
            "answers 200 with JSON that names no status",
        ),
        (
            200,
            html,
            "down",
            "answers 200 with an HTML page, as a load balancer's default rule or a login does",
        ),
        (200, "", "down", "answers 200 with an empty body"),
        (201, UP, "down", "answers 201 UP"),
        (204, "", "down", "answers 204"),
        (503, failing, "down", "answers 503 DOWN, failing: db"),
        (503, UP, "down", "answers 503 UP"),
        (502, html, "down", "answers 502"),
        (
            404,
            html,
            "down",
            "answers 404: there is no actuator at `/actuator/health`",
        ),
        (
            401,
            "",
            "unknown",
            "does not let itself be asked: it answers 401",
        ),
        (
            403,
            "",
            "unknown",
            "does not let itself be asked: it answers 403",
        ),
    ] {
        let (observation, _server) = probe_once(keep(status, body)).await;
        assert_eq!(why(&observation), (state, reason), "{status} {body}");
        assert_eq!(observation.status, Some(status));
    }
}

#[tokio::test]
async fn a_redirect_fails_and_the_login_page_is_never_requested() {
    let login = Server::start(|_, _| keep(200, UP)).await;
    let to = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        login.url("/login")
    );
    let server = Server::start(move |_, _| Reply::Keep(to.clone())).await;
    let report = report(target(&server), &quick()).await;
    assert_eq!(report.verdict, Verdict::Unhealthy);
    let reason = report.reason.unwrap();
    assert!(
        reason.starts_with("answers 302 and redirects to `127.0.0.1`, which was not followed"),
        "{reason}"
    );
    assert_eq!(login.connections(), 0);
}

#[tokio::test]
async fn answers_that_do_not_come_whole_are_down() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"status\":\"UP\"}".to_owned();
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    for (reply, reason) in [
        (
            Reply::Close(String::new()),
            "closes the connection without an answer",
        ),
        (
            Reply::Close(cut.clone()),
            "closes the connection in the midst of its answer 200",
        ),
        (
            Reply::Close("HTTP/1.1 200".to_owned()),
            "closes the connection without an answer",
        ),
        (
            Reply::Close("-NOAUTH Authentication required.\r\n".to_owned()),
            "answers, but not in HTTP",
        ),
        (Reply::Reset(String::new()), "breaks the connection off"),
        (
            Reply::Silence,
            "accepts the connection, but gives no answer within 300 ms",
        ),
        (
            Reply::Keep(cut),
            "begins to answer 200, but does not end within 300 ms",
        ),
        (
            Reply::Trickle(answer(200, UP)),
            "accepts the connection, but gives no answer within 300 ms",
        ),
        (
            Reply::Trickle(format!("{head}1\r\n{{\r\n")),
            "accepts the connection, but gives no answer within 300 ms",
        ),
        (
            Reply::Endless("HTTP/1.0 200 OK\r\n\r\n{\"status\":\"UP\"}".to_owned()),
            "answers 200 with a body of more than 64 KiB, which no actuator does",
        ),
        (
            Reply::Endless("HTTP/1.1 200 OK\r\nX-Long: ".to_owned()),
            "answers, but not in HTTP",
        ),
    ] {
        let began = Instant::now();
        let (observation, _server) = probe_once(reply.clone()).await;
        assert_eq!(
            why(&observation),
            ("down", reason),
            "{reply:?} {observation:?}"
        );
        assert!(
            observation.error.is_some() || reason.contains("64 KiB"),
            "{reply:?}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{reply:?} took {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_body_at_the_cap_is_read_and_one_past_it_is_refused() {
    for (length, state) in [(64 * 1024, "up"), (64 * 1024 + 1, "down")] {
        let body = format!("{UP}{}", " ".repeat(length - UP.len()));
        let (observation, _server) = probe_once(keep(200, &body)).await;
        assert_eq!(why(&observation).0, state, "{length}");
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_inconclusive() {
    let gone = Server::start(|_, _| Reply::Silence).await;
    let url = gone.url(HEALTH);
    gone.stop().await;
    let refused = report(format!("svc={url}").parse().unwrap(), &quick()).await;
    assert_eq!(refused.verdict, Verdict::Inconclusive, "{refused:?}");
    assert!(refused.reason.unwrap().contains("refuses the connection"));
    assert!(
        refused
            .last
            .unwrap()
            .error
            .unwrap()
            .to_lowercase()
            .contains("refused")
    );
}

#[tokio::test]
async fn health_and_build_come_from_one_connection_so_from_one_task() {
    // Odd connections meet the old task, which is up; even ones the new task, which is not.
    let server = Server::start(|connection, path| match (connection % 2, path) {
        (0, HEALTH) => keep(503, DOWN),
        (0, _) => keep(200, &info(NEW)),
        (_, HEALTH) => keep(200, UP),
        (_, _) => keep(200, &info(OLD)),
    })
    .await;
    let (probe, target) = (NetworkProbe::new(), identified(&server));
    for turn in 0..4_usize {
        let observation = probe.probe(&target).await;
        let expected = if turn % 2 == 0 {
            ("down", NEW)
        } else {
            ("up", OLD)
        };
        assert_eq!(
            (why(&observation).0, observation.revision.unwrap().as_str()),
            expected,
            "{turn}"
        );
    }
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| (request.connection, request.path))
        .collect();
    let info = "/actuator/info";
    assert_eq!(
        paths[..4],
        [(0, HEALTH), (0, info), (0, info), (1, HEALTH)].map(|(c, p)| (c, p.to_owned()))
    );
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_is_asked_for_its_build_anew() {
    for head in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\n",
        "HTTP/1.1 200 OK\r\n",
    ] {
        let server = Server::start(move |_, path| {
            let body = if path == HEALTH {
                UP.to_owned()
            } else {
                info(NEW)
            };
            Reply::Close(format!(
                "{head}content-length: {}\r\n\r\n{body}",
                body.len()
            ))
        })
        .await;
        let report = report(identified(&server), &patient()).await;
        assert_eq!(report.verdict, Verdict::Healthy, "{report:?}");
        // Three for the health, and ten for the build.
        assert_eq!(server.connections(), 13);
    }
}

/// A balancer that hands each request to the next task, beginning with `first`. A task is up or not, and of a build.
async fn dealing(tasks: Vec<(bool, &'static str)>, first: usize, keeps: bool) -> Server {
    let next = AtomicUsize::new(first);
    Server::start(move |_, path| {
        let (is_up, revision) = tasks[next.fetch_add(1, Ordering::SeqCst) % tasks.len()];
        let bytes = match (path, is_up) {
            (HEALTH, true) => answer(200, UP),
            (HEALTH, false) => answer(503, DOWN),
            _ => answer(200, &info(revision)),
        };
        match keeps {
            true => Reply::Keep(bytes),
            false => Reply::Close(bytes),
        }
    })
    .await
}

#[tokio::test]
async fn a_balancer_that_deals_out_requests_in_turn_cannot_hide_an_old_build() {
    for keeps in [true, false] {
        for size in [2, 3, 4] {
            for first in 0..size {
                for is_new_up in [true, false] {
                    let mut tasks = vec![(is_new_up, NEW); size];
                    tasks[0] = (true, OLD);
                    let server = dealing(tasks, first, keeps).await;
                    let report = report(identified(&server), &quick()).await;
                    assert_ne!(
                        report.verdict,
                        Verdict::Healthy,
                        "{size} {first} {keeps} {is_new_up}: {report:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_balancer_that_deals_out_requests_to_the_new_build_alone_is_healthy() {
    for keeps in [true, false] {
        let server = dealing(vec![(true, NEW); 4], 0, keeps).await;
        let report = report(identified(&server), &patient()).await;
        assert_eq!((report.verdict, report.attempts), (Verdict::Healthy, 3));
        if keeps {
            assert_eq!(server.connections(), 3);
        }
    }
}

#[tokio::test]
async fn the_latency_is_that_of_the_health_answer_alone() {
    let server = Server::start(|_, path| match path {
        HEALTH => keep(200, UP),
        _ => Reply::Slow(Duration::from_millis(300), answer(200, &info(NEW))),
    })
    .await;
    let observation = NetworkProbe::new().probe(&identified(&server)).await;
    assert_eq!(why(&observation).0, "up");
    assert!(observation.latency_ms < 300, "{observation:?}");
}

#[tokio::test]
async fn only_the_old_build_is_stale() {
    let server = Server::start(|_, path| {
        keep(
            200,
            &if path == HEALTH {
                UP.to_owned()
            } else {
                info(OLD)
            },
        )
    })
    .await;
    let report = report(identified(&server), &quick()).await;
    assert_eq!(report.verdict, Verdict::Stale);
    assert!(
        report
            .reason
            .unwrap()
            .starts_with("only the old build answers: ")
    );
    assert_eq!((report.seen.new, report.seen.old), (0, report.attempts));
}

#[tokio::test]
async fn old_and_new_in_turn_are_not_healthy_yet() {
    let server = Server::start(|connection, path| {
        let revision = if connection % 2 == 0 { OLD } else { NEW };
        keep(
            200,
            &if path == HEALTH {
                UP.to_owned()
            } else {
                info(revision)
            },
        )
    })
    .await;
    let report = report(identified(&server), &quick()).await;
    assert_eq!(report.verdict, Verdict::Stale);
    assert!(report.seen.new > 0 && report.seen.old > 0, "{report:?}");
    assert!(
        report
            .reason
            .unwrap()
            .starts_with("both builds still answer: ")
    );
}

#[tokio::test]
async fn the_new_build_alone_is_healthy_whether_it_tells_its_commit_in_short_or_in_full() {
    for body in [
        info(&NEW[..7]),
        format!(r#"{{"git":{{"commit":{{"id":{{"abbrev":"abc1234","full":"{NEW}"}}}}}}}}"#),
    ] {
        let server =
            Server::start(move |_, path| keep(200, if path == HEALTH { UP } else { &body })).await;
        let report = report(identified(&server), &patient()).await;
        assert_eq!(
            (report.verdict, report.attempts, report.consecutive),
            (Verdict::Healthy, 3, 3)
        );
        assert_eq!(server.connections(), 3);
    }
}

#[tokio::test]
async fn a_build_that_is_not_told_is_inconclusive_with_the_remedy() {
    for (reply, remedy) in [
        (keep(404, ""), "management.endpoints.web.exposure.include"),
        (keep(200, "{}"), "git.properties"),
        (keep(200, "<html>"), "git.properties"),
        (Reply::Silence, "gives no answer"),
    ] {
        let server = Server::start(move |_, path| {
            if path == HEALTH {
                keep(200, UP)
            } else {
                reply.clone()
            }
        })
        .await;
        let options = quick().try_timeout(Duration::from_millis(100));
        let report = report(identified(&server), &options).await;
        assert_eq!(report.verdict, Verdict::Inconclusive, "{report:?}");
        let reason = report.reason.unwrap();
        assert!(
            reason.contains("`/actuator/info`") && reason.contains(remedy),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_header_of_the_same_answer_can_tell_the_build() {
    let with = |revision: &str| {
        format!("HTTP/1.1 200 OK\r\nx-revision: {revision}\r\ncontent-length: 15\r\n\r\n{UP}")
    };
    for (header, verdict) in [
        (NEW, Verdict::Healthy),
        (OLD, Verdict::Stale),
        ("main", Verdict::Inconclusive),
    ] {
        let options = if verdict == Verdict::Healthy {
            patient()
        } else {
            quick()
        };
        let bytes = with(header);
        let server = Server::start(move |_, _| Reply::Keep(bytes.clone())).await;
        let target =
            identified(&server).revision_from(RevisionSource::Header("X-Revision".to_owned()));
        assert_eq!(report(target, &options).await.verdict, verdict, "{header}");
        assert!(
            server
                .requests()
                .iter()
                .all(|request| request.path == HEALTH)
        );
    }
}

#[tokio::test]
async fn half_of_the_tasks_down_is_healthy_in_none_of_1000_runs() {
    const PROBES: u32 = 6;
    const RUNS: usize = 125;
    let balancer = async || {
        let server = Server::start(|connection, _| {
            if connection % 2 == 0 {
                keep(200, UP)
            } else {
                keep(503, DOWN)
            }
        })
        .await;
        let (probe, target) = (NetworkProbe::new(), [target(&server)]);
        let options = patient().interval(Duration::from_millis(1));
        for run in 0..RUNS {
            let enough = Notify::new();
            let observer = |event: Event| {
                if matches!(event, Event::Probed { attempt, .. } if attempt >= PROBES) {
                    enough.notify_one();
                }
            };
            tokio::select! {
                report = check(&probe, &target, &options, &observer) => panic!("run {run}: {report:?}"),
                () = enough.notified() => {}
            }
        }
        assert!(
            server.connections() >= RUNS * PROBES as usize,
            "each probe is a connection of its own"
        );
    };
    // Eight balancers at a time, because most of the time is waiting.
    tokio::join!(
        balancer(),
        balancer(),
        balancer(),
        balancer(),
        balancer(),
        balancer(),
        balancer(),
        balancer()
    );
}

#[tokio::test]
async fn a_plain_target_is_good_with_any_2xx_and_any_body() {
    for (reply, state) in [
        (keep(200, "<html>"), "up"),
        (keep(204, ""), "up"),
        (Reply::Endless("HTTP/1.0 200 OK\r\n\r\n".to_owned()), "up"),
        (keep(404, ""), "down"),
        (keep(500, UP), "down"),
        (
            Reply::Keep(
                "HTTP/1.1 301 X\r\nlocation: https://h/\r\ncontent-length: 0\r\n\r\n".to_owned(),
            ),
            "down",
        ),
    ] {
        let server = Server::start(move |_, _| reply.clone()).await;
        let observation = NetworkProbe::new()
            .probe(&target(&server).kind(TargetKind::Plain))
            .await;
        assert_eq!(why(&observation).0, state, "{observation:?}");
    }
}

#[tokio::test]
async fn the_deadline_holds_with_a_server_that_hangs() {
    for reply in [Reply::Silence, Reply::Trickle(answer(200, UP))] {
        let server = Server::start(move |_, _| reply.clone()).await;
        let options = quick()
            .timeout(Duration::from_millis(250))
            .latency_ceiling(Duration::from_millis(100));
        let began = Instant::now();
        let report = report(target(&server), &options).await;
        let took = began.elapsed();
        assert!((250..1000).contains(&took.as_millis()), "{took:?}");
        assert_eq!(report.verdict, Verdict::Unhealthy, "{report:?}");
    }
}

#[tokio::test]
async fn localhost_is_reached_though_the_server_listens_on_one_kind_of_address() {
    let server = Server::start(|_, _| keep(200, UP)).await;
    let url = server.url(HEALTH).replace("127.0.0.1", "localhost");
    let report = report(format!("svc={url}").parse().unwrap(), &patient()).await;
    assert_eq!(report.verdict, Verdict::Healthy, "{report:?}");
}

#[tokio::test]
async fn user_and_password_are_sent_and_not_reported() {
    let server = Server::start(|_, _| keep(200, UP)).await;
    let url = server
        .url(HEALTH)
        .replace("http://", "http://user:hunter2@");
    let report = report(format!("svc={url}").parse().unwrap(), &patient()).await;
    assert_eq!(report.url.as_str(), server.url(HEALTH));
    assert!(!format!("{report:?}").contains("hunter2"));
    assert!(
        server.requests()[0]
            .head
            .contains("authorization: Basic dXNlcjpodW50ZXIy\r\n")
    );
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn https_without_the_feature_is_inconclusive_and_asks_nothing() {
    let server = Server::start(|_, _| keep(200, UP)).await;
    let url = server.url(HEALTH).replace("http://", "https://");
    let report = report(format!("svc={url}").parse().unwrap(), &quick()).await;
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(
        report
            .reason
            .unwrap()
            .starts_with("cannot be asked over https: this build has no TLS")
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_scheme_without_a_probe_is_inconclusive() {
    let target = Target::new("cave".parse().unwrap(), "gopher://h/".parse().unwrap());
    let observation = NetworkProbe::new().probe(&target).await;
    assert_eq!(
        why(&observation),
        ("unknown", "cannot be asked: there is no probe for `gopher`")
    );
}
