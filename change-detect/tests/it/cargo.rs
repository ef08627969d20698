//! Layout `cargo`.

#[cfg(feature = "git")]
use std::collections::BTreeSet;

use change_detect::sim::Draft;
use change_detect::{Confidence, Error, Layout, ModuleKind, Options, graph};

use crate::support::{between, history, name, names, report, try_between};

/// `app` (a program) uses `core` through `api`, whose tests use `fixtures`; `tool` is a program without an image.
fn workspace() -> Draft {
    Draft::new("Workspace")
        .file(
            "Cargo.toml",
            r#"
[workspace]
members = ["crates/*", "app"]
exclude = ["crates/excluded"]
resolver = "3"

[workspace.package]
version = "1.0.0"

[workspace.dependencies]
core = { path = "crates/core", package = "acme-core" }
serde = "1"
rand = "0.9"
"#,
        )
        .file(
            "crates/core/Cargo.toml",
            "[package]\nname = \"acme-core\"\nversion.workspace = true\n[dependencies]\nserde.workspace = true\n",
        )
        .file("crates/core/src/lib.rs", "1")
        .file(
            "crates/api/Cargo.toml",
            "[package]\nname = \"api\"\nversion = \"1.0.0\"\n[dependencies]\ncore = { workspace = true, features = [\"x\"] }\n\
             [dev-dependencies]\nfixtures = { path = \"../fixtures\" }\n",
        )
        .file("crates/api/src/lib.rs", "1")
        .file(
            "crates/fixtures/Cargo.toml",
            "[package]\nname = \"fixtures\"\nversion = \"1.0.0\"\n[dependencies]\napi = { path = \"../api\" }\nrand.workspace = true\n",
        )
        .file("crates/fixtures/src/lib.rs", "1")
        .file(
            "crates/excluded/Cargo.toml",
            "[package]\nname = \"excluded\"\nversion = \"1.0.0\"\n",
        )
        .file("crates/notes/README.md", "no package")
        .file(
            "app/Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"1.0.0\"\n[target.'cfg(unix)'.dependencies]\napi = { path = \"../crates/api\", optional = true }\n\
             [build-dependencies]\ntool = { path = \"../tool\" }\n",
        )
        .file("app/src/main.rs", "1")
        .file(
            "tool/Cargo.toml",
            "[package]\nname = \"tool\"\nversion = \"1.0.0\"\n",
        )
        .file("tool/src/main.rs", "1")
        .file("Cargo.lock", lock("1.0.1", "0.9.0"))
}

fn lock(serde: &str, rand: &str) -> String {
    let member = |name: &str, dependencies: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\ndependencies = [{dependencies}]\n\n"
        )
    };
    let outside = |name: &str, version: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
             checksum = \"0123456789abcdef{version}\"\n\n"
        )
    };
    format!(
        "version = 4\n\n{}{}{}{}{}{}{}",
        member("acme-core", "\"serde\""),
        member("api", "\"acme-core\", \"fixtures\""),
        member("fixtures", "\"api\", \"rand 0.9.0\""),
        member("app", "\"api\", \"tool\""),
        member("tool", ""),
        outside("serde", serde),
        outside("rand", rand),
    )
    .replace("rand 0.9.0", &format!("rand {rand}"))
}

