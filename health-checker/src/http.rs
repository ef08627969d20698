//! Probing over HTTP/1.1, one connection at a time.

mod answer;
mod builds;
mod connection;
mod judge;
mod request;

use std::net::SocketAddr;

use url::Url;

use crate::actuator;
use crate::net::{Clock, Dialer, Endpoint, Trouble};
use crate::probe::{Observation, State};
use crate::revision::Revision;
use crate::target::{RevisionSource, Target};
use crate::text;
use answer::Answer;
use builds::Builds;
pub(crate) use builds::Turns;
use connection::{Connection, Requests};
use judge::{judge, serves};

/// How many redirects are followed where that is asked for.
const MOST_HOPS: usize = 5;

/// Asks one address of a target.
pub(crate) async fn ask(
    dialer: &Dialer,
    turns: &Turns,
    target: &Target,
    address: SocketAddr,
    clock: &Clock,
) -> Result<Observation, Trouble> {
    let here = Place {
        dialer,
        url: target.url.clone(),
        address,
        questions: turns.questions(target, address),
    };
    let connection = here.connect(clock).await?;
    let (answer, latency, identity) = connection
        .carry(async |mut requests| {
            let answer = requests.get(&target.url, &target.headers, clock).await?;
            let latency = clock.elapsed();
            if target.follow_redirects && answer.is_redirect() {
                return Ok((answer, latency, Identity::NotAsked));
            }
            let identity = question(target, &here, &answer, &mut requests, clock).await;
            Ok((answer, latency, identity))
        })
        .await?;
    if target.follow_redirects && answer.is_redirect() {
        return follow(target, here, answer, clock).await;
    }
    let observation = judge(target, &answer).latency(latency);
    finish(target, &here, observation, identity, clock).await
}

/// What a GET of `url` answers with, over a connection of its own. For endpoints of other protocols' servers.
pub(crate) async fn get(
    dialer: &Dialer,
    url: &Url,
    clock: &Clock,
) -> Result<(u16, Vec<u8>), Trouble> {
    let endpoint = Endpoint::of(url)?;
    let addresses = dialer.addresses(&endpoint, clock).await?;
    let address = *addresses
        .first()
        .ok_or_else(|| Trouble::unreachable("cannot be asked: its address has no host"))?;
    let stream = dialer.connect(&endpoint, address, clock).await?;
    let answer = Connection::over(stream)
        .await?
        .carry(async |mut requests| requests.get(url, &[], clock).await)
        .await?;
    Ok((answer.status, answer.body))
}

/// Where a question goes.
struct Place<'a> {
    dialer: &'a Dialer,
    url: Url,
    address: SocketAddr,
    /// How often it is asked for its build.
    questions: usize,
}

impl Place<'_> {
    async fn connect(&self, clock: &Clock) -> Result<Connection, Trouble> {
        let endpoint = Endpoint::of(&self.url)?;
        let stream = self.dialer.connect(&endpoint, self.address, clock).await?;
        Connection::over(stream).await
    }

    /// Asks for another path of the same task, as far as that can be had: at the same address.
    async fn get_anew(&self, target: &Target, url: &Url, clock: &Clock) -> Result<Answer, Trouble> {
        let connection = self.connect(clock).await?;
        connection
            .carry(async |mut requests| requests.get(url, &target.headers, clock).await)
            .await
    }
}

/// What came of asking for more than the health.
enum Identity<'a> {
    NotAsked,
    Told(Revision),
    Untold(String),
    /// The connection was closed before all was asked for at this address.
    Closed(Url, Builds<'a>),
}

/// Follows redirects to an answer that is none. Credentials and headers go to the origin that they are for, and to no
/// other.
async fn follow(
    target: &Target,
    here: Place<'_>,
    first: Answer,
    clock: &Clock,
) -> Result<Observation, Trouble> {
    let (mut place, mut answer) = (here, first);
    let mut asked = target.clone();
    for _ in 0..MOST_HOPS {
        let Some(next) = answer.redirect(&place.url) else {
            break;
        };
        let is_foreign = next.origin() != target.url.origin();
        asked.url = next;
        if is_foreign {
            asked.headers.clear();
        } else {
            asked.headers.clone_from(&target.headers);
            // Both fail only for URLs that cannot have either.
            let _ = asked.url.set_username(target.url.username());
            let _ = asked.url.set_password(target.url.password());
        }
        let endpoint = Endpoint::of(&asked.url)?;
        let address = match asked.url.origin() == place.url.origin() {
            true => place.address,
            false => *place
                .dialer
                .addresses(&endpoint, clock)
                .await?
                .first()
                .ok_or_else(|| Trouble::unreachable("is redirected to a name without address"))?,
        };
        place = Place {
            dialer: place.dialer,
            url: asked.url.clone(),
            address,
            questions: place.questions,
        };
        let connection = place.connect(clock).await?;
        let (got, latency, identity) = connection
            .carry(async |mut requests| {
                let answer = requests.get(&asked.url, &asked.headers, clock).await?;
                let latency = clock.elapsed();
                let identity = question(&asked, &place, &answer, &mut requests, clock).await;
                Ok((answer, latency, identity))
            })
            .await?;
        if !got.is_redirect() {
            let observation = judge(&asked, &got).latency(latency);
            return finish(&asked, &place, observation, identity, clock).await;
        }
        answer = got;
    }
    let status = answer.status;
    Ok(Observation::down(format!(
        "redirects more than {MOST_HOPS} times, or to nowhere"
    ))
    .status(status)
    .latency(clock.elapsed()))
}

