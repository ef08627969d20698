//! Connections to services, within a time.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::service::{ServiceError, ServiceName};

/// How long a conversation with a service may take. It is a few short answers from the same network.
const PATIENCE: Duration = Duration::from_secs(10);

/// A service and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) service: ServiceName,
    pub(crate) endpoint: Endpoint,
}

impl Place {
    /// A whole conversation, within its time.
    pub(crate) async fn within<T: Send>(
        &self,
        conversation: impl Future<Output = Result<T, ServiceError>> + Send,
    ) -> Result<T, ServiceError> {
        match timeout(PATIENCE, conversation).await {
            Ok(result) => result,
            Err(_) => Err(ServiceError::Silent {
                service: self.service,
                endpoint: self.endpoint.clone(),
                seconds: PATIENCE.as_secs(),
            }),
        }
    }

    pub(crate) async fn connect(&self) -> Result<Connection<'_>, ServiceError> {
        let address = (self.endpoint.host(), self.endpoint.port());
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|source| self.unreachable(source))?;
        // Without it everything still works, only later.
        let _ = stream.set_nodelay(true);
        Ok(Connection {
            place: self,
            stream,
            buffer: Vec::new(),
        })
    }

    pub(crate) fn unreachable(&self, source: io::Error) -> ServiceError {
        ServiceError::Unreachable {
            service: self.service,
            endpoint: self.endpoint.clone(),
            source,
        }
    }

    pub(crate) fn strange(&self, what: &'static str) -> ServiceError {
        ServiceError::Strange {
            service: self.service,
            endpoint: self.endpoint.clone(),
            what,
        }
    }

    pub(crate) fn refused(&self, what: &'static str, answer: impl Into<String>) -> ServiceError {
        ServiceError::Refused {
            service: self.service,
            endpoint: self.endpoint.clone(),
            what,
            answer: answer.into(),
        }
    }

    pub(crate) fn logged_out(&self) -> ServiceError {
        ServiceError::LoggedOut {
            service: self.service,
            endpoint: self.endpoint.clone(),
        }
    }
}

/// A connection and what was read of it beyond what was asked for. It is not Debug: it may hold a password.
pub(crate) struct Connection<'a> {
    pub(crate) place: &'a Place,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection<'_> {
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), ServiceError> {
        let sent = self.stream.write_all(bytes).await;
        sent.map_err(|source| self.place.unreachable(source))
    }

    /// The next bytes: as many as `whole` finds to belong together in what there is, which it says once there are enough.
    pub(crate) async fn receive<T>(
        &mut self,
        most: usize,
        whole: impl Fn(&[u8]) -> Result<Option<(T, usize)>, &'static str> + Send,
    ) -> Result<T, ServiceError> {
        loop {
            let found = whole(&self.buffer).map_err(|what| self.place.strange(what))?;
            if let Some((value, length)) = found {
                self.buffer.drain(..length);
                return Ok(value);
            }
            if self.buffer.len() >= most {
                return Err(self.place.strange("its answer is too long"));
            }
            let read = self.stream.read_buf(&mut self.buffer).await;
            if read.map_err(|source| self.place.unreachable(source))? == 0 {
                let end = io::ErrorKind::UnexpectedEof.into();
                return Err(self.place.unreachable(end));
            }
        }
    }
}
