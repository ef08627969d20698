//! Secrets Manager and a service as models in memory, which can be told to fail as real ones do.
//!
//! Each call gives way before it does something and after it, so that a future which is dropped there is dropped where a
//! function can be killed: with the change not made, and with the change made and the answer lost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::task::yield_now;

use crate::endpoint::Endpoint;
use crate::name::{RotationToken, SecretId, SecretName, VersionId};
use crate::password::Password;
use crate::service::{DataService, ServiceError, ServiceName};
use crate::store::{Put, Secret, SecretStore, Stage, StoreError};

/// How the next call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Before anything is done.
    Before,
    /// After it is done: the answer is lost.
    After,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A Secrets Manager with one secret. Clones are the same one.
#[derive(Debug, Clone)]
pub struct SimStore(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    name: SecretName,
    rotation_enabled: bool,
    values: BTreeMap<VersionId, Password>,
    stages: BTreeMap<Stage, VersionId>,
    made: u32,
    faults: VecDeque<Fault>,
    calls: Vec<&'static str>,
}

impl Kept {
    fn version(&mut self) -> VersionId {
        self.made += 1;
        format!("{:032}", self.made)
            .parse()
            .expect("32 digits are a version")
    }

    fn promote(&mut self, to: &VersionId) {
        if let Some(old) = self.stages.insert(Stage::Current, to.clone()) {
            self.stages.insert(Stage::Previous, old);
        }
    }
}

impl SimStore {
    /// A store with a secret of this name that is rotated and has this value.
    ///
    /// # Panics
    /// If `name` is no name of a secret.
    #[must_use]
    pub fn new(name: &str, current: Password) -> Self {
        let mut kept = Kept {
            name: name.parse().expect("the caller gives a name"),
            rotation_enabled: true,
            values: BTreeMap::new(),
            stages: BTreeMap::new(),
            made: 0,
            faults: VecDeque::new(),
            calls: Vec::new(),
        };
        let version = kept.version();
        kept.values.insert(version.clone(), current);
        kept.promote(&version);
        Self(Arc::new(Mutex::new(kept)))
    }

    /// The secret's id.
    #[must_use]
    pub fn id(&self) -> SecretId {
        let name = lock(&self.0).name.to_string();
        name.parse().expect("a name is an id")
    }

    /// Begins a rotation as Secrets Manager does: with a pending version that has no value.
    #[must_use]
    pub fn begin(&self) -> VersionId {
        let mut kept = lock(&self.0);
        let version = kept.version();
        kept.stages.insert(Stage::Pending, version.clone());
        version
    }

    /// Puts a new current value past the rotation, as people and Terraform do.
    pub fn put_current(&self, value: Password) {
        let mut kept = lock(&self.0);
        let version = kept.version();
        kept.values.insert(version.clone(), value);
        kept.promote(&version);
    }

    /// Switches rotation off.
    pub fn disable(&self) {
        lock(&self.0).rotation_enabled = false;
    }

    /// Takes a label off whatever version it is on.
    pub fn unstage(&self, stage: Stage) {
        lock(&self.0).stages.remove(&stage);
    }

    /// Lets the next call fail.
    pub fn fault(&self, fault: Fault) {
        lock(&self.0).faults.push_back(fault);
    }

    /// The value with a label.
    #[must_use]
    pub fn staged(&self, stage: Stage) -> Option<Password> {
        let kept = lock(&self.0);
        kept.values.get(kept.stages.get(&stage)?).cloned()
    }

    /// The version with a label.
    #[must_use]
    pub fn version(&self, stage: Stage) -> Option<VersionId> {
        lock(&self.0).stages.get(&stage).cloned()
    }

    /// The current value.
    #[must_use]
    pub fn current(&self) -> Option<Password> {
        self.staged(Stage::Current)
    }

    /// The calls that were made, by the names of their actions.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        lock(&self.0).calls.clone()
    }

    async fn call<T>(
        &self,
        action: &'static str,
        effect: impl FnOnce(&mut Kept) -> Result<T, String> + Send,
    ) -> Result<T, StoreError> {
        yield_now().await;
        let failed = |text: String| StoreError::Failed {
            action,
            secret: self.id(),
            source: text.into(),
        };
        let done = {
            let mut kept = lock(&self.0);
            kept.calls.push(action);
            match kept.faults.pop_front() {
                Some(Fault::Before) => Err("simulated".to_owned()),
                Some(Fault::After) => effect(&mut kept).and(Err("simulated".to_owned())),
                None => effect(&mut kept),
            }
        };
        yield_now().await;
        done.map_err(failed)
    }
}

#[async_trait]
impl SecretStore for SimStore {
    async fn describe(&self, _: &SecretId) -> Result<Secret, StoreError> {
        self.call("DescribeSecret", |kept| {
            let mut versions: BTreeMap<VersionId, Vec<Stage>> = BTreeMap::new();
            for version in kept.values.keys() {
                versions.entry(version.clone()).or_default();
            }
            for (stage, version) in &kept.stages {
                versions.entry(version.clone()).or_default().push(*stage);
            }
            Ok(Secret::new(
                kept.name.clone(),
                kept.rotation_enabled,
                versions,
            ))
        })
        .await
    }

