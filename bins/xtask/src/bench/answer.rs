//! The one thing that the bench reads of an answer of `change-detect --format json`: its services.

use std::collections::BTreeSet;

/// The strings of the array `services` of the outermost object; nothing if there is no such array.
///
/// Not a parser: it knows strings from structure and counts depth, which is all that finding one key takes.
pub(crate) fn services(json: &str) -> Option<BTreeSet<String>> {
    let mut rest = json;
    let mut depth = 0_usize;
    loop {
        let at = rest.find(['"', '{', '[', '}', ']'])?;
        let (mark, after) = rest.get(at..)?.split_at(1);
        rest = after;
        match mark {
            "{" | "[" => depth += 1,
            "}" | "]" => depth = depth.checked_sub(1)?,
            _ => {
                let (text, after) = string(rest)?;
                rest = after;
                let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
                if depth == 1
                    && text == "services"
                    && let Some(array) = value.and_then(|value| value.strip_prefix('['))
                {
                    return strings(array);
                }
            }
        }
    }
}

/// The strings up to the end of an array of nothing but strings.
fn strings(mut rest: &str) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    loop {
        rest = rest.trim_start();
        if rest.starts_with(']') {
            return Some(found);
        }
        let (text, after) = string(rest.strip_prefix('"')?)?;
        found.insert(text.to_owned());
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// What stands before the quote that ends a string, as it is written, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<Vec<String>> {
        services(json).map(|found| found.into_iter().collect())
    }

    #[test]
    fn the_services_of_the_outermost_object_are_found() {
        let json = r#"{"schema":1,"reason":"a \"services\":[\"x\"] of no account","modules":[{"services":["inner"]}],
            "services" : [ "b" ,"a"], "removed":["c"]}"#;
        assert_eq!(found(json).unwrap(), ["a", "b"]);
        assert_eq!(found(r#"{"services":[]}"#).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_no_such_answer_has_none() {
        for json in [
            "",
            "[]",
            "}",
            r#"{"services":"a"}"#,
            r#"{"services":["a""#,
            r#"{"services":[1]}"#,
            r#"["services",["a"]]"#,
            r#"{"services"#,
        ] {
            assert_eq!(found(json), None, "{json}");
        }
    }
}
