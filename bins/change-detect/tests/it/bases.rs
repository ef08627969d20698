//! Each service against the commit that it runs.

use serde_json::json;

use crate::repo::{Repo, strings};

#[test]
fn each_service_is_judged_by_what_it_runs() {
    let repo = Repo::with_services(&["a", "b", "c"]);
    let first = repo.rev("HEAD");
    repo.write("services/a/src/main.txt", "two\n");
    let second = repo.commit("A");
    repo.write("services/b/src/main.txt", "two\n");
    repo.commit("B");
    let path = repo.path().join(".git/bases.json");
    let bases = path.to_str().unwrap();
    let write = |text: String| std::fs::write(&path, text).unwrap();

    // The run after A failed for a: only its own base still knows that.
    write(json!({"a": first, "b": second, "c": second, "old": first}).to_string());
    let found = repo.json(&["--bases", bases]);
    assert_eq!(strings(&found["services"]), ["a", "b"]);
    assert_eq!(strings(&found["removed"]), ["old"]);
    assert_eq!(found["selection"]["method"], "deployed");

    write(json!({"a": "HEAD", "b": &second[..10]}).to_string());
    let found = repo.json(&["--bases", bases]);
    assert_eq!(
        strings(&found["services"]),
        ["b", "c"],
        "c runs nothing yet"
    );

    write(json!({"a": "ab".repeat(20), "b": "HEAD", "c": "HEAD"}).to_string());
    repo.run(&["--bases", bases]).assert_refused(3, &["of `a`"]);
    assert_eq!(
        repo.services(&["--bases", bases, "--on-unknown", "all"]),
        ["a"]
    );
    write(json!({"a": "v9", "b": "HEAD", "c": "HEAD"}).to_string());
    repo.run(&["--bases", bases])
        .assert_refused(3, &["`a`", "`v9`"]);
    let found = repo.json(&["--bases", bases, "--on-unknown", "all"]);
    assert_eq!(strings(&found["services"]), ["a"]);
    assert_eq!(found["confidence"], "over-approximate");
    let reason = found["reason"].as_str().unwrap();
    assert!(
        reason.contains("`a`") && reason.contains("`v9`"),
        "{reason}"
    );
    assert_eq!(found["modules"][0]["change"], "changed");
    let ended = repo.run(&["--bases", bases, "--on-unknown", "all"]);
    assert!(
        ended.stderr.contains("with what each service runs"),
        "{ended:?}"
    );

    write(r#"{"a": "HEAD", "b": "HEAD", "a": "HEAD~1"}"#.to_owned());
    repo.run(&["--bases", bases])
        .assert_refused(2, &["the service `a` twice"]);

    repo.git(&["tag", "--annotate", "--message=x", "v1", "HEAD~1"]);
    write(json!({"a": repo.rev("v1"), "b": repo.rev("v1"), "c": repo.rev("v1")}).to_string());
    assert_eq!(repo.services(&["--bases", bases]), ["b"]);

    for text in [
        "",
        "null",
        "[]",
        "{\"a\": null}",
        "{\"a\": 1}",
        "{\" \": \"HEAD\"}",
    ] {
        write(text.to_owned());
        repo.run(&["--bases", bases]).assert_refused(2, &[]);
    }
    repo.run(&["--bases", "/no/such/bases"])
        .assert_refused(2, &["/no/such/bases"]);
    let ended = repo.run(&["--bases", bases, "--base", "HEAD"]);
    assert_eq!(ended.code, 2, "{ended:?}");
}
