//! One run at a time in an environment: whoever changes it holds its lock.
//!
//! On one machine the lock is a file that the system locks for the process (`flock`). It was chosen over a file that merely
//! exists and names a process: the system lets go of it when the process ends, however it ends, so that a killed run leaves
//! nothing to clean up, and no process id can be mistaken for that of another process or of the time before a restart. The
//! file's text only tells people who holds it.
//!
//! Between machines the lock is an object in S3, put under the condition that there is none. S3 does not know whether its
//! owner still lives, so a killed run leaves it, and a person decides with `windlass unlock`.

mod file;
mod holder;
#[cfg(feature = "aws")]
mod s3;

use std::path::Path;
use std::time::Duration;

use windlass_cli::Failure;

use crate::config::Environment;

pub(crate) use self::holder::Holder;

/// How long the lock of a process that has ended is waited for.
const GRACE: Duration = Duration::from_secs(2);

/// Where an environment's lock is.
#[derive(Debug)]
pub(crate) enum LockPlace {
    /// On this machine.
    File(file::FilePlace),
    /// Where all machines see it.
    #[cfg(feature = "aws")]
    S3(s3::S3Place),
}

/// A lock that is held.
#[derive(Debug)]
pub(crate) enum Lock {
    /// On this machine.
    File(file::FileLock),
    /// Where all machines see it.
    #[cfg(feature = "aws")]
    S3(s3::S3Lock),
}

/// What an attempt came to.
#[derive(Debug)]
enum Attempt {
    /// It is ours; the text of a run that ended without letting go, if there was one.
    Taken(Lock, Option<Holder>),
    /// Somebody holds it, and this is what is known of them.
    Busy(Option<Holder>),
}

/// What `unlock` found and did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unlocked {
    /// Nobody held it.
    Free,
    /// Its holder was gone, or it was to be removed all the same.
    Removed(Option<Holder>),
}

impl LockPlace {
    /// The place that the configuration names for an environment.
    pub(crate) async fn of(
        work_tree: &Path,
        name: &str,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        match &environment.lock {
            Some(url) => Self::remote(url, name, environment).await,
            None => Ok(Self::File(file::FilePlace::new(work_tree, name))),
        }
    }

    #[cfg(feature = "aws")]
    async fn remote(url: &str, name: &str, environment: &Environment) -> Result<Self, Failure> {
        s3::S3Place::open(url, name, environment.region.as_deref())
            .await
            .map(Self::S3)
    }

    #[cfg(not(feature = "aws"))]
    #[expect(
        clippy::unused_async,
        reason = "the same signature as with the feature `aws`"
    )]
    async fn remote(_url: &str, _name: &str, _environment: &Environment) -> Result<Self, Failure> {
        Err(Failure::usage("this build of windlass has no AWS support")
            .hint("build it with the feature `aws`, which is on by default"))
    }

    async fn attempt(&self, holder: &Holder) -> Result<Attempt, Failure> {
        match self {
            Self::File(place) => place.attempt(holder),
            #[cfg(feature = "aws")]
            Self::S3(place) => place.attempt(holder).await,
        }
    }

    /// Takes the lock, or waits for it as long as `wait` says. Tells `busy` once whom it waits for, and returns whose lock
    /// was taken over, if a run had ended without letting go.
    pub(crate) async fn acquire(
        &self,
        holder: &Holder,
        wait: Option<Duration>,
        busy: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(Lock, Option<Holder>), Failure> {
        let started = tokio::time::Instant::now();
        let mut told = false;
        loop {
            let who = match self.attempt(holder).await? {
                Attempt::Taken(lock, left_behind) => return Ok((lock, left_behind)),
                Attempt::Busy(who) => who,
            };
            // A child that was being started when its parent was killed holds the lock for another moment.
            let grace = match &who {
                Some(who) if who.has_ended() => GRACE,
                _ => Duration::ZERO,
            };
            let who = describe(who.as_ref());
            let left = wait
                .unwrap_or_default()
                .max(grace)
                .saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(self.refused(&holder.environment, &who, wait));
            }
            if !told {
                busy(&who);
                told = true;
            }
            tokio::time::sleep(left.min(self.pause())).await;
        }
    }

    /// Between two attempts.
    const fn pause(&self) -> Duration {
        match self {
            Self::File(_) => Duration::from_millis(100),
            #[cfg(feature = "aws")]
            Self::S3(_) => Duration::from_secs(2),
        }
    }

    fn refused(&self, environment: &str, who: &str, wait: Option<Duration>) -> Failure {
        let waited = wait.map_or_else(String::new, |wait| {
            format!(" after {}", humantime::format_duration(wait))
        });
        let remedy = match self {
            Self::File(_) => "wait for it with --wait-lock 10m; the lock is free as soon as that process has ended".to_owned(),
            #[cfg(feature = "aws")]
            Self::S3(_) => format!(
                "wait for it with --wait-lock 10m; if that run is gone, take its lock away with `windlass unlock \
                 --environment {environment} --force`"
            ),
        };
        Failure::unreachable(format!(
            "another run is using the environment `{environment}`{waited}: {who}"
        ))
        .hint(remedy)
    }

    /// Lets go of a lock of which it is not known whether it was given.
    pub(crate) async fn abandon(&self, holder: &Holder) -> Result<(), Failure> {
        match self {
            Self::File(place) => place.abandon(holder),
            #[cfg(feature = "aws")]
            Self::S3(place) => place.release(&holder.id).await,
        }
    }

    /// Takes away the lock of a run that is gone; with `force` of any run, where that is possible.
    pub(crate) async fn unlock(&self, environment: &str, force: bool) -> Result<Unlocked, Failure> {
        match self {
            Self::File(place) => place.unlock(environment, force),
            #[cfg(feature = "aws")]
            Self::S3(place) => place.unlock(environment, force).await,
        }
    }
}

impl Lock {
    /// Lets go.
    pub(crate) async fn release(self) -> Result<(), Failure> {
        match self {
            Self::File(lock) => {
                lock.release();
                Ok(())
            }
            #[cfg(feature = "aws")]
            Self::S3(lock) => lock.release().await,
        }
    }
}

fn describe(holder: Option<&Holder>) -> String {
    holder.map_or_else(
        || "it did not say who it is".to_owned(),
        ToString::to_string,
    )
}
