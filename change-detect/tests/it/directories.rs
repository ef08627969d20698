//! Layout `directories`.

use std::collections::BTreeMap;

use change_detect::sim::{Draft, SimRepository};
use change_detect::{
    Bases, CommitId, Confidence, Error, Layout, Options, Why, detect, services_at,
};

use crate::support::{between, history, name, names, path, report, try_between};

fn base() -> Draft {
    Draft::new("Base")
        .file("README.md", "1")
        .file("services/README.md", "1")
        .file(
            "services/a/main.py",
            "a file that is long enough to be recognised when it moves",
        )
        .file("services/b/main.py", "1")
        .file("services/b/run.sh", "1")
        .file("services/c/docs/index.md", "1")
        .file("libs/util.py", "1")
}

#[test]
fn each_change_concerns_the_service_whose_folder_it_is_in() {
    let cases: [(&str, Draft, &[&str], &[&str]); 9] = [
        (
            "an edited file",
            Draft::new("").file("services/a/main.py", "2"),
            &["a"],
            &[],
        ),
        (
            "a deleted file",
            Draft::new("").remove("services/b/run.sh"),
            &["b"],
            &[],
        ),
        (
            "a moved file, on both sides",
            Draft::new("")
                .remove("services/a/main.py")
                .file(
                    "services/b/moved.py",
                    "a file that is long enough to be recognised when it moves",
                )
                .file("services/a/other.py", "1"),
            &["a", "b"],
            &[],
        ),
        (
            "a mode",
            Draft::new("").executable("services/b/run.sh", "1"),
            &["b"],
            &[],
        ),
        (
            "a link instead of a file",
            Draft::new("").symlink("services/b/run.sh", "1"),
            &["b"],
            &[],
        ),
        (
            "a name that is no UTF-8",
            Draft::new("").file(b"services/c/caf\xe9".to_vec(), "1"),
            &["c"],
            &[],
        ),
        (
            "files of nobody",
            Draft::new("")
                .file("README.md", "2")
                .file("libs/util.py", "2"),
            &[],
            &["README.md", "libs/util.py"],
        ),
        (
            "a file beside the services",
            Draft::new("").file("services/README.md", "2"),
            &[],
            &["services/README.md"],
        ),
        ("nothing", Draft::new(""), &[], &[]),
    ];
    for (what, head, services, unowned) in cases {
        let detection = between(base(), head, &Options::default());
        assert_eq!(names(&detection.services), services, "{what}");
        let found: Vec<String> = detection.unowned.iter().map(ToString::to_string).collect();
        assert_eq!(found, unowned, "{what}");
        assert_eq!(
            (detection.layout, detection.confidence),
            (Layout::Directories, Confidence::Exact),
            "{what}"
        );
        assert_eq!(detection.is_empty(), services.is_empty(), "{what}");
    }
}

#[test]
fn a_service_can_come_and_go() {
    let head = Draft::new("Head")
        .remove("services/b")
        .file("services/d/main.py", "1");
    let detection = between(base(), head, &Options::default());
    assert_eq!(
        report(&detection),
        ["d added: is new: the base does not have it"]
    );
    assert_eq!(names(&detection.removed), ["b"]);
    assert!(
        detection.unowned.is_empty(),
        "the deleted files were the service's"
    );

    let detection = between(
        base(),
        Draft::new("Head").remove("services/b"),
        &Options::default(),
    );
    assert!(detection.services.is_empty() && !detection.is_empty());
}

#[test]
fn against_nothing_all_is_new() {
    let repository = SimRepository::new();
    let head = repository.save(base()).unwrap();
    let detection = detect(&repository, &Bases::Nothing, &head, &Options::default()).unwrap();
    assert_eq!(names(&detection.services), ["a", "b", "c"]);
    assert!(
        detection
            .modules
            .iter()
            .all(|module| module.why == [Why::New])
    );
    assert_eq!(detection.base, None);
    assert_eq!(detection.waves, [[name("a"), name("b"), name("c")]]);
}

#[test]
fn ignored_files_mean_nothing_not_even_unowned() {
    let head = || {
        Draft::new("")
            .file("services/c/docs/index.md", "2")
            .file("README.md", "2")
            .file("libs/util.py", "2")
    };
    let options = Options::default().ignore(["**/*.md"]).global(["**/*.md"]);
    let detection = between(base(), head(), &options);
    assert!(detection.is_empty());
    assert_eq!(detection.unowned, [path("libs/util.py")]);
    let options = Options::default().ignore(["**/*.md", "!services/c/**"]);
    assert_eq!(names(&between(base(), head(), &options).services), ["c"]);
}

