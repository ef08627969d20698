//! What cannot be told is never an empty list.

use std::collections::BTreeMap;

use change_detect::sim::{Draft, SimRepository};
use change_detect::{Bases, CommitId, Confidence, Error, Layout, OnUnknown, Options, Why, detect};

use crate::support::{between, history, name, names, report, try_between};

fn repository() -> (SimRepository, Vec<CommitId>) {
    let repository = SimRepository::new();
    let first = repository
        .save(
            Draft::new("1")
                .file("services/a/x", "1")
                .file("services/b/x", "1"),
        )
        .unwrap();
    let second = repository
        .save(Draft::new("2").file("services/a/x", "2"))
        .unwrap();
    let third = repository
        .save(Draft::new("3").file("README.md", "3"))
        .unwrap();
    (repository, vec![first, second, third])
}

fn all() -> Options {
    Options::default().on_unknown(OnUnknown::All)
}

#[test]
fn an_unknown_base_fails_or_means_everything() {
    let (repository, ids) = repository();
    repository.cut(1);
    let bases = Bases::One(ids[1].clone());
    match detect(&repository, &bases, &ids[2], &Options::default()) {
        Err(Error::UnknownBase {
            base,
            service: None,
        }) => assert_eq!(base, ids[1]),
        other => panic!("{other:?}"),
    }
    let detection = detect(&repository, &bases, &ids[2], &all()).unwrap();
    assert_eq!(names(&detection.services), ["a", "b"]);
    assert_eq!(detection.confidence, Confidence::OverApproximate);
    let reason = detection.reason.unwrap();
    assert!(
        reason.contains(ids[1].short()) && reason.contains("no commit is named"),
        "{reason}"
    );
    assert!(detection.modules.iter().all(|module| module.why
        == [Why::UnknownBase {
            base: ids[1].clone()
        }]));
}

#[test]
fn one_service_with_an_unknown_base_does_not_concern_the_others() {
    let (repository, ids) = repository();
    let gone: CommitId = "f".repeat(40).parse().unwrap();
    let bases = Bases::PerService(BTreeMap::from([
        (name("a"), ids[1].clone()),
        (name("b"), gone.clone()),
    ]));
    match detect(&repository, &bases, &ids[2], &Options::default()) {
        Err(Error::UnknownBase { base, service }) => {
            assert_eq!((base, service), (gone, Some(name("b"))))
        }
        other => panic!("{other:?}"),
    }
    let detection = detect(&repository, &bases, &ids[2], &all()).unwrap();
    assert_eq!(
        report(&detection),
        ["b changed: cannot be compared with its base fffffff"]
    );
    assert_eq!(detection.confidence, Confidence::OverApproximate);
}

#[test]
fn the_unknown_base_of_a_removed_service_does_not_matter() {
    let (repository, ids) = repository();
    let gone = "f".repeat(40).parse().unwrap();
    let bases = BTreeMap::from([
        (name("a"), ids[2].clone()),
        (name("b"), ids[2].clone()),
        (name("old"), gone),
    ]);
    let detection = detect(
        &repository,
        &Bases::PerService(bases),
        &ids[2],
        &Options::default(),
    )
    .unwrap();
    assert_eq!(
        (names(&detection.services), names(&detection.removed)),
        (vec![], vec!["old"])
    );
    assert_eq!(detection.confidence, Confidence::Exact);
}

#[test]
fn trees_that_cannot_be_read_fail_or_mean_everything() {
    let (repository, ids) = repository();
    repository.lose_tree(&ids[1]);
    let bases = Bases::One(ids[1].clone());
    assert!(matches!(
        detect(&repository, &bases, &ids[2], &Options::default()),
        Err(Error::Unreadable { .. })
    ));
    assert_eq!(
        names(
            &detect(&repository, &bases, &ids[2], &all())
                .unwrap()
                .services
        ),
        ["a", "b"]
    );
}

