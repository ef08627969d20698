//! A server that answers HTTP with what it is told to, and what RabbitMQ is asked and told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use secrets_rotator_lambda::rabbitmq::RabbitMq;
use secrets_rotator_lambda::redis::Redis;
use secrets_rotator_lambda::{DataService, ServiceError};

use crate::protocol::password;

type Answer = dyn Fn(&str) -> (u16, String) + Send + Sync;

/// A running server. It serves until the tests end.
pub(crate) struct Web {
    address: SocketAddr,
}

impl Web {
    /// Answers each request, head and body, with a status and a body.
    pub(crate) fn start(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer: Arc<Answer> = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let answer = Arc::clone(&answer);
                thread::spawn(move || serve(stream.unwrap(), &*answer));
            }
        });
        Self { address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// One request a connection.
fn serve(mut stream: TcpStream, answer: &Answer) -> Option<()> {
    let mut bytes = Vec::new();
    let request = loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                break text;
            }
        }
        let mut more = [0; 4096];
        let read = stream.read(&mut more).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&more[..read]);
    };
    let (status, body) = answer(&request);
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).ok()
}

fn rabbit(web: &Web) -> RabbitMq {
    let place = web.address.to_string().parse().unwrap();
    RabbitMq::new(place, "admin".parse().unwrap())
}

#[tokio::test]
async fn a_management_plugin_that_is_none_or_is_ill_is_told_without_its_text() {
    for (status, body, part) in [
        (503, "hunter2", "GET /api/whoami with 503"),
        (200, "hunter2", "takes the user for another"),
        (200, r#"{"name":"hunter2"}"#, "takes the user for another"),
        (200, &"x".repeat(100_000), "too long"),
    ] {
        let body = body.to_owned();
        let web = Web::start(move |_| (status, body.clone()));
        let error = rabbit(&web).accepts(&password("x")).await.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn tags_are_told_again_in_whichever_form_they_came() {
    for (tags, expected) in [
        (
            r#"["administrator","own"]"#,
            r#""tags":"administrator,own""#,
        ),
        (r#""administrator""#, r#""tags":"administrator""#),
    ] {
        let user = format!(r#"{{"name":"admin","tags":{tags}}}"#);
        let web = Web::start(
            move |request| match request.starts_with("GET /api/users/admin ") {
                true => (200, user.clone()),
                false
                    if request.starts_with("PUT /api/users/admin ")
                        && request.contains(expected)
                        && request.contains(r#""password":"new""#) =>
                {
                    (204, String::new())
                }
                false => (500, String::new()),
            },
        );
        rabbit(&web)
            .set(&password("old"), &password("new"))
            .await
            .unwrap();
    }
    let web = Web::start(|_| (200, "{}".to_owned()));
    let error = rabbit(&web)
        .set(&password("old"), &password("new"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no tags"), "{error}");
}

#[tokio::test]
async fn a_policy_for_passwords_that_refuses_the_new_one_is_told() {
    let web = Web::start(|request| match request.starts_with("GET") {
        true => (200, r#"{"tags":["administrator"]}"#.to_owned()),
        false => (400, "hunter2 is too short".to_owned()),
    });
    let error = rabbit(&web)
        .set(&password("old"), &password("hunter2"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("PUT /api/users with 400"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_says_nothing_is_not_waited_for_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = || silent.local_addr().unwrap().to_string().parse().unwrap();
    let redis = Redis::new(place(), "default".parse().unwrap());
    let error = redis.accepts(&password("x")).await.unwrap_err();
    assert!(
        matches!(error, ServiceError::Silent { seconds: 10, .. }),
        "{error}"
    );
    let rabbit = RabbitMq::new(place(), "admin".parse().unwrap());
    let error = rabbit.accepts(&password("x")).await.unwrap_err();
    assert!(
        matches!(error, ServiceError::Silent { seconds: 10, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_redis_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(b"220 mail.local\r\n");
    });
    let redis = Redis::new(place.parse().unwrap(), "default".parse().unwrap());
    let error = redis.accepts(&password("hunter2")).await.unwrap_err();
    assert!(error.to_string().contains("is not redis"), "{error}");
}
