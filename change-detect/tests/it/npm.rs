//! Layout `npm`.

use change_detect::sim::Draft;
use change_detect::{Confidence, Error, Layout, ModuleKind, Options, graph};

use crate::support::{between, history, names, report, try_between};

/// `web` (a program) uses `ui`, which uses `theme`; `docs` uses a published `ui`.
fn workspace() -> Draft {
    Draft::new("Workspace")
        .file(
            "package.json",
            r#"{"name":"acme","private":true,"workspaces":["packages/*","apps/*","!apps/old"],"devDependencies":{"typescript":"^5.0.0"},"scripts":{"build":"x"}}"#,
        )
        .file(
            "packages/theme/package.json",
            r#"{"name":"@acme/theme","version":"1.0.0","dependencies":{"ms":"^2.0.0"}}"#,
        )
        .file("packages/theme/index.js", "1")
        .file(
            "packages/ui/package.json",
            r#"{"name":"@acme/ui","version":"1.4.0","peerDependencies":{"@acme/theme":"^1.0.0"},"dependencies":{"debug":"^4.0.0"}}"#,
        )
        .file("packages/ui/index.js", "1")
        .file("packages/notes/README.md", "no package")
        .file("packages/ui/node_modules/x/package.json", r#"{"name":"x"}"#)
        .file(
            "apps/web/package.json",
            r#"{"name":"web","scripts":{"start":"node ."},"dependencies":{"@acme/ui":"*"}}"#,
        )
        .file(
            "apps/docs/package.json",
            r#"{"name":"docs","scripts":{"start":"node ."},"dependencies":{"@acme/ui":"0.9.0"}}"#,
        )
        .file("apps/old/package.json", r#"{"name":"old"}"#)
        .file("package-lock.json", lock("2.1.3", "4.4.0", "5.4.2"))
}

fn lock(ms: &str, debug: &str, typescript: &str) -> String {
    let entry = |version: &str| {
        format!(
            r#"{{"version":"{version}","resolved":"https://registry.npmjs.org/x.tgz","integrity":"sha512-{version}aaaaaaaa"}}"#
        )
    };
    let uses_ms = format!(
        r#"{{"version":"{debug}","integrity":"sha512-{debug}bbbbbbbb","dependencies":{{"ms":"^2.1.3"}}}}"#
    );
    format!(
        r#"{{"name":"acme","lockfileVersion":3,"packages":{{
        "":{{"workspaces":["packages/*"],"devDependencies":{{"typescript":"^5.0.0"}}}},
        "apps/web":{{"name":"web","dependencies":{{"@acme/ui":"*"}}}},
        "apps/docs":{{"name":"docs","dependencies":{{"@acme/ui":"0.9.0"}}}},
        "apps/docs/node_modules/@acme/ui":{{"version":"0.9.0","integrity":"sha512-published"}},
        "packages/ui":{{"name":"@acme/ui","dependencies":{{"debug":"^4.0.0"}},"peerDependencies":{{"@acme/theme":"^1.0.0"}}}},
        "packages/theme":{{"name":"@acme/theme","dependencies":{{"ms":"^2.0.0"}}}},
        "node_modules/@acme/ui":{{"resolved":"packages/ui","link":true}},
        "node_modules/@acme/theme":{{"resolved":"packages/theme","link":true}},
        "node_modules/web":{{"resolved":"apps/web","link":true}},
        "node_modules/docs":{{"resolved":"apps/docs","link":true}},
        "node_modules/ms":{},
        "node_modules/debug":{uses_ms},
        "node_modules/typescript":{}
    }}}}"#,
        entry(ms),
        entry(typescript)
    )
}

