//! Layout `maven`.

use std::collections::{BTreeMap, BTreeSet};

use change_detect::sim::{Draft, SimRepository};
use change_detect::{
    Bases, Change, EdgeKind, Error, Layout, ModuleKind, Options, Why, detect, services_at,
};
use proptest::prelude::*;

use crate::support::{between, history, name, names, report, try_between};

fn dependency(artifact: &str) -> String {
    format!(
        "<dependency><groupId>com.acme</groupId><artifactId>{artifact}</artifactId><version>${{project.version}}</version></dependency>"
    )
}

fn dependencies(artifacts: &[&str]) -> String {
    format!(
        "<dependencies>{}</dependencies>",
        artifacts
            .iter()
            .map(|artifact| dependency(artifact))
            .collect::<String>()
    )
}

fn root(modules: &[&str], body: &str) -> String {
    let modules: String = modules
        .iter()
        .map(|module| format!("<module>{module}</module>"))
        .collect();
    format!(
        "<project><groupId>com.acme</groupId><artifactId>acme</artifactId><version>1.0</version><packaging>pom</packaging>\
         <modules>{modules}</modules>{body}</project>"
    )
}

fn child(artifact: &str, body: &str) -> String {
    format!(
        "<project><parent><groupId>com.acme</groupId><artifactId>acme</artifactId><version>1.0</version></parent>\
         <artifactId>{artifact}</artifactId>{body}</project>"
    )
}

fn standalone(artifact: &str, body: &str) -> String {
    format!(
        "<project><groupId>com.acme</groupId><artifactId>{artifact}</artifactId><version>1.0</version>{body}</project>"
    )
}

/// Two services, a library that one of them uses through another, and files of nobody.
fn shop() -> Draft {
    Draft::new("Shop")
        .file(
            "pom.xml",
            root(&["common", "events", "user-service", "task-service"], ""),
        )
        .file("README.md", "1")
        .file("common/pom.xml", child("common", ""))
        .file("common/src/main/java/C.java", "1")
        .file(
            "events/pom.xml",
            child("events", &dependencies(&["common"])),
        )
        .file("user-service/pom.xml", child("user-service", ""))
        .file("user-service/Dockerfile", "FROM scratch")
        .file("user-service/src/main/java/U.java", "1")
        .file(
            "task-service/pom.xml",
            child("task-service", &dependencies(&["events"])),
        )
        .file("task-service/Dockerfile", "FROM scratch")
        .file("task-service/src/test/java/T.java", "1")
}

#[test]
fn a_change_in_a_shared_module_reaches_what_is_built_from_it() {
    let detection = between(
        shop(),
        Draft::new("").file("common/src/main/java/C.java", "2"),
        &Options::default(),
    );
    assert_eq!(detection.layout, Layout::Maven);
    assert_eq!(
        report(&detection),
        [
            "common changed: common/src/main/java/C.java changed",
            "events affected: depends on common (compile scope)",
            "task-service affected: depends on events (compile scope)",
        ]
    );
    assert_eq!(names(&detection.services), ["task-service"]);
    assert_eq!(
        names(&detection.order),
        ["common", "events", "task-service"]
    );
    let waves: Vec<Vec<&str>> = detection.waves.iter().map(|wave| names(wave)).collect();
    assert_eq!(waves, [["common"], ["events"], ["task-service"]]);
    assert_eq!(
        detection.explain(&name("task-service")).as_deref(),
        Some(
            "task-service ← depends on events (compile scope) ← depends on common (compile scope) \
             ← common/src/main/java/C.java changed"
        )
    );
}

