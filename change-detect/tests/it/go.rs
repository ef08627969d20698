//! Layout `go`.

use change_detect::sim::Draft;
use change_detect::{Error, Layout, ModuleKind, Options, graph};

use crate::support::{between, history, report, try_between};

/// `user-service` (a program) uses `events`, which uses `base` by a replacement as well.
fn workspace() -> Draft {
    Draft::new("Workspace")
        .file(
            "go.work",
            "go 1.24\n\nuse (\n\t./services/user // the users\n\t./libs/events\n\t\"./libs/base\"\n)\n",
        )
        .file(
            "services/user/go.mod",
            "module example.com/acme/user-service/v2\n\nrequire (\n\texample.com/acme/events v0.1.0\n\texample.com/other v1.0.0\n)\n",
        )
        .file("services/user/cmd/server/main.go", "// Serves.\npackage main\n")
        .file("services/user/go.sum", "example.com/other v1.0.0 h1:aaaaaaaaaaaa=\n")
        .file(
            "libs/events/go.mod",
            "module example.com/acme/events\nrequire example.com/acme/base v0.0.0 // indirect\nreplace example.com/acme/base => ../base\n",
        )
        .file("libs/events/events.go", "package events\n")
        .file("libs/base/go.mod", "module example.com/acme/base\n")
        .file("libs/base/base.go", "package base\n")
        .file("tools/go.mod", "module example.com/acme/tools\n")
}

fn modules(draft: Draft, options: &Options) -> Vec<String> {
    let (repository, head, _) = history(draft, Draft::new(""));
    let graph = graph(&repository, &head, options).unwrap();
    assert_eq!(graph.layout, Layout::Go);
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
fn modules_are_what_the_workspace_uses() {
    assert_eq!(
        modules(workspace(), &Options::default()),
        [
            "base libs/base",
            "events libs/events → base (replace)",
            "user-service* services/user → events (require)",
        ]
    );
}

#[test]
fn without_a_workspace_every_module_counts_and_only_replacements_are_edges() {
    assert_eq!(
        modules(
            workspace()
                .remove("go.work")
                .file("vendor/x/go.mod", "module x\n"),
            &Options::default().layout(Layout::Go)
        ),
        [
            "base libs/base",
            "events libs/events → base (replace)",
            "tools tools",
            "user-service* services/user",
        ]
    );
}

#[test]
fn what_replaces_a_module_counts_though_the_workspace_does_not_use_it() {
    let app = "module e/app\nrequire e/lib v1.0.0\n";
    let files = Draft::new("")
        .file("app/main.go", "package main\n")
        .file("lib/go.mod", "module e/lib\nrequire e/deep v1.0.0\n")
        .file("deep/go.mod", "module e/deep\n")
        .file("deep/deep.go", "1");
    let by_module = files.clone().file("go.work", "use ./app\n").file(
        "app/go.mod",
        format!("{app}replace (\n\te/lib => ../lib\n\te/deep v1.0.0 => ../deep\n)\n"),
    );
    let by_workspace = files
        .file(
            "go.work",
            "use ./app\nreplace e/lib => ./lib\nreplace e/deep => ./deep\n",
        )
        .file("app/go.mod", app);
    for base in [by_module, by_workspace] {
        let head = Draft::new("").file("deep/deep.go", "2");
        let found = between(base, head, &Options::default().layout(Layout::Go));
        let services: Vec<String> = found.services.iter().map(ToString::to_string).collect();
        assert_eq!(services, ["app"], "{:?}", report(&found));
    }
}

#[test]
fn each_change_reaches_whom_it_should() {
    let cases: [(&str, Draft, &[&str], &[&str]); 6] = [
        (
            "a library",
            Draft::new("").file("libs/base/base.go", "2"),
            &["base", "events", "user-service"],
            &[],
        ),
        (
            "the workspace",
            Draft::new("").file(
                "go.work",
                "go 1.25\nuse ./services/user\nuse ./libs/events\nuse ./libs/base\n",
            ),
            &["base", "events", "user-service"],
            &[],
        ),
        (
            "sums",
            Draft::new("").file(
                "services/user/go.sum",
                "example.com/other v1.0.1 h1:bbbbbbbbbbbb=\n",
            ),
            &["user-service"],
            &[],
        ),
        (
            "sums in another order",
            Draft::new("").file(
                "services/user/go.sum",
                "\nexample.com/other v1.0.0 h1:aaaaaaaaaaaa=\n",
            ),
            &[],
            &[],
        ),
        (
            "a module of nobody's",
            Draft::new("").file("tools/x.go", "1"),
            &[],
            &["tools/x.go"],
        ),
        (
            "a program",
            Draft::new("").file("services/user/cmd/server/main.go", "package main\n"),
            &["user-service"],
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
    }
}

#[test]
fn modules_of_the_same_name_are_named_by_their_paths() {
    let draft = Draft::new("")
        .file("go.work", "use ./a\nuse ./b\n")
        .file("a/go.mod", "module one.example/api\n")
        .file("b/go.mod", "module two.example/api/v3\n");
    assert_eq!(
        modules(draft, &Options::default()),
        ["one.example/api* a", "two.example/api/v3* b"]
    );
}

#[test]
fn broken_files_are_named_with_their_line() {
    for (file, text, line, problem) in [
        ("go.work", "use (\n./a\n", 1, "not closed"),
        ("go.work", "go 1.24\nuse ./nowhere\n", 2, "`./nowhere`"),
        ("go.work", "use ../outside\n", 1, "`../outside`"),
        ("libs/base/go.mod", "module \"x\n", 1, "not closed"),
    ] {
        let head = Draft::new("").file(file, text);
        match try_between(workspace(), head, &Options::default()) {
            Err(error @ Error::InvalidManifest { .. }) => {
                let Error::InvalidManifest { path, position, .. } = &error else {
                    unreachable!()
                };
                assert_eq!(
                    (path.to_string().as_str(), *position),
                    (file, Some((line, 1)))
                );
                let cause = std::error::Error::source(&error).unwrap().to_string();
                assert!(cause.contains(problem), "{cause}");
            }
            other => panic!("{other:?}"),
        }
    }
    let options = Options::default().layout(Layout::Go);
    assert!(matches!(
        try_between(Draft::new("").file("x", "1"), Draft::new(""), &options),
        Err(Error::NoManifest { .. })
    ));
}