/// Finds out which build answered, if that matters: several times, because the next request may reach another task.
async fn question<'a>(
    target: &'a Target,
    here: &Place<'_>,
    answer: &Answer,
    requests: &mut Requests,
    clock: &Clock,
) -> Identity<'a> {
    if let RevisionSource::Header(name) = &target.revision_from {
        return by_header(target, answer, name);
    }
    let observation = judge(target, answer);
    let is_up = matches!(observation.state, State::Up);
    // A bad answer of something that is an actuator is worth a name too: is it the new build that is down?
    let is_worth_asking = is_up || observation.body_status.is_some();
    let Some(expected) = target.expect_revision.as_ref().filter(|_| is_worth_asking) else {
        return Identity::NotAsked;
    };
    let Some(url) = actuator::info_url(&here.url) else {
        return Identity::Untold(
            "is up, but cannot be asked which build it is: its address has no segment `health` to stand `info` beside"
                .to_owned(),
        );
    };
    let mut builds = Builds::new(expected, is_up, here.questions);
    while builds.wants_more() {
        if !requests.is_open(clock).await {
            return Identity::Closed(url, builds);
        }
        match requests.get(&url, &target.headers, clock).await {
            Ok(answer) => match read_info(&url, &answer) {
                Ok(revision) => builds.add(revision),
                Err(reason) => return Identity::Untold(reason),
            },
            Err(Trouble::Closed { .. }) => return Identity::Closed(url, builds),
            Err(trouble) => return Identity::Untold(untold(&url, &trouble.words(clock))),
        }
    }
    told(builds)
}

/// Asks on where the connection was closed, each time over another.
async fn question_anew<'a>(
    target: &Target,
    here: &Place<'_>,
    url: &Url,
    mut builds: Builds<'a>,
    clock: &Clock,
) -> Identity<'a> {
    while builds.wants_more() {
        let revision = match here.get_anew(target, url, clock).await {
            Ok(answer) => read_info(url, &answer),
            Err(trouble) => Err(untold(url, &trouble.words(clock))),
        };
        match revision {
            Ok(revision) => builds.add(revision),
            Err(reason) => return Identity::Untold(reason),
        }
    }
    told(builds)
}

fn told(builds: Builds<'_>) -> Identity<'_> {
    builds.outcome().map_or(Identity::NotAsked, Identity::Told)
}

fn by_header<'a>(target: &Target, answer: &Answer, name: &str) -> Identity<'a> {
    let shown = text::clean(name, 60);
    match answer.header(name) {
        None if target.expect_revision.is_none() => Identity::NotAsked,
        None => Identity::Untold(format!("is up, but its answer has no header `{shown}`")),
        Some(value) => value.parse().map_or_else(
            |_| Identity::Untold(format!("is up, but its header `{shown}` is no commit id")),
            Identity::Told,
        ),
    }
}

/// Adds to a health answer which build it came from, and whether a path that nothing serves answers as well.
async fn finish(
    target: &Target,
    here: &Place<'_>,
    observation: Observation,
    identity: Identity<'_>,
    clock: &Clock,
) -> Result<Observation, Trouble> {
    let identity = match identity {
        Identity::Closed(url, builds) => question_anew(target, here, &url, builds, clock).await,
        known => known,
    };
    let observation = with_identity(target, observation, identity);
    match &target.canary {
        Some(path) if matches!(observation.state, State::Up) => {
            Ok(with_canary(target, here, observation, path, clock).await)
        }
        _ => Ok(observation),
    }
}

/// Asks for a path that must not be healthy. Over a connection of its own: some servers close one after a 404.
async fn with_canary(
    target: &Target,
    here: &Place<'_>,
    mut observation: Observation,
    path: &str,
    clock: &Clock,
) -> Observation {
    let mut url = here.url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_path(path);
    let shown = text::clean(path, 100);
    match here.get_anew(target, &url, clock).await {
        Ok(answer) if serves(target, &answer) => {
            observation.state = State::Down {
                reason: format!(
                    "answers `{shown}` as well as its health, so something answers whatever it is asked"
                ),
            };
        }
        Ok(_) => {}
        Err(trouble) => {
            observation.state = State::Unknown {
                reason: format!(
                    "is up, but its canary path `{shown}` {}",
                    trouble.words(clock)
                ),
            };
        }
    }
    observation
}

/// The build, or why it is not told.
fn read_info(url: &Url, answer: &Answer) -> Result<Revision, String> {
    if answer.status != 200 {
        return Err(format!(
            "{}; expose it with `management.endpoints.web.exposure.include=health,info`",
            untold(url, &format!("answers {}", answer.status))
        ));
    }
    actuator::revision(&answer.body).map_err(|what| {
        format!(
            "{}; it comes from a `git.properties` in the build, which git-commit-id-maven-plugin writes",
            untold(url, &format!("answers 200 with {what}"))
        )
    })
}

fn untold(info: &Url, what: &str) -> String {
    format!(
        "is up, but does not say which build it is: `{}` {what}",
        info.path()
    )
}

fn with_identity(
    target: &Target,
    mut observation: Observation,
    identity: Identity<'_>,
) -> Observation {
    match identity {
        Identity::Told(revision) => observation.revision = Some(revision),
        Identity::Untold(reason)
            if target.expect_revision.is_some() && matches!(observation.state, State::Up) =>
        {
            observation.state = State::Unknown { reason };
        }
        _ => {}
    }
    observation
}
