//! Where secrets are kept.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

use crate::name::{RotationToken, SecretId, SecretName, VersionId};
use crate::password::{InvalidPassword, Password};

/// A label of a version. Each is on one version at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// What whoever asks for the secret gets.
    Current,
    /// What a rotation is making.
    Pending,
    /// What was current before.
    Previous,
}

impl Stage {
    /// What Secrets Manager calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Pending => "AWSPENDING",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A secret without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Secret {
    /// Its name.
    pub name: SecretName,
    /// Whether it is set up to be rotated.
    pub rotation_enabled: bool,
    /// Its versions with their labels; other labels than those of [`Stage`] are left out.
    pub versions: BTreeMap<VersionId, Vec<Stage>>,
}

impl Secret {
    /// A secret with its versions.
    #[must_use]
    pub const fn new(
        name: SecretName,
        rotation_enabled: bool,
        versions: BTreeMap<VersionId, Vec<Stage>>,
    ) -> Self {
        Self {
            name,
            rotation_enabled,
            versions,
        }
    }

    /// The version with a label.
    #[must_use]
    pub fn staged(&self, stage: Stage) -> Option<&VersionId> {
        self.versions
            .iter()
            .find_map(|(version, stages)| stages.contains(&stage).then_some(version))
    }
}

/// What became of a value that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Stored,
    /// The version has another value already, which stays.
    Taken,
}

/// Why a secret could not be asked for or changed. Nothing in it is a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The role lacks an action.
    #[error("`{action}` on `{secret}` was denied")]
    Denied {
        /// The action, such as `secretsmanager:PutSecretValue`.
        action: &'static str,
        /// The secret.
        secret: SecretId,
        /// What was said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The role may do the action, and not use the key that the secret is encrypted with.
    #[error("`{action}` on `{secret}` was denied its KMS key")]
    KeyDenied {
        /// The action that needs the key.
        action: &'static str,
        /// What the role lacks on the key, such as `kms:Decrypt`.
        missing: &'static str,
        /// The secret.
        secret: SecretId,
        /// What was said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is a value, but none that is a password.
    #[error("the {stage} value of `{secret}` cannot be used")]
    Unusable {
        /// The secret.
        secret: SecretId,
        /// Which of its values.
        stage: Stage,
        /// What is wrong with it.
        source: InvalidPassword,
    },
    /// Anything else. Whether a change was made is not known.
    #[error("`{action}` on `{secret}` failed")]
    Failed {
        /// The action.
        action: &'static str,
        /// The secret.
        secret: SecretId,
        /// What was said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where secrets are kept, as Secrets Manager does.
///
/// Every method may be called again. Reads see what was written before. Implementations retry what is worth it; callers do not.
#[async_trait]
pub trait SecretStore: fmt::Debug + Send + Sync {
    /// The secret without its values.
    async fn describe(&self, secret: &SecretId) -> Result<Secret, StoreError>;

    /// The value with a label; with a version, only if the label is on it. `None` if there is no such version, or if it has
    /// no value, which a version that a rotation has only begun does not have.
    async fn value(
        &self,
        secret: &SecretId,
        stage: Stage,
        version: Option<&VersionId>,
    ) -> Result<Option<Password>, StoreError>;

    /// Gives a version its value and labels it pending. A version's value never changes: what another has put there stays.
    async fn put(
        &self,
        secret: &SecretId,
        version: &VersionId,
        value: &Password,
        token: Option<&RotationToken>,
    ) -> Result<Put, StoreError>;

    /// Moves the label of the current version, in one step; `from` becomes the previous one. Fails if it is not on `from`.
    async fn promote(
        &self,
        secret: &SecretId,
        to: &VersionId,
        from: Option<&VersionId>,
    ) -> Result<(), StoreError>;

    /// Takes the label of the pending version off it. Fails if it is not on it.
    async fn clear_pending(&self, secret: &SecretId, version: &VersionId)
    -> Result<(), StoreError>;

    /// A new password that nobody can guess: 48 letters and digits, which can stand in URLs. `secret` is for errors alone.
    async fn random(&self, secret: &SecretId) -> Result<Password, StoreError>;
}
