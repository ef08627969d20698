//! How a local task behaves: `local-task.toml` in a service's folder.

use std::time::Duration;

use serde::Deserialize;

/// The file's name; it is packed into the image with the rest of the folder.
pub(crate) const FILE_NAME: &str = "local-task.toml";

/// Where the file stands in a packed image.
pub(super) const PATH_IN_IMAGE: &str = "app/local-task.toml";

/// How long a task lives that is to exit.
pub(super) const EXIT_AFTER: Duration = Duration::from_secs(10);

/// How a task behaves. The local environment runs no code of the service: a task answers the Spring Boot actuator's
/// health and info endpoints for it. This file makes it misbehave, so that a pipeline can be seen to notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(super) struct Manner {
    /// The container exits with this code ten seconds (of the cluster's time) after its start.
    pub(super) exit_code: Option<i64>,
    /// What `/actuator/health` says; `UP` if not given.
    pub(super) health: Option<String>,
    /// What `/actuator/info` says; the image's `org.opencontainers.image.revision` if not given.
    pub(super) revision: Option<String>,
}

impl Manner {
    /// Reads the file's bytes; the error is a sentence for the task's stop reason.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| format!("`{FILE_NAME}` is not UTF-8"))?;
        toml::from_str(text).map_err(|error| format!("`{FILE_NAME}`: {}", error.message().trim()))
    }

    /// The status that the actuator reports.
    pub(super) fn status(&self) -> &str {
        self.health.as_deref().unwrap_or("UP")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_a_healthy_task() {
        let manner = Manner::parse(b"").unwrap();
        assert_eq!(manner, Manner::default());
        assert_eq!(manner.status(), "UP");
    }

    #[test]
    fn a_mistyped_key_is_named() {
        assert!(
            Manner::parse(b"exit_code = 1")
                .unwrap_err()
                .contains("exit_code")
        );
    }
}