    async fn value(
        &self,
        _: &SecretId,
        stage: Stage,
        version: Option<&VersionId>,
    ) -> Result<Option<Password>, StoreError> {
        self.call("GetSecretValue", |kept| {
            let staged = kept.stages.get(&stage);
            let wanted = staged.filter(|staged| version.is_none_or(|version| version == *staged));
            Ok(wanted.and_then(|version| kept.values.get(version)).cloned())
        })
        .await
    }

    async fn put(
        &self,
        _: &SecretId,
        version: &VersionId,
        value: &Password,
        _: Option<&RotationToken>,
    ) -> Result<Put, StoreError> {
        self.call("PutSecretValue", |kept| {
            match kept.values.get(version) {
                Some(taken) if taken != value => return Ok(Put::Taken),
                Some(_) => {}
                None => {
                    kept.values.insert(version.clone(), value.clone());
                }
            }
            kept.stages.insert(Stage::Pending, version.clone());
            Ok(Put::Stored)
        })
        .await
    }

    async fn promote(
        &self,
        _: &SecretId,
        to: &VersionId,
        from: Option<&VersionId>,
    ) -> Result<(), StoreError> {
        self.call("UpdateSecretVersionStage", |kept| {
            if kept.stages.get(&Stage::Current) != from {
                return Err("the label is on another version".to_owned());
            }
            kept.promote(to);
            Ok(())
        })
        .await
    }

    async fn clear_pending(&self, _: &SecretId, version: &VersionId) -> Result<(), StoreError> {
        self.call("UpdateSecretVersionStage", |kept| {
            if kept.stages.get(&Stage::Pending) != Some(version) {
                return Err("the label is on another version".to_owned());
            }
            kept.stages.remove(&Stage::Pending);
            Ok(())
        })
        .await
    }

    async fn random(&self, _: &SecretId) -> Result<Password, StoreError> {
        self.call("GetRandomPassword", |kept| {
            kept.made += 1;
            let text = format!("random-{}", kept.made);
            Ok(text.parse().expect("letters and digits are a password"))
        })
        .await
    }
}

/// A service with one user. Clones are the same one.
#[derive(Debug, Clone)]
pub struct SimService(Arc<Mutex<Door>>);

#[derive(Debug)]
struct Door {
    passwords: Vec<Password>,
    takes_two: bool,
    faults: VecDeque<Fault>,
    tries: usize,
}

impl SimService {
    /// One whose users have one password, as in MongoDB and RabbitMQ.
    #[must_use]
    pub fn one_password(password: Password) -> Self {
        Self::new(password, false)
    }

    /// One whose users can have two, as in Redis.
    #[must_use]
    pub fn two_passwords(password: Password) -> Self {
        Self::new(password, true)
    }

    fn new(password: Password, takes_two: bool) -> Self {
        Self(Arc::new(Mutex::new(Door {
            passwords: vec![password],
            takes_two,
            faults: VecDeque::new(),
            tries: 0,
        })))
    }

    /// What it lets in with.
    #[must_use]
    pub fn passwords(&self) -> Vec<Password> {
        lock(&self.0).passwords.clone()
    }

    /// Starts it anew, without data and with this password, as a container does that reads it from the secret.
    pub fn restart(&self, password: Password) {
        lock(&self.0).passwords = vec![password];
    }

    /// Lets the next call fail.
    pub fn fault(&self, fault: Fault) {
        lock(&self.0).faults.push_back(fault);
    }

    /// How often a login was tried.
    #[must_use]
    pub fn tries(&self) -> usize {
        lock(&self.0).tries
    }

    async fn call<T>(
        &self,
        effect: impl FnOnce(&mut Door) -> Result<T, ServiceError> + Send,
    ) -> Result<T, ServiceError> {
        yield_now().await;
        let done = {
            let mut door = lock(&self.0);
            match door.faults.pop_front() {
                Some(Fault::Before) => Err(broken()),
                Some(Fault::After) => effect(&mut door).and_then(|_| Err(broken())),
                None => effect(&mut door),
            }
        };
        yield_now().await;
        done
    }
}

fn place() -> Endpoint {
    "simulated:1".parse().expect("it is a place")
}

fn broken() -> ServiceError {
    ServiceError::Unreachable {
        service: ServiceName::Redis,
        endpoint: place(),
        source: std::io::ErrorKind::ConnectionReset.into(),
    }
}

fn enter(door: &Door, password: &Password) -> Result<(), ServiceError> {
    match door.passwords.contains(password) {
        true => Ok(()),
        false => Err(ServiceError::LoggedOut {
            service: ServiceName::Redis,
            endpoint: place(),
        }),
    }
}

#[async_trait]
impl DataService for SimService {
    async fn accepts(&self, password: &Password) -> Result<bool, ServiceError> {
        self.call(|door| {
            door.tries += 1;
            Ok(door.passwords.contains(password))
        })
        .await
    }

    async fn set(&self, by: &Password, new: &Password) -> Result<(), ServiceError> {
        self.call(|door| {
            enter(door, by)?;
            if by != new {
                door.passwords = match door.takes_two {
                    true => vec![by.clone(), new.clone()],
                    false => vec![new.clone()],
                };
            }
            Ok(())
        })
        .await
    }

    async fn keep_only(&self, password: &Password) -> Result<(), ServiceError> {
        self.call(|door| {
            enter(door, password)?;
            door.passwords = vec![password.clone()];
            Ok(())
        })
        .await
    }
}
