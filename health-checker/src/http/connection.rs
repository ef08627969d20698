//! One connection and the requests that go over it.

use std::error::Error as _;
use std::future::Future;
use std::io;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::timeout_at;
use url::Url;

use super::answer::Answer;
use super::request;
use crate::header::Header;
use crate::net::{Clock, Stream, Trouble};
use crate::text;

/// The most bytes of a body that are read.
const BODY_CAP: usize = 64 * 1024;

type BoxedStream = TokioIo<Box<dyn Stream>>;

/// A fresh connection, not yet asked anything.
pub(super) struct Connection {
    requests: Requests,
    wire: http1::Connection<BoxedStream, Empty<Bytes>>,
}

impl Connection {
    pub(super) async fn over(stream: Box<dyn Stream>) -> Result<Self, Trouble> {
        let (sender, wire) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Trouble::broken("breaks the connection off", text::chain(&error)))?;
        Ok(Self {
            requests: Requests { sender },
            wire,
        })
    }

    /// Has requests made over this connection, which ends with them.
    pub(super) async fn carry<T>(self, work: impl AsyncFnOnce(Requests) -> T) -> T {
        let Self { requests, wire } = self;
        let work = std::pin::pin!(work(requests));
        let wire = Box::pin(wire);
        match select(work, wire).await {
            Either::Left((done, _)) => done,
            // The server closed it. Whoever asks for more must not wait for a wire that nobody drives: it is dropped by
            // now, and says so.
            Either::Right((_, work)) => work.await,
        }
    }
}

/// The requesting side of a connection.
pub(super) struct Requests {
    sender: SendRequest<Empty<Bytes>>,
}

impl Requests {
    /// Whether another request can go over this connection.
    pub(super) async fn is_open(&mut self, clock: &Clock) -> bool {
        matches!(
            timeout_at(clock.deadline, self.sender.ready()).await,
            Ok(Ok(()))
        )
    }

    /// Asks for a URL and reads the answer.
    pub(super) async fn get(
        &mut self,
        url: &Url,
        headers: &[Header],
        clock: &Clock,
    ) -> Result<Answer, Trouble> {
        let request = request::get(url, headers).ok_or_else(|| {
            Trouble::unreachable("cannot be asked: its address holds what HTTP cannot carry")
        })?;
        let response = within(clock, None, self.sender.send_request(request)).await?;
        let (parts, mut incoming) = response.into_parts();
        let status = parts.status.as_u16();
        let mut body = Vec::new();
        let mut is_cut = false;
        while let Some(frame) = within(clock, Some(status), async {
            incoming.frame().await.transpose()
        })
        .await?
        {
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let room = BODY_CAP - body.len();
            body.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                is_cut = true;
                break;
            }
        }
        Ok(Answer {
            status,
            headers: parts.headers,
            body,
            is_cut,
        })
    }
}

/// Waits for the server until the time is up.
async fn within<T>(
    clock: &Clock,
    status: Option<u16>,
    work: impl Future<Output = Result<T, hyper::Error>>,
) -> Result<T, Trouble> {
    match timeout_at(clock.deadline, work).await {
        Ok(Ok(value)) => Ok(value),
        Err(_) => Err(Trouble::Silent { status }),
        Ok(Err(error)) => {
            let text = text::chain(&error);
            Err(
                if error.is_incomplete_message() || error.is_canceled() || is_end_of_file(&error) {
                    Trouble::Closed {
                        status,
                        error: text,
                    }
                } else if error.is_parse() {
                    Trouble::Broken {
                        reason: "answers, but not in HTTP".to_owned(),
                        status,
                        error: text,
                    }
                } else {
                    Trouble::Broken {
                        reason: "breaks the connection off".to_owned(),
                        status,
                        error: text,
                    }
                },
            )
        }
    }
}

/// Whether the connection ended within a body.
fn is_end_of_file(error: &hyper::Error) -> bool {
    let cause = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}
