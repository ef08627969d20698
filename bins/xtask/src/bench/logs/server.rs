//! CloudWatch Logs and S3 on loopback, as far as an archiver sees them, and fast.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::events::{Events, GROUP};

/// An object, with the checksum that its sender named.
#[derive(Debug, Clone)]
struct Object {
    bytes: Arc<Vec<u8>>,
    sha256: Option<String>,
    tag: String,
}

type Objects = Arc<Mutex<BTreeMap<String, Object>>>;

/// A server that ends with the process.
#[derive(Debug)]
pub(super) struct Server {
    address: String,
    events: Events,
    objects: Objects,
}

/// A request. The target is what comes after the host.
#[derive(Debug, Default)]
struct Request {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Answer {
    status: u16,
    headers: String,
    body: Arc<Vec<u8>>,
}

impl Server {
    pub(super) fn start(events: Events) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = Self {
            address: listener.local_addr()?.to_string(),
            events: events.clone(),
            objects: Objects::default(),
        };
        let objects = Arc::clone(&server.objects);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (events, objects) = (events.clone(), Arc::clone(&objects));
                // A client that goes away ends its connection.
                thread::spawn(move || serve(&stream, &events, &objects));
            }
        });
        Ok(server)
    }

    pub(super) const fn events(&self) -> &Events {
        &self.events
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bytes of the objects of a bucket below a prefix.
    pub(super) fn stored(&self, bucket: &str, prefix: &str) -> u64 {
        let below = format!("{bucket}/{prefix}");
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let sizes = objects.iter().filter(|(key, _)| key.starts_with(&below));
        sizes.map(|(_, object)| object.bytes.len() as u64).sum()
    }
}

fn serve(stream: &TcpStream, events: &Events, objects: &Objects) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    let mut writer = stream;
    while let Some(request) = read(&mut reader, writer)? {
        let answer = match request.headers.get("x-amz-target") {
            Some(target) => logs(target, &request, events),
            None => s3(&request, objects),
        };
        let head = format!(
            "HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n",
            answer.status,
            answer.headers,
            answer.body.len()
        );
        writer.write_all(head.as_bytes())?;
        // The length of what HEAD asks for is told, and nothing sent.
        if request.method != "HEAD" {
            writer.write_all(&answer.body)?;
        }
    }
    Ok(())
}

fn read(reader: &mut impl BufRead, mut writer: &TcpStream) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
    if header("expect").eq_ignore_ascii_case("100-continue") {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        request.body = chunks(reader)?;
    } else {
        request.body = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut request.body)?;
    }
    // A body that is signed in pieces has frames of its own.
    if request
        .headers
        .get("content-encoding")
        .is_some_and(|encoding| encoding.contains("aws-chunked"))
    {
        let body = std::mem::take(&mut request.body);
        request.body = chunks(&mut body.as_slice())?;
    }
    Ok(Some(request))
}

/// A body in chunks, of HTTP or of AWS, without what follows the last one.
fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            // Trailers, to the empty line.
            loop {
                line.clear();
                if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                    return Ok(body);
                }
            }
        }
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        line.clear();
        reader.read_line(&mut line)?;
    }
}

fn logs(target: &str, request: &Request, events: &Events) -> Answer {
    let body = match target.rsplit('.').next() {
        Some("FilterLogEvents") => {
            let asked = String::from_utf8_lossy(&request.body);
            let token = asked.split("\"nextToken\"").nth(1);
            events.page(token.map_or(0, number))
        }
        Some("DescribeLogGroups") => format!(
            "{{\"logGroups\":[{{\"logGroupName\":\"{GROUP}\",\"creationTime\":1767225600000,\
             \"arn\":\"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}:*\",\"storedBytes\":0}}]}}"
        ),
        _ => return error(400, "UnknownOperationException"),
    };
    Answer {
        status: 200,
        headers: "Content-Type: application/x-amz-json-1.1\r\n".to_owned(),
        body: Arc::new(body.into_bytes()),
    }
}

