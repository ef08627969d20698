//! Layout `directories`: each matched folder is a service.

use std::collections::{BTreeMap, BTreeSet};

use crate::globs::Globs;
use crate::inventory::{Inventory, Node};
use crate::{
    CommitId, DiffSource, EntryKind, Error, Module, ModuleKind, ModuleName, RepoPath, TreeEntry,
};

/// The folder that services are in unless globs say otherwise.
const DEFAULT: &str = "services";

/// Reads the services of a commit, sorted by name.
pub(crate) fn inventory(
    source: &dyn DiffSource,
    at: &CommitId,
    services: &Globs,
) -> Result<Inventory, Error> {
    let mut paths = Vec::new();
    let mut open = Vec::new();
    if services.is_empty() {
        let folder = DEFAULT.parse().unwrap_or_default();
        let entries = source.list(at, &folder)?.into_iter();
        paths.extend(entries.filter(is_folder).map(|entry| entry.path));
    } else {
        open.push(RepoPath::root());
        paths.extend(open.iter().filter(|root| services.matches(root)).cloned());
    }
    while let Some(folder) = open.pop() {
        for entry in source.list(at, &folder)? {
            if !is_folder(&entry) {
                continue;
            }
            if services.matches(&entry.path) {
                paths.push(entry.path.clone());
            }
            if entry.kind == EntryKind::Directory && services.may_match_below(&entry.path) {
                open.push(entry.path);
            }
        }
    }
    let mut named: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for path in &paths {
        *named.entry(path.file_name().to_vec()).or_default() += 1;
    }
    let mut nodes = Vec::new();
    for path in paths {
        let alone = named.get(path.file_name()).is_none_or(|count| *count == 1);
        let name = name(&path, alone);
        let module = Module {
            name,
            path,
            kind: ModuleKind::Service,
            dependencies: Vec::new(),
        };
        nodes.push(Node {
            module,
            model: BTreeSet::new(),
            aggregator: false,
        });
    }
    nodes.sort_by(|a, b| a.module.name.cmp(&b.module.name));
    Ok(Inventory::new(nodes))
}

/// Whether an entry is a folder, or a submodule, which stands where a folder would.
const fn is_folder(entry: &TreeEntry) -> bool {
    matches!(entry.kind, EntryKind::Directory | EntryKind::Submodule)
}

/// The folder's name, or its whole path where that name is not alone.
fn name(path: &RepoPath, alone: bool) -> ModuleName {
    // The text form of a path quotes what is not plain, so different folders have different names.
    ModuleName::of(&match RepoPath::from_bytes(path.file_name()) {
        Ok(last) if alone => last.to_string(),
        _ => path.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Draft, SimRepository};

    fn services(files: &[&[u8]], globs: &[&str]) -> Vec<(String, String)> {
        let repository = SimRepository::new();
        let draft = files
            .iter()
            .fold(Draft::new("Add"), |draft, file| draft.file(*file, "x"));
        let head = repository.save(draft).unwrap();
        let globs = Globs::new(&globs.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let inventory = inventory(&repository, &head, &globs).unwrap();
        inventory
            .services()
            .map(|module| (module.name.to_string(), module.path.to_string()))
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect()
    }

    #[test]
    fn services_are_the_folders_directly_below_services() {
        let files: [&[u8]; 4] = [
            b"services/README.md",
            b"services/b/src/x",
            b"services/a/x",
            b"apps/c/x",
        ];
        assert_eq!(
            services(&files, &[]),
            pairs(&[("a", "services/a"), ("b", "services/b")])
        );
    }

    #[test]
    fn globs_say_which_folders_instead() {
        let files: [&[u8]; 4] = [b"services/a/x", b"apps/b/x", b"apps/c/x", b"apps/x"];
        assert_eq!(
            services(&files, &["services/*", "apps/*", "!apps/c"]),
            pairs(&[("a", "services/a"), ("b", "apps/b")])
        );
    }

    #[test]
    fn folders_of_the_same_name_are_named_by_their_paths() {
        let files: [&[u8]; 3] = [b"services/api/x", b"apps/api/x", b"apps/web/x"];
        assert_eq!(
            services(&files, &["services/*", "apps/*"]),
            pairs(&[
                ("apps/api", "apps/api"),
                ("services/api", "services/api"),
                ("web", "apps/web")
            ])
        );
    }

    #[test]
    fn a_name_that_is_no_utf8_is_quoted() {
        assert_eq!(
            services(&[b"services/caf\xe9/x"], &[]),
            pairs(&[("\"caf\\351\"", "\"services/caf\\351\"")])
        );
    }

    #[test]
    fn a_name_with_spaces_around_it_or_control_characters_is_quoted() {
        let files: [&[u8]; 4] = [
            b"services/ lead/x",
            b"services/two\nlines/x",
            b"services/trail /x",
            b"services/plain one/x",
        ];
        assert_eq!(
            services(&files, &[]),
            pairs(&[
                ("\" lead\"", "services/ lead"),
                ("\"trail \"", "services/trail "),
                ("\"two\\nlines\"", "\"services/two\\nlines\""),
                ("plain one", "services/plain one"),
            ])
        );
    }

    #[test]
    fn the_root_can_be_the_service() {
        assert_eq!(services(&[b"main.py"], &["."]), pairs(&[(".", ".")]));
    }
}
