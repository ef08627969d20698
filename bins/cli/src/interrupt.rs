//! Waiting for the signals that ask a process to stop.

/// Resolves when the process is asked to stop: Ctrl-C, or SIGTERM on Unix. Returns the signal's name.
///
/// Once it was called, the signal no longer ends the process by itself: whoever awaits it must act.
pub async fn interrupted() -> &'static str {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) {
            (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            },
            // Without handlers the system's default ends the process, which is what was asked for.
            _ => std::future::pending().await,
        }
    }
    #[cfg(not(unix))]
    {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}
