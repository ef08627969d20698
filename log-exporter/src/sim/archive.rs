//! S3 in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::chance::Chance;
use crate::archive::Sha256;
use crate::{Archive, Clock, Error, ListPage, Listed, Millis, Object, ObjectInfo, Put, Version};

/// What the simulated S3 can be told to do wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveFault {
    /// The connection is lost before anything has happened.
    Unreachable,
    /// The connection is lost after all has happened.
    LostAnswer,
    /// Two conditional writes met: 409, nothing has happened.
    Conflict,
    /// Requests come too fast: 503, nothing has happened.
    Throttled,
    /// Other content than was sent is stored.
    WrongContent,
    /// The answer takes half a minute.
    Slow,
    /// The credentials lack the permission.
    Denied,
}

/// S3 in memory, with conditional writes. Clones share what it holds.
#[derive(Debug, Clone)]
pub struct SimArchive {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    objects: BTreeMap<String, Stored>,
    versions: u64,
    page: usize,
    faults: VecDeque<ArchiveFault>,
    chance: Option<(Chance, u64)>,
    requests: u64,
    keeps_digests: bool,
    pace: Duration,
}

#[derive(Debug, Clone)]
struct Stored {
    bytes: Bytes,
    version: u64,
    modified: Millis,
}

impl SimArchive {
    /// An empty bucket that lists 1,000 objects a page.
    pub fn new(clock: Clock) -> Self {
        let state = State {
            objects: BTreeMap::new(),
            versions: 0,
            page: 1000,
            faults: VecDeque::new(),
            chance: None,
            requests: 0,
            keeps_digests: true,
            pace: Duration::ZERO,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    /// Lists hold at most so many objects.
    pub fn page(&self, objects: usize) {
        self.lock().page = objects.max(1);
    }

    /// Objects have no digest, as those that were written without one.
    pub fn without_digests(&self) {
        self.lock().keeps_digests = false;
    }

    /// Each answer takes so long.
    pub fn pace(&self, each: Duration) {
        self.lock().pace = each;
    }

    /// The next requests go wrong like this, in this order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = ArchiveFault>) {
        self.lock().faults.extend(faults);
    }

    /// One in so many requests goes wrong in some passing way; the seed says which and how. Wrong content comes to parts alone.
    pub fn fail_at_random(&self, seed: u64, one_in: u64) {
        self.lock().chance = Some((Chance::new(seed), one_in));
    }

    /// No more faults.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.chance = None;
        state.faults.clear();
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// An object's content.
    pub fn content(&self, key: &str) -> Option<Bytes> {
        self.lock()
            .objects
            .get(key)
            .map(|object| object.bytes.clone())
    }

    /// Puts content in place, whatever is there.
    pub fn place(&self, key: &str, bytes: impl Into<Bytes>) {
        let modified = self.clock.now();
        let mut state = self.lock();
        state.store(key, bytes.into(), modified);
    }

    /// Flips a bit of an object, as a failing disk would.
    pub fn flip(&self, key: &str, at: usize) {
        let mut state = self.lock();
        if let Some(object) = state.objects.get_mut(key) {
            object.bytes = flipped(&object.bytes, at);
        }
    }

    /// Takes an object away.
    pub fn remove(&self, key: &str) {
        self.lock().objects.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn begin(
        &self,
        writes: bool,
        operation: &'static str,
        action: &'static str,
    ) -> Result<Option<ArchiveFault>, Error> {
        yield_now().await;
        let (fault, pace) = {
            let mut state = self.lock();
            (state.request(writes), state.pace)
        };
        if !pace.is_zero() {
            sleep(pace).await;
        }
        let lost = |why: &'static str| Error::Unreachable {
            operation,
            source: why.into(),
        };
        match fault {
            Some(ArchiveFault::Unreachable) => Err(lost("the connection was lost")),
            Some(ArchiveFault::Conflict) if writes => Err(lost("409 ConditionalRequestConflict")),
            Some(ArchiveFault::Throttled) => Err(Error::Throttled {
                operation,
                request_id: None,
            }),
            Some(ArchiveFault::Denied) => Err(Error::Denied {
                operation,
                action,
                code: Some("AccessDenied".to_owned()),
                message: None,
                request_id: None,
            }),
            Some(ArchiveFault::Slow) => {
                sleep(Duration::from_secs(30)).await;
                Ok(fault)
            }
            other => Ok(other),
        }
    }

    async fn end<T>(
        &self,
        fault: Option<ArchiveFault>,
        operation: &'static str,
        answer: T,
    ) -> Result<T, Error> {
        yield_now().await;
        match fault {
            Some(ArchiveFault::LostAnswer) => Err(Error::Unreachable {
                operation,
                source: "the connection was lost".into(),
            }),
            _ => Ok(answer),
        }
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        sha256: &Sha256,
        expected: Option<&Version>,
    ) -> Result<Put, Error> {
        const OPERATION: &str = "write an object";
        let fault = self.begin(true, OPERATION, "s3:PutObject").await?;
        if Sha256::of(&bytes) != *sha256 {
            return Err(Error::Refused {
                operation: OPERATION,
                code: Some("BadDigest".to_owned()),
                message: None,
                request_id: None,
            });
        }
        let put = {
            let modified = self.clock.now();
            let mut state = self.lock();
            let there = state.objects.get(key).map(|object| tag(object.version));
            if there.as_ref() == expected {
                // A manifest that was stored wrong by a writer that was killed before it looked is for people to judge.
                let spared = state.chance.is_some() && key.ends_with(".json");
                let bytes = match fault {
                    Some(ArchiveFault::WrongContent) if !spared => flipped(&bytes, bytes.len() / 2),
                    _ => bytes,
                };
                state.store(key, bytes, modified);
                Put::Written
            } else {
                Put::Refused
            }
        };
        self.end(fault, OPERATION, put).await
    }
}

impl State {
    fn request(&mut self, writes: bool) -> Option<ArchiveFault> {
        self.requests += 1;
        if let Some(fault) = self.faults.pop_front() {
            return Some(fault);
        }
        let (chance, one_in) = self.chance.as_mut()?;
        if !chance.one_in(*one_in) {
            return None;
        }
        let all = [
            ArchiveFault::Unreachable,
            ArchiveFault::LostAnswer,
            ArchiveFault::Throttled,
            ArchiveFault::Slow,
            ArchiveFault::Conflict,
            ArchiveFault::WrongContent,
        ];
        let some = if writes { all.len() } else { 4 };
        Some(all[chance.below(some as u64) as usize])
    }

