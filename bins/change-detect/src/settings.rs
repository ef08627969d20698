//! The table `[detect]` of windlass.toml, and the flags that outrank it.

use std::path::Path;

use change_detect::{Layout, Options};
use serde::Deserialize;
use windlass_cli::{Failure, nearest};

use crate::args::{OnUnknown, PlaceArgs};

/// The file that is read when none is named.
const FILE_NAME: &str = "windlass.toml";

/// The tables of the file; all but one are the pipeline's.
const TABLES: [&str; 6] = [
    "detect",
    "build",
    "deploy",
    "health",
    "environments",
    "notify",
];

const KEYS: [&str; 5] = ["layout", "services", "global", "ignore", "on-unknown"];

/// The table `[detect]`. The rest of the file is the pipeline's.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    layout: Option<String>,
    services: Vec<String>,
    global: Vec<String>,
    ignore: Vec<String>,
    pub(crate) on_unknown: Option<OnUnknown>,
}

impl Settings {
    /// Reads the named file, or that at the root of the work tree if there is one.
    pub(crate) fn load(named: Option<&Path>, root: Option<&Path>) -> Result<Self, Failure> {
        let path = match (named, root) {
            (Some(named), _) => named.to_owned(),
            // A folder of that name, or a link to nowhere, is not the same as no file.
            (None, Some(root)) if root.join(FILE_NAME).symlink_metadata().is_ok() => {
                root.join(FILE_NAME)
            }
            _ => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::usage(format!("cannot read `{}`", path.display()))
                .caused_by(&error)
                .hint("name a windlass.toml that can be read with --config")
        })?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let invalid = |error: &toml::de::Error| {
            Failure::usage(format!("`{}` is not valid", path.display()))
                .caused_by(error)
                .hint("[detect] takes layout, services, global, ignore and on-unknown")
        };
        let mut file: toml::Table = text.parse().map_err(|error| invalid(&error))?;
        if let Some(unknown) = file.keys().find(|key| !TABLES.contains(&key.as_str())) {
            let hint = nearest(unknown, TABLES).map_or_else(
                || format!("it takes {}", TABLES.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Failure::usage(format!(
                "`{}` has the unknown table `{unknown}`",
                path.display()
            ))
            .hint(hint));
        }
        let Some(detect) = file.remove("detect") else {
            return Ok(Self::default());
        };
        for key in detect.as_table().into_iter().flat_map(toml::Table::keys) {
            if !KEYS.contains(&key.as_str()) {
                let hint = nearest(key, KEYS).map_or_else(
                    || format!("[detect] takes {}", KEYS.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(Failure::usage(format!(
                    "`{}` has the unknown key `{key}` in [detect]",
                    path.display()
                ))
                .hint(hint));
            }
        }
        detect.try_into().map_err(|error| invalid(&error))
    }

    /// What the library is to do, with the flags over the file.
    pub(crate) fn options(&self, place: &PlaceArgs) -> Result<Options, Failure> {
        let layout = match (place.layout, &self.layout) {
            (Some(layout), _) => layout,
            (None, Some(layout)) => {
                layout
                    .parse()
                    .map_err(|error: change_detect::InvalidLayout| {
                        Failure::usage(error.to_string())
                            .hint("correct `layout` in [detect] of windlass.toml")
                    })?
            }
            (None, None) => Layout::Auto,
        };
        let or = |flags: &[String], file: &[String]| {
            if flags.is_empty() { file } else { flags }.to_vec()
        };
        Ok(Options::default()
            .layout(layout)
            .services(or(&place.services, &self.services))
            .global(or(&place.global, &self.global))
            .ignore(or(&place.ignore, &self.ignore)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, Failure> {
        Settings::parse(text, Path::new("windlass.toml"))
    }

    #[test]
    fn only_its_own_table_is_read() {
        let settings = parse(
            "[detect]\nservices = [\"apps/*\"]\non-unknown = \"all\"\n[deploy]\nwhatever = 1\n",
        )
        .unwrap();
        assert_eq!(settings.services, ["apps/*"]);
        assert_eq!(settings.on_unknown, Some(OnUnknown::All));
        assert_eq!(parse("").unwrap(), Settings::default());
    }

    #[test]
    fn a_mistyped_key_is_named_with_the_nearest() {
        let failure = parse("[detect]\nignored = []").unwrap_err().to_string();
        assert!(
            failure.contains("`ignored`") && failure.contains("did you mean `ignore`?"),
            "{failure}"
        );
        let failure = parse("[detect]\nservices = \"x\"").unwrap_err().to_string();
        assert!(failure.contains("invalid type"), "{failure}");
        assert!(parse("[detect").is_err());
        let failure = parse("[detekt]\nignore = []").unwrap_err().to_string();
        assert!(
            failure.contains("`detekt`") && failure.contains("did you mean `detect`?"),
            "{failure}"
        );
    }
}