#[test]
fn each_change_concerns_the_modules_that_it_should() {
    let cases: [(&str, Draft, &[&str], &[&str]); 8] = [
        (
            "a service's own file",
            Draft::new("").file("user-service/src/main/java/U.java", "2"),
            &["user-service"],
            &[],
        ),
        (
            "a test",
            Draft::new("").file("task-service/src/test/java/T.java", "2"),
            &["task-service"],
            &[],
        ),
        (
            "the documentation",
            Draft::new("").file("README.md", "2"),
            &[],
            &["README.md"],
        ),
        (
            "a file moved between modules",
            Draft::new("")
                .remove("user-service/src")
                .file("events/src/U.java", "1"),
            &["task-service", "user-service"],
            &[],
        ),
        (
            "the root's pom",
            Draft::new("").file(
                "pom.xml",
                root(
                    &["common", "events", "user-service", "task-service"],
                    "<!-- -->",
                ),
            ),
            &["task-service", "user-service"],
            &[],
        ),
        (
            "Maven's own configuration",
            Draft::new("").file(".mvn/maven.config", "-Dx=1"),
            &["task-service", "user-service"],
            &[],
        ),
        (
            "the site of the root",
            Draft::new("").file("src/site/index.md", "1"),
            &[],
            &[],
        ),
        (
            "a pom that is no module's",
            Draft::new("").file("tools/pom.xml", standalone("tools", "")),
            &[],
            &["tools/pom.xml"],
        ),
    ];
    for (what, head, services, unowned) in cases {
        let detection = between(shop(), head, &Options::default());
        assert_eq!(
            names(&detection.services),
            services,
            "{what}: {:?}",
            report(&detection)
        );
        let found: Vec<String> = detection.unowned.iter().map(ToString::to_string).collect();
        assert_eq!(found, unowned, "{what}");
    }
}

#[test]
fn the_roots_pom_reaches_its_children_as_their_parent() {
    let head = Draft::new("").file(
        "pom.xml",
        root(
            &["common", "events", "user-service", "task-service"],
            "<!-- -->",
        ),
    );
    let detection = between(shop(), head, &Options::default());
    assert_eq!(detection.modules.len(), 5);
    assert_eq!(
        detection.explain(&name("user-service")).as_deref(),
        Some("user-service ← inherits from acme ← pom.xml changed")
    );
}

#[test]
fn modules_come_and_go() {
    let head = Draft::new("")
        .file(
            "pom.xml",
            root(&["common", "events", "task-service", "new-service"], ""),
        )
        .remove("user-service")
        .file("new-service/pom.xml", child("new-service", ""))
        .file("new-service/Dockerfile", "FROM scratch");
    let detection = between(shop(), head, &Options::default());
    assert_eq!(names(&detection.removed), ["user-service"]);
    assert_eq!(
        detection.module(&name("new-service")).unwrap().change,
        Change::Added
    );
    assert!(detection.unowned.is_empty());
}

#[test]
fn what_used_a_module_that_is_gone_is_affected() {
    let poms = |modules: &[&str]| {
        Draft::new("").file(
            "pom.xml",
            standalone(
                "top",
                &format!(
                    "<packaging>pom</packaging><modules>{}</modules>",
                    modules
                        .iter()
                        .map(|module| format!("<module>{module}</module>"))
                        .collect::<String>()
                ),
            ),
        )
    };
    let base = poms(&["lib", "app"])
        .file("lib/pom.xml", standalone("lib", ""))
        .file("app/pom.xml", standalone("app", &dependencies(&["lib"])))
        .file("app/Dockerfile", "1");
    let detection = between(base, poms(&["app"]).remove("lib"), &Options::default());
    assert_eq!(names(&detection.services), ["app"]);
    assert_eq!(
        detection.explain(&name("app")).as_deref(),
        Some("app ← depends on lib (compile scope)")
    );
    assert!(detection.removed.is_empty(), "lib was no service");
}

#[test]
fn a_repository_that_becomes_a_reactor_is_compared_by_name() {
    let base = Draft::new("")
        .file("services/api/x", "1")
        .file("services/old/x", "1");
    let head = Draft::new("")
        .file(
            "pom.xml",
            standalone(
                "top",
                "<packaging>pom</packaging><modules><module>services/api</module></modules>",
            ),
        )
        .file("services/api/pom.xml", standalone("api", ""))
        .file("services/api/Dockerfile", "1")
        .remove("services/old");
    let detection = between(base, head, &Options::default());
    assert_eq!(
        (names(&detection.services), names(&detection.removed)),
        (vec!["api"], vec!["old"])
    );
    assert_eq!(detection.layout, Layout::Maven);
}

