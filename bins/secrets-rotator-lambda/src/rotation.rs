//! The four steps.

use serde::Serialize;

use crate::error::Error;
use crate::name::SecretName;
use crate::password::Password;
use crate::request::{Request, Step};
use crate::service::{DataService, ServiceName, Services};
use crate::store::{Put, Secret, SecretStore, Stage};

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// A password was made.
    Created,
    /// There was one already.
    AlreadyCreated,
    /// The service takes the pending password.
    Set,
    /// It took it already.
    AlreadySet,
    /// The service lets in with the pending password.
    Tested,
    /// The pending version is the current one, and the service takes its password alone.
    Finished,
    /// The version was the current one before; at the last step the service was told again to take its password alone.
    AlreadyCurrent,
}

/// One secret and what a step has to do with it.
#[derive(Debug)]
struct Rotation<'a> {
    store: &'a dyn SecretStore,
    request: &'a Request,
    secret: Secret,
    service: ServiceName,
    door: &'a dyn DataService,
}

/// Does one step, or finds that it was done.
///
/// As the protocol wants it, a secret without rotation, a version that the secret does not have, and one that is not pending
/// are refused before anything is read or changed; a version that is current already is left as it is. A version that was
/// current before is not pending, whatever its labels say: somebody put another value since. It is refused, and loses its
/// label, which would let no rotation begin.
///
/// Its future may be dropped at any point, and the step done again.
pub async fn rotate(
    store: &dyn SecretStore,
    services: &Services,
    request: &Request,
) -> Result<(ServiceName, Outcome), Error> {
    let secret = store.describe(&request.secret).await?;
    let name = || secret.name.clone();
    if !secret.rotation_enabled {
        return Err(Error::NotEnabled { secret: name() });
    }
    let version = || request.version.clone();
    let Some(stages) = secret.versions.get(&request.version) else {
        return Err(Error::UnknownVersion {
            secret: name(),
            version: version(),
        });
    };
    let is_current = stages.contains(&Stage::Current);
    let is_pending = stages.contains(&Stage::Pending);
    let was_current = stages.contains(&Stage::Previous);
    if is_pending && was_current {
        store
            .clear_pending(&request.secret, &request.version)
            .await?;
    }
    if !is_current && (!is_pending || was_current) {
        return Err(Error::NotPending {
            secret: name(),
            version: version(),
        });
    }
    let (service, door) = services.of(&secret.name)?;
    let rotation = Rotation {
        store,
        request,
        secret,
        service,
        door,
    };
    let outcome = match request.step {
        Step::Finish if is_current => rotation.tidy(is_pending).await?,
        _ if is_current => Outcome::AlreadyCurrent,
        Step::Create => rotation.create().await?,
        Step::Set => rotation.set().await?,
        Step::Test => rotation.test().await?,
        Step::Finish => rotation.finish().await?,
    };
    Ok((service, outcome))
}

impl Rotation<'_> {
    async fn create(&self) -> Result<Outcome, Error> {
        if self.staged(Stage::Current).await?.is_none() {
            return Err(self.no_value(Stage::Current));
        }
        if self.own(Stage::Pending).await?.is_some() {
            return Ok(Outcome::AlreadyCreated);
        }
        let secret = &self.request.secret;
        let password = self.store.random(secret).await?;
        let token = self.request.token.as_ref();
        let put = self
            .store
            .put(secret, &self.request.version, &password, token);
        Ok(match put.await? {
            Put::Stored => Outcome::Created,
            // Another call was quicker; its password is the one that counts.
            Put::Taken => Outcome::AlreadyCreated,
        })
    }

    async fn set(&self) -> Result<Outcome, Error> {
        let pending = self.pending().await?;
        let stages = [Stage::Current, Stage::Previous];
        self.make_taken(&pending, &stages).await
    }

    /// Makes the service take a password, going in with that itself or with the first of these that it takes.
    async fn make_taken(&self, new: &Password, stages: &[Stage]) -> Result<Outcome, Error> {
        // Itself: an earlier call has set it.
        let mut by = self.door.accepts(new).await?.then(|| new.clone());
        for stage in stages {
            if by.is_some() {
                break;
            }
            if let Some(other) = self.staged(*stage).await?
                && self.door.accepts(&other).await?
            {
                by = Some(other);
            }
        }
        let Some(by) = by else {
            return Err(Error::LockedOut {
                service: self.service,
                secret: self.name(),
            });
        };
        self.door.set(&by, new).await?;
        Ok(match by == *new {
            true => Outcome::AlreadySet,
            false => Outcome::Set,
        })
    }

    async fn test(&self) -> Result<Outcome, Error> {
        let pending = self.pending().await?;
        self.prove(&pending).await?;
        Ok(Outcome::Tested)
    }

    async fn finish(&self) -> Result<Outcome, Error> {
        let pending = self.pending().await?;
        // Once more: a container may have started since, with the password of before.
        self.prove(&pending).await?;
        let (secret, to) = (&self.request.secret, &self.request.version);
        let from = self.secret.staged(Stage::Current);
        self.store.promote(secret, to, from).await?;
        self.door.keep_only(&pending).await?;
        self.close().await?;
        Ok(Outcome::Finished)
    }

    /// What may be left of a last step that was broken off after its version became the current one. A container that
    /// started at that moment has the previous password.
    async fn tidy(&self, is_pending: bool) -> Result<Outcome, Error> {
        let current = self.own(Stage::Current).await?;
        let current = current.ok_or_else(|| self.no_value(Stage::Current))?;
        self.make_taken(&current, &[Stage::Previous]).await?;
        self.door.keep_only(&current).await?;
        if is_pending {
            self.close().await?;
        }
        Ok(Outcome::AlreadyCurrent)
    }

    /// Ends the rotation. With the label left on, the version would look pending again as soon as somebody puts another value,
    /// and be made the current one a second time.
    async fn close(&self) -> Result<(), Error> {
        let (secret, version) = (&self.request.secret, &self.request.version);
        Ok(self.store.clear_pending(secret, version).await?)
    }

    async fn prove(&self, password: &Password) -> Result<(), Error> {
        match self.door.accepts(password).await? {
            true => Ok(()),
            false => Err(Error::NotTaken {
                service: self.service,
                secret: self.name(),
            }),
        }
    }

    async fn pending(&self) -> Result<Password, Error> {
        let pending = self.own(Stage::Pending).await?;
        pending.ok_or_else(|| self.no_value(Stage::Pending))
    }

    /// The value of the version that is rotated.
    async fn own(&self, stage: Stage) -> Result<Option<Password>, Error> {
        let version = Some(&self.request.version);
        Ok(self
            .store
            .value(&self.request.secret, stage, version)
            .await?)
    }

    async fn staged(&self, stage: Stage) -> Result<Option<Password>, Error> {
        Ok(self.store.value(&self.request.secret, stage, None).await?)
    }

    fn no_value(&self, stage: Stage) -> Error {
        Error::NoValue {
            secret: self.name(),
            stage,
        }
    }

    fn name(&self) -> SecretName {
        self.secret.name.clone()
    }
}
