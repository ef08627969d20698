//! Layout `gradle`.

use change_detect::sim::Draft;
use change_detect::{Confidence, Error, Layout, ModuleKind, Options, graph};

use crate::support::{between, history, report, try_between};

/// `user` and `task` are deployed; both get `common` from the root's build file, `user` gets `events` as well.
fn build() -> Draft {
    Draft::new("Build")
        .file(
            "settings.gradle",
            "// include 'never'\nrootProject.name = 'acme'\ninclude 'libs:common', ':libs:common-events'\ninclude(\":services:user\")\ninclude 'task'\n\
             project(':task').projectDir = new File(settingsDir, 'services/task')\n",
        )
        .file(
            "build.gradle",
            "plugins { id 'org.springframework.boot' version '3.5.0' apply false }\nsubprojects {\n  dependencies { implementation project(':libs:common') }\n}\n",
        )
        .file("README.md", "1")
        .file("libs/common/build.gradle", "plugins { id 'java-library' }\n")
        .file("libs/common/src/main/java/C.java", "1")
        .file("libs/common-events/build.gradle.kts", "dependencies { testImplementation(testFixtures(project(\":libs:common\"))) }\n")
        .file("libs/common-events/src/main/java/E.java", "1")
        .file(
            "services/user/build.gradle.kts",
            "plugins { id(\"org.springframework.boot\") }\ndependencies {\n  implementation(projects.libs.commonEvents)\n  testImplementation(projects.task)\n}\n",
        )
        .file("services/user/gradle.lockfile", "# lock\na:b:1.0=runtimeClasspath\nempty=x\n")
        .file("services/task/build.gradle", "apply plugin: \"com.google.cloud.tools.jib\"\napply from: \"$rootDir/tools/quality.gradle\"\n")
        .file("tools/quality.gradle", "1")
        .file("tools/other.txt", "1")
}

fn modules(draft: Draft) -> (Vec<String>, Vec<String>) {
    let (repository, head, _) = history(draft, Draft::new(""));
    let graph = graph(&repository, &head, &Options::default()).unwrap();
    assert_eq!(graph.layout, Layout::Gradle);
    let line = |module: &change_detect::Module| {
        let on: Vec<String> = module
            .dependencies
            .iter()
            .map(|dependency| {
                let kind = dependency.kind.as_str();
                format!(
                    " → {} ({})",
                    dependency.on,
                    dependency.detail.as_deref().unwrap_or(kind)
                )
            })
            .collect();
        let service = if module.kind == ModuleKind::Service {
            "*"
        } else {
            ""
        };
        format!("{}{service} {}{}", module.name, module.path, on.concat())
    };
    (graph.modules.iter().map(line).collect(), graph.caveats)
}

#[test]
fn projects_and_what_they_name_are_read() {
    let (modules, caveats) = modules(build());
    assert_eq!(
        modules,
        [
            "acme .",
            "common libs/common → libs (parent)",
            "common-events libs/common-events → common (implementation) → libs (parent)",
            "libs libs → common (implementation) → acme (parent)",
            "services services → common (implementation) → acme (parent)",
            "task* services/task → common (implementation) → acme (parent)",
            "user* services/user → common (implementation) → common-events (implementation) → task (testImplementation) → services (parent)",
        ]
    );
    assert_eq!(caveats, Vec::<String>::new());
}

#[test]
fn each_change_reaches_whom_it_should() {
    let cases: [(&str, Draft, &[&str], &[&str]); 8] = [
        (
            "a library",
            Draft::new("").file("libs/common-events/src/main/java/E.java", "2"),
            &["common-events", "user"],
            &[],
        ),
        (
            "what only tests use",
            Draft::new("").file("services/task/src/main/java/T.java", "2"),
            &["task", "user"],
            &[],
        ),
        (
            "a script that is applied",
            Draft::new("").file("tools/quality.gradle", "2"),
            &["task", "user"],
            &[],
        ),
        (
            "the catalog",
            Draft::new("").file("gradle/libs.versions.toml", "2"),
            &[
                "acme",
                "common",
                "common-events",
                "libs",
                "services",
                "task",
                "user",
            ],
            &[],
        ),
        (
            "buildSrc",
            Draft::new("").file("buildSrc/src/main/groovy/x.gradle", "2"),
            &[
                "acme",
                "common",
                "common-events",
                "libs",
                "services",
                "task",
                "user",
            ],
            &[],
        ),
        (
            "a lock file",
            Draft::new("").file(
                "services/user/gradle.lockfile",
                "a:b:1.1=runtimeClasspath\n",
            ),
            &["user"],
            &[],
        ),
        (
            "a comment in a lock file",
            Draft::new("").file(
                "services/user/gradle.lockfile",
                "a:b:1.0=runtimeClasspath\n",
            ),
            &[],
            &[],
        ),
        (
            "documentation",
            Draft::new("")
                .file("README.md", "2")
                .file("tools/other.txt", "2"),
            &[],
            &["README.md", "tools/other.txt"],
        ),
    ];
    for (what, head, expected, unowned) in cases {
        let detection = between(build(), head, &Options::default());
        let found: Vec<&str> = detection
            .modules
            .iter()
            .map(|module| module.name.as_str())
            .collect();
        assert_eq!(found, expected, "{what}: {:?}", report(&detection));
        let files: Vec<String> = detection.unowned.iter().map(ToString::to_string).collect();
        assert_eq!(files, unowned, "{what}");
        assert_eq!(detection.confidence, Confidence::Exact, "{what}");
    }
    let detection = between(
        build(),
        Draft::new("").file(
            "services/user/gradle.lockfile",
            "a:b:1.1=runtimeClasspath\n",
        ),
        &Options::default(),
    );
    assert_eq!(
        report(&detection),
        [
            "user changed: services/user/gradle.lockfile pins a:b 1.1 in runtimeClasspath instead of 1.0 in runtimeClasspath"
        ]
    );
    let all = between(
        build(),
        Draft::new("").file("build.gradle", "subprojects {}\n"),
        &Options::default(),
    );
    assert_eq!(all.modules.len(), 7, "{:?}", report(&all));
}

