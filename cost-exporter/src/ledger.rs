//! What is remembered between runs: the days as they were last seen, and what each sink was given of them.

mod file;
mod run;
mod state;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Error;

pub use file::FileLedger;
pub(crate) use file::replace;
pub use run::{ActiveRun, RunId};
pub use state::{LedgerCell, LedgerDay, LedgerState, SentDays, SinkState, ToldDay};

/// Which state of the ledger was read, to be handed back when it is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerVersion(Option<String>);

impl LedgerVersion {
    /// There was no ledger.
    pub const ABSENT: Self = Self(None);

    /// A version as the ledger's keeper names it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Some(text.into()))
    }

    /// The keeper's name for it; `None` when there was no ledger.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// Where the ledger is kept.
///
/// # Contract
///
/// - A ledger that is not there is empty.
/// - A save is whole or not at all. It succeeds only on the version that was read; else it is [`Error::LedgerConflict`] and
///   changes nothing.
/// - What was saved is what is loaded.
#[async_trait]
pub trait Ledger: Debug + Send + Sync {
    /// The ledger as it is, and which version that is.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error>;

    /// Puts a new state in the place of a version, and returns the new version.
    ///
    /// # Errors
    /// [`Error::LedgerConflict`] when that version is no longer there.
    async fn save(&self, state: &LedgerState, over: &LedgerVersion)
    -> Result<LedgerVersion, Error>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: Ledger + ?Sized> Ledger for $pointer<T> {
            async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
                (**self).load().await
            }

            async fn save(
                &self,
                state: &LedgerState,
                over: &LedgerVersion,
            ) -> Result<LedgerVersion, Error> {
                (**self).save(state, over).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
