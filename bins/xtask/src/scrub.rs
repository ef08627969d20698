//! The environment of the tests: nothing of the developer's shell may decide their outcome.

use std::env;
use std::process::Command;

/// Begins a variable that could change what a test sees: accounts, endpoints, proxies, certificates, a git hook's repository, a workflow's output files.
const PREFIXES: [&str; 7] = [
    "AWS_",
    "GITHUB_",
    "GIT_",
    "REGISTRY_",
    "WINDLASS_",
    "SLACK_",
    "MOTO_",
];
const NAMES: [&str; 13] = [
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "NIX_SSL_CERT_FILE",
    "RUST_LOG",
    "NO_COLOR",
    "CI",
    "TZ",
];

/// Whether the variable `name` is kept from the tests.
fn unwanted(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    PREFIXES.iter().any(|prefix| upper.starts_with(prefix)) || NAMES.contains(&upper.as_str())
}

/// Takes from `command` what [`unwanted`] names and gives it AWS credentials that open nothing, so that a test that forgets its own cannot reach an account.
pub(crate) fn scrub(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if unwanted(&name.to_string_lossy()) {
            command.env_remove(&name);
        }
    }
    command
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .env("AWS_SESSION_TOKEN", "testing")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lead_a_test_out_of_the_machine_is_taken_away() {
        for name in [
            "AWS_PROFILE",
            "AWS_CA_BUNDLE",
            "SSL_CERT_FILE",
            "https_proxy",
            "HTTP_PROXY",
            "GITHUB_OUTPUT",
            "GIT_DIR",
            "WINDLASS_TEST_MOTO",
            "CI",
        ] {
            assert!(unwanted(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "RUSTUP_TOOLCHAIN",
            "TMPDIR",
        ] {
            assert!(!unwanted(name), "{name}");
        }
    }

    #[test]
    fn credentials_that_open_nothing_take_the_place_of_real_ones() {
        let mut command = Command::new("true");
        scrub(&mut command);
        let key = command
            .get_envs()
            .find(|(name, _)| *name == "AWS_ACCESS_KEY_ID")
            .and_then(|(_, value)| value);
        assert_eq!(key.unwrap(), "testing");
    }
}