#[test]
fn a_head_that_cannot_be_read_fails_whatever_is_asked_for() {
    let (repository, ids) = repository();
    repository.lose_tree(&ids[2]);
    assert!(matches!(
        detect(&repository, &Bases::One(ids[1].clone()), &ids[2], &all()),
        Err(Error::Unreadable { .. })
    ));
    repository.lose_commit(&ids[2]);
    for bases in [Bases::Nothing, Bases::One(ids[1].clone())] {
        assert!(matches!(
            detect(&repository, &bases, &ids[2], &all()),
            Err(Error::UnknownHead { .. })
        ));
    }
}

#[test]
fn a_project_alone_at_the_root_is_the_one_service() {
    let cases = [
        (
            "Cargo.toml",
            "[package]\nname = \"app\"\n",
            Layout::Cargo,
            "app",
        ),
        ("package.json", "{\"name\": \"app\"}", Layout::Npm, "app"),
        ("package.json", "{}", Layout::Npm, "."),
        ("go.mod", "module example.com/app\n", Layout::Go, "app"),
        ("build.gradle", "", Layout::Gradle, "root"),
        ("build.gradle.kts", "", Layout::Gradle, "root"),
        (
            "settings.gradle",
            "rootProject.name = 'app'",
            Layout::Gradle,
            "app",
        ),
    ];
    for (file, text, layout, service) in cases {
        let base = Draft::new("").file(file, text).file("cmd/a/main.x", "1");
        let head = Draft::new("").file("cmd/a/main.x", "2");
        let found = between(base.clone(), head, &Options::default());
        assert_eq!(found.layout, layout, "{file}");
        assert_eq!(names(&found.services), [service], "{file}");
        // What the design has: folders below `services` are services, whatever lies at the root.
        if file != "settings.gradle" {
            let head = Draft::new("").file("services/b/x", "1");
            let found = between(base, head, &Options::default());
            assert_eq!(names(&found.services), ["b"], "{file}");
        }
    }
}

#[test]
fn without_any_service_there_is_no_answer_that_could_be_taken_for_a_green_one() {
    let base = Draft::new("")
        .file("apps/a/Dockerfile", "1")
        .file("backend/pom.xml", "<project/>");
    let head = Draft::new("").file("apps/a/Dockerfile", "2");
    for options in [
        Options::default(),
        Options::default().services(["nothing/*"]),
        Options::default().layout(Layout::Directories),
    ] {
        let error = try_between(base.clone(), head.clone(), &options).unwrap_err();
        assert!(matches!(error, Error::NoServices { .. }), "{error}");
        assert!(error.is_usage() && error.hint().is_some());
        let all = options.on_unknown(OnUnknown::All);
        let (repository, _, head) = history(base.clone(), head.clone());
        let bases = Bases::Nothing;
        assert!(detect(&repository, &bases, &head, &all).is_err());
    }
    let found = between(base, head, &Options::default().services(["./apps/*"]));
    assert_eq!(names(&found.services), ["a"]);

    // The last one to go is still told.
    let base = Draft::new("").file("services/a/x", "1");
    let head = Draft::new("").remove("services").file("README.md", "1");
    let found = between(base, head, &Options::default());
    assert_eq!(names(&found.removed), ["a"]);
}

#[test]
fn a_base_whose_build_files_are_broken_cannot_be_corrected() {
    let base = Draft::new("")
        .file("package.json", "{\"workspaces\": [\"a\"]}")
        .file("a/package.json", "{");
    let head = Draft::new("").file("a/package.json", "{\"name\": \"a\"}");
    let error = try_between(base.clone(), head.clone(), &Options::default()).unwrap_err();
    assert!(matches!(error, Error::UnreadableBase { .. }), "{error}");
    assert!(!error.is_usage());
    let found = between(base.clone(), head, &all());
    assert_eq!(names(&found.services), ["a"]);
    assert_eq!(found.confidence, Confidence::OverApproximate);
    assert!(found.reason.unwrap().contains("a/package.json"));
    // At the head it can.
    let (repository, broken, _) = history(base, Draft::new(""));
    let error = detect(&repository, &Bases::Nothing, &broken, &all()).unwrap_err();
    assert!(error.is_usage(), "{error}");
}
