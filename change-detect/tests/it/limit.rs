//! Naming fewer files finds the same modules.

use change_detect::sim::{Draft, SimRepository};
use change_detect::{Bases, Layout, Options, RepoPath, Why, detect};
use proptest::prelude::*;

use crate::support::{between, history, name, names};

fn pom(artifact: &str, body: &str) -> String {
    format!(
        "<project><groupId>g</groupId><artifactId>{artifact}</artifactId><version>1</version>{body}</project>"
    )
}

fn repository() -> Draft {
    let uses = |artifact: &str| {
        format!(
            "<dependencies><dependency><groupId>g</groupId><artifactId>{artifact}</artifactId><version>1</version></dependency></dependencies>"
        )
    };
    Draft::new("Base")
        .file("pom.xml", pom("root", "<packaging>pom</packaging><modules><module>a</module><module>b</module><module>a/deep</module></modules>"))
        .file("a/pom.xml", pom("a", ""))
        .file("a/deep/pom.xml", pom("deep", &uses("a")))
        .file("b/pom.xml", pom("b", &uses("deep")))
}

const FILES: [&str; 18] = [
    "a/src/main/java/p/A.java",
    "a/src/main/java/p/B.java",
    "a/src/main/java/q/C.java",
    "a/src/test/java/p/T.java",
    "a/src/test/java/q/T.java",
    "a/README.md",
    "a/pom.xml",
    "a/deep/src/main/D.java",
    "a/deep/docs/x.md",
    "b/src/main/E.java",
    "b/docs/y.md",
    "b/pom.xml",
    "docs/z.md",
    "docs/deep/z.txt",
    "config/global.yml",
    "src/main/x",
    ".mvn/maven.config",
    "tools/t.sh",
];

proptest! {
    #[test]
    fn what_is_found_does_not_depend_on_how_many_files_are_named(
        before in proptest::collection::vec(any::<bool>(), FILES.len()),
        after in proptest::collection::vec(0_u8..3, FILES.len()),
        ignore in prop::sample::select(vec!["", "**/*.md", "a/src/test/**", "b/**"]),
        global in prop::sample::select(vec!["", "config/*", "**/z.txt", "a/docs/**"]),
        limit in 1_usize..4,
    ) {
        let poms = |path: &str| path.ends_with("pom.xml");
        let mut base = repository();
        for (path, there) in FILES.iter().zip(&before).filter(|(path, _)| !poms(path)) {
            if *there {
                base = base.file(*path, "1");
            }
        }
        let mut head = Draft::new("Head");
        for ((path, there), what) in FILES.iter().zip(&before).zip(&after) {
            head = match (what, poms(path)) {
                (1, true) => head.file(*path, pom(path.split('/').next().unwrap(), "<!-- -->")),
                (1, false) => head.file(*path, "2"),
                (2, false) if *there => head.remove(*path),
                _ => head,
            };
        }
        let (repository, base, head): (SimRepository, _, _) = history(base, head);
        let glob = |glob: &str| (!glob.is_empty()).then(|| glob.to_owned());
        let options = Options::default().ignore(glob(ignore)).global(glob(global));
        let all = detect(&repository, &Bases::One(base.clone()), &head, &options).unwrap();
        let some = detect(&repository, &Bases::One(base), &head, &options.most_files(limit)).unwrap();
        prop_assert_eq!(&some.services, &all.services);
        prop_assert_eq!(&some.order, &all.order);
        prop_assert_eq!(&some.waves, &all.waves);
        prop_assert_eq!(&some.unowned, &all.unowned);
        prop_assert_eq!(&some.removed, &all.removed);
        for (some, all) in some.modules.iter().zip(&all.modules) {
            prop_assert_eq!((&some.name, some.change, some.kind), (&all.name, all.change, all.kind));
            prop_assert!(some.why.iter().all(|why| all.why.contains(why)));
            prop_assert!(some.more || some.why.len() == all.why.len(), "{:?} {:?}", some, all);
            prop_assert!(!all.more);
        }
    }
}

/// What stands in the folder of a module that may hold another.
#[derive(Debug, Clone)]
struct Folder {
    /// Whether it is a module itself, and whether the folder `plugin` in it is.
    modules: (bool, bool),
    /// The contents of files in it; none where there is no file.
    files: Vec<Option<u8>>,
}

const INSIDE: [&str; 6] = [
    "src/m",
    "src/n",
    "z",
    "plugin/f",
    "plugin/src/g",
    "plugin/a/h",
];

fn folder() -> impl Strategy<Value = Folder> {
    (
        any::<(bool, bool)>(),
        proptest::collection::vec(proptest::option::of(0_u8..2), INSIDE.len()),
    )
        .prop_map(|(modules, files)| Folder { modules, files })
}