#[test]
fn members_are_what_is_listed_and_what_they_need_by_path() {
    let (repository, head, _) = history(workspace(), Draft::new(""));
    let graph = graph(&repository, &head, &Options::default()).unwrap();
    assert_eq!(graph.layout, Layout::Cargo);
    let modules: Vec<String> = graph
        .modules
        .iter()
        .map(|module| {
            let on: Vec<String> = module
                .dependencies
                .iter()
                .map(|dependency| {
                    format!(
                        "{} ({})",
                        dependency.on,
                        dependency.detail.as_deref().unwrap_or_default()
                    )
                })
                .collect();
            format!("{} {}: {}", module.name, module.path, on.join(", "))
        })
        .collect();
    assert_eq!(
        modules,
        [
            "acme-core crates/core: ",
            "api crates/api: acme-core (dependency), fixtures (dev-dependency)",
            "tool tool: ",
            "app app: api (optional dependency on cfg(unix)), tool (build-dependency)",
            "fixtures crates/fixtures: api (dependency)",
        ]
    );
    let services: Vec<&str> = graph
        .modules
        .iter()
        .filter(|module| module.kind == ModuleKind::Service)
        .map(|module| module.name.as_str())
        .collect();
    assert_eq!(services, ["app"], "a program that nobody uses");
    assert!(graph.cycles.is_empty(), "tests may need what needs them");
}

#[test]
fn each_change_reaches_whom_it_should() {
    for (what, head, modules, unowned) in [
        (
            "a shared package",
            Draft::new("").file("crates/core/src/lib.rs", "2"),
            &["acme-core", "api", "app", "fixtures"][..],
            &[][..],
        ),
        (
            "what only tests use",
            Draft::new("").file("crates/fixtures/src/lib.rs", "2"),
            &["api", "fixtures"],
            &[],
        ),
        (
            "a toolchain",
            Draft::new("").file("rust-toolchain.toml", "1"),
            &["acme-core", "api", "app", "fixtures", "tool"],
            &[],
        ),
        (
            "what is excluded",
            Draft::new("").file("crates/excluded/src/lib.rs", "1"),
            &[],
            &["crates/excluded/src/lib.rs"],
        ),
        (
            "documentation",
            Draft::new("").file("README.md", "1"),
            &[],
            &["README.md"],
        ),
    ] {
        let detection = between(workspace(), head, &Options::default());
        let found: Vec<&str> = detection
            .modules
            .iter()
            .map(|module| module.name.as_str())
            .collect();
        assert_eq!(found, modules, "{what}: {:?}", report(&detection));
        let files: Vec<String> = detection.unowned.iter().map(ToString::to_string).collect();
        assert_eq!(files, unowned, "{what}");
    }
}

#[test]
fn a_lock_file_concerns_who_is_built_with_what_it_pins() {
    let detection = between(
        workspace(),
        Draft::new("").file("Cargo.lock", lock("1.0.1", "0.9.1")),
        &Options::default(),
    );
    // Fixtures pins it; api's tests are built with it; nobody who uses api is.
    assert_eq!(
        report(&detection),
        [
            "api changed: Cargo.lock pins rand 0.9.1 (01234567) instead of 0.9.0 (01234567); depends on fixtures (dev-dependency)",
            "app changed: Cargo.lock pins rand 0.9.1 (01234567) instead of 0.9.0 (01234567); depends on api (optional dependency on cfg(unix))",
            "fixtures changed: Cargo.lock pins rand 0.9.1 (01234567) instead of 0.9.0 (01234567); depends on api (dependency)",
        ]
    );
    assert_eq!(detection.confidence, Confidence::Exact);
    let detection = between(
        workspace(),
        Draft::new("").file("Cargo.lock", "version = 99\n"),
        &Options::default(),
    );
    assert_eq!(detection.modules.len(), 5);
    assert_eq!(detection.confidence, Confidence::OverApproximate);
    assert!(
        detection
            .reason
            .as_deref()
            .unwrap()
            .contains("newer than 4"),
        "{:?}",
        detection.reason
    );
}

