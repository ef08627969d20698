//! Protected environments: changed in CI, where the workflow's rules decide, or when a person says that they mean it.

use windlass_cli::Failure;

use crate::config::Environment;

/// Refuses to change a protected environment by hand without `--yes`.
pub(crate) fn check(
    name: &str,
    environment: &Environment,
    yes: bool,
    in_ci: bool,
) -> Result<(), Failure> {
    if !environment.protected || yes || in_ci {
        return Ok(());
    }
    Err(
        Failure::usage(format!("the environment `{name}` is protected"))
            .hint("add --yes if you mean it; --dry-run shows what would be done"),
    )
}

/// Whether this is a CI system's process: all of them set `CI`.
pub(crate) fn in_ci() -> bool {
    ["CI", "GITHUB_ACTIONS"]
        .into_iter()
        .any(|name| std::env::var(name).is_ok_and(|value| !matches!(&*value, "" | "0" | "false")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn only_a_protected_environment_asks_and_only_off_ci() {
        let mut environment = Config::default().environment("local").unwrap();
        assert!(check("local", &environment, false, false).is_ok());
        environment.protected = true;
        let failure = check("local", &environment, false, false).unwrap_err();
        assert_eq!(failure.exit(), windlass_cli::Exit::Usage);
        assert!(failure.to_string().contains("--yes"), "{failure}");
        assert!(check("local", &environment, true, false).is_ok());
        assert!(check("local", &environment, false, true).is_ok());
    }
}
