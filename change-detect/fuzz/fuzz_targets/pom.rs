//! Poms of any bytes.
#![no_main]

use std::collections::BTreeSet;

use change_detect::sim::{Draft, SimRepository};
use change_detect::{Layout, Options, services_at};
use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 4] = ["pom.xml", "a/pom.xml", "b/pom.xml", "c/pom.xml"];

fuzz_target!(|bytes: &[u8]| {
    let poms = bytes.splitn(PATHS.len(), |byte| *byte == 0);
    let draft = PATHS
        .into_iter()
        .zip(poms)
        .fold(Draft::new("Head"), |draft, (path, pom)| {
            draft.file(path, pom)
        });
    let repository = SimRepository::new();
    let head = repository.save(draft).expect("the paths are valid");
    let options = Options::default().layout(Layout::Maven);
    match services_at(&repository, &head, &options) {
        Ok(modules) => {
            let names: BTreeSet<_> = modules.iter().map(|module| &module.name).collect();
            assert_eq!(names.len(), modules.len(), "two modules of one name");
            for dependency in modules.iter().flat_map(|module| &module.dependencies) {
                assert!(
                    names.contains(&dependency.on),
                    "{dependency:?} leads nowhere"
                );
            }
            let again = services_at(&repository, &head, &options).expect("it was read before");
            assert_eq!(modules, again);
        }
        // Each error can be said.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
