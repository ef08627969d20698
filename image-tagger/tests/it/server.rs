//! A server on loopback that answers as it is told, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use image_tagger::{Credential, HttpRegistry, Repository, StaticCredentials};

/// A server that answers each request by a rule and keeps what it was asked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    /// The server's own address, as the client wrote it.
    pub(crate) host: String,
}

pub(crate) type Rule = dyn Fn(usize, &Asked) -> Option<String> + Send + Sync;

impl Server {
    /// `rule` gets the number of the request, from 0, and returns the answer's head; `None` cuts the connection.
    pub(crate) fn start(rule: Box<Rule>) -> Self {
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

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn repository(&self) -> Repository {
        format!("{}/app", self.address).parse().unwrap()
    }

    /// The requests of a method, by their first lines.
    pub(crate) fn lines(&self, method: &str) -> Vec<String> {
        let lines = self.asked().into_iter().map(|asked| asked.line);
        lines.filter(|line| line.starts_with(method)).collect()
    }

    /// A client without credentials.
    pub(crate) fn registry(&self) -> HttpRegistry {
        HttpRegistry::builder()
            .insecure_http(true)
            .retry_budget(Duration::from_secs(3))
            .build()
            .unwrap()
    }

    /// A client with credentials for this server.
    pub(crate) fn registry_with_credentials(&self) -> HttpRegistry {
        let credential = Credential::new("AWS", "topsecret");
        HttpRegistry::builder()
            .insecure_http(true)
            .retry_budget(Duration::from_secs(3))
            .credentials(Arc::new(StaticCredentials::new(
                self.address.to_string(),
                credential,
            )))
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
    let (mut length, mut authorization, mut host) = (0, None, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "host" => value.trim().clone_into(&mut host),
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let asked = Asked {
        line: line.trim().to_owned(),
        authorization,
        host,
    };
    let number = {
        let mut shared = shared.lock().unwrap();
        shared.push(asked.clone());
        shared.len() - 1
    };
    let answer = rule(number, &asked)?;
    let mut stream = stream;
    stream.write_all(answer.as_bytes()).ok()?;
    if answer.contains("Connection: close") {
        stream.shutdown(Shutdown::Both).ok()?;
        return None;
    }
    Some(())
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