#[test]
fn a_global_file_concerns_every_service() {
    let options = Options::default().global(["libs/**"]);
    let detection = between(
        base(),
        Draft::new("")
            .file("libs/util.py", "2")
            .file("services/b/main.py", "2"),
        &options,
    );
    assert_eq!(
        report(&detection),
        [
            "a changed: libs/util.py changed, which counts for every service",
            "b changed: services/b/main.py changed; libs/util.py changed, which counts for every service",
            "c changed: libs/util.py changed, which counts for every service",
        ]
    );
    assert!(detection.unowned.is_empty());
}

#[test]
fn each_service_is_judged_against_its_own_base() {
    let repository = SimRepository::new();
    let first = repository.save(base()).unwrap();
    let second = repository
        .save(Draft::new("Second").file("services/a/main.py", "2"))
        .unwrap();
    let head = repository
        .save(
            Draft::new("Third")
                .file("services/b/main.py", "2")
                .remove("services/c"),
        )
        .unwrap();
    let detected = |bases: &[(&str, &CommitId)]| {
        let bases: BTreeMap<_, _> = bases
            .iter()
            .map(|(service, base)| (name(service), (*base).clone()))
            .collect();
        detect(
            &repository,
            &Bases::PerService(bases),
            &head,
            &Options::default(),
        )
        .unwrap()
    };
    type Case<'a> = (&'a [(&'a str, &'a CommitId)], &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 6] = [
        (&[("a", &head), ("b", &head)], &[], &[]),
        (&[("a", &second), ("b", &second)], &["b"], &[]),
        (&[("a", &first), ("b", &head)], &["a"], &[]),
        (&[("a", &first), ("b", &second)], &["a", "b"], &[]),
        (&[("b", &head)], &["a"], &[]),
        (&[("a", &head), ("b", &head), ("c", &first)], &[], &["c"]),
    ];
    for (bases, services, removed) in cases {
        let detection = detected(bases);
        assert_eq!(names(&detection.services), services, "{bases:?}");
        assert_eq!(names(&detection.removed), removed, "{bases:?}");
        assert_eq!(detection.bases.len(), bases.len());
    }
    assert_eq!(
        detected(&[("a", &second), ("b", &second)]).base,
        Some(second.clone())
    );
    assert_eq!(detected(&[("a", &first), ("b", &second)]).base, None);
    let new = detected(&[("b", &head)]);
    assert_eq!(
        report(&new),
        ["a added: is new: there is nothing to compare it with"]
    );
    assert_eq!(names(&detected(&[]).services), ["a", "b"]);
}

#[test]
fn the_services_of_a_commit_are_listed() {
    let (repository, base, _) = history(base(), Draft::new(""));
    let listed = services_at(&repository, &base, &Options::default()).unwrap();
    let listed: Vec<String> = listed
        .iter()
        .map(|module| format!("{} in {}", module.name, module.path))
        .collect();
    assert_eq!(
        listed,
        ["a in services/a", "b in services/b", "c in services/c"]
    );
}

#[test]
fn a_glob_that_is_not_valid_is_named() {
    let error = try_between(
        base(),
        Draft::new(""),
        &Options::default().global(["a[", "b"]),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "the glob `a[` is not valid");
    assert!(
        matches!(error, Error::InvalidGlob { .. }) && error.is_usage() && error.hint().is_some()
    );
}

#[test]
fn a_revert_of_a_force_push_is_seen_though_the_commits_are_not_related() {
    let repository = SimRepository::new();
    let root = repository.save(base()).unwrap();
    let runs = repository
        .save(Draft::new("Forced away").file("services/a/main.py", "2"))
        .unwrap();
    let head = repository
        .save(
            Draft::new("Elsewhere")
                .parents([root])
                .file("services/b/main.py", "2"),
        )
        .unwrap();
    let detection = detect(&repository, &Bases::One(runs), &head, &Options::default()).unwrap();
    assert_eq!(
        names(&detection.services),
        ["a", "b"],
        "a goes back to what it was"
    );
}
