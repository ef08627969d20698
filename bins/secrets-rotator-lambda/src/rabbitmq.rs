//! RabbitMQ, through the HTTP API of its management plugin: a user has one password.
//!
//! <https://www.rabbitmq.com/docs/http-api-reference>

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::name::UserName;
use crate::net::Place;
use crate::password::Password;
use crate::service::{DataService, ServiceError, ServiceName};

/// The longest answer that is read. A user is some 200 bytes.
const MOST: usize = 64 * 1024;

/// A RabbitMQ with its management plugin.
///
/// The user has to have the tag `administrator`, since no other may change passwords, not even its own.
#[derive(Debug, Clone)]
pub struct RabbitMq {
    place: Place,
    user: UserName,
}

impl RabbitMq {
    /// The user of a RabbitMQ whose management plugin listens at `endpoint`.
    #[must_use]
    pub const fn new(endpoint: Endpoint, user: UserName) -> Self {
        let service = ServiceName::RabbitMq;
        Self {
            place: Place { service, endpoint },
            user,
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        password: &Password,
        body: Option<Value>,
    ) -> Result<(StatusCode, Bytes), ServiceError> {
        let connection = self.place.connect().await?;
        let stream = TokioIo::new(connection.into_stream());
        let broken = |error: hyper::Error| self.place.unreachable(std::io::Error::other(error));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(broken)?;
        let login = format!("{}:{}", self.user, password.reveal());
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.place.endpoint.to_string())
            .header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(login)))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(
                body.map_or_else(Bytes::new, |body| body.to_string().into()),
            ))
            .expect("a path that is encoded and headers of ASCII are a request");
        let exchange = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MOST).collect().await;
            let body =
                body.map_err(|_| self.place.strange("its answer is too long or ends early"))?;
            Ok((status, body.to_bytes()))
        };
        // The connection is driven for as long as the exchange takes, and dropped with it.
        tokio::pin!(exchange, connection);
        tokio::select! {
            biased;
            answer = &mut exchange => answer,
            ended = &mut connection => match ended {
                // What came before the end is still to be read.
                Ok(()) => exchange.await,
                Err(error) => Err(broken(error)),
            },
        }
    }

    fn path(&self) -> String {
        let user = utf8_percent_encode(self.user.as_str(), NON_ALPHANUMERIC);
        format!("/api/users/{user}")
    }

    /// The user's tags, which a change of the password has to name again.
    async fn tags(&self, by: &Password) -> Result<String, ServiceError> {
        let what = "GET /api/users";
        let (status, body) = self.request(Method::GET, &self.path(), by, None).await?;
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(self.place.logged_out()),
            status => return Err(self.place.refused(what, status.as_str())),
        }
        let user: Option<Value> = serde_json::from_slice(&body).ok();
        let tags = match user.as_ref().and_then(|user| user.get("tags")) {
            Some(Value::String(tags)) => Some(tags.clone()),
            Some(Value::Array(tags)) => {
                let tags: Option<Vec<&str>> = tags.iter().map(Value::as_str).collect();
                tags.map(|tags| tags.join(","))
            }
            _ => None,
        };
        tags.ok_or_else(|| self.place.strange("it tells no tags of the user"))
    }
}

#[async_trait]
impl DataService for RabbitMq {
    async fn accepts(&self, password: &Password) -> Result<bool, ServiceError> {
        let tried = async {
            let (status, body) = self
                .request(Method::GET, "/api/whoami", password, None)
                .await?;
            match status {
                StatusCode::OK => {
                    let told: Option<Value> = serde_json::from_slice(&body).ok();
                    let name = told.as_ref().and_then(|told| told.get("name")?.as_str());
                    match name == Some(self.user.as_str()) {
                        true => Ok(true),
                        false => Err(self.place.strange("it takes the user for another")),
                    }
                }
                StatusCode::UNAUTHORIZED => Ok(false),
                status => Err(self.place.refused("GET /api/whoami", status.as_str())),
            }
        };
        self.place.within(tried).await
    }

    async fn set(&self, by: &Password, new: &Password) -> Result<(), ServiceError> {
        if by == new {
            return Ok(());
        }
        let conversation = async {
            let tags = self.tags(by).await?;
            let body = json!({"password": new.reveal(), "tags": tags});
            let (status, _) = self
                .request(Method::PUT, &self.path(), by, Some(body))
                .await?;
            match status {
                StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
                StatusCode::UNAUTHORIZED => Err(self.place.logged_out()),
                status => Err(self.place.refused("PUT /api/users", status.as_str())),
            }
        };
        self.place.within(conversation).await
    }

    /// It never has two.
    async fn keep_only(&self, _: &Password) -> Result<(), ServiceError> {
        Ok(())
    }
}
