//! A signal that comes when the work is done, and only messages are waited for: it ends that wait and not the work.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether a command's work is done, and whether somebody is in a hurry since.
#[derive(Debug, Default)]
pub(crate) struct Haste {
    done: AtomicBool,
    signal: OnceLock<&'static str>,
    came: Notify,
}

impl Haste {
    /// From now on a signal interrupts nothing but the wait for messages.
    pub(crate) fn work_is_done(&self) {
        self.done.store(true, Ordering::Release);
    }

    /// Ends with the signal if it interrupts the work, and never if that is done. There is one listener alone: two would not
    /// hear of a signal at the same moment.
    pub(crate) async fn interrupts_work(
        &self,
        signal: impl Future<Output = &'static str>,
    ) -> &'static str {
        let signal = signal.await;
        if !self.done.load(Ordering::Acquire) {
            return signal;
        }
        let _ = self.signal.set(signal);
        self.came.notify_one();
        std::future::pending().await
    }

    /// Ends with the signal that came when the work was done.
    pub(crate) async fn came(&self) -> &'static str {
        loop {
            if let Some(signal) = self.signal.get() {
                return signal;
            }
            self.came.notified().await;
        }
    }

    /// Whether such a signal has come.
    pub(crate) fn is_there(&self) -> bool {
        self.signal.get().is_some()
    }
}
