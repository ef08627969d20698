//! A ledger in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Error, Ledger, LedgerState, LedgerVersion};

/// A ledger that lasts as long as this value.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    text: Option<String>,
    saves: u64,
}

impl MemoryLedger {
    /// What is kept now.
    ///
    /// # Errors
    /// When it is no ledger; that cannot be, for only ledgers are saved.
    pub fn state(&self) -> Result<LedgerState, Error> {
        self.lock()
            .text
            .as_deref()
            .map_or_else(|| Ok(LedgerState::default()), LedgerState::from_json)
    }

    /// How often it was saved.
    pub fn saves(&self) -> u64 {
        self.lock().saves
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(saves: u64) -> LedgerVersion {
    match saves {
        0 => LedgerVersion::ABSENT,
        saves => LedgerVersion::new(saves.to_string()),
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
        let state = self.state()?;
        Ok((state, version(self.saves())))
    }

    async fn save(
        &self,
        state: &LedgerState,
        over: &LedgerVersion,
    ) -> Result<LedgerVersion, Error> {
        let mut inner = self.lock();
        if version(inner.saves) != *over {
            return Err(Error::LedgerConflict);
        }
        // As text, so that what cannot be written and read again does not pass here either.
        inner.text = Some(state.to_json());
        inner.saves += 1;
        Ok(version(inner.saves))
    }
}
