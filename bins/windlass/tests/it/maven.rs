//! `windlass run` on a Maven monorepo.

use crate::repo::{Repo, all, verdicts};

fn pom(artifact: &str, parent: bool, body: &str) -> String {
    let coordinates = if parent {
        "<parent><groupId>g</groupId><artifactId>root</artifactId><version>1</version></parent>"
    } else {
        "<groupId>g</groupId><version>1</version>"
    };
    format!(
        "<project><modelVersion>4.0.0</modelVersion>{coordinates}<artifactId>{artifact}</artifactId>{body}</project>"
    )
}

fn needs(artifact: &str) -> String {
    format!(
        "<dependencies><dependency><groupId>g</groupId><artifactId>{artifact}</artifactId>\
         <version>1</version></dependency></dependencies>"
    )
}

fn repository() -> Repo {
    let repo = Repo::empty();
    let modules = ["common", "user", "task", "alone"];
    let list: String = modules
        .iter()
        .map(|module| format!("<module>{module}</module>"))
        .collect();
    repo.write(
        "pom.xml",
        &pom(
            "root",
            false,
            &format!("<packaging>pom</packaging><modules>{list}</modules>"),
        ),
    );
    repo.write("common/pom.xml", &pom("common", true, ""));
    repo.write("user/pom.xml", &pom("user", true, &needs("common")));
    repo.write("task/pom.xml", &pom("task", true, &needs("user")));
    repo.write("alone/pom.xml", &pom("alone", true, ""));
    for service in ["user", "task", "alone"] {
        repo.write(&format!("{service}/Dockerfile"), "FROM scratch\n");
    }
    repo.write(
        "windlass.toml",
        "[environments.local]\nprovider = \"local\"\nspeed = 200\n",
    );
    repo.commit("Begin");
    repo
}

#[test]
fn a_shared_module_deploys_its_dependents_and_says_why() {
    let repo = repository();
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alone", "task", "user"], "deployed"), 0)
    );

    repo.write("common/src/main/java/A.java", "class A {}\n");
    repo.commit("Change what is shared");
    let plan = repo.windlass(&["plan", "--format", "json"]).json();
    assert_eq!(
        plan["detection"]["order"],
        serde_json::json!(["common", "user", "task"])
    );
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["task", "user"], "deployed"), 0)
    );
    let why = document["services"][0]["why"].as_str().unwrap();
    for part in ["common/src/main/java/A.java", "common", "user"] {
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn the_root_pom_affects_everything() {
    let repo = repository();
    repo.run(&[]);
    let root = std::fs::read_to_string(repo.path().join("pom.xml")).unwrap();
    repo.write(
        "pom.xml",
        &root.replace("</project>", "<properties><a>b</a></properties></project>"),
    );
    repo.commit("Change the parent");
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alone", "task", "user"], "deployed"), 0)
    );
}
