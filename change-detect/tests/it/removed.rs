//! What is gone, and what only looks like it.

use std::collections::BTreeMap;

use change_detect::sim::Draft;
use change_detect::{Bases, Options, detect};

use crate::support::{between, history, name, names, report};

#[test]
fn a_service_that_is_called_otherwise_because_of_its_neighbours_is_not_gone() {
    let options = Options::default().services(["services/*", "apps/*"]);
    let both = Draft::new("")
        .file("services/api/x", "1")
        .file("apps/api/x", "1")
        .file("apps/web/x", "1");
    let found = between(both.clone(), Draft::new("").remove("apps/api"), &options);
    assert_eq!(names(&found.removed), ["apps/api"]);
    assert!(found.services.is_empty(), "{:?}", report(&found));

    let one = Draft::new("")
        .file("services/api/x", "1")
        .file("apps/web/x", "1");
    let head = Draft::new("")
        .file("apps/api/x", "1")
        .file("services/api/x", "2");
    let found = between(one, head, &options);
    assert!(found.removed.is_empty(), "{:?}", found.removed);
    assert_eq!(
        report(&found),
        [
            "apps/api added: is new: the base does not have it",
            "services/api changed: services/api/x changed"
        ]
    );

    // The same where each has its own base.
    let (repository, base, head) = history(both, Draft::new("").remove("apps/api"));
    let bases = ["services/api", "apps/api", "web"].map(|service| (name(service), base.clone()));
    let bases = Bases::PerService(BTreeMap::from(bases));
    let found = detect(&repository, &bases, &head, &options).unwrap();
    assert_eq!(names(&found.removed), ["apps/api"]);
    assert!(found.services.is_empty(), "{:?}", report(&found));
}

fn pom(artifact: &str, version: &str, body: &str) -> String {
    format!(
        "<project><groupId>g</groupId><artifactId>{artifact}</artifactId><version>{version}</version>{body}</project>"
    )
}

/// `app` uses version 1 of `lib`.
fn reactor() -> Draft {
    let uses = "<dependencies><dependency><groupId>g</groupId><artifactId>lib</artifactId><version>1</version></dependency></dependencies>";
    Draft::new("")
        .file(
            "pom.xml",
            pom("root", "1", "<packaging>pom</packaging><modules><module>app</module><module>lib</module></modules>"),
        )
        .file("app/pom.xml", pom("app", "1", uses))
        .file("lib/pom.xml", pom("lib", "1", ""))
}

#[test]
fn a_module_that_is_no_service_any_more_is_not_gone() {
    let base = Draft::new("")
        .file(
            "pom.xml",
            pom(
                "root",
                "1",
                "<packaging>pom</packaging><modules><module>a</module><module>b</module></modules>",
            ),
        )
        .file("a/pom.xml", pom("a", "1", ""))
        .file("b/pom.xml", pom("b", "1", ""));
    let head = Draft::new("").file("a/Dockerfile", "FROM scratch");
    let (repository, base, head) = history(base, head);
    let options = Options::default();
    let found = detect(&repository, &Bases::One(base.clone()), &head, &options).unwrap();
    assert!(found.removed.is_empty(), "{:?}", found.removed);
    assert_eq!(names(&found.services), ["a"]);
    let bases = ["a", "b", "old"].map(|service| (name(service), base.clone()));
    let found = detect(
        &repository,
        &Bases::PerService(BTreeMap::from(bases)),
        &head,
        &options,
    );
    assert_eq!(names(&found.unwrap().removed), ["old"]);
}

#[test]
fn who_does_not_get_a_module_any_more_since_its_version_is_another_is_affected() {
    let head = Draft::new("").file("lib/pom.xml", pom("lib", "2", ""));
    let found = between(reactor(), head, &Options::default());
    assert_eq!(
        report(&found),
        [
            "app affected: used lib of this repository at the base, and does not any more",
            "lib added: is a service now, which it was not at the base"
        ]
    );
    let npm = Draft::new("")
        .file("package.json", r#"{"workspaces":["*"]}"#)
        .file(
            "app/package.json",
            r#"{"name":"app","dependencies":{"lib":"^1.0.0"}}"#,
        )
        .file("lib/package.json", r#"{"name":"lib","version":"1.0.0"}"#);
    let head = Draft::new("").file("lib/package.json", r#"{"name":"lib","version":"2.0.0"}"#);
    let found = between(npm, head, &Options::default());
    assert_eq!(names(&found.order), ["app", "lib"]);
}
