//! Bodies: what is sent is checked on its way, what is received is a reader.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, Response};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::blob::Verified;
use crate::{BlobReader, Descriptor, Error};

/// How much of a blob is in memory at a time.
const CHUNK: usize = 64 * 1024;

/// A request's body that is checked as it goes out: wrong content ends the request before its last byte, and the reason is
/// left in `failure`.
pub(super) fn checked(
    reader: BlobReader,
    blob: &Descriptor,
    failure: Arc<Mutex<Option<Error>>>,
) -> Body {
    let reader = Verified::new(reader, blob.digest.clone());
    let size = blob.size;
    // The last chunk waits until the end, where the digest tells whether it is the right one.
    let begin = (reader, 0_u64, None::<Bytes>);
    let chunks = stream::try_unfold(begin, move |(mut reader, mut read, mut held)| {
        let failure = Arc::clone(&failure);
        async move {
            loop {
                let mut buffer = vec![0; CHUNK];
                match reader.read(&mut buffer).await {
                    Ok(0) => return Ok(held.map(|last| (last, (reader, read, None)))),
                    Ok(count) => {
                        read += count as u64;
                        // Longer than promised: read to its end, where the digest will tell.
                        if read > size {
                            continue;
                        }
                        buffer.truncate(count);
                        if let Some(ready) = held.replace(Bytes::from(buffer)) {
                            return Ok(Some((ready, (reader, read, held))));
                        }
                    }
                    Err(error) => {
                        let (kind, text) = (error.kind(), error.to_string());
                        let inner = error.downcast::<Error>().ok();
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) = inner;
                        return Err(io::Error::new(kind, text));
                    }
                }
            }
        }
    });
    Body::wrap_stream(chunks)
}

/// A response's body as a reader.
pub(super) struct ResponseReader {
    chunks: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<Bytes>> + Send>>,
    rest: Bytes,
}

impl ResponseReader {
    pub(super) fn new(answer: Response) -> Self {
        Self {
            chunks: Box::pin(answer.bytes_stream()),
            rest: Bytes::new(),
        }
    }
}

impl AsyncRead for ResponseReader {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match std::task::ready!(self.chunks.as_mut().poll_next(cx)) {
                None => return std::task::Poll::Ready(Ok(())),
                Some(Ok(chunk)) => self.rest = chunk,
                Some(Err(error)) => return std::task::Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let count = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest.split_to(count));
        std::task::Poll::Ready(Ok(()))
    }
}