/// The first number in a text.
fn number(text: &str) -> u64 {
    let digits: String = text
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(0)
}

fn s3(request: &Request, objects: &Objects) -> Answer {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let key = decoded(path.trim_start_matches('/'));
    let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
    let found = objects.get(&key).cloned();
    match (request.method.as_str(), found) {
        ("GET", _) if query.contains("list-type=2") => {
            list(key.trim_end_matches('/'), query, &objects)
        }
        ("GET" | "HEAD", Some(object)) => Answer {
            status: 200,
            headers: told(&object),
            body: object.bytes,
        },
        ("GET" | "HEAD", None) => error(404, "NoSuchKey"),
        ("PUT", found) => {
            let condition = |name: &str| request.headers.get(name);
            let holds = match (condition("if-none-match"), condition("if-match"), &found) {
                (Some(_), _, Some(_)) | (_, Some(_), None) => false,
                (_, Some(tag), Some(object)) => *tag == object.tag,
                _ => true,
            };
            if !holds {
                return error(412, "PreconditionFailed");
            }
            let object = Object {
                tag: format!("\"{}-{}\"", objects.len(), request.body.len()),
                sha256: condition("x-amz-checksum-sha256").cloned(),
                bytes: Arc::new(request.body.clone()),
            };
            let headers = told(&object);
            objects.insert(key, object);
            Answer {
                status: 200,
                headers,
                ..Answer::default()
            }
        }
        _ => error(405, "MethodNotAllowed"),
    }
}

fn told(object: &Object) -> String {
    let mut headers = format!(
        "ETag: {}\r\nLast-Modified: Mon, 05 Jan 2026 12:00:00 GMT\r\n",
        object.tag
    );
    if let Some(sha256) = &object.sha256 {
        headers += &format!("x-amz-checksum-sha256: {sha256}\r\n");
    }
    headers
}

fn list(bucket: &str, query: &str, objects: &BTreeMap<String, Object>) -> Answer {
    let value = |name: &str| {
        let found = query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        decoded(found.unwrap_or_default())
    };
    let below = format!("{bucket}/{}", value("prefix"));
    let after = format!("{bucket}/{}", value("start-after"));
    let mut text = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for (key, object) in objects {
        if key.starts_with(&below) && *key > after {
            write!(
                text,
                "<Contents><Key>{}</Key><Size>{}</Size><LastModified>2026-01-05T12:00:00Z</LastModified></Contents>",
                &key[bucket.len() + 1..],
                object.bytes.len()
            )
            .expect("writing to a String cannot fail");
        }
    }
    text.push_str("</ListBucketResult>");
    Answer {
        status: 200,
        headers: "Content-Type: application/xml\r\n".to_owned(),
        body: Arc::new(text.into_bytes()),
    }
}

fn error(status: u16, code: &str) -> Answer {
    Answer {
        status,
        headers: "Content-Type: application/xml\r\n".to_owned(),
        body: Arc::new(format!("<Error><Code>{code}</Code></Error>").into_bytes()),
    }
}

/// A part of a URL without its percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = |digit: &u8| char::from(*digit).to_digit(16);
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                let value = hex(high).unwrap_or(0) * 16 + hex(low).unwrap_or(0);
                bytes.push(u8::try_from(value).unwrap_or(b'?'));
                rest = after;
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        let http = b"5\r\nhello\r\n1;signature=x\r\n!\r\n0\r\nchecksum: y\r\n\r\nrest";
        let mut reader = &http[..];
        assert_eq!(chunks(&mut reader).unwrap(), b"hello!");
        assert_eq!(reader, b"rest");
    }

    #[test]
    fn names_are_decoded_and_tokens_found() {
        assert_eq!(decoded("a%21b%3Dc%2"), "a!b=c%2");
        assert_eq!(number("\":\"1700\",\"startTime\":5"), 1700);
    }
}