#[test]
fn shared_modules_come_with_the_services_that_need_them() {
    let repository = SimRepository::new();
    let first = repository.save(shop()).unwrap();
    let head = repository
        .save(
            Draft::new("")
                .file("common/src/main/java/C.java", "2")
                .file("user-service/x", "1"),
        )
        .unwrap();
    let detected = |user, task| {
        let bases = BTreeMap::from([(name("user-service"), user), (name("task-service"), task)]);
        detect(
            &repository,
            &Bases::PerService(bases),
            &head,
            &Options::default(),
        )
        .unwrap()
    };
    let detection = detected(first.clone(), head.clone());
    assert_eq!(
        names(&detection.order),
        ["user-service"],
        "common is not needed by user-service"
    );
    let detection = detected(head.clone(), first);
    assert_eq!(
        names(&detection.order),
        ["common", "events", "task-service"]
    );
    assert_eq!(detected(head.clone(), head.clone()).order, []);
}

#[test]
fn services_are_found_by_what_deploys_them() {
    let plugin = |artifact: &str, skip: &str| {
        format!(
            "<build><plugins><plugin><groupId>org.example</groupId><artifactId>{artifact}</artifactId>{skip}</plugin></plugins></build>"
        )
    };
    let skip = "<configuration><skip>true</skip></configuration>";
    let kinds = |draft: Draft, options: &Options| -> Vec<String> {
        let (repository, head, _) = history(draft, Draft::new(""));
        let modules = services_at(&repository, &head, options).unwrap();
        let services = modules
            .iter()
            .filter(|module| module.kind == ModuleKind::Service);
        services
            .map(|module| module.name.to_string())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    };
    let reactor = || {
        Draft::new("")
            .file(
                "pom.xml",
                root(
                    &["boot", "jib", "docker", "skipped", "lib", "app", "bom"],
                    "",
                ),
            )
            .file("Dockerfile", "of all")
            .file(
                "boot/pom.xml",
                child("boot", &plugin("spring-boot-maven-plugin", "")),
            )
            .file("jib/pom.xml", child("jib", &plugin("jib-maven-plugin", "")))
            .file("docker/pom.xml", child("docker", ""))
            .file("docker/Dockerfile", "1")
            .file(
                "skipped/pom.xml",
                child("skipped", &plugin("spring-boot-maven-plugin", skip)),
            )
            .file("lib/pom.xml", child("lib", ""))
            .file(
                "app/pom.xml",
                child(
                    "app",
                    &format!("<packaging>war</packaging>{}", dependencies(&["lib"])),
                ),
            )
            .file("bom/pom.xml", child("bom", "<packaging>pom</packaging>"))
    };
    assert_eq!(
        kinds(reactor(), &Options::default()),
        ["boot", "docker", "jib"]
    );
    assert_eq!(
        kinds(
            reactor(),
            &Options::default().services(["*", "!bom", "!lib"])
        ),
        ["app", "boot", "docker", "jib", "skipped"]
    );
    let leaves = reactor()
        .remove("docker/Dockerfile")
        .file("boot/pom.xml", child("boot", ""))
        .file(
            "jib/pom.xml",
            child("jib", "<packaging>maven-plugin</packaging>"),
        );
    assert_eq!(
        kinds(leaves, &Options::default()),
        ["app", "boot", "docker", "skipped"]
    );
}

