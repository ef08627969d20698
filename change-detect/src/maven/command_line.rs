//! What `.mvn/maven.config` adds to Maven's command line.

use std::collections::{BTreeMap, BTreeSet};

/// The file, from the repository's root.
pub(crate) const FILE: &str = ".mvn/maven.config";

/// Options that change which projects there are, or what their poms mean, in ways that are not followed.
const NOT_FOLLOWED: [&str; 8] = [
    "-f",
    "--file",
    "-N",
    "--non-recursive",
    "-pl",
    "--projects",
    "-s",
    "--settings",
];

/// Options that count for the reactor. What is given to a single run of Maven is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// `-D name=value`; such properties outrank those of poms.
    pub(crate) properties: BTreeMap<String, String>,
    /// `-P name` and `-P +name`.
    pub(crate) active: BTreeSet<String>,
    /// `-P !name` and `-P -name`.
    pub(crate) inactive: BTreeSet<String>,
    /// Options that are not followed, each once.
    pub(crate) not_followed: BTreeSet<&'static str>,
}

impl CommandLine {
    /// Reads options parted by space or line breaks. Maven 3.8 parts them by either, Maven 3.9 and later by line breaks
    /// alone and with comments: <https://maven.apache.org/configure.html#mvn-maven-config-file>.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let mut words = lines
            .flat_map(str::split_whitespace)
            .map(|word| word.trim_matches(['"', '\'']));
        let mut line = Self::default();
        while let Some(word) = words.next() {
            let mut value = |names: [&str; 2]| -> Option<String> {
                let [short, long] = names;
                if word == short || word == long {
                    return words.next().map(ToOwned::to_owned);
                }
                let joined = word
                    .strip_prefix(long)
                    .and_then(|rest| rest.strip_prefix('='));
                let short = || word.strip_prefix(short);
                joined.or_else(short).map(ToOwned::to_owned)
            };
            if let Some(property) = value(["-D", "--define"]) {
                let (name, value) = property.split_once('=').unwrap_or((&property, "true"));
                line.properties.insert(name.to_owned(), value.to_owned());
            } else if let Some(profiles) = value(["-P", "--activate-profiles"]) {
                profiles.split(',').for_each(|profile| line.select(profile));
            } else {
                let option = word.split('=').next().unwrap_or(word);
                let known = NOT_FOLLOWED.iter().find(|known| **known == option);
                line.not_followed.extend(known);
            }
        }
        line
    }

    fn select(&mut self, profile: &str) {
        let profile = profile.trim();
        let (set, name) = match profile.strip_prefix(['-', '!']) {
            Some(name) => (&mut self.inactive, name),
            None => (
                &mut self.active,
                profile.strip_prefix('+').unwrap_or(profile),
            ),
        };
        // Maven 4 lets a profile be missing that begins with a question mark; any may be missing here.
        let name = name.strip_prefix('?').unwrap_or(name);
        if !name.is_empty() {
            set.insert(name.to_owned());
        }
    }

    /// What is to be said about options that are not followed.
    pub(crate) fn caveats(&self) -> impl Iterator<Item = String> {
        self.not_followed.iter().map(|option| {
            format!("`{FILE}` has `{option}`, which is not followed: give it on the command line instead")
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn options_are_read_in_each_of_their_forms() {
        let line = CommandLine::read(
            b"-T 2 -Da=1 -D b=2=3\n--define c\n# -Dd=1\n\"--define=e=5\"\n-Pone,!two -P -three,+four\n--activate-profiles=five,?six\n-Da=7",
        );
        let properties: Vec<(&str, &str)> = line
            .properties
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            properties,
            [("a", "7"), ("b", "2=3"), ("c", "true"), ("e", "5")]
        );
        assert_eq!(line.active, set(&["one", "four", "five", "six"]));
        assert_eq!(line.inactive, set(&["two", "three"]));
        assert_eq!(line.caveats().count(), 0);
    }

    #[test]
    fn options_that_are_not_followed_are_named() {
        let line = CommandLine::read(b"-f other.xml -fae --projects=a --non-recursive");
        let named: Vec<&str> = line.not_followed.iter().copied().collect();
        assert_eq!(named, ["--non-recursive", "--projects", "-f"]);
        assert!(line.caveats().all(|caveat| caveat.contains(FILE)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "(-D|-P|=|,|!| |a|-|\\+|\"|\n){0,20}") {
            CommandLine::read(&bytes);
            CommandLine::read(text.as_bytes());
        }
    }
}
