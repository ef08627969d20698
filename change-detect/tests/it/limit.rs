//! Naming fewer files finds the same modules.

use change_detect::sim::{Draft, SimRepository};
use change_detect::{Bases, Options, RepoPath, Why, detect};
use proptest::prelude::*;

use crate::support::{history, name};

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
