//! Profiles, and which of them are active.

use std::collections::BTreeSet;

use super::command_line::CommandLine;
use super::pom::{Section, Text};
use super::xml::{Fault, Xml};

/// Beginnings of properties that the machine or Maven itself sets, so that a repository cannot tell their values.
const OF_THE_MACHINE: [&str; 9] = [
    "env.", "java.", "os.", "user.", "file.", "path.", "line.", "sun.", "maven.",
];

/// A `<profile>` of a pom.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) id: Text,
    pub(crate) activation: Activation,
    pub(crate) section: Section,
}

/// What makes a profile active. If it asks for several things, all have to hold.
#[derive(Debug, Default)]
pub(crate) struct Activation {
    by_default: bool,
    property: Option<Property>,
    file: Option<FileTest>,
    /// What it asks of the machine, such as `jdk`.
    machine: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Property {
    name: Text,
    value: Option<Text>,
}

/// A file or folder that has to exist, or that must not.
#[derive(Debug, Default)]
pub(crate) struct FileTest {
    pub(crate) path: Text,
    missing: bool,
}

/// Whether something holds; `Unknown` says what it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Unknown(&'static str),
}

/// The profiles of one pom that are active, and those of which that cannot be known, which are taken as inactive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selected {
    pub(crate) active: Vec<usize>,
    /// Each with what it depends on.
    pub(crate) unknown: Vec<(usize, &'static str)>,
}

impl Activation {
    pub(crate) fn read(xml: &mut Xml<'_>) -> Result<Self, Fault> {
        let mut activation = Self::default();
        xml.children(|xml, name| {
            match name {
                "activeByDefault" => {
                    activation.by_default = xml.text::<String>()?.as_deref() == Some("true");
                }
                "property" => {
                    let property = activation.property.insert(Property::default());
                    xml.children(|xml, name| {
                        match name {
                            "name" => property.name = xml.text()?.unwrap_or_default(),
                            "value" => property.value = xml.text()?,
                            _ => {}
                        }
                        Ok(())
                    })?;
                }
                "file" => {
                    let (mut exists, mut missing) = (None, None);
                    xml.children(|xml, name| {
                        match name {
                            "exists" => exists = xml.text()?,
                            "missing" => missing = xml.text()?,
                            _ => {}
                        }
                        Ok(())
                    })?;
                    activation.file = Some(FileTest {
                        missing: exists.is_none(),
                        path: exists.or(missing).unwrap_or_default(),
                    });
                }
                "jdk" => activation.machine = Some("its `<jdk>`"),
                "os" => activation.machine = Some("its `<os>`"),
                // Conditions of Maven 4.
                "packaging" => activation.machine = Some("its `<packaging>`"),
                "condition" => activation.machine = Some("its `<condition>`"),
                _ => {}
            }
            Ok(())
        })?;
        Ok(activation)
    }

    /// `exists` says whether the path of a file test exists, if that can be told.
    fn holds<E>(
        &self,
        line: &CommandLine,
        in_reactor: bool,
        exists: &mut impl FnMut(&str) -> Result<Option<bool>, E>,
    ) -> Result<Holds, E> {
        let mut asked = Vec::new();
        if let Some(property) = &self.property {
            asked.push(property.holds(line));
        }
        if let Some(file) = &self.file {
            asked.push(if file.path.is_empty() || !in_reactor {
                Holds::No
            } else {
                match exists(&file.path)? {
                    Some(there) if there != file.missing => Holds::Yes,
                    Some(_) => Holds::No,
                    None => Holds::Unknown("a file outside the repository"),
                }
            });
        }
        asked.extend(self.machine.map(Holds::Unknown));
        if asked.is_empty() || asked.contains(&Holds::No) {
            return Ok(Holds::No);
        }
        let unknown = asked.into_iter().find(|holds| *holds != Holds::Yes);
        Ok(unknown.unwrap_or(Holds::Yes))
    }
}

impl Property {
    fn holds(&self, line: &CommandLine) -> Holds {
        let (name, absent) = match self.name.strip_prefix('!') {
            Some(name) => (name, true),
            None => (&*self.name, false),
        };
        if name.is_empty() {
            return Holds::No;
        }
        let set = line.properties.get(name).map(String::as_str);
        if set.is_none() && of_the_machine(name) {
            return Holds::Unknown("a property of the machine");
        }
        let holds = match self.value.as_deref() {
            // Maven does not look at the `!` of the name if there is a value.
            Some(value) => match value.strip_prefix('!') {
                Some(other) => set != Some(other),
                None => set == Some(value),
            },
            None => set.is_some_and(|set| !set.is_empty()) != absent,
        };
        if holds { Holds::Yes } else { Holds::No }
    }
}

/// Whether a property's name begins as those do whose values a repository cannot tell.
pub(crate) fn of_the_machine(name: &str) -> bool {
    OF_THE_MACHINE.iter().any(|start| name.starts_with(start))
}

