//! Credentials and tokens: what a served registry asks for, and when it stops accepting it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use serde_json::json;
use tokio::time::Instant;

use super::answer::{Answer, Refusal, json_answer, text};
use super::route::Query;
use crate::Credential;

/// The credentials that a served registry asks for.
///
/// What is accepted may expire, after some requests or some time: a token, and a password too, as ECR's does after twelve
/// hours. An expired password stays so; name the one that comes after it with [`or`](Self::or).
#[derive(Debug, Clone)]
pub struct Auth {
    scheme: Scheme,
    credentials: Vec<Credential>,
    requests: Option<u64>,
    time: Option<Duration>,
    forbids_expired: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

impl Auth {
    /// User name and password with each request, as ECR wants.
    pub fn basic(credential: Credential) -> Self {
        Self::new(Scheme::Basic, credential)
    }

    /// A token, which the server's own token endpoint issues for user name and password. It opens the repositories that it
    /// was asked for, and no others.
    pub fn bearer(credential: Credential) -> Self {
        Self::new(Scheme::Bearer, credential)
    }

    fn new(scheme: Scheme, credential: Credential) -> Self {
        Self {
            scheme,
            credentials: vec![credential],
            requests: None,
            time: None,
            forbids_expired: false,
        }
    }

    /// Accepts another credential as well.
    #[must_use]
    pub fn or(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// Lets each token, or each password with Basic, be used for so many requests.
    #[must_use]
    pub const fn expires_after_requests(mut self, requests: u64) -> Self {
        self.requests = Some(requests);
        self
    }

    /// Lets each token be used for so long from its issue, or each password with Basic from its first use.
    #[must_use]
    pub const fn expires_after(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Answers what has expired with 403 and `DENIED` instead of 401: ECR's "Your authorization token has expired".
    #[must_use]
    pub const fn forbid_expired(mut self, forbid: bool) -> Self {
        self.forbids_expired = forbid;
        self
    }

    fn has_expired(&self, life: &Life) -> bool {
        self.requests.is_some_and(|requests| life.used >= requests)
            || self.time.is_some_and(|time| life.since.elapsed() >= time)
    }
}

/// What a request needs: a repository's path, and whether to read or to write.
pub(super) type Access<'a> = (&'a str, &'static str);

/// What was issued and used so far.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Issued>);

#[derive(Debug, Default)]
struct Issued {
    tokens: Vec<Token>,
    /// By the index of the credential.
    passwords: BTreeMap<usize, Life>,
}

#[derive(Debug)]
struct Token {
    scopes: Vec<String>,
    life: Life,
}

#[derive(Debug)]
struct Life {
    used: u64,
    since: Instant,
}

impl Life {
    fn new() -> Self {
        Self {
            used: 0,
            since: Instant::now(),
        }
    }
}

/// Why a request is not let in.
enum Problem {
    Missing,
    Expired,
    Insufficient,
}

impl Gate {
    /// Lets a request in, and counts it.
    pub(super) fn enter(
        &self,
        auth: &Auth,
        headers: &HeaderMap,
        needs: &[Access<'_>],
        host: SocketAddr,
    ) -> Result<(), Refusal> {
        let mut issued = self.lock();
        let life = match auth.scheme {
            Scheme::Basic => password(auth, headers)
                .map(|index| issued.passwords.entry(index).or_insert_with(Life::new))
                .ok_or(Problem::Missing),
            Scheme::Bearer => issued.token(headers).and_then(|token| {
                let opens = needs.iter().all(|need| token.opens(need));
                opens
                    .then_some(&mut token.life)
                    .ok_or(Problem::Insufficient)
            }),
        };
        let problem = match life {
            Ok(life) if !auth.has_expired(life) => {
                life.used += 1;
                return Ok(());
            }
            Ok(_) => Problem::Expired,
            Err(problem) => problem,
        };
        Err(auth.refuse(&problem, needs, host))
    }

    /// Answers the token endpoint.
    pub(super) fn issue(
        &self,
        auth: &Auth,
        headers: &HeaderMap,
        query: &Query,
    ) -> Result<Answer, Refusal> {
        if auth.scheme != Scheme::Bearer {
            return Err(Refusal::not_found(
                "UNSUPPORTED",
                "tokens are not issued here",
            ));
        }
        if password(auth, headers).is_none() {
            let refusal = unauthorized("the token endpoint wants a user name and a password");
            let challenge = text("Basic realm=\"simulated\"");
            return Err(refusal.header(WWW_AUTHENTICATE, challenge));
        }
        let scopes = query.all("scope").flat_map(|scope| scope.split(' '));
        let token = Token {
            scopes: scopes.map(str::to_owned).collect(),
            life: Life::new(),
        };
        let mut issued = self.lock();
        issued.tokens.push(token);
        let name = format!("token-{}", issued.tokens.len());
        drop(issued);
        // A token that ends by the count is promised for longer: the client learns of its end from the answer alone.
        let seconds = auth.time.map_or(300, |time| time.as_secs().max(1));
        let body = json!({ "token": name, "access_token": name, "expires_in": seconds });
        Ok(json_answer(StatusCode::OK, body.to_string()))
    }

    /// Counts the use of passwords anew.
    pub(super) fn forget_passwords(&self) {
        self.lock().passwords.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issued {
    fn token(&mut self, headers: &HeaderMap) -> Result<&mut Token, Problem> {
        let name = authorization(headers, "bearer").ok_or(Problem::Missing)?;
        let number: Option<usize> = name.strip_prefix("token-").and_then(|n| n.parse().ok());
        number
            .and_then(|number| self.tokens.get_mut(number.checked_sub(1)?))
            .ok_or(Problem::Missing)
    }
}

impl Token {
    fn opens(&self, (path, action): &Access<'_>) -> bool {
        self.scopes.iter().any(|scope| {
            let actions = scope
                .strip_prefix("repository:")
                .and_then(|rest| rest.strip_prefix(*path)?.strip_prefix(':'));
            actions.is_some_and(|actions| {
                actions
                    .split(',')
                    .any(|given| given == *action || given == "*")
            })
        })
    }
}

impl Auth {
    fn refuse(&self, problem: &Problem, needs: &[Access<'_>], host: SocketAddr) -> Refusal {
        let message = match problem {
            Problem::Missing => "authentication required",
            Problem::Expired => {
                "Your authorization token has expired. Reauthenticate and try again."
            }
            Problem::Insufficient => "the token does not open this",
        };
        if self.forbids_expired && matches!(problem, Problem::Expired) {
            return Refusal::new(StatusCode::FORBIDDEN, "DENIED", message);
        }
        let challenge = match self.scheme {
            Scheme::Basic => format!("Basic realm=\"http://{host}/\",service=\"simulated\""),
            Scheme::Bearer => {
                let scopes: Vec<String> = needs
                    .iter()
                    .map(|(path, action)| match *action {
                        "push" => format!("repository:{path}:pull,push"),
                        action => format!("repository:{path}:{action}"),
                    })
                    .collect();
                let scope = match &*scopes {
                    [] => String::new(),
                    scopes => format!(",scope=\"{}\"", scopes.join(" ")),
                };
                let realm = format!("Bearer realm=\"http://{host}/token\",service=\"simulated\"");
                match problem {
                    Problem::Missing => format!("{realm}{scope}"),
                    Problem::Expired => format!("{realm}{scope},error=\"invalid_token\""),
                    Problem::Insufficient => format!("{realm}{scope},error=\"insufficient_scope\""),
                }
            }
        };
        unauthorized(message).header(WWW_AUTHENTICATE, text(challenge))
    }
}

fn unauthorized(message: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
}

/// What follows the scheme in the `Authorization` header.
fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// The index of the credential that a request brings.
fn password(auth: &Auth, headers: &HeaderMap) -> Option<usize> {
    let pair = STANDARD.decode(authorization(headers, "basic")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (username, secret) = pair.split_once(':')?;
    auth.credentials
        .iter()
        .position(|known| known.username() == username && known.secret() == secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
    const PUSH: &[Access<'_>] = &[("app", "pull"), ("app", "push")];

    fn headers(authorization: &str) -> HeaderMap {
        [(AUTHORIZATION, text(authorization))].into_iter().collect()
    }

    fn basic(username: &str, secret: &str) -> HeaderMap {
        let pair = STANDARD.encode(format!("{username}:{secret}"));
        headers(&format!("Basic {pair}"))
    }

    fn credential(secret: &str) -> Credential {
        Credential::new("AWS", secret)
    }

    fn status(result: Result<(), Refusal>) -> u16 {
        result.map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_password_expires_and_the_next_one_is_accepted() {
        let auth = Auth::basic(credential("one")).or(credential("two"));
        let auth = auth.expires_after_requests(2);
        let gate = Gate::default();
        let enter =
            |auth: &Auth, secret| status(gate.enter(auth, &basic("AWS", secret), PUSH, HOST));
        let answers = ["one", "wrong", "one", "one", "two"].map(|secret| enter(&auth, secret));
        assert_eq!(answers, [200, 401, 200, 401, 200]);
        let forbidding = auth.forbid_expired(true);
        assert_eq!(enter(&forbidding, "one"), 403);
        assert_eq!(enter(&forbidding, "wrong"), 401);
    }

    #[test]
    fn a_token_opens_what_it_was_asked_for() {
        let auth = Auth::bearer(credential("one")).expires_after_requests(1);
        let gate = Gate::default();
        let query = Query::parse(Some("scope=repository:app:pull,push"));
        assert!(gate.issue(&auth, &HeaderMap::new(), &query).is_err());
        for _ in 0..2 {
            assert!(gate.issue(&auth, &basic("AWS", "one"), &query).is_ok());
        }
        let enter = |token: &str, needs| {
            status(gate.enter(&auth, &headers(&format!("Bearer {token}")), needs, HOST))
        };
        assert_eq!(enter("token-1", &[("ap", "pull")]), 401);
        assert_eq!(enter("token-1", PUSH), 200);
        assert_eq!(enter("token-1", PUSH), 401, "it has expired");
        assert_eq!(enter("token-2", PUSH), 200);
        for unknown in ["token-0", "token-3", "token-x", "x"] {
            assert_eq!(enter(unknown, PUSH), 401, "{unknown}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_ends_with_its_time() {
        let auth = Auth::bearer(credential("one")).expires_after(Duration::from_secs(10));
        let gate = Gate::default();
        let query = Query::parse(Some("scope=repository:app:*"));
        assert!(gate.issue(&auth, &basic("AWS", "one"), &query).is_ok());
        let enter = || status(gate.enter(&auth, &headers("Bearer token-1"), PUSH, HOST));
        assert_eq!(enter(), 200);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(enter(), 401);
    }
}