#[test]
fn edges_are_those_that_maven_sorts_by_and_imports() {
    let managed = "<dependencyManagement><dependencies><dependency><groupId>com.acme</groupId><artifactId>bom</artifactId>\
                   <version>1.0</version><type>pom</type><scope>import</scope></dependency>\
                   <dependency><groupId>com.acme</groupId><artifactId>managed</artifactId><version>1.0</version></dependency>\
                   </dependencies></dependencyManagement>";
    let used = |artifact: &str, version: &str, more: &str| {
        format!(
            "<dependency><groupId>com.acme</groupId><artifactId>{artifact}</artifactId>{version}{more}</dependency>"
        )
    };
    let body = format!(
        "{managed}<dependencies>{}{}{}{}</dependencies><build><extensions><extension><groupId>com.acme</groupId>\
         <artifactId>ext</artifactId><version>1.0</version></extension></extensions><plugins><plugin><groupId>com.acme</groupId>\
         <artifactId>plug</artifactId><dependencies>{}</dependencies></plugin></plugins></build>",
        used(
            "tests",
            "<version>1.0</version>",
            "<type>test-jar</type><scope>test</scope><optional>true</optional>"
        ),
        used("ranged", "<version>[1,2)</version>", ""),
        used("other-version", "<version>0.9</version>", ""),
        used("elsewhere", "<version>1.0</version>", ""),
        used("for-plug", "", ""),
    );
    let others = [
        "bom",
        "managed",
        "tests",
        "ranged",
        "other-version",
        "ext",
        "plug",
        "for-plug",
    ];
    let mut draft = Draft::new("")
        .file("pom.xml", root(&[&others[..], &["app"]].concat(), ""))
        .file("app/pom.xml", child("app", &body));
    for other in others {
        draft = draft.file(format!("{other}/pom.xml"), child(other, ""));
    }
    let (repository, head, _) = history(draft, Draft::new(""));
    let modules = services_at(&repository, &head, &Options::default()).unwrap();
    let app = modules
        .iter()
        .find(|module| module.name == name("app"))
        .unwrap();
    let edges: Vec<String> = app
        .dependencies
        .iter()
        .map(|edge| {
            format!(
                "{:?} {} {}",
                edge.kind,
                edge.on,
                edge.detail.as_deref().unwrap_or("-")
            )
        })
        .collect();
    assert_eq!(
        edges,
        [
            "Dependency tests tests, test scope",
            "Dependency ranged compile scope",
            "Parent acme -",
            "Plugin plug plugin",
            "Plugin for-plug dependency of plug",
            "Plugin ext build extension",
            "Bom bom -",
        ]
    );
}

#[test]
fn a_list_of_versions_reaches_what_imports_it_and_its_children() {
    let import = "<dependencyManagement><dependencies><dependency><groupId>com.acme</groupId><artifactId>bom</artifactId>\
                  <version>1.0</version><type>pom</type><scope>import</scope></dependency></dependencies></dependencyManagement>";
    let base = Draft::new("")
        .file("pom.xml", root(&["app", "bom"], import))
        .file("app/pom.xml", child("app", ""))
        .file(
            "bom/pom.xml",
            standalone("bom", "<packaging>pom</packaging>"),
        );
    let head = Draft::new("").file(
        "bom/pom.xml",
        standalone("bom", "<packaging>pom</packaging><!-- -->"),
    );
    let detection = between(base, head, &Options::default());
    assert_eq!(
        detection.explain(&name("app")).as_deref(),
        Some("app ← inherits from acme ← imports versions from bom ← bom/pom.xml changed")
    );
}

#[test]
fn a_parent_that_is_no_module_counts_as_a_file_of_its_children() {
    let parent = |more: &str| standalone("acme", &format!("<packaging>pom</packaging>{more}"));
    let app = "<project><parent><groupId>com.acme</groupId><artifactId>acme</artifactId><version>1.0</version>\
               <relativePath>../parent</relativePath></parent><artifactId>app</artifactId></project>";
    let base = Draft::new("")
        .file(
            "pom.xml",
            standalone(
                "top",
                "<packaging>pom</packaging><modules><module>app</module></modules>",
            ),
        )
        .file("parent/pom.xml", parent(""))
        .file("app/pom.xml", app);
    let detection = between(
        base,
        Draft::new("").file("parent/pom.xml", parent("<!-- -->")),
        &Options::default(),
    );
    assert_eq!(report(&detection), ["app changed: parent/pom.xml changed"]);
}

