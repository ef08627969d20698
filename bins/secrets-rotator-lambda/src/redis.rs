//! Redis: a user can have several passwords, so that the old and the new one are taken until the rotation ends.
//!
//! Commands: <https://redis.io/docs/latest/commands/acl-setuser/>, protocol:
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

mod reply;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};

use crate::endpoint::Endpoint;
use crate::name::UserName;
use crate::net::{Connection, Place};
use crate::password::Password;
use crate::service::{DataService, ServiceError, ServiceName};
use reply::Reply;

/// The user whose password `requirepass` is.
const DEFAULT: &str = "default";

/// The longest answer that is read. `INFO server` is some 1,500 bytes.
const MOST: usize = 64 * 1024;

/// A Redis, of version 6 or later.
///
/// While a rotation goes on the user has two passwords, which its `CONFIG REWRITE` or `ACL SAVE` makes it keep if it has a
/// configuration file or a file of users; in the end it has the new one alone. A server that was started with neither reads
/// its password from wherever its command line has it.
#[derive(Debug, Clone)]
pub struct Redis {
    place: Place,
    user: UserName,
}

impl Redis {
    /// The user of a Redis.
    #[must_use]
    pub const fn new(endpoint: Endpoint, user: UserName) -> Self {
        let service = ServiceName::Redis;
        Self {
            place: Place { service, endpoint },
            user,
        }
    }

    /// Logs in; `None` if the password is wrong.
    async fn log_in(&self, password: &Password) -> Result<Option<Connection<'_>>, ServiceError> {
        let mut connection = self.place.connect().await?;
        let password = password.reveal();
        // With a user, a Redis that has no password at all would take any.
        let words = match self.user.as_str() {
            DEFAULT => vec!["AUTH", password],
            user => vec!["AUTH", user, password],
        };
        match ask(&mut connection, &words).await? {
            Reply::Text(ok) if ok == "OK" => Ok(Some(connection)),
            Reply::Error(code) if code == "WRONGPASS" => Ok(None),
            Reply::Error(code) if code == "ERR" => {
                let what = "it has no password, or is older than version 6";
                Err(self.place.strange(what))
            }
            Reply::Error(code) => Err(self.place.refused("AUTH", code)),
            _ => Err(self
                .place
                .strange("its answer to AUTH is neither OK nor an error")),
        }
    }

    async fn enter(&self, password: &Password) -> Result<Connection<'_>, ServiceError> {
        let connection = self.log_in(password).await?;
        connection.ok_or_else(|| self.place.logged_out())
    }

    /// Makes the server keep its users as they are now, if it keeps them anywhere.
    async fn keep(&self, connection: &mut Connection<'_>) -> Result<(), ServiceError> {
        let users = self.must(
            connection,
            "CONFIG GET aclfile",
            &["CONFIG", "GET", "aclfile"],
        );
        let has_users = match users.await? {
            Reply::List(pair) => pair.get(1).is_some_and(|file| !file.is_empty()),
            _ => return Err(self.place.strange("its answer to CONFIG GET is no list")),
        };
        if has_users {
            self.must(connection, "ACL SAVE", &["ACL", "SAVE"]).await?;
            return Ok(());
        }
        let Reply::Text(info) = self
            .must(connection, "INFO server", &["INFO", "server"])
            .await?
        else {
            return Err(self.place.strange("its answer to INFO is no text"));
        };
        let file = info
            .lines()
            .find_map(|line| line.strip_prefix("config_file:"));
        if file.is_some_and(|file| !file.trim().is_empty()) {
            self.must(connection, "CONFIG REWRITE", &["CONFIG", "REWRITE"])
                .await?;
        }
        Ok(())
    }

    /// Asks for what has to succeed.
    async fn must(
        &self,
        connection: &mut Connection<'_>,
        what: &'static str,
        words: &[&str],
    ) -> Result<Reply, ServiceError> {
        match ask(connection, words).await? {
            Reply::Error(code) => Err(self.place.refused(what, code)),
            reply => Ok(reply),
        }
    }
}

#[async_trait]
impl DataService for Redis {
    async fn accepts(&self, password: &Password) -> Result<bool, ServiceError> {
        let tried = async { Ok(self.log_in(password).await?.is_some()) };
        self.place.within(tried).await
    }

    async fn set(&self, by: &Password, new: &Password) -> Result<(), ServiceError> {
        let conversation = async {
            let mut connection = self.enter(by).await?;
            let (old, new) = (hashed(by), hashed(new));
            let mut words = vec!["ACL", "SETUSER", self.user.as_str()];
            if old == new {
                words.push(&new);
            } else {
                // One command, so that there is no moment without a password. What an earlier rotation left goes.
                words.extend(["resetpass", old.as_str(), new.as_str()]);
            }
            self.must(&mut connection, "ACL SETUSER", &words).await?;
            self.keep(&mut connection).await
        };
        self.place.within(conversation).await
    }

    async fn keep_only(&self, password: &Password) -> Result<(), ServiceError> {
        let conversation = async {
            let mut connection = self.enter(password).await?;
            match self.user.as_str() {
                // Else `requirepass` would still tell the old one, and stand in the file of the next CONFIG REWRITE.
                DEFAULT => {
                    let words = ["CONFIG", "SET", "requirepass", password.reveal()];
                    self.must(&mut connection, "CONFIG SET requirepass", &words)
                        .await?
                }
                user => {
                    let words = ["ACL", "SETUSER", user, "resetpass", &hashed(password)];
                    self.must(&mut connection, "ACL SETUSER", &words).await?
                }
            };
            self.keep(&mut connection).await
        };
        self.place.within(conversation).await
    }
}

async fn ask(connection: &mut Connection<'_>, words: &[&str]) -> Result<Reply, ServiceError> {
    connection.send(&reply::command(words)).await?;
    connection.receive(MOST, Reply::parse).await
}

/// A password as a rule of `ACL SETUSER` that adds it by its hash.
fn hashed(password: &Password) -> String {
    let hash = digest(&SHA256, password.reveal().as_bytes());
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("#".to_owned()).chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_added_by_its_hash() {
        // FIPS 180-4's example.
        assert_eq!(
            hashed(&"abc".parse().unwrap()),
            "#ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