    fn store(&mut self, key: &str, bytes: Bytes, modified: Millis) {
        self.versions += 1;
        let stored = Stored {
            bytes,
            version: self.versions,
            modified,
        };
        self.objects.insert(key.to_owned(), stored);
    }
}

fn tag(version: u64) -> Version {
    Version::new(format!("\"{version}\""))
}

fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    match bytes.get_mut(at) {
        Some(byte) => *byte ^= 1,
        None => bytes.push(0),
    }
    bytes.into()
}

#[async_trait]
impl Archive for SimArchive {
    async fn put_new(&self, key: &str, bytes: Bytes, sha256: &Sha256) -> Result<Put, Error> {
        self.put(key, bytes, sha256, None).await
    }

    async fn put_over(
        &self,
        key: &str,
        bytes: Bytes,
        sha256: &Sha256,
        version: &Version,
    ) -> Result<Put, Error> {
        self.put(key, bytes, sha256, Some(version)).await
    }

    async fn stat(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        const OPERATION: &str = "look at an object";
        let fault = self.begin(false, OPERATION, "s3:GetObject").await?;
        let info = {
            let state = self.lock();
            state.objects.get(key).map(|object| {
                let sha256 = state.keeps_digests.then(|| Sha256::of(&object.bytes));
                let size = object.bytes.len() as u64;
                ObjectInfo::new(size, sha256, tag(object.version), object.modified)
            })
        };
        self.end(fault, OPERATION, info).await
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
        const OPERATION: &str = "read an object";
        let fault = self.begin(false, OPERATION, "s3:GetObject").await?;
        let object = self.lock().objects.get(key).map(|object| Object {
            bytes: object.bytes.clone(),
            version: tag(object.version),
        });
        self.end(fault, OPERATION, object).await
    }

    async fn list<'a>(&self, prefix: &str, after: Option<&'a str>) -> Result<ListPage, Error> {
        const OPERATION: &str = "list objects";
        let fault = self.begin(false, OPERATION, "s3:ListBucket").await?;
        let page = {
            let state = self.lock();
            let mut objects: Vec<Listed> = state
                .objects
                .iter()
                .filter(|(key, _)| {
                    key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
                })
                .take(state.page + 1)
                .map(|(key, object)| Listed {
                    key: key.clone(),
                    size: object.bytes.len() as u64,
                    modified: object.modified,
                })
                .collect();
            let more = objects.len() > state.page;
            objects.truncate(state.page);
            ListPage {
                next: objects.last().filter(|_| more).map(|last| last.key.clone()),
                objects,
            }
        };
        self.end(fault, OPERATION, page).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        const OPERATION: &str = "delete an object";
        let fault = self.begin(true, OPERATION, "s3:DeleteObject").await?;
        self.lock().objects.remove(key);
        self.end(fault, OPERATION, ()).await
    }
}
