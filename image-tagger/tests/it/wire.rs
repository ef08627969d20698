//! Requests to a served registry as they are on the wire.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use image_tagger::sim::SimRegistry;
use image_tagger::sim::server::{Quirks, RegistryServer};

/// An answer: its status, headers with names in lower case, and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().into()
    }
}

/// Asks with headers, each ended by a line break, on a connection of its own.
pub(crate) async fn ask(
    server: &RegistryServer,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Answer {
    let address = server.address();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    let request = [head.as_bytes(), body].concat();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a whole head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let (status, lines) = head.split_once("\r\n").unwrap();
    let headers = lines.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), value.to_owned()))
    });
    Answer {
        status: status.split(' ').nth(1).unwrap().parse().unwrap(),
        headers: headers.collect(),
        body: answer[end + 4..].to_vec(),
    }
}

pub(crate) async fn served(quirks: Quirks) -> RegistryServer {
    RegistryServer::builder(Arc::new(SimRegistry::new()))
        .quirks(quirks)
        .start()
        .await
        .unwrap()
}

/// Begins an upload; returns the session's path.
pub(crate) async fn begin(server: &RegistryServer) -> String {
    let answer = ask(server, "POST", "/v2/app/blobs/uploads/", "", b"").await;
    assert_eq!(answer.status, 202);
    answer.header("location").unwrap().to_owned()
}
