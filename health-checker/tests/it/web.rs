//! What is asked of HTTP targets besides their health.

use std::time::Duration;

use health_checker::{NetworkProbe, Observation, Probe, State, Target};

use crate::server::{DOWN, Reply, Server, UP, info, keep};

const HEALTH: &str = "/actuator/health";
const NEW: &str = "abc1234def5678";

fn target(server: &Server) -> Target {
    format!("svc={}", server.url(HEALTH)).parse().unwrap()
}

async fn probe(target: &Target) -> Observation {
    NetworkProbe::new()
        .try_timeout(Duration::from_millis(500))
        .probe(target)
        .await
}

fn reason(observation: &Observation) -> &str {
    match &observation.state {
        State::Down { reason } | State::Unknown { reason } => reason,
        _ => "",
    }
}

fn redirect(to: &str) -> Reply {
    Reply::Keep(format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
    ))
}

#[tokio::test]
async fn a_canary_path_catches_what_answers_whatever_it_is_asked() {
    let catch_all = Server::start(|_, _| keep(200, UP)).await;
    let target_of = |server| target(server).canary("/no-such-page").unwrap();
    let observation = probe(&target_of(&catch_all)).await;
    assert_eq!(
        observation.state,
        State::Down {
            reason: "answers `/no-such-page` as well as its health, so something answers whatever it is asked".to_owned()
        }
    );
    let honest = Server::start(|_, path| match path {
        HEALTH => keep(200, UP),
        _ => keep(404, "{}"),
    })
    .await;
    assert_eq!(probe(&target_of(&honest)).await.state, State::Up);
    let paths: Vec<String> = honest
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths, [HEALTH, "/no-such-page"]);
    let silent = Server::start(|_, path| match path {
        HEALTH => keep(200, UP),
        _ => Reply::Silence,
    })
    .await;
    let observation = probe(&target_of(&silent)).await;
    assert!(
        matches!(observation.state, State::Unknown { .. }),
        "{observation:?}"
    );
    let down = Server::start(|_, _| keep(503, DOWN)).await;
    probe(&target_of(&down)).await;
    assert_eq!(
        down.requests().len(),
        1,
        "what is down is not asked for more"
    );
}

#[tokio::test]
async fn redirects_are_followed_where_that_is_asked_for_and_secrets_stay_at_home() {
    let elsewhere = Server::start(|_, _| keep(200, UP)).await;
    let to = elsewhere.url("/health");
    let server = Server::start(move |_, path| match path {
        HEALTH => redirect("/moved"),
        "/moved" => redirect(&to),
        _ => keep(404, ""),
    })
    .await;
    let url = server.url(HEALTH).replace("://", "://user:hunter2@");
    let target: Target = url.parse().unwrap();
    let target = target
        .header("X-Key: hunter2".parse().unwrap())
        .follow_redirects(true);
    assert_eq!(probe(&target).await.state, State::Up);
    let home = server.requests();
    assert_eq!(home.len(), 2);
    for request in home {
        assert!(
            request.head.contains("authorization: Basic"),
            "{}",
            request.head
        );
        assert!(request.head.contains("x-key: hunter2"), "{}", request.head);
    }
    let foreign = elsewhere.requests().remove(0).head;
    assert!(
        !foreign.contains("authorization") && !foreign.contains("hunter2"),
        "{foreign}"
    );
}

#[tokio::test]
async fn redirects_without_end_and_to_nowhere_are_down() {
    let round = Server::start(|_, _| redirect("/actuator/health")).await;
    let observation = probe(&target(&round).follow_redirects(true)).await;
    assert_eq!(
        reason(&observation),
        "redirects more than 5 times, or to nowhere"
    );
    assert_eq!(round.connections(), 6);
    let nowhere = Server::start(|_, _| redirect("mailto:a@b")).await;
    let observation = probe(&target(&nowhere).follow_redirects(true)).await;
    assert!(
        matches!(observation.state, State::Down { .. }),
        "{observation:?}"
    );
    let page = Server::start(|_, path| match path {
        HEALTH => redirect("/login"),
        _ => keep(200, "<html>"),
    })
    .await;
    let observation = probe(&target(&page).follow_redirects(true)).await;
    assert!(
        reason(&observation).contains("an HTML page"),
        "a login page is no health: {observation:?}"
    );
}

