//! What each service runs, as a file says.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;

use change_detect::{CommitId, DiffSource, ModuleName};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use windlass_cli::{Exit, Failure};

use crate::args::OnUnknown;
use crate::failures;

/// What services run, and why that cannot be told of others.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) known: BTreeMap<ModuleName, CommitId>,
    pub(crate) unknown: BTreeMap<ModuleName, String>,
}

/// Reads a JSON object of service names and revisions.
///
/// A revision that names nothing fails, or is unknown if everything unknown is to count.
pub(crate) fn read(
    path: &Path,
    source: &dyn DiffSource,
    on_unknown: OnUnknown,
) -> Result<Running, Failure> {
    let shape = "it takes a JSON object of services and the revisions that they run, such as {\"user-service\": \"4f2c…\"}";
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| {
        Failure::usage(format!("cannot read the bases in `{}`", path.display()))
            .caused_by(&error)
            .hint(shape)
    })?;
    let Pairs(revisions) = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("`{}` is not a list of bases", path.display()))
            .caused_by(&error)
            .hint(shape)
    })?;
    let mut running = Running::default();
    for (service, revision) in revisions {
        let name: ModuleName =
            service
                .parse()
                .map_err(|error: change_detect::InvalidModuleName| {
                    Failure::usage(error.to_string()).hint(shape)
                })?;
        if running.known.contains_key(&name) || running.unknown.contains_key(&name) {
            return Err(Failure::usage(format!(
                "`{}` has the service `{name}` twice",
                path.display()
            ))
            .hint("a service runs one commit: leave one of them out"));
        }
        match (source.resolve(&revision), revision.parse::<CommitId>()) {
            // The id of a tag's object names the commit that it is of.
            (Ok(id), _) => _ = running.known.insert(name, id),
            // Whether the repository has it is judged by the comparison.
            (Err(_), Ok(id)) => _ = running.known.insert(name, id),
            (Err(error), Err(_)) if on_unknown == OnUnknown::All => {
                running.unknown.insert(name, error.to_string());
            }
            (Err(error), Err(_)) => {
                return Err(Failure::new(
                    Exit::Unreachable,
                    format!("it cannot be told what `{name}` runs"),
                )
                .caused_by(&error)
                .hint(failures::hint(&error)));
            }
        }
    }
    Ok(running)
}

/// The pairs of an object as they are written, of which maps would keep one of a name.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of services and revisions")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
