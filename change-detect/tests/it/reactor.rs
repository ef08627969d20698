//! Layout `maven` against Maven itself: the same modules, the same order, the same dependents.

#[cfg(test)]
mod everything;
#[cfg(test)]
mod mvn;
#[cfg(test)]
mod poms;
#[cfg(test)]
mod random;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use change_detect::sim::{Draft, SimRepository};
use change_detect::{EdgeKind, Error, Layout, Module, Options, services_at};

use everything::everything;
use mvn::{maven, named};
use poms::{Files, local_repository};
use random::random;

fn write(folder: &Path, files: &Files) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn read(files: &Files) -> Result<Vec<Module>, Error> {
    let repository = SimRepository::new();
    let draft = files.iter().fold(Draft::new("Add"), |draft, (path, text)| {
        draft.file(path.as_str(), text.as_str())
    });
    let head = repository.save(draft).unwrap();
    services_at(
        &repository,
        &head,
        &Options::default().layout(Layout::Maven),
    )
}

/// A module and all that is built from it, in order.
fn with_dependents(modules: &[Module], start: &Module) -> Vec<String> {
    let mut reached = BTreeSet::from([&start.name]);
    let mut found = Vec::new();
    // Each comes after all that it needs.
    for module in modules {
        let mut edges = module.dependencies.iter();
        if edges.any(|edge| edge.kind != EdgeKind::Bom && reached.contains(&edge.on)) {
            reached.insert(&module.name);
        }
        if reached.contains(&module.name) {
            found.push(module.name.to_string());
        }
    }
    found
}

fn names(modules: &[Module]) -> Vec<String> {
    modules
        .iter()
        .map(|module| module.name.to_string())
        .collect()
}

#[test]
fn a_reactor_with_everything_is_as_maven_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (work, local) = (folder.path().join("work"), folder.path().join("local"));
    let files = everything();
    write(&work, &files);
    local_repository(&local);
    let modules = read(&files).unwrap();

    let mut calls = vec![(work.as_path(), vec![])];
    for module in &modules {
        let same = modules.iter().filter(|other| other.path == module.path);
        let selector = if same.count() == 1 {
            module.path.to_string()
        } else {
            format!(":{}", module.name)
        };
        let args = ["-amd", "-pl", &selector].map(ToOwned::to_owned);
        calls.push((&work, args.to_vec()));
    }
    let Some(said) = maven(&calls, &local) else {
        return;
    };
    assert!(said[0].succeeded, "{}", said[0].text);
    let all = &said[0].projects;
    assert_eq!(names(&modules), named(all, all));
    assert!(all.len() > 45, "{all:?}");
    for (module, said) in modules.iter().zip(&said[1..]) {
        assert_eq!(
            with_dependents(&modules, module),
            named(&said.projects, all),
            "dependents of {}: {}",
            module.name,
            said.text
        );
    }
}

#[test]
fn random_reactors_are_in_mavens_order() {
    let folder = tempfile::tempdir().unwrap();
    let reactors: Vec<(PathBuf, Files)> = (0..40)
        .map(|seed| (folder.path().join(format!("work-{seed}")), random(seed)))
        .collect();
    for (work, files) in &reactors {
        write(work, files);
    }
    let calls: Vec<(&Path, Vec<String>)> = reactors
        .iter()
        .map(|(work, _)| (work.as_path(), vec![]))
        .collect();
    let Some(said) = maven(&calls, &folder.path().join("local")) else {
        return;
    };
    let mut circles = 0;
    for ((work, files), said) in reactors.iter().zip(said) {
        match read(files) {
            Ok(modules) => {
                assert!(said.succeeded, "{work:?}: {}", said.text);
                let expected = named(&said.projects, &said.projects);
                assert_eq!(names(&modules), expected, "{work:?}: {files:#?}");
            }
            Err(Error::Cycle { .. }) => {
                assert!(said.text.contains("cyclic reference"), "{}", said.text);
                circles += 1;
            }
            Err(other) => panic!("{work:?}: {other:?}: {}", said.text),
        }
    }
    assert!((1..30).contains(&circles), "{circles} of 40 have circles");
}