#[tokio::test]
async fn a_redirected_build_is_told_by_where_it_answers() {
    let server = Server::start(|_, path| match path {
        HEALTH => redirect("/v2/actuator/health"),
        "/v2/actuator/health" => keep(200, UP),
        "/v2/actuator/info" => keep(200, &info(NEW)),
        _ => keep(404, ""),
    })
    .await;
    let target = target(&server)
        .follow_redirects(true)
        .expect_revision(NEW.parse().unwrap());
    let observation = probe(&target).await;
    assert_eq!(observation.revision.unwrap().as_str(), NEW);
}

#[tokio::test]
async fn unknown_is_good_only_where_that_is_asked_for() {
    let server = Server::start(|_, _| keep(200, r#"{"status":"UNKNOWN"}"#)).await;
    assert!(matches!(
        probe(&target(&server)).await.state,
        State::Down { .. }
    ));
    assert_eq!(
        probe(&target(&server).accept_unknown(true)).await.state,
        State::Up
    );
    let down = Server::start(|_, _| keep(503, r#"{"status":"UNKNOWN"}"#)).await;
    assert!(matches!(
        probe(&target(&down).accept_unknown(true)).await.state,
        State::Down { .. }
    ));
}

#[tokio::test]
async fn a_component_that_is_down_is_bad_whatever_the_whole_says() {
    for (status, is_bad) in [
        ("DOWN", true),
        ("OUT_OF_SERVICE", true),
        ("out-of-service", true),
        ("UNKNOWN", false),
        ("FATAL", false),
    ] {
        let body = format!(
            r#"{{"status":"UP","components":{{"db":{{"status":"UP","components":{{"main":{{"status":"{status}"}}}}}}}}}}"#
        );
        let server = Server::start(move |_, _| keep(200, &body)).await;
        let found = probe(&target(&server)).await;
        if is_bad {
            assert_eq!(
                reason(&found),
                format!("is UP as a whole, but its component `db/main` is {status}")
            );
            assert!(matches!(found.state, State::Down { .. }));
        } else {
            assert_eq!(found.state, State::Up, "{status}");
        }
        let lenient = probe(&target(&server).accept_down_components(true)).await;
        assert_eq!(lenient.state, State::Up, "{status}");
        assert!(lenient.note.unwrap().ends_with(": db/main"));
    }
}

#[tokio::test]
async fn components_that_matter_must_be_shown_and_up() {
    let body = r#"{"status":"UP","components":{"db":{"status":"UP"},"mail":{"status":"FATAL"}}}"#;
    let server = Server::start(move |_, _| keep(200, body)).await;
    let up = probe(&target(&server)).await;
    assert_eq!(up.state, State::Up);
    assert_eq!(
        up.note.as_deref(),
        Some("is up as a whole, though not all of its components are: mail")
    );
    assert_eq!(
        probe(&target(&server).component("db")).await.state,
        State::Up
    );
    assert_eq!(
        reason(&probe(&target(&server).component("mail")).await),
        "is up as a whole, but its component `mail` is FATAL"
    );
    let hidden = probe(&target(&server).component("redis")).await;
    assert!(matches!(hidden.state, State::Unknown { .. }));
    assert!(reason(&hidden).contains("show-components=always"));
}

#[tokio::test]
async fn a_group_that_is_missing_is_told_with_its_remedy() {
    let server = Server::start(|_, _| keep(404, "")).await;
    let at = |path: &str| {
        format!("svc={}", server.url(path))
            .parse::<Target>()
            .unwrap()
    };
    let readiness = probe(&at("/actuator/health/readiness")).await;
    assert!(reason(&readiness).contains("management.endpoint.health.probes.enabled=true"));
    let custom = probe(&at("/actuator/health/custom")).await;
    assert!(reason(&custom).contains("there is no group or component `custom`"));
}
