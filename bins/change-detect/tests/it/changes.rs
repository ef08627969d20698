//! What kinds of changes affect, in repositories of git's own.

use crate::repo::{Repo, strings};

/// What a commit does to a repository.
type Act = fn(&Repo);

#[test]
fn each_kind_of_change_affects_whom_it_should() {
    let cases: [(&str, Act, &[&str], &[&str]); 10] = [
        (
            "an edit",
            |repo| {
                repo.write("services/a/src/main.txt", "two\n");
            },
            &["a"],
            &[],
        ),
        (
            "a move counts on both sides",
            |repo| {
                repo.git(&["mv", "services/a/src/long.txt", "services/b/long.txt"]);
            },
            &["a", "b"],
            &[],
        ),
        (
            "a deletion",
            |repo| {
                repo.git(&["rm", "--quiet", "services/b/src/main.txt"]);
                repo.write("services/b/other", "1");
            },
            &["b"],
            &[],
        ),
        (
            "documentation alone",
            |repo| {
                repo.write("README.md", "two");
                repo.write("services/README.md", "two");
            },
            &[],
            &["README.md", "services/README.md"],
        ),
        (
            "an executable bit",
            |repo| {
                repo.git(&["update-index", "--chmod=+x", "services/c/src/main.txt"]);
                repo.git(&["commit", "--quiet", "--message", "Mode"]);
                repo.git(&["reset", "--hard", "--quiet"]);
            },
            &["c"],
            &[],
        ),
        (
            "a link instead of a file",
            |repo| {
                let path = repo.path().join("services/a/src/main.txt");
                std::fs::remove_file(&path).unwrap();
                std::os::unix::fs::symlink("../../b/src/main.txt", path).unwrap();
            },
            &["a"],
            &[],
        ),
        (
            "a name that is no UTF-8",
            |repo| {
                let name =
                    <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9 \"x\"");
                std::fs::write(repo.path().join("services/b").join(name), "1").unwrap();
            },
            &["b"],
            &[],
        ),
        (
            "a name with a newline",
            |repo| {
                repo.write("services/c/new\nline", "1");
            },
            &["c"],
            &[],
        ),
        (
            "a new service",
            |repo| {
                repo.write("services/d/src/main.txt", "1");
            },
            &["d"],
            &[],
        ),
        (
            "a submodule",
            |repo| {
                let commit = repo.rev("HEAD");
                let entry = format!("160000,{commit},services/a/vendored");
                repo.git(&["update-index", "--add", "--cacheinfo", &entry]);
                repo.git(&["commit", "--quiet", "--message", "Submodule"]);
            },
            &["a"],
            &[],
        ),
    ];
    for (what, act, services, unowned) in cases {
        let repo = Repo::with_services(&["a", "b", "c"]);
        repo.write(
            "services/a/src/long.txt",
            "a file that is long enough for git to see that it moved\n",
        );
        repo.write("README.md", "one");
        let base = repo.commit("Base");
        act(&repo);
        if repo.rev("HEAD") == base {
            repo.commit(what);
        }
        let found = repo.json(&["--base", &base]);
        assert_eq!(strings(&found["services"]), services, "{what}: {found}");
        assert_eq!(strings(&found["unowned"]), unowned, "{what}: {found}");
        assert_eq!(found["confidence"], "exact", "{what}: {found}");
    }
}

#[test]
fn a_deleted_service_is_removed_and_not_deployed() {
    let repo = Repo::with_services(&["a", "b"]);
    repo.git(&["rm", "-r", "--quiet", "services/b"]);
    repo.commit("Remove b");
    let found = repo.json(&["--base", "HEAD~1"]);
    assert_eq!(strings(&found["services"]), Vec::<String>::new());
    assert_eq!(strings(&found["removed"]), ["b"]);
    let ended = repo.run(&["--base", "HEAD~1"]);
    assert_eq!(ended.stdout, "b ← is gone\n");
}

fn pom(artifact: &str, body: &str) -> String {
    format!(
        "<project><modelVersion>4.0.0</modelVersion><parent><groupId>g</groupId><artifactId>root</artifactId><version>1</version></parent>\
         <artifactId>{artifact}</artifactId>{body}</project>"
    )
}

/// A reactor: `app` uses `lib`, `alone` uses nothing.
fn reactor() -> Repo {
    let repo = Repo::empty();
    let root = |more: &str| {
        format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>root</artifactId><version>1</version>\
             <packaging>pom</packaging>{more}<modules><module>alone</module><module>app</module><module>lib</module></modules></project>"
        )
    };
    repo.write("pom.xml", &root(""));
    let uses = "<dependencies><dependency><groupId>g</groupId><artifactId>lib</artifactId><version>1</version></dependency></dependencies>";
    repo.write("app/pom.xml", &pom("app", uses));
    repo.write("app/Dockerfile", "FROM scratch");
    repo.write("lib/pom.xml", &pom("lib", ""));
    repo.write("lib/src/main/java/L.java", "1");
    repo.write("alone/pom.xml", &pom("alone", ""));
    repo.write("alone/Dockerfile", "FROM scratch");
    repo.commit("Begin");
    repo
}