/// Chooses the active profiles of a pom as Maven's `DefaultProfileSelector` does: those that are active by default count
/// only if no other is active. `in_reactor` is whether the pom is built: else `-P` is not heeded, and files are not looked for.
pub(crate) fn select<E>(
    profiles: &[Profile],
    line: &CommandLine,
    in_reactor: bool,
    mut exists: impl FnMut(&str) -> Result<Option<bool>, E>,
) -> Result<Selected, E> {
    let (mut selected, mut by_default) = (Selected::default(), Vec::new());
    for (index, profile) in profiles.iter().enumerate() {
        let named = |set: &BTreeSet<String>| in_reactor && set.contains(&*profile.id);
        if named(&line.inactive) {
            continue;
        }
        let holds = if named(&line.active) {
            Holds::Yes
        } else {
            profile.activation.holds(line, in_reactor, &mut exists)?
        };
        match holds {
            Holds::Yes => selected.active.push(index),
            Holds::Unknown(on) => selected.unknown.push((index, on)),
            Holds::No => {}
        }
        if holds != Holds::Yes && profile.activation.by_default {
            by_default.push(index);
        }
    }
    if selected.active.is_empty() {
        selected.active = by_default;
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::pom::Pom;
    use super::*;

    /// The names of the profiles that are active, and of those that may be.
    fn selected(profiles: &str, config: &str) -> (String, String) {
        let text =
            format!("<project><artifactId>a</artifactId><profiles>{profiles}</profiles></project>");
        let pom = Pom::read(text.into()).unwrap();
        let line = CommandLine::read(config.as_bytes());
        let exists = |path: &str| {
            Ok::<_, Infallible>(match path {
                "there" => Some(true),
                "elsewhere" => None,
                _ => Some(false),
            })
        };
        let Ok(selected) = select(&pom.profiles, &line, true, exists);
        let names = |indexes: &mut dyn Iterator<Item = usize>| -> String {
            let names: Vec<&str> = indexes.map(|index| &*pom.profiles[index].id).collect();
            names.join(" ")
        };
        (
            names(&mut selected.active.iter().copied()),
            names(&mut selected.unknown.iter().map(|(index, _)| *index)),
        )
    }

    fn profile(id: &str, activation: &str) -> String {
        format!("<profile><id>{id}</id><activation>{activation}</activation></profile>")
    }

    #[test]
    fn active_by_default_gives_way_to_any_other() {
        let profiles = profile("d", "<activeByDefault>true</activeByDefault>")
            + &profile("p", "<property><name>p</name></property>");
        assert_eq!(selected(&profiles, "").0, "d");
        assert_eq!(selected(&profiles, "-Dp").0, "p");
        assert_eq!(selected(&profiles, "-P!d").0, "");
        assert_eq!(selected(&profiles, "-Dp -Pd").0, "d p");
        assert_eq!(selected(&profiles, "-Dp -P-p").0, "d");
    }

    #[test]
    fn properties_are_asked_for_by_name_and_value() {
        let property = |name: &str, value: &str| {
            profile(
                "p",
                &format!("<property><name>{name}</name>{value}</property>"),
            )
        };
        for (name, value, config, active) in [
            ("a", "", "-Da=1", true),
            ("a", "", "-Da=", false),
            ("!a", "", "", true),
            ("!a", "", "-Da", false),
            ("a", "<value>1</value>", "-Da=1", true),
            ("a", "<value>1</value>", "-Da=2", false),
            ("a", "<value>!1</value>", "-Da=2", true),
            ("a", "<value>!1</value>", "", true),
            ("a", "<value>!1</value>", "-Da=1", false),
            ("", "", "", false),
        ] {
            let found = selected(&property(name, value), config);
            assert_eq!(found.0 == "p", active, "{name} {value} {config}");
        }
        let found = selected(&property("env.CI", ""), "");
        assert_eq!(found, (String::new(), "p".to_owned()));
    }

    #[test]
    fn all_that_is_asked_for_has_to_hold() {
        let there = "<file><exists>there</exists></file>";
        for (activation, active, unknown) in [
            (there, "p", ""),
            ("<file><missing>there</missing></file>", "", ""),
            ("<file><missing>nowhere</missing></file>", "p", ""),
            ("<file/>", "", ""),
            ("<file><exists>elsewhere</exists></file>", "", "p"),
            ("<jdk>17</jdk>", "", "p"),
            (&format!("{there}<os><name>Linux</name></os>"), "", "p"),
            ("<jdk>17</jdk><file><exists>nowhere</exists></file>", "", ""),
            (
                &format!("{there}<property><name>a</name></property>"),
                "",
                "",
            ),
        ] {
            let expected = (active.to_owned(), unknown.to_owned());
            assert_eq!(selected(&profile("p", activation), ""), expected);
        }
    }
}