#[test]
fn modules_of_the_same_artifact_are_named_in_full() {
    let other = "<project><groupId>org.other</groupId><artifactId>app</artifactId><version>1</version></project>";
    let modules = |second: &str| {
        let draft = Draft::new("")
            .file("pom.xml", root(&["a", "b"], ""))
            .file("a/pom.xml", child("app", ""))
            .file("b/pom.xml", second);
        let (repository, head, _) = history(draft, Draft::new(""));
        services_at(&repository, &head, &Options::default()).map(|modules| {
            modules
                .iter()
                .map(|module| module.name.to_string())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(
        modules(other).unwrap(),
        ["acme", "com.acme:app", "org.other:app"]
    );
    assert!(matches!(
        modules(&child("app", "")),
        Err(Error::DuplicateModule { .. })
    ));
}

#[test]
fn modules_may_name_poms_and_lie_anywhere_in_the_repository() {
    let draft = Draft::new("")
        .file("pom.xml", root(&["build", "${where}/app/pom.xml"], "<properties><where>x/y</where></properties>"))
        .file("build/pom.xml", standalone("build", "<packaging>pom</packaging><modules><module>../lib</module><module>alt.xml</module></modules>"))
        .file("build/alt.xml", standalone("alt", ""))
        .file("build/shared.txt", "1")
        .file("lib/pom.xml", standalone("lib", ""))
        .file("x/y/app/pom.xml", standalone("app", ""));
    let (repository, base, _) = history(draft, Draft::new(""));
    let modules = services_at(&repository, &base, &Options::default()).unwrap();
    let order: Vec<String> = modules
        .iter()
        .map(|module| format!("{} {}", module.name, module.path))
        .collect();
    assert_eq!(
        order,
        [
            "lib lib",
            "alt build",
            "build build",
            "app x/y/app",
            "acme ."
        ]
    );

    let changed = |file: &str| {
        repository.checkout(&base);
        let head = repository
            .save(Draft::new("").file(file, standalone("alt", "<!-- -->")))
            .unwrap();
        let detection = detect(
            &repository,
            &Bases::One(base.clone()),
            &head,
            &Options::default(),
        )
        .unwrap();
        detection
            .modules
            .iter()
            .map(|module| module.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        changed("build/alt.xml"),
        ["alt"],
        "a pom is its own module's alone"
    );
    assert_eq!(
        changed("build/shared.txt"),
        ["alt"],
        "the module that only holds others owns its pom and src"
    );
}

#[test]
fn broken_poms_are_named_with_their_place() {
    let with = |file: &str, text: &str| {
        try_between(
            shop(),
            Draft::new("").file(file, text.to_owned()),
            &Options::default(),
        )
        .unwrap_err()
    };
    match with(
        "common/pom.xml",
        "<project>\n  <artifactId>common</wrong>\n</project>",
    ) {
        Error::InvalidPom {
            path, line, column, ..
        } => assert_eq!(
            (path.to_string(), line, column),
            ("common/pom.xml".to_owned(), 2, 21)
        ),
        other => panic!("{other:?}"),
    }
    for (file, text, cause) in [
        (
            "common/pom.xml",
            "<html/>",
            "the root element is `<html>`, not `<project>`",
        ),
        (
            "common/pom.xml",
            "<project/>",
            "the project has no `<artifactId>`",
        ),
        (
            "common/pom.xml",
            "<project><artifactId>a</artifactId></project>",
            "neither it nor its parent has a `<groupId>`",
        ),
        (
            "pom.xml",
            &root(&["nowhere"], ""),
            "it has the module `nowhere`, which has no pom",
        ),
        (
            "pom.xml",
            &root(&["../outside"], ""),
            "it has the module `../outside`, which is outside the repository",
        ),
    ] {
        let error = with(file, text);
        assert!(matches!(error, Error::InvalidPom { .. }), "{error:?}");
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            cause
        );
        assert!(error.is_usage() && error.hint().is_some());
    }
}

#[test]
fn a_circle_is_an_error_that_shows_it() {
    let head = Draft::new("").file(
        "common/pom.xml",
        child("common", &dependencies(&["task-service"])),
    );
    match try_between(shop(), head, &Options::default()) {
        Err(Error::Cycle { modules }) => assert_eq!(
            names(&modules),
            ["events", "common", "task-service", "events"]
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn asking_for_maven_where_there_is_none_is_an_error() {
    let options = Options::default().layout(Layout::Maven);
    let error = try_between(
        Draft::new("").file("x", "1"),
        Draft::new("").file("x", "2"),
        &options,
    )
    .unwrap_err();
    assert!(matches!(error, Error::NoReactor { .. }));
    let head = Draft::new("").file("pom.xml", standalone("app", ""));
    assert_eq!(
        report(&between(Draft::new("").file("x", "1"), head, &options)),
        ["app added: is new: the base does not have it"]
    );
}

#[test]
fn a_test_concerns_its_module_and_who_uses_its_tests() {
    let used = |artifact: &str, more: &str| {
        format!(
            "<dependency><groupId>com.acme</groupId><artifactId>{artifact}</artifactId><version>1.0</version>{more}</dependency>"
        )
    };
    let plain = |artifact: &str| format!("<dependencies>{}</dependencies>", used(artifact, ""));
    let tests = used("lib", "<type>test-jar</type><scope>test</scope>");
    let moved = "<build><testSourceDirectory>checks</testSourceDirectory><testResources><testResource>\
                 <directory>${project.basedir}/data</directory></testResource></testResources></build>";
    let mixed = "<build><sourceDirectory>src</sourceDirectory></build>";
    let base = Draft::new("")
        .file(
            "pom.xml",
            root(
                &[
                    "lib",
                    "user",
                    "tester",
                    "both",
                    "after",
                    "odd",
                    "odd-user",
                    "flat",
                    "flat-user",
                ],
                "",
            ),
        )
        .file("lib/pom.xml", child("lib", ""))
        .file("user/pom.xml", child("user", &plain("lib")))
        .file(
            "tester/pom.xml",
            child("tester", &format!("<dependencies>{tests}</dependencies>")),
        )
        .file(
            "both/pom.xml",
            child(
                "both",
                &format!("<dependencies>{}{tests}</dependencies>", used("lib", "")),
            ),
        )
        .file("after/pom.xml", child("after", &plain("tester")))
        .file("odd/pom.xml", child("odd", moved))
        .file("odd-user/pom.xml", child("odd-user", &plain("odd")))
        .file("flat/pom.xml", child("flat", mixed))
        .file("flat-user/pom.xml", child("flat-user", &plain("flat")));
    let (repository, base, _) = history(base, Draft::new(""));
    let concerned = |file: &str| {
        repository.checkout(&base);
        let head = repository.save(Draft::new("").file(file, "2")).unwrap();
        let detection = detect(
            &repository,
            &Bases::One(base.clone()),
            &head,
            &Options::default(),
        );
        report(&detection.unwrap())
    };
    assert_eq!(
        concerned("lib/src/test/java/T.java"),
        [
            "after affected: depends on tester (compile scope)",
            "both affected: depends on lib (tests, test scope)",
            "lib changed: lib/src/test/java/T.java changed",
            "tester affected: depends on lib (tests, test scope)",
        ]
    );
    assert_eq!(concerned("lib/src/main/java/C.java").len(), 5);
    for test in ["odd/checks/T.java", "odd/data/t.txt", "odd/src/test/x"] {
        assert_eq!(concerned(test), [format!("odd changed: {test} changed")]);
    }
    // What is built from `src` may be built from `src/test`.
    assert_eq!(concerned("flat/src/test/java/T.java").len(), 2);
}

/// A reactor of `m0`, `m1`, … where each may use those of a lower number.
fn reactor(edges: &[Vec<bool>]) -> Draft {
    let all: Vec<String> = (0..edges.len()).map(|n| format!("m{n}")).collect();
    // Listed backwards, so that the order comes from the edges.
    let listed: Vec<&str> = all.iter().rev().map(String::as_str).collect();
    let mut draft = Draft::new("").file("pom.xml", root(&listed, ""));
    for (n, uses) in edges.iter().enumerate() {
        let used: Vec<&str> = all[..n]
            .iter()
            .zip(uses)
            .filter(|(_, uses)| **uses)
            .map(|(name, _)| name.as_str())
            .collect();
        draft = draft.file(
            format!("m{n}/pom.xml"),
            standalone(&format!("m{n}"), &dependencies(&used)),
        );
    }
    draft
}

proptest! {
    #[test]
    fn the_affected_are_closed_under_dependents_and_waves_respect_edges(
        edges in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 8), 1..8),
        touched in proptest::collection::vec(any::<bool>(), 8),
    ) {
        let change = |draft: Draft, n: usize| draft.file(format!("m{n}/x"), "1");
        let head = (0..edges.len()).filter(|n| touched[*n]).fold(Draft::new(""), change);
        let (repository, base, head) = history(reactor(&edges), head);
        let detection = detect(&repository, &Bases::One(base), &head, &Options::default()).unwrap();
        let modules = services_at(&repository, &head, &Options::default()).unwrap();

        // Exactly what is reached from the touched modules, computed the slow way.
        let mut expected: BTreeSet<String> = (0..edges.len()).filter(|n| touched[*n]).map(|n| format!("m{n}")).collect();
        for (n, uses) in edges.iter().enumerate() {
            if (0..n).any(|used| uses[used] && expected.contains(&format!("m{used}"))) {
                expected.insert(format!("m{n}"));
            }
        }
        let found: BTreeSet<String> = detection.modules.iter().map(|module| module.name.to_string()).collect();
        prop_assert_eq!(&found, &expected);

        let wave = |name: &change_detect::ModuleName| detection.waves.iter().position(|wave| wave.contains(name));
        let place = |name: &change_detect::ModuleName| detection.order.iter().position(|other| other == name);
        prop_assert_eq!(detection.waves.iter().flatten().count(), detection.order.len());
        for module in &modules {
            for dependency in module.dependencies.iter().filter(|dependency| dependency.kind == EdgeKind::Dependency) {
                if let (Some(before), Some(after)) = (wave(&dependency.on), wave(&module.name)) {
                    prop_assert!(before < after);
                    prop_assert!(place(&dependency.on) < place(&module.name));
                }
            }
        }
        for module in &detection.modules {
            prop_assert!(!module.why.is_empty());
            let explained = detection.explain(&module.name).unwrap_or_default();
            prop_assert!(explained.ends_with("/x changed"), "{}", explained);
        }
    }

    #[test]
    fn against_itself_nothing_changed_and_against_nothing_everything(
        edges in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 5), 1..5),
    ) {
        let (repository, base, head) = history(reactor(&edges), Draft::new(""));
        let detection = detect(&repository, &Bases::One(base), &head, &Options::default()).unwrap();
        prop_assert!(detection.is_empty() && detection.modules.is_empty());
        let detection = detect(&repository, &Bases::Nothing, &head, &Options::default()).unwrap();
        prop_assert_eq!(detection.modules.len(), edges.len() + 1);
        prop_assert!(detection.modules.iter().all(|module| module.why == [Why::New]));
    }
}

#[test]
fn maven_is_told_projects_by_what_it_finds_them_by() {
    let pom = |artifact: &str, more: &str| {
        format!(
            "<project><groupId>g</groupId><artifactId>{artifact}</artifactId><version>1</version>{more}</project>"
        )
    };
    let modules = ["a", "a/pom-alt.xml", "b,c", "d", "-e"]
        .map(|module| format!("<module>{module}</module>"))
        .concat();
    let base = Draft::new("")
        .file(
            "pom.xml",
            pom(
                "root",
                &format!("<packaging>pom</packaging><modules>{modules}</modules>"),
            ),
        )
        .file("a/pom.xml", pom("a", ""))
        .file("a/pom-alt.xml", pom("alt", ""))
        .file("b,c/pom.xml", pom("bc", ""))
        .file("d/pom.xml", pom("d", ""))
        .file("-e/pom.xml", pom("e", ""));
    let head = Draft::new("").file(".mvn/maven.config", "-Dx=1\n");
    let found = between(base, head, &Options::default());
    assert_eq!(found.maven_projects(), ":a,:alt,:bc,d,:e,.");
}
