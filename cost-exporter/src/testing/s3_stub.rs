//! Objects of S3, with conditional writes.

use std::collections::BTreeMap;

use super::http_stub::{Request, Response};

/// Objects by path, each with how often it was written.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    objects: BTreeMap<String, (u64, Vec<u8>)>,
    writes: u64,
}

fn error(status: u16, code: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>simulated</Message></Error>"
    );
    Response {
        status,
        headers: vec![("Content-Type", "application/xml".to_owned())],
        body: body.into_bytes(),
    }
}

impl Bucket {
    pub(super) fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.objects.get(path).map(|(_, bytes)| bytes.clone())
    }

    pub(super) fn answer(&mut self, request: &Request) -> Response {
        let path = request
            .path
            .split('?')
            .next()
            .unwrap_or_default()
            .to_owned();
        let tag = |version: u64| format!("\"{version:032x}\"");
        let there = self.objects.get(&path);
        match request.method.as_str() {
            "GET" => match there {
                Some((version, bytes)) => Response {
                    status: 200,
                    headers: vec![("ETag", tag(*version))],
                    body: bytes.clone(),
                },
                None => error(404, "NoSuchKey"),
            },
            "PUT" => {
                let wanted = request.header("if-match");
                let absent = request.header("if-none-match").is_some();
                match there {
                    Some(_) if absent => return error(412, "PreconditionFailed"),
                    Some((version, _)) if wanted.is_some_and(|wanted| wanted != tag(*version)) => {
                        return error(412, "PreconditionFailed");
                    }
                    None if wanted.is_some() => return error(404, "NoSuchKey"),
                    _ => {}
                }
                self.writes += 1;
                self.objects
                    .insert(path, (self.writes, request.body.clone()));
                Response {
                    status: 200,
                    headers: vec![("ETag", tag(self.writes))],
                    body: Vec::new(),
                }
            }
            _ => error(405, "MethodNotAllowed"),
        }
    }
}
