//! MongoDB: a user has one password.
//!
//! Commands: <https://www.mongodb.com/docs/manual/reference/command/updateUser/>, login:
//! <https://github.com/mongodb/specifications/blob/master/source/auth/auth.md>.

mod message;
mod scram;

use async_trait::async_trait;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::spec::BinarySubtype;
use bson::{Binary, Document, doc};

use crate::endpoint::Endpoint;
use crate::name::UserName;
use crate::net::{Connection, Place};
use crate::password::Password;
use crate::service::{DataService, ServiceError, ServiceName};
use scram::Exchange;

/// The longest answer that is read. `hello` is some 1,000 bytes.
const MOST: usize = 64 * 1024;

/// The database that users of the whole server are in.
const ADMIN: &str = "admin";

/// What the server says to a wrong password, or to a user it does not know.
const AUTHENTICATION_FAILED: i64 = 18;

/// What the server says to a command that it does not have.
const COMMAND_NOT_FOUND: i64 = 59;

/// A MongoDB, of version 4.0 or later, that the user logs in to with SCRAM-SHA-256.
///
/// The user stands in the database `admin`. It may change its own password with the role `userAdmin` there, or with any that
/// has the privilege `changeOwnPassword`, such as `root`.
#[derive(Debug, Clone)]
pub struct MongoDb {
    place: Place,
    user: UserName,
}

impl MongoDb {
    /// The user of a MongoDB.
    #[must_use]
    pub const fn new(endpoint: Endpoint, user: UserName) -> Self {
        let service = ServiceName::MongoDb;
        Self {
            place: Place { service, endpoint },
            user,
        }
    }

    /// Logs in; `None` if the password is wrong.
    async fn log_in(&self, password: &Password) -> Result<Option<Connection<'_>>, ServiceError> {
        let mut connection = self.place.connect().await?;
        let hello = doc! {"hello": 1, "$db": ADMIN};
        let greeted = self.ask(&mut connection, &hello).await?;
        match message::failure(&greeted) {
            // The command came with 4.4.2, 4.2.10 and 4.0.21; the login does not need it.
            Some(failure) if failure.code == Some(COMMAND_NOT_FOUND) => {}
            Some(failure) => return Err(self.place.refused("hello", failure.to_string())),
            None => {}
        }

        let exchange = Exchange::new(self.user.as_str(), nonce());
        let start = doc! {
            "saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": payload(exchange.first()),
            "options": {"skipEmptyExchange": true}, "$db": ADMIN,
        };
        let Some(first) = self.sasl(&mut connection, "saslStart", &start).await? else {
            return Ok(None);
        };
        let id = first.get("conversationId").cloned();
        let id = id.ok_or_else(|| self.place.strange("its login has no conversationId"))?;
        let go_on = |payload: Binary| doc! {"saslContinue": 1, "conversationId": id.clone(), "payload": payload, "$db": ADMIN};

        let first = self.text(&first)?;
        let (last, proof) = exchange
            .answer(first, password)
            .map_err(|what| self.place.strange(what))?;
        let last = go_on(payload(last));
        let Some(mut told) = self.sasl(&mut connection, "saslContinue", &last).await? else {
            return Ok(None);
        };
        proof
            .check(self.text(&told)?)
            .map_err(|what| self.place.strange(what))?;
        // Servers before 4.4 want one more round, with nothing in it.
        if !told.get_bool("done").unwrap_or(false) {
            let nothing = go_on(payload(String::new()));
            match self.sasl(&mut connection, "saslContinue", &nothing).await? {
                Some(end) => told = end,
                None => return Ok(None),
            }
        }
        match told.get_bool("done") {
            Ok(true) => Ok(Some(connection)),
            _ => Err(self.place.strange("its login does not end")),
        }
    }

    /// A step of the login; `None` if it failed for the password.
    async fn sasl(
        &self,
        connection: &mut Connection<'_>,
        what: &'static str,
        command: &Document,
    ) -> Result<Option<Document>, ServiceError> {
        let answer = self.ask(connection, command).await?;
        match message::failure(&answer) {
            None => Ok(Some(answer)),
            Some(failure) if failure.code == Some(AUTHENTICATION_FAILED) => Ok(None),
            Some(failure) => Err(self.place.refused(what, failure.to_string())),
        }
    }

    fn text<'a>(&self, answer: &'a Document) -> Result<&'a str, ServiceError> {
        let bytes = answer.get_binary_generic("payload").ok();
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.ok_or_else(|| self.place.strange("its login has no payload of text"))
    }

    /// Asks for what has to succeed.
    async fn must(
        &self,
        connection: &mut Connection<'_>,
        what: &'static str,
        command: &Document,
    ) -> Result<(), ServiceError> {
        let answer = self.ask(connection, command).await?;
        match message::failure(&answer) {
            None => Ok(()),
            Some(failure) => Err(self.place.refused(what, failure.to_string())),
        }
    }

    async fn ask(
        &self,
        connection: &mut Connection<'_>,
        command: &Document,
    ) -> Result<Document, ServiceError> {
        connection.send(&message::wrap(command)).await?;
        connection.receive(MOST, message::unwrap).await
    }
}

#[async_trait]
impl DataService for MongoDb {
    async fn accepts(&self, password: &Password) -> Result<bool, ServiceError> {
        let tried = async { Ok(self.log_in(password).await?.is_some()) };
        self.place.within(tried).await
    }

    async fn set(&self, by: &Password, new: &Password) -> Result<(), ServiceError> {
        if by == new {
            return Ok(());
        }
        let conversation = async {
            let connection = self.log_in(by).await?;
            let mut connection = connection.ok_or_else(|| self.place.logged_out())?;
            let update = doc! {
                "updateUser": self.user.as_str(), "pwd": new.reveal(),
                "writeConcern": {"w": "majority"}, "$db": ADMIN,
            };
            self.must(&mut connection, "updateUser", &update).await
        };
        self.place.within(conversation).await
    }

    /// It never has two.
    async fn keep_only(&self, _: &Password) -> Result<(), ServiceError> {
        Ok(())
    }
}

fn payload(text: String) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: text.into_bytes(),
    }
}

fn nonce() -> String {
    let mut bytes = [0; 24];
    rand::fill(&mut bytes).expect("the system has random bytes");
    STANDARD.encode(bytes)
}
