//! HTTP/1.1 on loopback, as far as the stand-ins of AWS need it: whole messages, threads, the standard library.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// No message here is larger.
const MOST: usize = 64 << 20;
/// How long a server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// As it stands in the first line: a path with its query, or a whole URL for a proxy.
    pub(super) target: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// Headers in their order; names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.0.push((name.to_owned(), value.into()));
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    fn is_chunked(&self) -> bool {
        self.get("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"))
    }

    fn length(&self) -> Option<usize> {
        self.get("content-length")?.trim().parse().ok()
    }
}

impl Request {
    pub(super) fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            ..Self::default()
        }
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.set(name, value);
        self
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The host of a target that is a URL, as a proxy gets it.
    pub(super) fn host(&self) -> Option<&str> {
        let rest = self.target.strip_prefix("http://")?;
        Some(rest.split_once('/').map_or(rest, |(host, _)| host))
    }

    /// The path without its query, as it was sent.
    pub(super) fn path(&self) -> &str {
        let origin = self.origin();
        origin.split_once('?').map_or(origin, |(path, _)| path)
    }

    /// The query's parameters, percent signs resolved.
    pub(super) fn query(&self) -> BTreeMap<String, String> {
        let origin = self.origin();
        parameters(origin.split_once('?').map_or("", |(_, query)| query))
    }

    /// The target without scheme and host.
    pub(super) fn origin(&self) -> &str {
        let Some(rest) = self.target.strip_prefix("http://") else {
            return &self.target;
        };
        rest.find('/').map_or("/", |at| &rest[at..])
    }
}

impl Response {
    pub(super) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut headers = Headers::default();
        headers.set("content-type", kind);
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.set(name, value);
        self
    }
}

/// `a=1&b=x%20y`, as queries and forms have it.
pub(super) fn parameters(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decoded(&name.replace('+', " ")),
                decoded(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// Percent signs resolved.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What answers requests.
pub(super) type Handler = dyn Fn(Request) -> Response + Send + Sync;

/// A server on a free port of loopback. It stops with its handle; requests that are under way end first or with the process.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn start(handler: Arc<Handler>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let server = Self {
            address: listener.local_addr()?,
            stopped: Arc::default(),
        };
        let stopped = Arc::clone(&server.stopped);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let handler = Arc::clone(&handler);
                // A client that breaks off is its own affair.
                thread::spawn(move || stream.and_then(|stream| serve(&stream, &*handler)));
            }
        });
        Ok(server)
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it has to end.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, handler: &Handler) -> io::Result<()> {
    // A half of an answer that waits for its acknowledgement would take 40 ms.
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader, stream)? {
        let bodiless = request.method == "HEAD";
        let mut response = handler(request);
        let length = response.body.len();
        if !(bodiless && response.headers.length().is_some()) {
            response.headers.set("content-length", length.to_string());
        }
        response.headers.remove("transfer-encoding");
        response.headers.remove("connection");
        let mut bytes = format!("HTTP/1.1 {} X\r\n", response.status).into_bytes();
        write_head(&mut bytes, &response.headers);
        if !bodiless {
            bytes.extend(response.body);
        }
        (&mut &*stream).write_all(&bytes)?;
    }
    Ok(())
}

fn write_head(bytes: &mut Vec<u8>, headers: &Headers) {
    for (name, value) in &headers.0 {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend(b"\r\n");
}

fn read_request(reader: &mut impl BufRead, mut stream: &TcpStream) -> io::Result<Option<Request>> {
    let Some((first, headers)) = read_head(reader)? else {
        return Ok(None);
    };
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::Error::other("no request"));
    };
    if headers.get("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let (method, target) = (method.to_owned(), target.to_owned());
    let body = if headers.is_chunked() {
        read_chunks(reader)?
    } else {
        read_exactly(reader, headers.length().unwrap_or(0))?
    };
    Ok(Some(Request {
        method,
        target,
        headers,
        body,
    }))
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<(String, Headers)>> {
    let first = line(reader)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut headers = Headers::default();
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            return Ok(Some((first, headers)));
        }
        if let Some((name, value)) = line.split_once(':') {
            let name = name.trim().to_ascii_lowercase();
            headers.0.push((name, value.trim().to_owned()));
        }
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(1 << 16).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    if length > MOST {
        return Err(io::Error::other("a message that is too large"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(reader)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            while !line(reader)?.is_empty() {}
            return Ok(body);
        }
        body.extend(read_exactly(reader, size)?);
        line(reader)?;
    }
}

/// Sends a request to `address` on a connection of its own, and reads the whole answer.
pub(super) fn ask(address: &str, request: &Request) -> io::Result<Response> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut headers = request.headers.clone();
    for name in [
        "transfer-encoding",
        "connection",
        "expect",
        "content-length",
    ] {
        headers.remove(name);
    }
    if headers.get("host").is_none() {
        headers.set("host", address);
    }
    headers.set("connection", "close");
    headers.set("content-length", request.body.len().to_string());
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.origin()).into_bytes();
    write_head(&mut bytes, &headers);
    bytes.extend(&request.body);
    stream.write_all(&bytes)?;
    let mut reader = BufReader::new(stream);
    loop {
        let (first, headers) =
            read_head(&mut reader)?.ok_or_else(|| io::Error::other("no answer"))?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no answer: {first}")))?;
        if status == 100 {
            continue;
        }
        let bodiless = request.method == "HEAD" || status == 204 || status == 304;
        let body = if bodiless {
            Vec::new()
        } else if headers.is_chunked() {
            read_chunks(&mut reader)?
        } else if let Some(length) = headers.length() {
            read_exactly(&mut reader, length)?
        } else {
            let mut body = Vec::new();
            reader.take(MOST as u64).read_to_end(&mut body)?;
            body
        };
        return Ok(Response {
            status,
            headers,
            body,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_arrives_and_the_answer_comes_back() {
        let handler = |request: Request| {
            let text = format!("{} {} {:?}", request.method, request.target, request.body);
            Response::new(202, "text/plain", text).header("x-seen", "yes")
        };
        let server = Server::start(Arc::new(handler)).unwrap();
        let request = Request::new("PUT", "/a?b=1").body(*b"x");
        let answer = ask(&server.address(), &request).unwrap();
        assert_eq!(
            (answer.status, answer.headers.get("x-seen")),
            (202, Some("yes"))
        );
        assert_eq!(answer.body, b"PUT /a?b=1 [120]");
        let head = ask(&server.address(), &Request::new("HEAD", "/")).unwrap();
        assert_eq!((head.status, head.body.len()), (202, 0));
    }

    #[test]
    fn chunks_are_put_together() {
        let mut bytes = &b"4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\nrest"[..];
        assert_eq!(read_chunks(&mut bytes).unwrap(), b"Wikipedia");
        assert_eq!(bytes, b"rest");
        assert!(read_chunks(&mut &b"zz\r\n"[..]).is_err());
    }

    #[test]
    fn a_target_for_a_proxy_comes_apart() {
        let request = Request::new("GET", "http://host.example/v2/a%2Fb?c=d%20e+f&g");
        assert_eq!(request.host(), Some("host.example"));
        assert_eq!(request.path(), "/v2/a%2Fb");
        assert_eq!(request.query()["c"], "d e f");
        assert_eq!(request.query()["g"], "");
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert_eq!(Request::new("GET", "/x").host(), None);
    }
}
