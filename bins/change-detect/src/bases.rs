//! What each service runs, as a file says.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use change_detect::{CommitId, DiffSource, ModuleName};
use windlass_cli::{Exit, Failure, Printer};

use crate::args::OnUnknown;
use crate::failures;

/// Reads a JSON object of service names and revisions.
///
/// A revision that names nothing fails, or is left out with a warning if everything unknown is to count: a service without
/// a base counts as new.
pub(crate) fn read(
    path: &Path,
    source: &dyn DiffSource,
    on_unknown: OnUnknown,
    printer: &Printer,
) -> Result<BTreeMap<ModuleName, CommitId>, Failure> {
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
    let revisions: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("`{}` is not a list of bases", path.display()))
            .caused_by(&error)
            .hint(shape)
    })?;
    let mut bases = BTreeMap::new();
    for (service, revision) in revisions {
        let name: ModuleName =
            service
                .parse()
                .map_err(|error: change_detect::InvalidModuleName| {
                    Failure::usage(error.to_string()).hint(shape)
                })?;
        match (revision.parse::<CommitId>(), source.resolve(&revision)) {
            // Whether the repository has it is judged by the comparison.
            (Ok(id), _) | (Err(_), Ok(id)) => _ = bases.insert(name, id),
            (Err(_), Err(error)) if on_unknown == OnUnknown::All => {
                printer.warn(&format!("{name} counts as new: {error}"));
            }
            (Err(_), Err(error)) => {
                return Err(Failure::new(
                    Exit::Unreachable,
                    format!("it cannot be told what `{name}` runs"),
                )
                .caused_by(&error)
                .hint(failures::hint(&error)));
            }
        }
    }
    Ok(bases)
}
