//! Who holds a lock.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use windlass_cli::GithubActions;

/// A run, as it introduces itself to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// Tells this run from every other one.
    pub(crate) id: String,
    /// What it does: `run`, `promote`, …
    pub(crate) command: String,
    /// The environment that it changes.
    pub(crate) environment: String,
    /// Whose run it is.
    pub(crate) user: Option<String>,
    /// The machine.
    pub(crate) host: Option<String>,
    /// Its process.
    pub(crate) pid: u32,
    /// Where it can be watched.
    pub(crate) run_url: Option<String>,
    /// When it began, in seconds since 1970.
    pub(crate) since: u64,
}

impl Holder {
    /// This process.
    pub(crate) fn here(command: &str, environment: &str) -> Self {
        let variable = |name| {
            std::env::var(name)
                .ok()
                .filter(|value: &String| !value.is_empty())
        };
        Self {
            id: format!(
                "{:016x}{:016x}",
                RandomState::new().hash_one(std::process::id()),
                RandomState::new().hash_one(command)
            ),
            command: command.to_owned(),
            environment: environment.to_owned(),
            user: variable("GITHUB_ACTOR")
                .or_else(|| variable("USER"))
                .or_else(|| variable("USERNAME")),
            host: host(),
            pid: std::process::id(),
            run_url: GithubActions::run_url(),
            since: now(),
        }
    }

    /// Whether it is known that its process has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.host == host() && has_ended(self.pid)
    }

    /// How long ago it began.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_secs(now().saturating_sub(self.since))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`windlass {}`", self.command)?;
        if let Some(user) = &self.user {
            write!(f, " of {user}")?;
        }
        if let Some(host) = &self.host {
            write!(f, " on {host}")?;
        }
        write!(f, ", process {}", self.pid)?;
        if let Some(url) = &self.run_url {
            write!(f, ", {url}")?;
        }
        let since = UNIX_EPOCH
            .checked_add(Duration::from_secs(self.since))
            // The text comes from outside: a time that no calendar has must not end the program.
            .filter(|_| self.since < 253_402_300_800)
            .map_or_else(
                || "an unknown time".to_owned(),
                |time| humantime::format_rfc3339_seconds(time).to_string(),
            );
        write!(
            f,
            ", since {since} ({} ago)",
            humantime::format_duration(self.age())
        )
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(unix)]
fn has_ended(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
const fn has_ended(_pid: u32) -> bool {
    false
}

#[cfg(unix)]
fn host() -> Option<String> {
    rustix::system::uname()
        .nodename()
        .to_str()
        .ok()
        .map(str::to_owned)
}

#[cfg(not(unix))]
fn host() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_people_who_and_since_when() {
        let mut holder = Holder::here("run", "dev");
        holder.user = Some("ada".to_owned());
        holder.host = Some("runner-7".to_owned());
        holder.run_url = Some("https://github.com/acme/shop/actions/runs/7".to_owned());
        holder.since = now() - 3_720;
        let text = holder.to_string();
        for part in [
            "`windlass run` of ada on runner-7",
            "actions/runs/7",
            "(1h 2m ago)",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn two_runs_differ() {
        assert_ne!(Holder::here("run", "dev").id, Holder::here("run", "dev").id);
    }

    #[test]
    fn a_time_beyond_all_calendars_is_only_text() {
        let mut holder = Holder::here("run", "dev");
        holder.since = u64::MAX;
        assert!(holder.to_string().contains("unknown time"));
    }
}