#[test]
fn what_is_computed_is_taken_for_everything_and_told() {
    let changed = |draft: Draft| {
        let head = Draft::new("").file("b/x", "2");
        let detection = between(draft, head, &Options::default());
        let names: Vec<String> = detection
            .modules
            .iter()
            .map(|module| module.name.to_string())
            .collect();
        (
            names,
            detection.confidence,
            detection.reason.unwrap_or_default(),
        )
    };
    let base = || {
        Draft::new("")
            .file("a/build.gradle", "")
            .file("b/build.gradle", "")
            .file("c/other", "")
    };
    let (names, confidence, reason) =
        changed(base().file("settings.gradle", "file('.').eachDir { include it.name }\n"));
    assert_eq!(
        (names, confidence),
        (vec!["b".to_owned()], Confidence::OverApproximate)
    );
    assert!(reason.contains("computes what it includes"), "{reason}");

    let (names, confidence, reason) = changed(
        base()
            .file("settings.gradle", "include 'a', 'b', 'c'\n")
            .file(
                "a/build.gradle",
                "dependencies { implementation project(\":${what}\") }\n",
            ),
    );
    assert_eq!(
        (names, confidence),
        (
            vec!["a".to_owned(), "b".to_owned()],
            Confidence::OverApproximate
        )
    );
    assert!(reason.contains("`a/build.gradle`"), "{reason}");

    let (_, caveats) = modules(
        base().file("settings.gradle", "include 'a'\nincludeFlat 'other'\nincludeBuild '../x'\nproject(':a').projectDir = somewhere()\n"),
    );
    assert_eq!(caveats.len(), 3, "{caveats:?}");
}

#[test]
fn included_builds_and_cycles_are_modules_and_told() {
    let (modules, _) = modules(
        Draft::new("")
            .file(
                "settings.gradle.kts",
                "includeBuild(\"build-logic\")\ninclude(\"a\", \"b\")\n",
            )
            .file("a/a.gradle", "evaluationDependsOn(':b')\n")
            .file(
                "b/build.gradle",
                "dependencies { api(project(path: ':a', configuration: 'x')) }\n",
            ),
    );
    assert_eq!(
        modules,
        [
            "build-logic* build-logic",
            "b* b → a (api) → build-logic (includeBuild) → root (parent)",
            "a* a → b (evaluationDependsOn) → build-logic (includeBuild) → root (parent)",
            "root* . → build-logic (includeBuild)",
        ]
    );
}

#[test]
fn what_reading_cannot_tell_is_taken_for_what_it_could_mean() {
    let base = || {
        Draft::new("")
            .file("settings.gradle", "include 'a', 'lib'\n")
            .file("a/build.gradle", "plugins { id 'application' }\n")
            .file("lib/build.gradle", "plugins { id 'java-library' }\n")
            .file("lib/src/L.java", "1")
    };
    for (file, script) in [
        // Configured from the root's build file.
        (
            "build.gradle",
            "project(':a') { dependencies { implementation project(':lib') } }\n",
        ),
        // A plugin of the build's own.
        (
            "buildSrc/src/main/groovy/convention.gradle",
            "dependencies { implementation project(':lib') }\n",
        ),
        ("a/build.gradle", "findProject(':lib')\n"),
        (
            "a/build.gradle",
            "tasks.named('x') { dependsOn(':lib:jar') }\n",
        ),
        (
            "a/build.gradle",
            "tasks.named('x') { dependsOn ':lib:jar' }\n",
        ),
        (
            "a/build.gradle",
            "dependencies { implementation files('../lib/x.jar') }\n",
        ),
        (
            "a/build.gradle",
            "sourceSets { main { java { srcDir '../lib/src' } } }\n",
        ),
    ] {
        let after = Draft::new("").file("lib/src/L.java", "2");
        let detection = between(base().file(file, script), after, &Options::default());
        let names: Vec<&str> = detection
            .services
            .iter()
            .map(|name| name.as_str())
            .collect();
        assert_eq!(names, ["a"], "{file}: {script}");
    }
    let settled = base().file(
        "settings.gradle",
        "include 'a', 'lib'\nincludeBuild 'logic'\n",
    );
    let settled = settled.file(
        "logic/build.gradle",
        "plugins { id 'java-gradle-plugin' }\n",
    );
    let after = Draft::new("").file("logic/src/P.java", "1");
    let detection = between(settled, after, &Options::default());
    assert_eq!(detection.services.len(), 1, "{detection:?}");
    assert_eq!(detection.services[0].as_str(), "a");
}

#[test]
fn asking_for_gradle_where_there_is_none_is_an_error() {
    let options = Options::default().layout(Layout::Gradle);
    assert!(matches!(
        try_between(Draft::new("").file("x", "1"), Draft::new(""), &options),
        Err(Error::NoManifest { .. })
    ));
}
