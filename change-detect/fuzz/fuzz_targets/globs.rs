//! Lists of globs of any text, over a few paths.
#![no_main]

use std::collections::BTreeSet;

use change_detect::sim::{Draft, SimRepository};
use change_detect::{Bases, Layout, ModuleKind, Options, detect, services_at};
use libfuzzer_sys::fuzz_target;

const PATHS: [&[u8]; 10] = [
    b"README.md",
    b"services/README.md",
    b"services/a/main.py",
    b"services/a/docs/index.md",
    b"services/b/x/y/z.java",
    b"services/[c]/{d}",
    b"libs/\xff\xfe/caf\xe9",
    b"libs/with space/!bang",
    b"a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/b",
    b"-",
];

fn draft(message: &str) -> Draft {
    PATHS
        .into_iter()
        .fold(Draft::new(message), |draft, path| draft.file(path, message))
}

fuzz_target!(|text: &str| {
    let globs = |mark: char| text.lines().filter_map(move |line| line.strip_prefix(mark));
    let options = Options::default()
        .layout(Layout::Directories)
        .services(globs('s'))
        .global(globs('g'))
        .ignore(globs('i'));
    let repository = SimRepository::new();
    let base = repository.save(draft("1")).expect("the paths are valid");
    let head = repository.save(draft("2")).expect("the paths are valid");
    let found = detect(&repository, &Bases::One(base.clone()), &head, &options);
    let Ok(found) = found else {
        return;
    };
    let known: BTreeSet<_> = services_at(&repository, &head, &options)
        .expect("detect has read them")
        .into_iter()
        .filter(|module| module.kind == ModuleKind::Service)
        .map(|module| module.name)
        .collect();
    for service in &found.services {
        assert!(known.contains(service), "{service} is no service");
        assert!(found.explain(service).is_some(), "{service} has no reason");
    }
    assert!(found.removed.is_empty(), "nothing was removed");

    // A file that is ignored cannot matter: what is found is found without it, too.
    let all = options.clone().ignore(["**"]);
    let none =
        detect(&repository, &Bases::One(base), &head, &all).expect("the other globs are good");
    assert!(
        none.services.is_empty() && none.unowned.is_empty(),
        "{none:?}"
    );
});
