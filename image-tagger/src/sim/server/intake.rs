//! The body of a request, as it comes in: counted, and cut where it is to be cut.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::answer::Stop;
use super::log::Line;

/// The body of a request.
#[derive(Debug)]
pub(super) struct Intake {
    body: Incoming,
    line: Line,
    /// How many bytes are to come before the connection is cut.
    left: Option<u64>,
}

impl Intake {
    pub(super) const fn new(body: Incoming, line: Line, cut_after: Option<u64>) -> Self {
        Self {
            body,
            line,
            left: cut_after,
        }
    }

    /// The next bytes, `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        loop {
            if self.left == Some(0) {
                return Err(Stop::Cut);
            }
            let Some(frame) = self.body.frame().await else {
                // It ended before the place where it was to be cut: it is cut here.
                return self.left.map_or(Ok(None), |_| Err(Stop::Cut));
            };
            let Ok(mut bytes) = frame.map_err(|_| Stop::Cut)?.into_data() else {
                continue;
            };
            if let Some(left) = &mut self.left {
                bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= bytes.len() as u64;
            }
            self.line.received(bytes.len() as u64);
            return Ok(Some(bytes));
        }
    }

    /// The whole body, if it has no more than `cap` bytes.
    pub(super) async fn whole(&mut self, cap: u64) -> Result<Option<Vec<u8>>, Stop> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.next().await? {
            if whole.len() as u64 + bytes.len() as u64 > cap {
                return Ok(None);
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(Some(whole))
    }

    /// Reads what nobody wanted: a client that is still sending does not see an answer.
    pub(super) async fn drain(&mut self) -> Result<(), Stop> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}
