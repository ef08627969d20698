//! As much of HTTP as tasks and their balancer speak.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Reads the head of a request or an answer; what came after it is not read.
pub(crate) async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        if head.len() > 16 * 1024 {
            return Err(io::Error::other("a head without an end"));
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The path that a request asks for.
pub(crate) fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// Answers with a JSON document and closes.
pub(crate) async fn answer(stream: &mut TcpStream, status: u16, body: &str) {
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // Whoever asked may be gone by now.
    let _ = stream.write_all(text.as_bytes()).await;
}

/// The status of a GET, and the whole answer.
pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, Vec<u8>)> {
    ask(address, "GET", path).await
}

/// The status of a DELETE.
pub(crate) async fn delete(address: SocketAddr, path: &str) -> io::Result<u16> {
    ask(address, "DELETE", path).await.map(|(status, _)| status)
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status
        .map(|status| (status, answer))
        .ok_or_else(|| io::Error::other("no answer in HTTP"))
}
