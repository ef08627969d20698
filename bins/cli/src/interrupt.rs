//! Waiting for the signals that ask a process to stop.

/// Resolves when the process is asked to stop: Ctrl-C, or on Unix SIGTERM, or SIGHUP unless whoever started the process wants it
/// to outlive its terminal (`nohup`). Returns the signal's name.
///
/// Once it was called, the signal no longer ends the process by itself: whoever awaits it must act.
pub async fn interrupted() -> &'static str {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = (!hangup_is_ignored())
            .then(|| signal(SignalKind::hangup()).ok())
            .flatten();
        let hangup = async {
            match hangup {
                Some(mut hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        match (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) {
            (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                () = hangup => "SIGHUP",
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

/// Whether the process was started with SIGHUP ignored. A handler would end that, so it is found out before there is one, and
/// where it cannot be found out there is none.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    use std::sync::OnceLock;
    static IGNORED: OnceLock<bool> = OnceLock::new();
    *IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        ignores_hangup(&status).unwrap_or(true)
    })
}

/// Reads the mask `SigIgn` of `/proc/self/status`, whose lowest bit is signal 1, SIGHUP.
#[cfg(unix)]
fn ignores_hangup(status: &str) -> Option<bool> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_asks_for_is_read_from_the_mask() {
        let status = |mask: &str| {
            format!("Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t{mask}\nSigCgt:\t0\n")
        };
        assert_eq!(ignores_hangup(&status("0000000000001001")), Some(true));
        assert_eq!(ignores_hangup(&status("0000000000001000")), Some(false));
        assert_eq!(ignores_hangup("Name:\tx\n"), None);
    }
}