#[test]
fn a_shared_module_affects_who_uses_it_and_the_root_pom_everybody() {
    let repo = reactor();
    repo.write("lib/src/main/java/L.java", "2");
    repo.commit("Lib");
    let found = repo.json(&["--base", "HEAD~1"]);
    assert_eq!(found["layout"], "maven");
    assert_eq!(strings(&found["services"]), ["app"]);
    assert_eq!(strings(&found["order"]), ["lib", "app"]);
    assert_eq!(found["waves"], serde_json::json!([["lib"], ["app"]]));
    assert_eq!(found["pl"], "lib,app");
    let explained = repo.run(&["--base", "HEAD~1", "--explain", "app"]);
    assert_eq!(
        explained.stdout,
        "app ← depends on lib (compile scope) ← lib/src/main/java/L.java changed\n"
    );
    let explained = repo.run(&["--base", "HEAD~1", "--explain", "alone"]);
    assert_eq!(
        (explained.code, explained.stdout.as_str()),
        (0, "alone is not affected\n")
    );

    repo.write("README.md", "1");
    repo.commit("Words");
    for what in ["pl", "services", "order", "unowned"] {
        let ended = repo.run(&["--base", "HEAD~1", "--print", what]);
        let expected = if what == "unowned" { "README.md\n" } else { "" };
        assert_eq!((ended.code, ended.stdout.as_str()), (0, expected), "{what}");
    }

    repo.write(".mvn/maven.config", "-Dx=1");
    repo.commit("Configuration");
    assert_eq!(repo.services(&["--base", "HEAD~1"]), ["alone", "app"]);
}

#[test]
fn the_graph_is_written_in_three_forms() {
    let repo = reactor();
    let json = repo.run(&["graph", "--format", "json"]).json();
    assert_eq!(json["layout"], "maven");
    let names: Vec<&str> = json["modules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|module| module["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["root", "alone", "lib", "app"]);
    let dot = repo.run(&["graph", "--format", "dot"]).stdout;
    assert!(
        dot.starts_with("digraph") && dot.contains("\"app\" -> \"lib\""),
        "{dot}"
    );
    let mermaid = repo.run(&["graph", "--format", "mermaid"]).stdout;
    assert!(
        mermaid.starts_with("flowchart") && mermaid.contains("compile scope"),
        "{mermaid}"
    );
    repo.run(&["graph", "--format", "svg"]).assert_usage("svg");
}

impl crate::repo::Ended {
    /// Refused by the command line's own parser.
    fn assert_usage(&self, name: &str) {
        assert_eq!(self.code, 2, "{self:?}");
        assert!(self.stderr.contains(name), "{self:?}");
    }
}

#[test]
fn the_work_tree_is_compared_with_head_unless_asked_otherwise() {
    let repo = Repo::with_services(&["a", "b", "c", "d"]);
    repo.write("services/a/src/main.txt", "two\n");
    repo.git(&["add", "--all"]);
    repo.write("services/b/src/main.txt", "two\n");
    repo.write("services/c/new.txt", "1");
    assert_eq!(repo.services(&["--worktree"]), ["a", "b", "c"]);
    let ended = repo.run(&["--worktree"]);
    assert!(ended.stderr.contains("the work tree"), "{ended:?}");
    let before = repo.commit("All");
    assert_eq!(repo.services(&["--worktree"]), Vec::<String>::new());
    repo.write("services/d/src/main.txt", "two\n");
    assert_eq!(
        repo.services(&["--worktree", "--base", &format!("{before}~1")]),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn who_owns_the_repository_does_not_matter_to_what_is_committed() {
    let repo = Repo::with_services(&["a", "b"]);
    repo.write("services/a/src/main.txt", "two\n");
    repo.commit("A");
    let owned = std::process::Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(repo.path())
        .output()
        .unwrap();
    // Only root can give files away; for everybody else this is another test of the same.
    let _ = owned.status;
    assert_eq!(repo.services(&["--base", "HEAD~1"]), ["a"]);
}

#[test]
fn linked_work_trees_alternates_and_long_ids_are_read() {
    let repo = Repo::with_services(&["a"]);
    repo.write("services/a/src/main.txt", "two\n");
    repo.commit("A");
    let linked = tempfile::tempdir().unwrap();
    let folder = linked.path().join("linked");
    let folder = folder.to_str().unwrap();
    repo.git(&["worktree", "add", "--quiet", "--detach", folder]);
    assert_eq!(
        repo.services(&["--repo", folder, "--base", "HEAD~1"]),
        ["a"]
    );
    let shared = repo.clone(&["--shared"]);
    assert_eq!(shared.services(&["--base", "HEAD~1"]), ["a"]);

    let long = Repo::empty();
    std::fs::remove_dir_all(long.path().join(".git")).unwrap();
    long.git(&[
        "init",
        "--quiet",
        "--object-format=sha256",
        "--initial-branch=main",
    ]);
    long.write("services/a/x", "1");
    long.commit("One");
    long.write("services/a/x", "2");
    long.commit("Two");
    let found = long.json(&["--base", "HEAD~1"]);
    assert_eq!(strings(&found["services"]), ["a"]);
    assert_eq!(found["base"].as_str().unwrap().len(), 64);
}
