//! YAML as the same values as JSON.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// Nested deeper than any workspace's files are; it bounds the stack.
const DEEPEST: usize = 64;

/// Reads the first document. Keys become text; what has no JSON form becomes null.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("it is no UTF-8: {error}"))?;
    let documents = Yaml::load_from_str(text).map_err(|error| format!("it is no YAML: {error}"))?;
    documents
        .first()
        .map_or(Ok(Value::Null), |document| value(document, 0))
}

fn value(yaml: &Yaml<'_>, depth: usize) -> Result<Value, String> {
    if depth == DEEPEST {
        return Err(format!("it is nested more than {DEEPEST} deep"));
    }
    Ok(match yaml {
        Yaml::Value(Scalar::String(text)) => Value::String(text.to_string()),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Value(Scalar::FloatingPoint(number)) => Value::from(number.into_inner()),
        Yaml::Value(Scalar::Boolean(truth)) => Value::Bool(*truth),
        Yaml::Sequence(items) => {
            let items = items.iter().map(|item| value(item, depth + 1));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, item) in entries {
                map.insert(text(key), value(item, depth + 1)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(_, inner) => value(inner, depth + 1)?,
        Yaml::Representation(text, ..) => Value::String(text.to_string()),
        _ => Value::Null,
    })
}

/// A key as it is written.
fn text(key: &Yaml<'_>) -> String {
    match key {
        Yaml::Value(Scalar::String(text)) => text.to_string(),
        Yaml::Representation(text, ..) => text.to_string(),
        Yaml::Value(Scalar::Integer(number)) => number.to_string(),
        Yaml::Value(Scalar::FloatingPoint(number)) => number.to_string(),
        Yaml::Value(Scalar::Boolean(truth)) => truth.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn becomes_the_same_as_json() {
        let yaml =
            "packages:\n  - 'apps/*'\n  - \"!apps/old\"\ncatalog:\n  react: ^18.0.0\n  '@a/b': 1\n";
        assert_eq!(
            read(yaml.as_bytes()).unwrap(),
            serde_json::json!({"packages": ["apps/*", "!apps/old"], "catalog": {"react": "^18.0.0", "@a/b": 1}})
        );
        assert_eq!(read(b"").unwrap(), Value::Null);
        assert!(read(b"a: [").is_err());
        assert!(read("[".repeat(5000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-z]: ?|- |\\[|\\]|\\{|\\}|\n|  |'|\"|&a|\\*a|!|#|,|\\||>|0|\\.){0,40}") {
            _ = read(text.as_bytes());
        }
    }
}
