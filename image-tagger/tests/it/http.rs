//! The HTTP client: against a real registry where there is one, and against servers that misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use image_tagger::{
    Credential, Error, HttpRegistry, ImageSpec, PushOptions, PushRequest, Reference, Registry,
    Repository, StaticCredentials, pack, push, verify,
};

/// The real registry, `host:port`, that `cargo xtask test` starts.
#[expect(
    clippy::print_stdout,
    reason = "a test that skips itself says so, and is counted by this line"
)]
fn real_registry() -> Option<String> {
    let address = std::env::var("WINDLASS_TEST_REGISTRY")
        .ok()
        .filter(|address| !address.is_empty());
    if address.is_none() {
        println!("skipped: WINDLASS_TEST_REGISTRY is not set");
    }
    address
}

fn unique(name: &str) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("{name}-{}-{}", std::process::id(), now.as_nanos())
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn a_real_registry_keeps_the_contract() {
    let Some(address) = real_registry() else {
        return;
    };
    let registry = HttpRegistry::builder().insecure_http(true).build().unwrap();
    let prefix = format!("{address}/{}", unique("contract")).parse().unwrap();
    image_tagger::testing::registry_contract(&registry, &prefix).await;
}

#[tokio::test]
async fn a_push_to_a_real_registry_is_counted_and_repeated_for_nothing() {
    let Some(address) = real_registry() else {
        return;
    };
    let registry = HttpRegistry::builder().insecure_http(true).build().unwrap();
    let repository: Repository = format!("{address}/{}", unique("app")).parse().unwrap();
    let image = pack(&ImageSpec::new().file("app/main", true, vec![7; 300_000])).unwrap();
    let request = PushRequest::new(repository.clone(), vec!["sha-1".parse().unwrap()])
        .moving("latest".parse().unwrap());
    let first = push(
        &registry,
        &image,
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .unwrap();
    assert!(first.requests > 0 && first.retries == 0, "{first:?}");
    let again = push(
        &registry,
        &image,
        &request,
        &PushOptions::default(),
        &|_| {},
    )
    .await
    .unwrap();
    assert_eq!((again.bytes_pushed, again.blobs_skipped), (0, 2));
    let found = verify(
        &registry,
        &repository,
        &Reference::Tag("latest".parse().unwrap()),
        Some(&first.digest),
    )
    .await;
    assert_eq!(found.unwrap(), first.digest);
}

/// A server that answers each request by a rule and keeps what it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Debug, Clone)]
struct Asked {
    line: String,
    authorization: Option<String>,
}

type Rule = dyn Fn(usize, &Asked) -> Option<String> + Send + Sync;

impl Server {
    /// `rule` gets the number of the request, from 0, and returns the answer's head; `None` cuts the connection.
    fn start(rule: Box<Rule>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (rule, shared): (Arc<Rule>, _) = (rule.into(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, rule, shared) =
                    (stream.unwrap(), Arc::clone(&rule), Arc::clone(&shared));
                std::thread::spawn(move || while serve(&stream, &*rule, &shared).is_some() {});
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn repository(&self) -> Repository {
        format!("{}/app", self.address).parse().unwrap()
    }

    fn registry(&self) -> HttpRegistry {
        HttpRegistry::builder()
            .insecure_http(true)
            .retry_budget(Duration::from_secs(3))
            .build()
            .unwrap()
    }
}

fn serve(stream: &TcpStream, rule: &Rule, shared: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let asked = Asked {
        line: line.trim().to_owned(),
        authorization,
    };
    let number = {
        let mut shared = shared.lock().unwrap();
        shared.push(asked.clone());
        shared.len() - 1
    };
    let answer = rule(number, &asked)?;
    let mut stream = stream;
    stream.write_all(answer.as_bytes()).ok()
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_throttled_registry_is_asked_again_after_the_time_it_names() {
    let server = Server::start(Box::new(|number, _| {
        Some(match number {
            0 => answer("503 Service Unavailable", "Retry-After: 1\r\n", ""),
            _ => answer("404 Not Found", "", ""),
        })
    }));
    let started = std::time::Instant::now();
    let registry = server.registry();
    let found = registry
        .manifest(&server.repository(), &"v1".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(found, None);
    assert!(started.elapsed() >= Duration::from_secs(1));
    let traffic = registry.traffic(&server.repository());
    assert_eq!((traffic.requests, traffic.retries), (2, 1));
}

#[tokio::test]
async fn a_registry_that_stays_down_ends_within_the_budget() {
    let server = Server::start(Box::new(|_, _| {
        Some(answer("500 Internal Server Error", "", "{\"errors\":[]}"))
    }));
    let error = server
        .registry()
        .manifest(&server.repository(), &"v1".parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(server.asked().len() > 2, "it was tried again");
}

#[tokio::test]
async fn a_cut_connection_is_repeated() {
    let server = Server::start(Box::new(|number, _| {
        (number > 0).then(|| answer("404 Not Found", "", ""))
    }));
    assert_eq!(
        server
            .registry()
            .manifest(&server.repository(), &"v1".parse().unwrap())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_retried_upload_has_a_session_of_its_own() {
    let server = Server::start(Box::new(|number, asked| {
        let method = asked.line.split(' ').next().unwrap();
        Some(match method {
            "HEAD" => answer("404 Not Found", "", ""),
            "POST" => answer(
                "202 Accepted",
                &format!("Location: /v2/app/blobs/uploads/s{number}\r\n"),
                "",
            ),
            _ if number < 3 => answer("503 Service Unavailable", "", ""),
            _ => answer("201 Created", "", ""),
        })
    }));
    let bytes = b"content".to_vec();
    let blob = image_tagger::Descriptor::new(
        image_tagger::MediaType::new("application/octet-stream"),
        image_tagger::Digest::of(&bytes),
        7,
    );
    let outcome = server
        .registry()
        .put_blob(&server.repository(), &blob, &bytes, None)
        .await
        .unwrap();
    assert_eq!(outcome, image_tagger::BlobOutcome::Uploaded { bytes: 7 });
    let puts: Vec<String> = server
        .asked()
        .into_iter()
        .map(|asked| asked.line)
        .filter(|line| line.starts_with("PUT"))
        .collect();
    assert_eq!(puts.len(), 2);
    assert!(
        puts[0].contains("/s1?") && puts[1].contains("/s3?"),
        "{puts:?}"
    );
}

#[tokio::test]
async fn a_bearer_challenge_is_answered_and_its_token_is_kept() {
    let server = Server::start(Box::new(|_, asked| {
        Some(if asked.line.contains("/token?") {
            answer(
                "200 OK",
                "Content-Type: application/json\r\n",
                "{\"token\":\"abc\"}",
            )
        } else if asked.authorization.as_deref() == Some("Bearer abc") {
            answer("404 Not Found", "", "")
        } else {
            // The server's own address is not known here: the realm is filled in by the test below.
            answer(
                "401 Unauthorized",
                "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:PORT/token\",service=\"s\"\r\n",
                "",
            )
        })
    }));
    // A proxy in front fills in the port.
    let port = server.address.port().to_string();
    let inner = server.address;
    let front = Server::start(Box::new(move |_, asked| {
        let mut stream = TcpStream::connect(inner).ok()?;
        let authorization = asked
            .authorization
            .as_ref()
            .map(|value| format!("Authorization: {value}\r\n"))
            .unwrap_or_default();
        stream
            .write_all(
                format!("{}\r\n{authorization}Connection: close\r\n\r\n", asked.line).as_bytes(),
            )
            .ok()?;
        stream.shutdown(std::net::Shutdown::Write).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text.replace("PORT", &port))
    }));
    let credentials = StaticCredentials::new(
        front.address.to_string(),
        Credential::new("AWS", "topsecret"),
    );
    let registry = HttpRegistry::builder()
        .insecure_http(true)
        .credentials(Arc::new(credentials))
        .build()
        .unwrap();
    for _ in 0..2 {
        let found = registry
            .manifest(&front.repository(), &"v1".parse().unwrap())
            .await
            .unwrap();
        assert_eq!(found, None);
    }
    let tokens: Vec<Asked> = server
        .asked()
        .into_iter()
        .filter(|asked| asked.line.contains("/token?"))
        .collect();
    assert_eq!(tokens.len(), 1, "the token is kept");
    assert!(
        tokens[0]
            .line
            .contains("scope=repository%3Aapp%3Apull%2Cpush"),
        "{}",
        tokens[0].line
    );
    assert!(
        tokens[0]
            .authorization
            .as_deref()
            .unwrap()
            .starts_with("Basic ")
    );
}

#[tokio::test]
async fn refused_credentials_name_what_was_tried_and_hide_the_secret() {
    let server = Server::start(Box::new(|_, asked| {
        Some(match &asked.authorization {
            None => answer(
                "401 Unauthorized",
                "WWW-Authenticate: Basic realm=\"x\"\r\n",
                "",
            ),
            Some(_) => answer(
                "403 Forbidden",
                "",
                "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}",
            ),
        })
    }));
    let credentials = StaticCredentials::new(
        server.address.to_string(),
        Credential::new("AWS", "topsecret"),
    );
    let registry = HttpRegistry::builder()
        .insecure_http(true)
        .credentials(Arc::new(credentials))
        .build()
        .unwrap();
    let error = registry.tags(&server.repository()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(matches!(error, Error::Denied { .. }) && error.hint().is_some());
    assert!(
        source.contains("403") && source.contains("DENIED"),
        "{source}"
    );
    assert!(!format!("{error:?}").contains("topsecret"));
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let elsewhere = Server::start(Box::new(|_, _| Some(answer("404 Not Found", "", ""))));
    let target = format!("http://localhost:{}/blob", elsewhere.address.port());
    let server = Server::start(Box::new(move |_, asked| {
        Some(match &asked.authorization {
            None => answer(
                "401 Unauthorized",
                "WWW-Authenticate: Basic realm=\"x\"\r\n",
                "",
            ),
            Some(_) => answer(
                "307 Temporary Redirect",
                &format!("Location: {target}\r\n"),
                "",
            ),
        })
    }));
    let credentials = StaticCredentials::new(
        server.address.to_string(),
        Credential::new("AWS", "topsecret"),
    );
    let registry = HttpRegistry::builder()
        .insecure_http(true)
        .retry_budget(Duration::from_millis(1))
        .credentials(Arc::new(credentials))
        .build()
        .unwrap();
    let _ = registry
        .blob(&server.repository(), &image_tagger::Digest::of(b"x"))
        .await;
    assert!(
        elsewhere
            .asked()
            .iter()
            .all(|asked| asked.authorization.is_none()),
        "{:?}",
        elsewhere.asked()
    );
}

#[tokio::test]
async fn a_missing_repository_is_its_own_error() {
    let server = Server::start(Box::new(|_, _| {
        Some(answer(
            "404 Not Found",
            "",
            "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}",
        ))
    }));
    let bytes = b"content".to_vec();
    let blob = image_tagger::Descriptor::new(
        image_tagger::MediaType::new("x"),
        image_tagger::Digest::of(&bytes),
        7,
    );
    let error = server
        .registry()
        .put_blob(&server.repository(), &blob, &bytes, None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound { .. }), "{error}");
}
