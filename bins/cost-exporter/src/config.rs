//! The configuration file, and what the command line changes of it.

use std::path::{Path, PathBuf};

use cost_exporter::{Config, Options};
use windlass_cli::{Failure, nearest};

use crate::args::FromArgs;

const DEFAULT: &str = "cost-exporter.toml";

/// The file's configuration, with the flags over it.
pub(crate) fn load(args: &FromArgs) -> Result<(Config, Options), Failure> {
    let mut config = match &args.config {
        Some(path) => read(path)?,
        None if Path::new(DEFAULT).exists() => read(&PathBuf::from(DEFAULT))?,
        None => Config::default(),
    };
    if let Some(tag) = &args.tag {
        let tag = tag
            .parse()
            .map_err(|error| Failure::usage("--tag is no tag key").caused_by(&error))?;
        config.tag = Some(tag);
    }
    if args.budget_requests.is_some() {
        config.requests.per_refresh = args.budget_requests;
    }
    if args.no_forecast {
        config.forecast = Some(false);
    }
    if args.ledger.is_some() {
        config.ledger.clone_from(&args.ledger);
    }
    let options = config
        .options()
        .map_err(|error| Failure::usage("the configuration cannot be used").caused_by(&error))?;
    Ok((config, options))
}

fn read(path: &Path) -> Result<Config, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::usage(format!(
            "cannot read the configuration `{}`",
            path.display()
        ))
        .caused_by(error)
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    toml::from_str(&text).map_err(|error| failed(&error).hint(near(error.message())))
}

/// The key that a misspelt one most likely meant: the first name in the message is the one that is not known, the others are.
fn near(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field")?;
    let names: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let (wrong, known) = names.split_first()?;
    nearest(wrong, known.iter().copied()).map(|near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named_with_the_one_that_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "[cloudwatch]\nnamspace = \"x\"\n").unwrap();
        let failure = read(&path).unwrap_err().to_string();
        assert!(failure.contains("did you mean `namespace`?"), "{failure}");
    }
}