fn modules(draft: Draft) -> Vec<String> {
    let (repository, head, _) = history(draft, Draft::new(""));
    let graph = graph(&repository, &head, &Options::default()).unwrap();
    assert_eq!(graph.layout, Layout::Npm);
    let line = |module: &change_detect::Module| {
        let on: Vec<String> = module
            .dependencies
            .iter()
            .map(|dependency| {
                format!(
                    " → {} ({})",
                    dependency.on,
                    dependency.detail.as_deref().unwrap_or_default()
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
    graph.modules.iter().map(line).collect()
}

#[test]
fn packages_are_what_the_globs_match_and_edges_what_versions_allow() {
    assert_eq!(
        modules(workspace()),
        [
            "@acme/theme packages/theme",
            "@acme/ui packages/ui → @acme/theme (peerDependencies)",
            "docs* apps/docs",
            "web* apps/web → @acme/ui (dependencies)",
        ]
    );
}

#[test]
fn each_change_reaches_whom_it_should() {
    let cases: [(&str, Draft, &[&str], &[&str]); 6] = [
        (
            "a shared package",
            Draft::new("").file("packages/theme/index.js", "2"),
            &["@acme/theme", "@acme/ui", "web"],
            &[],
        ),
        (
            "documentation",
            Draft::new("")
                .file("README.md", "2")
                .file("packages/README.md", "2"),
            &[],
            &["README.md", "packages/README.md"],
        ),
        (
            "npm's configuration",
            Draft::new("").file(".npmrc", "x=1"),
            &["@acme/theme", "@acme/ui", "docs", "web"],
            &[],
        ),
        (
            "a package from outside, deep below one",
            Draft::new("").file("package-lock.json", lock("2.1.4", "4.4.0", "5.4.2")),
            &["@acme/theme", "@acme/ui", "web"],
            &[],
        ),
        (
            "a package from outside of one",
            Draft::new("").file("package-lock.json", lock("2.1.3", "4.4.1", "5.4.2")),
            &["@acme/ui", "web"],
            &[],
        ),
        (
            "a tool of the root's",
            Draft::new("").file("package-lock.json", lock("2.1.3", "4.4.0", "5.4.3")),
            &["@acme/theme", "@acme/ui", "docs", "web"],
            &[],
        ),
    ];
    for (what, head, expected, unowned) in cases {
        let detection = between(workspace(), head, &Options::default());
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
        workspace(),
        Draft::new("").file("package-lock.json", lock("2.1.4", "4.4.0", "5.4.2")),
        &Options::default(),
    );
    assert_eq!(
        report(&detection)[0],
        "@acme/theme changed: package-lock.json pins ms 2.1.4 (2.1.4aaa) instead of 2.1.3 (2.1.3aaa)"
    );
}

#[test]
fn the_roots_manifest_counts_for_all_but_where_it_is_its_own() {
    let root = |text: &str| {
        let head = Draft::new("").file("package.json", text.to_owned());
        between(workspace(), head, &Options::default())
            .modules
            .len()
    };
    let with = |name: &str, script: &str, more: &str| {
        format!(
            r#"{{"name":"{name}","private":true,"workspaces":["packages/*","apps/*","!apps/old"],"devDependencies":{{"typescript":"^5.0.0"}},"scripts":{{"build":"{script}"}}{more}}}"#
        )
    };
    assert_eq!(root(&with("renamed", "x", "")), 0);
    assert_eq!(root(&with("acme", "y", "")), 4);
    assert_eq!(
        root(&with("acme", "x", r#","overrides":{"ms":"2.0.0"}"#)),
        4
    );
}

#[test]
fn lock_files_that_cannot_be_read_count_for_all_and_say_so() {
    for (file, text, problem) in [
        (
            "package-lock.json",
            r#"{"lockfileVersion":1}"#,
            "knows no workspaces",
        ),
        ("package-lock.json", "{", "cannot be read"),
        ("pnpm-lock.yaml", "lockfileVersion: '5.4'\n", "is not read"),
        ("yarn.lock", "?", "is not read"),
        ("bun.lock", "{}", "is not read"),
    ] {
        let head = Draft::new("").file(file, text);
        let detection = between(workspace(), head, &Options::default());
        assert_eq!(detection.modules.len(), 4, "{file}");
        assert_eq!(detection.confidence, Confidence::OverApproximate, "{file}");
        let reason = detection.reason.unwrap();
        assert!(
            reason.contains(file) && reason.contains(problem),
            "{reason}"
        );
    }
}

fn pnpm(react: &str, catalog: &str) -> Draft {
    Draft::new("pnpm")
        .file("package.json", r#"{"name":"root"}"#)
        .file(
            "pnpm-workspace.yaml",
            format!("packages:\n  - 'apps/*'\n  - libs/*\ncatalog:\n  react: {catalog}\n  zod: ^3.0.0\n"),
        )
        .file(
            "apps/a/package.json",
            r#"{"name":"a","dependencies":{"react":"catalog:","lib":"workspace:*","aliased":"npm:ms@^2"}}"#,
        )
        .file(
            "apps/b/package.json",
            r#"{"name":"b","dependencies":{"zod":"catalog:","other":"workspace:lib@^1","linked":"link:../../libs/linked"}}"#,
        )
        .file("libs/lib/package.json", r#"{"name":"lib","version":"1.0.0"}"#)
        .file("libs/linked/package.json", r#"{"name":"@x/linked"}"#)
        .file(
            "pnpm-lock.yaml",
            format!(
                "lockfileVersion: '9.0'\nimporters:\n  .: {{}}\n  apps/a:\n    dependencies:\n      react:\n        specifier: 'catalog:'\n        version: {react}\n      \
                 aliased:\n        specifier: npm:ms@^2\n        version: ms@2.1.3\n      lib:\n        specifier: workspace:*\n        version: link:../../libs/lib\n  \
                 apps/b:\n    dependencies:\n      zod:\n        specifier: 'catalog:'\n        version: 3.1.0(react@{react})\n\
                 packages:\n  react@{react}:\n    resolution: {{integrity: sha512-{react}xxxxxxxx}}\n  ms@2.1.3:\n    resolution: {{integrity: sha512-mmmmmmmmm}}\n  \
                 zod@3.1.0:\n    resolution: {{integrity: sha512-zzzzzzzzz}}\n  loose@1.0.0:\n    resolution: {{integrity: sha512-lllllllll}}\n\
                 snapshots:\n  react@{react}:\n    dependencies:\n      loose: 1.0.0\n  ms@2.1.3: {{}}\n  zod@3.1.0(react@{react}):\n    dependencies:\n      ms: 2.1.3\n  loose@1.0.0: {{}}\n"
            ),
        )
}

#[test]
fn pnpm_workspaces_have_catalogs_protocols_and_a_lock_of_their_own() {
    assert_eq!(
        modules(pnpm("18.2.0", "^18.0.0")),
        [
            "@x/linked libs/linked",
            "lib libs/lib",
            "a* apps/a → lib (dependencies)",
            "b* apps/b → lib (dependencies) → @x/linked (dependencies)",
        ]
    );
    let found = |head: Draft| {
        let detection = between(pnpm("18.2.0", "^18.0.0"), head, &Options::default());
        assert_eq!(detection.confidence, Confidence::Exact);
        report(&detection)
    };
    assert_eq!(
        found(pnpm("18.2.0", "^18.1.0")),
        ["a changed: pnpm-workspace.yaml pins react ^18.1.0 instead of ^18.0.0"]
    );
    assert_eq!(
        found(pnpm("18.3.0", "^18.0.0")),
        [
            "a changed: pnpm-lock.yaml pins react 18.3.0 (18.3.0xx) instead of 18.2.0 (18.2.0xx)",
            "b changed: pnpm-lock.yaml pins zod 3.1.0(react@18.3.0) (zzzzzzzz) instead of 3.1.0(react@18.2.0) (zzzzzzzz)",
        ]
    );
}

#[test]
fn the_lock_of_pnpm_8_is_read() {
    let lock = |react: &str| {
        format!(
            "lockfileVersion: '6.0'\nimporters:\n  apps/a:\n    dependencies:\n      react:\n        specifier: 'catalog:'\n        version: {react}(x@1.0.0)\n\
             packages:\n  /react@{react}(x@1.0.0):\n    resolution: {{integrity: sha512-{react}xxxxxxxx}}\n    dependencies:\n      loose: 1.0.0\n  \
             /loose@1.0.0:\n    resolution: {{integrity: sha512-lllllllll}}\n"
        )
    };
    let base = pnpm("18.2.0", "^18.0.0").file("pnpm-lock.yaml", lock("18.2.0"));
    let head = Draft::new("").file("pnpm-lock.yaml", lock("18.3.0"));
    assert_eq!(
        report(&between(base, head, &Options::default())),
        [
            "a changed: pnpm-lock.yaml pins react 18.3.0(x@1.0.0) (18.3.0xx) instead of 18.2.0(x@1.0.0) (18.2.0xx)"
        ]
    );
}

#[test]
fn both_forms_of_yarn_lock_are_read() {
    let base = |lock: String| {
        Draft::new("yarn")
            .file(
                "package.json",
                r#"{"private":true,"workspaces":{"packages":["packages/*"]}}"#,
            )
            .file(
                "packages/a/package.json",
                r#"{"name":"a","dependencies":{"debug":"^4.0.0","b":"^1.0.0"}}"#,
            )
            .file(
                "packages/b/package.json",
                r#"{"name":"b","version":"1.0.0","dependencies":{"left":"1"}}"#,
            )
            .file("yarn.lock", lock)
    };
    let classic = |ms: &str| {
        format!(
            "# THIS IS AN AUTOGENERATED FILE. DO NOT EDIT THIS FILE DIRECTLY.\n# yarn lockfile v1\n\n\ndebug@^4.0.0:\n  version \"4.4.0\"\n  integrity sha512-ddddddddd\n  \
             dependencies:\n    ms \"^2.1.3\"\n\nleft@1:\n  version \"1.0.0\"\n\nms@^2.1.3:\n  version \"{ms}\"\n  integrity sha512-mmmmmmmmm\n"
        )
    };
    let berry = |ms: &str| {
        format!(
            "__metadata:\n  version: 8\n\n\"a@workspace:packages/a\":\n  version: 0.0.0-use.local\n  resolution: \"a@workspace:packages/a\"\n\n\
             \"debug@npm:^4.0.0\":\n  version: 4.4.0\n  resolution: \"debug@npm:4.4.0\"\n  dependencies:\n    ms: \"npm:^2.1.3\"\n  checksum: 10c0/ddddddddd\n\n\
             \"left@npm:1\":\n  version: 1.0.0\n  resolution: \"left@npm:1.0.0\"\n\n\
             \"ms@npm:^2.1.3\":\n  version: {ms}\n  resolution: \"ms@npm:{ms}\"\n  checksum: 10c0/mmmmmmmmm\n"
        )
    };
    for (was, is) in [
        (classic("2.1.3"), classic("2.1.4")),
        (berry("2.1.3"), berry("2.1.4")),
    ] {
        let detection = between(
            base(was),
            Draft::new("").file("yarn.lock", is),
            &Options::default(),
        );
        assert_eq!(
            report(&detection),
            ["a changed: yarn.lock pins ms 2.1.4 (mmmmmmmm) instead of 2.1.3 (mmmmmmmm)"]
        );
        assert_eq!(detection.confidence, Confidence::Exact);
    }
}

#[test]
fn packages_may_need_each_other() {
    let draft = Draft::new("")
        .file("package.json", r#"{"workspaces":["*"]}"#)
        .file("a/package.json", r#"{"name":"a","dependencies":{"b":"*"}}"#)
        .file("b/package.json", r#"{"name":"b","dependencies":{"a":"*"}}"#);
    let detection = between(draft, Draft::new("").file("a/x", "1"), &Options::default());
    assert_eq!(names(&detection.order), ["b", "a"]);
    let cycles: Vec<Vec<&str>> = detection.cycles.iter().map(|cycle| names(cycle)).collect();
    assert_eq!(cycles, [["a", "b", "a"]]);
}

#[test]
fn broken_manifests_are_named_with_their_place() {
    let with = |file: &str, text: &str| {
        let head = Draft::new("").file(file, text.to_owned());
        try_between(workspace(), head, &Options::default()).unwrap_err()
    };
    match with("apps/web/package.json", "{\n  \"name\": web\n}") {
        Error::InvalidManifest { path, position, .. } => assert_eq!(
            (path.to_string().as_str(), position),
            ("apps/web/package.json", Some((2, 11)))
        ),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        with("apps/web/package.json", r#"{"name":"docs"}"#),
        Error::DuplicateModule { .. }
    ));
    assert!(matches!(
        with("pnpm-workspace.yaml", "packages: ["),
        Error::InvalidManifest { .. }
    ));
}

#[test]
fn a_package_of_the_same_version_from_elsewhere_is_another() {
    let base = Draft::new("")
        .file("package.json", r#"{"workspaces":["a"]}"#)
        .file(
            "a/package.json",
            r#"{"name":"a","dependencies":{"ms":"^2.0.0"}}"#,
        );
    let yarn = |host: &str| {
        format!(
            "# yarn lockfile v1\n\n\nms@^2.0.0:\n  version \"2.1.3\"\n  resolved \"https://{host}/ms.tgz\"\n"
        )
    };
    let npm = |host: &str| {
        format!(
            r#"{{"lockfileVersion":3,"packages":{{"":{{"workspaces":["a"]}},"a":{{"dependencies":{{"ms":"^2.0.0"}}}},
            "node_modules/ms":{{"version":"2.1.3","resolved":"https://{host}/ms.tgz"}}}}}}"#
        )
    };
    // The hash of the one ends like that of the other, and has a slash near its end.
    let hashed = |hash: &str| {
        format!(
            "# yarn lockfile v1\n\n\nms@^2.0.0:\n  version \"2.1.3\"\n  integrity sha512-{hash}/ab==\n"
        )
    };
    for (file, was, is) in [
        ("yarn.lock", yarn("one"), yarn("two")),
        ("package-lock.json", npm("one"), npm("two")),
        ("yarn.lock", hashed("aaaaaaaaaa"), hashed("bbbbbbbbbb")),
    ] {
        let base = base.clone().file(file, was.clone());
        let found = between(
            base.clone(),
            Draft::new("").file(file, is),
            &Options::default(),
        );
        assert_eq!(names(&found.services), ["a"], "{file}");
        let same = Draft::new("").file(file, format!("{was}\n"));
        assert!(
            between(base, same, &Options::default()).services.is_empty(),
            "{file}"
        );
    }
}
