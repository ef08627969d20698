//! `yarn.lock`: that of yarn 1, a form of its own, and that of yarn 2 and later, which is YAML.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::package::{Package, Wanted};
use super::workspace::Workspace;
use super::{Pinned, yaml};

/// A package as it was resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    name: String,
    version: String,
    content: Option<String>,
    needs: Vec<(String, String)>,
}

/// The entries, by each of the descriptors that they were resolved for, such as `a@^1.0.0`.
type Entries = BTreeMap<String, Entry>;

/// For each package what it is built with, the root's tools included, which all are built with.
pub(super) fn read(
    bytes: &[u8],
    workspace: &Workspace,
) -> Result<Vec<BTreeMap<String, String>>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("it is no UTF-8: {error}"))?;
    let entries = if text.contains("__metadata:") {
        berry(&yaml::read(bytes)?)
    } else if text.contains("# yarn lockfile v1") {
        classic(text)?
    } else {
        return Err("its form is not read".to_owned());
    };
    let mut by_name: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.values() {
        by_name.entry(&entry.name).or_default().push(entry);
    }
    // What was resolved by a rule of the root's may stand under another descriptor: then all of that name count.
    let find = |name: &str, spec: &str| -> Vec<&Entry> {
        let direct = entries
            .get(&format!("{name}@{spec}"))
            .or_else(|| entries.get(&format!("{name}@npm:{spec}")));
        match direct {
            Some(entry) => vec![entry],
            None if workspace.has(name) => vec![],
            None => by_name.get(name).cloned().unwrap_or_default(),
        }
    };
    let closure = |package: &Package| {
        let mut pinned = Pinned::default();
        let wants = workspace.root.wants.iter().chain(&package.wants);
        let mut open: Vec<&Entry> = wants
            .flat_map(|Wanted { name, spec, .. }| find(name, spec))
            .collect();
        let mut seen = BTreeSet::new();
        while let Some(entry) = open.pop() {
            if !seen.insert((&entry.name, &entry.version, &entry.content)) {
                continue;
            }
            pinned.add(&entry.name, &entry.version, entry.content.as_deref());
            open.extend(entry.needs.iter().flat_map(|(name, spec)| find(name, spec)));
        }
        pinned.finish()
    };
    Ok(workspace.packages.iter().map(closure).collect())
}

/// The name in a descriptor: `@a/b@^1.0.0` is of `@a/b`.
fn name_of(descriptor: &str) -> &str {
    let skip = usize::from(descriptor.starts_with('@'));
    descriptor[skip..]
        .find('@')
        .map_or(descriptor, |at| &descriptor[..at + skip])
}

fn berry(file: &Value) -> Entries {
    let mut entries = Entries::new();
    for (key, value) in file.as_object().into_iter().flatten() {
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        let resolution = text("resolution").unwrap_or_default();
        if key == "__metadata" || resolution.contains("@workspace:") {
            continue;
        }
        let needs = ["dependencies", "peerDependencies", "optionalDependencies"]
            .iter()
            .filter_map(|section| value.get(*section)?.as_object())
            .flatten()
            .map(|(name, spec)| (name.clone(), spec.as_str().unwrap_or_default().to_owned()))
            .collect();
        let entry = Entry {
            name: name_of(key).to_owned(),
            version: text("version").unwrap_or(resolution).to_owned(),
            content: text("checksum").or(Some(resolution)).map(str::to_owned),
            needs,
        };
        for descriptor in key.split(", ") {
            entries.insert(descriptor.to_owned(), entry.clone());
        }
    }
    entries
}

/// Reads the form of yarn 1: a line of descriptors, then indented fields, of which some hold indented pairs.
fn classic(text: &str) -> Result<Entries, String> {
    let mut entries = Entries::new();
    let mut open: Option<(Vec<String>, Entry)> = None;
    let mut in_needs = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let depth = line.len() - line.trim_start_matches(' ').len();
        let line = line.trim();
        if depth == 0 {
            let Some(descriptors) = line.strip_suffix(':') else {
                return Err(format!("line {} is none of yarn's", number + 1));
            };
            if let Some((descriptors, entry)) = open.take() {
                close(&mut entries, descriptors, &entry);
            }
            let descriptors: Vec<String> = descriptors
                .split(", ")
                .map(|text| unquoted(text).to_owned())
                .collect();
            let name = descriptors.first().map(|first| name_of(first).to_owned());
            let entry = Entry {
                name: name.unwrap_or_default(),
                ..Entry::default()
            };
            open = Some((descriptors, entry));
            in_needs = false;
            continue;
        }
        let Some((_, entry)) = &mut open else {
            return Err(format!("line {} belongs to nothing", number + 1));
        };
        if line.ends_with(':') && depth <= 2 {
            in_needs = matches!(line, "dependencies:" | "optionalDependencies:");
            continue;
        }
        let (key, value) = pair(line);
        match (depth, key) {
            (0..=2, "version") => entry.version = value.to_owned(),
            (0..=2, "integrity") => entry.content = Some(value.to_owned()),
            (0..=2, "resolved") if entry.content.is_none() => {
                let hash = value.rsplit_once('#').map_or(value, |(_, hash)| hash);
                entry.content = Some(hash.to_owned());
            }
            (0..=2, _) => {}
            _ if in_needs => entry.needs.push((key.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    if let Some((descriptors, entry)) = open {
        close(&mut entries, descriptors, &entry);
    }
    Ok(entries)
}

fn close(entries: &mut Entries, descriptors: Vec<String>, entry: &Entry) {
    for descriptor in descriptors {
        entries.insert(descriptor, entry.clone());
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

/// A key and a value, either of which may be quoted.
fn pair(line: &str) -> (&str, &str) {
    let end = match line.strip_prefix('"') {
        Some(rest) => rest.find('"').map_or(line.len(), |end| end + 2),
        None => line.find(' ').unwrap_or(line.len()),
    };
    let (key, value) = line.split_at(end.min(line.len()));
    (unquoted(key), unquoted(value.trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_form_of_yarn_1_is_read() {
        let text = "# yarn lockfile v1\n\n\n\"@a/b@^1.0.0\", \"@a/b@~1.2\":\n  version \"1.2.3\"\n  resolved \"https://r/b.tgz#abcdef\"\n  \
                    integrity sha512-AAAA\n  dependencies:\n    c \"^2.0.0\"\n    \"@d/e\" \"3\"\n\nc@^2.0.0:\n  version \"2.1.0\"\n";
        let entries = classic(text).unwrap();
        assert_eq!(entries.len(), 3);
        let entry = &entries["@a/b@~1.2"];
        assert_eq!(
            (
                entry.name.as_str(),
                entry.version.as_str(),
                entry.content.as_deref()
            ),
            ("@a/b", "1.2.3", Some("sha512-AAAA"))
        );
        let needs: Vec<_> = entry
            .needs
            .iter()
            .map(|(name, spec)| format!("{name} {spec}"))
            .collect();
        assert_eq!(needs, ["c ^2.0.0", "@d/e 3"]);
        assert!(classic("garbage").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(a@1|\"|:|, |\n|  |    |version |dependencies:|@|#|é){0,40}") {
            if let Ok(entries) = classic(&text) {
                prop_assert!(entries.len() <= text.len());
            }
        }
    }
}
