//! Streams of blobs, which are checked on their way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::{Descriptor, Digest, Error};

/// How much of a blob is in memory at a time.
const CHUNK: usize = 64 * 1024;

/// A blob's bytes, as a stream.
pub type BlobReader = Pin<Box<dyn AsyncRead + Send>>;

/// Bytes that can be read more than once, as a retry has to.
#[async_trait]
pub trait Content: Send + Sync {
    /// Opens the bytes from their beginning.
    ///
    /// # Errors
    /// When they cannot be opened.
    async fn open(&self) -> io::Result<BlobReader>;
}

#[async_trait]
impl Content for [u8] {
    async fn open(&self) -> io::Result<BlobReader> {
        Ok(Box::pin(io::Cursor::new(self.to_vec())))
    }
}

#[async_trait]
impl Content for Vec<u8> {
    async fn open(&self) -> io::Result<BlobReader> {
        self.as_slice().open().await
    }
}

/// A reader that fails at its end when what it read is not what was promised.
pub(crate) struct Verified<R> {
    inner: R,
    hasher: Option<Sha256>,
    expected: Digest,
    size: u64,
}

impl<R: AsyncRead + Unpin> Verified<R> {
    pub(crate) fn new(inner: R, expected: Digest) -> Self {
        Self {
            inner,
            hasher: Some(Sha256::new()),
            expected,
            size: 0,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Verified<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        std::task::ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let fresh = &buf.filled()[before..];
        if fresh.is_empty() {
            if let Some(hasher) = self.hasher.take() {
                let actual = Digest::finish(hasher);
                if actual != self.expected {
                    let (expected, size) = (self.expected.clone(), self.size);
                    let error = Error::DigestMismatch {
                        expected,
                        actual,
                        size,
                    };
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                }
            }
        } else {
            let count = fresh.len() as u64;
            if let Some(hasher) = &mut self.hasher {
                hasher.update(fresh);
            }
            self.size += count;
        }
        Poll::Ready(Ok(()))
    }
}

/// Copies a stream and checks it against its descriptor; returns the bytes copied.
///
/// # Errors
/// Of the streams; with [`Error::DigestMismatch`] inside if the content is another.
pub(crate) async fn copy_verified(
    reader: BlobReader,
    writer: &mut (impl AsyncWrite + Unpin),
    blob: &Descriptor,
) -> io::Result<u64> {
    // One byte more than promised is enough to know that it is other content.
    let reader = reader.take(blob.size.saturating_add(1));
    let mut reader = Verified::new(reader, blob.digest.clone());
    let mut buffer = vec![0; CHUNK];
    let mut size = 0;
    loop {
        let count = reader.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        writer.write_all(&buffer[..count]).await?;
        size += count as u64;
    }
    writer.flush().await?;
    Ok(size)
}

/// Reads a whole small blob into memory and checks it.
///
/// # Errors
/// Of the stream; with [`Error::DigestMismatch`] inside if the content is another; when it is longer than `cap`.
pub(crate) async fn read_verified(
    reader: BlobReader,
    expected: &Digest,
    cap: u64,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = Verified::new(reader, expected.clone()).take(cap + 1);
    reader.read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > cap {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("`{expected}` is longer than {cap} bytes"),
        ));
    }
    Ok(bytes)
}

/// Takes the crate's own error out of an I/O error that carries one.
pub(crate) fn unwrap_io(error: io::Error, otherwise: impl FnOnce(io::Error) -> Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => otherwise(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MediaType;

    #[tokio::test]
    async fn damaged_content_is_an_error_at_its_end() {
        let blob = Descriptor::new(MediaType::new("x"), Digest::of(b"right"), 5);
        let mut out = Vec::new();
        let reader = b"right".to_vec().open().await.unwrap();
        assert_eq!(copy_verified(reader, &mut out, &blob).await.unwrap(), 5);
        let reader = b"wrong".to_vec().open().await.unwrap();
        let error = copy_verified(reader, &mut out, &blob).await.unwrap_err();
        let endless: BlobReader = Box::pin(tokio::io::repeat(7));
        assert!(copy_verified(endless, &mut out, &blob).await.is_err());
        let error = unwrap_io(error, |_| panic!("the crate's own error is inside"));
        assert!(matches!(error, Error::DigestMismatch { size: 5, .. }));
    }

    #[tokio::test]
    async fn the_cap_is_exact() {
        let bytes = vec![7; 100];
        let digest = Digest::of(&bytes);
        assert!(
            read_verified(bytes.open().await.unwrap(), &digest, 100)
                .await
                .is_ok()
        );
        assert!(
            read_verified(bytes.open().await.unwrap(), &digest, 99)
                .await
                .is_err()
        );
    }
}