/// A tree of such folders. In layout `directories` a folder is a module because it is there.
fn nested(layout: Layout, folders: &[Folder], lock: u8) -> Draft {
    let mut draft = Draft::new("Nested").remove("services").remove("root");
    for (folder, name) in folders.iter().zip(["x", "y"]) {
        for (file, content) in INSIDE.iter().zip(&folder.files) {
            if let Some(content) = content {
                draft = draft.file(format!("services/{name}/{file}"), [*content]);
            }
        }
        let outer = folder.modules.0.then(|| format!("services/{name}"));
        let inner = (folder.modules.1).then(|| format!("services/{name}/plugin"));
        for (place, is) in [(outer, name.to_owned()), (inner, format!("{name}-plugin"))] {
            let Some(place) = place else { continue };
            draft = match layout {
                Layout::Cargo => draft.file(
                    format!("{place}/Cargo.toml"),
                    format!("[package]\nname = \"{is}\"\n"),
                ),
                Layout::Npm => draft.file(
                    format!("{place}/package.json"),
                    format!("{{\"name\": \"{is}\"}}"),
                ),
                Layout::Go => draft.file(format!("{place}/go.mod"), format!("module e/{is}\n")),
                _ => draft.file(format!("{place}/there"), "1"),
            };
        }
    }
    let members = "[\"services/*\", \"services/*/plugin\"]";
    draft = match layout {
        Layout::Cargo => draft
            .file(
                "Cargo.toml",
                format!("[package]\nname = \"all\"\n[workspace]\nmembers = {members}\n"),
            )
            .file("Cargo.lock", format!("version = 4\n# {lock}\n")),
        Layout::Npm => draft
            .file("package.json", format!("{{\"workspaces\": {members}}}"))
            // The root is no package here, so another one has to be there whatever is drawn.
            .file("services/always/package.json", "{\"name\": \"always\"}")
            .file(
                "package-lock.json",
                format!("{{\"lockfileVersion\": 3, \"x\": {lock}}}"),
            ),
        Layout::Go => draft
            .file("go.mod", "module e/all\n")
            .file("go.sum", format!("a v{lock} h1:aaaaaaaaaa\n")),
        _ => draft.file("services/always/x", "1"),
    };
    draft.file("tools/t", [lock])
}

proptest! {
    #[test]
    fn modules_inside_others_that_come_go_and_move_hide_nothing(
        layout in prop::sample::select(vec![Layout::Directories, Layout::Cargo, Layout::Npm, Layout::Go]),
        before in proptest::collection::vec(folder(), 2),
        after in proptest::collection::vec(folder(), 2),
        locks in (0_u8..2, 0_u8..2),
        limit in 1_usize..3,
    ) {
        let (repository, base, head) = history(nested(layout, &before, locks.0), nested(layout, &after, locks.1));
        let globs = ["services/*", "services/*/plugin", "."];
        let globs = &globs[..if layout == Layout::Directories { 2 } else { 3 }];
        let options = Options::default().layout(layout).services(globs.iter().copied());
        let all = detect(&repository, &Bases::One(base.clone()), &head, &options).unwrap();
        let some = detect(&repository, &Bases::One(base), &head, &options.most_files(limit)).unwrap();
        prop_assert_eq!(&some.services, &all.services);
        prop_assert_eq!(&some.order, &all.order);
        prop_assert_eq!(&some.removed, &all.removed);
        prop_assert_eq!(&some.unowned, &all.unowned);
        for (some, all) in some.modules.iter().zip(&all.modules) {
            prop_assert_eq!((&some.name, some.change), (&all.name, all.change));
        }
    }
}

#[test]
fn a_module_that_goes_away_does_not_hide_the_one_around_it() {
    let base = Draft::new("")
        .file("services/x/src/m", "1")
        .file("services/x/plugin/f", "1")
        .file("services/y/f", "1");
    let head = Draft::new("")
        .remove("services/x/plugin")
        .file("services/x/src/m", "2");
    let options = Options::default()
        .layout(Layout::Directories)
        .services(["services/*", "services/*/plugin"])
        .most_files(1);
    let found = between(base, head, &options);
    assert_eq!(names(&found.services), ["x"]);
    assert_eq!(names(&found.removed), ["plugin"]);
}

#[test]
fn a_lock_file_does_not_stand_for_the_package_beside_it() {
    let base = Draft::new("")
        .file("Cargo.toml", "[package]\nname = \"app\"\n[workspace]\n")
        .file("Cargo.lock", "version = 4\n")
        .file("src/main.rs", "1");
    let head = Draft::new("")
        .file("Cargo.lock", "version = 4\n\n")
        .file("src/main.rs", "2");
    let found = between(base, head, &Options::default().most_files(1));
    assert_eq!(names(&found.services), ["app"]);
}

#[test]
fn one_file_of_each_part_is_enough() {
    let files = |content: &str| {
        let draft = (0..40).fold(Draft::new(content), |draft, n| {
            draft
                .file(format!("services/a/src/d{n}/x"), content)
                .file(format!("services/b/d{n}/x"), content)
        });
        draft.file("services/b/one", content)
    };
    let (repository, base, head) = history(files("1"), files("2"));
    let options = Options::default().most_files(1);
    let found = detect(&repository, &Bases::One(base), &head, &options).unwrap();
    for service in ["a", "b"] {
        let report = found.module(&name(service)).unwrap();
        assert_eq!((report.why.len(), report.more), (1, true), "{report:?}");
    }
    let path: RepoPath = "services/b/one".parse().unwrap();
    assert_eq!(
        found.module(&name("b")).unwrap().why,
        [Why::File { path }],
        "the nearest comes first"
    );
}