#[test]
fn the_roots_manifest_concerns_who_inherits_what_changed() {
    let change = |from: &str, to: &str| {
        let draft = workspace();
        let (repository, base, _) = history(draft, Draft::new(""));
        let text =
            change_detect::DiffSource::read(&repository, &base, &"Cargo.toml".parse().unwrap())
                .unwrap()
                .unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(from));
        let head = Draft::new("").file("Cargo.toml", text.replace(from, to));
        between(workspace(), head, &Options::default())
    };
    let found = change("rand = \"0.9\"", "rand = \"0.10\"");
    assert_eq!(
        report(&found),
        [
            "api affected: depends on fixtures (dev-dependency)",
            "fixtures changed: Cargo.toml pins rand 0.10 instead of 0.9"
        ]
    );
    let found = change("version = \"1.0.0\"", "version = \"1.1.0\"");
    assert_eq!(
        found.explain(&name("acme-core")).as_deref(),
        Some("acme-core ← Cargo.toml pins package.version 1.1.0 instead of 1.0.0")
    );
    assert!(found.module(&name("tool")).is_none());
    assert_eq!(
        change("resolver = \"3\"", "resolver = \"2\"").modules.len(),
        5
    );
    assert_eq!(
        change("[workspace.package]", "# A comment.\n[workspace.package]")
            .modules
            .len(),
        0
    );
}

#[test]
fn broken_manifests_are_named_with_their_place() {
    let with = |file: &str, text: &str| {
        let head = Draft::new("").file(file, text.to_owned());
        try_between(workspace(), head, &Options::default()).unwrap_err()
    };
    match with("app/Cargo.toml", "[package]\nname = \n") {
        Error::InvalidManifest { path, position, .. } => assert_eq!(
            (path.to_string().as_str(), position),
            ("app/Cargo.toml", Some((2, 8)))
        ),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        with("app/Cargo.toml", "[package]\nname = \"api\"\n"),
        Error::DuplicateModule { .. }
    ));
    let missing = with("Cargo.toml", "[workspace]\nmembers = [\"nowhere\"]\n");
    let cause = std::error::Error::source(&missing).unwrap().to_string();
    assert!(cause.contains("`nowhere`"), "{cause}");
    assert!(missing.is_usage() && missing.hint().is_some());
    let options = Options::default().layout(Layout::Cargo);
    assert!(matches!(
        try_between(Draft::new("").file("x", "1"), Draft::new(""), &options),
        Err(Error::NoManifest { .. })
    ));
}

#[test]
fn members_come_and_go() {
    let head = Draft::new("")
        .remove("tool")
        .file(
            "app/Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"1.0.0\"\n",
        )
        .file(
            "crates/new/Cargo.toml",
            "[package]\nname = \"new\"\nversion = \"1.0.0\"\n",
        )
        .file("crates/new/src/main.rs", "1");
    let detection = between(workspace(), head, &Options::default());
    assert_eq!(names(&detection.services), ["app", "new"]);
    assert!(detection.removed.is_empty(), "tool was no service");
}

/// What cargo itself says of this very workspace.
#[cfg(feature = "git")]
#[test]
fn the_members_of_this_workspace_are_those_that_cargo_names() {
    use change_detect::{DiffSource, GitSource};
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Ok(repository) = GitSource::discover(&folder) else {
        // A crate that was unpacked from a registry.
        return;
    };
    if repository.workdir() != folder.canonicalize().ok().as_deref() {
        return;
    }
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version=1"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(output.status.success());
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let theirs: BTreeSet<String> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap().to_owned())
        .collect();
    let head = repository.resolve("HEAD").unwrap();
    let graph = graph(&repository, &head, &Options::default()).unwrap();
    let ours: BTreeSet<String> = graph
        .modules
        .iter()
        .map(|module| module.name.to_string())
        .collect();
    assert_eq!(ours, theirs);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let on: BTreeSet<&str> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["path"].is_string())
            .map(|dependency| dependency["name"].as_str().unwrap())
            .collect();
        let module = graph
            .modules
            .iter()
            .find(|module| module.name.as_str() == name);
        let ours: BTreeSet<&str> = module
            .unwrap()
            .dependencies
            .iter()
            .map(|dependency| dependency.on.as_str())
            .collect();
        assert_eq!(ours, on, "{name}");
    }
}
