//! Unknown keys of `windlass.toml`, with their line and the nearest known key.

use std::path::Path;

use toml::de::{DeTable, DeValue};
use windlass_cli::{Failure, nearest};

/// A table's shape: its keys, and what stands below them.
enum Shape {
    /// Any value; its type is checked when the file is read into the configuration.
    Value,
    /// A table with exactly these keys.
    Table(&'static [(&'static str, Self)]),
    /// A table whose keys are names of the user's.
    Named(&'static Self),
}

use Shape::{Named, Table, Value};

const SHAPE: Shape = Table(&[
    (
        "detect",
        Table(&[
            ("layout", Value),
            ("services", Value),
            ("global", Value),
            ("ignore", Value),
            ("on-unknown", Value),
        ]),
    ),
    (
        "build",
        Table(&[
            ("command", Value),
            ("image", Value),
            ("max-parallel", Value),
        ]),
    ),
    (
        "gate",
        Table(&[
            ("report", Value),
            ("server", Value),
            ("token-env", Value),
            ("strict", Value),
            ("rules", Value),
            ("timeout", Value),
        ]),
    ),
    (
        "deploy",
        Table(&[
            ("order", Value),
            ("on-failure", Value),
            ("timeout", Value),
            ("poll", Value),
            ("max-parallel", Value),
        ]),
    ),
    (
        "health",
        Table(&[
            ("successes", Value),
            ("interval", Value),
            ("timeout", Value),
            ("latency-ceiling", Value),
        ]),
    ),
    (
        "environments",
        Named(&Table(&[
            ("provider", Value),
            ("region", Value),
            ("cluster", Value),
            ("service", Value),
            ("repository", Value),
            ("health", Value),
            ("insecure-http", Value),
            ("desired-count", Value),
            ("speed", Value),
            ("protected", Value),
            ("lock", Value),
        ])),
    ),
    (
        "notify",
        Table(&[
            ("slack", Table(&[("webhook-env", Value)])),
            ("webhook", Table(&[("url-env", Value)])),
        ]),
    ),
]);

/// Refuses a key that the configuration does not have.
pub(super) fn check(text: &str, path: &Path) -> Result<(), Failure> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error
            .span()
            .map_or_else(String::new, |span| place(text, span.start));
        Failure::usage(format!(
            "`{}`{at} is not valid TOML: {}",
            path.display(),
            error.message().trim()
        ))
        .hint("strings stand in quotes, tables in [brackets]: https://toml.io")
    })?;
    walk(table.get_ref(), &SHAPE, "", text, path)
}

fn walk(
    table: &DeTable<'_>,
    shape: &Shape,
    prefix: &str,
    text: &str,
    path: &Path,
) -> Result<(), Failure> {
    for (key, value) in table.iter() {
        let name: &str = key.get_ref();
        let full = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}.{name}")
        };
        let below = match shape {
            Value => return Ok(()),
            Named(below) => below,
            Table(keys) => match keys.iter().find(|(known, _)| *known == name) {
                Some((_, below)) => below,
                None => {
                    let at = place(text, key.span().start);
                    return Err(Failure::usage(format!(
                        "`{}`{at}: unknown key `{full}`",
                        path.display()
                    ))
                    .hint(hint(name, prefix, keys)));
                }
            },
        };
        if let DeValue::Table(inner) = value.get_ref() {
            walk(inner, below, &full, text, path)?;
        }
    }
    Ok(())
}

fn hint(name: &str, prefix: &str, keys: &[(&str, Shape)]) -> String {
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let place = if prefix.is_empty() {
        "the top level".to_owned()
    } else {
        format!("[{prefix}]")
    };
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {place} has: {}", known.join(", ")),
        None => format!("{place} has: {}", known.join(", ")),
    }
}

/// ` line N` of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> String {
    let line = text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1;
    format!(" line {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        check(text, Path::new("windlass.toml"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn accepts_every_key_of_the_shape() {
        // Each key of the shape must also be one that the configuration reads: an unknown one would be ignored there.
        check(
            include_str!("../../tests/data/every-key.toml"),
            Path::new("windlass.toml"),
        )
        .unwrap();
    }

    #[test]
    fn top_level_and_nested_keys_are_checked() {
        assert!(message("[enviroments.dev]\n").contains("did you mean `environments`?"));
        assert!(
            message("[environments.dev]\nclutser = \"x\"\n").contains("did you mean `cluster`?")
        );
        assert!(
            message("[notify.slack]\nwebhook_env = \"X\"\n")
                .contains("did you mean `webhook-env`?")
        );
    }

    #[test]
    fn inline_tables_are_checked_too() {
        assert!(
            message("environments = { dev = { provder = \"aws\" } }")
                .contains("`environments.dev.provder`")
        );
    }

    #[test]
    fn broken_toml_names_the_line() {
        let text = message("[detect]\nlayout = \n");
        assert!(
            text.contains("line 2") && text.contains("not valid TOML"),
            "{text}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_error_or_a_configuration(text in ".{0,200}") {
            let _ = check(&text, Path::new("windlass.toml"));
        }
    }
}
