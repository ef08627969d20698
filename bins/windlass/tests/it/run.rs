//! `windlass run --environment local` on repositories of the user's.

use crate::repo::{Repo, all, verdicts};

const SERVICES: [&str; 3] = ["alpha", "beta", "gamma"];

#[test]
fn deploys_all_then_nothing_then_exactly_what_changed() {
    let repo = Repo::with_services(&SERVICES);
    let first = repo.head();
    let (document, code) = repo.run(&[]);
    assert_eq!(code, 0, "{document}");
    assert_eq!(verdicts(&document), all(&SERVICES, "deployed"));
    assert_eq!(document["head"]["id"], first.as_str());

    let again = repo.windlass(&["run", "--environment", "local"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.starts_with("nothing to do: "), "{again:?}");

    repo.write("services/beta/main.txt", "two\n");
    repo.write("README.md", "words\n");
    let second = repo.commit("Change beta");
    let (document, code) = repo.run(&[]);
    assert_eq!(code, 0, "{document}");
    assert_eq!(verdicts(&document), all(&["beta"], "deployed"));
    let service = &document["services"][0];
    assert_eq!(service["from_commit"], first.as_str());
    assert_eq!(service["health"]["verdict"], "healthy");
    assert!(
        service["why"]
            .as_str()
            .unwrap()
            .contains("services/beta/main.txt"),
        "{service}"
    );
    let pinned = service["deployment"]["image"].as_str().unwrap();
    assert!(
        pinned.contains(&format!(":sha-{second}@sha256:")),
        "{pinned}"
    );
    assert_eq!(
        service["push"]["digest"].as_str().unwrap(),
        pinned.split_once('@').unwrap().1
    );
}

#[test]
fn a_docs_only_commit_deploys_nothing() {
    let repo = Repo::with_services(&SERVICES);
    repo.run(&[]);
    repo.write("docs/guide.md", "words\n");
    repo.commit("Explain");
    let (document, code) = repo.run(&[]);
    assert_eq!(code, 0);
    assert_eq!(verdicts(&document), []);
    assert!(document["nothing"].is_string(), "{document}");
}

#[test]
fn a_service_that_was_left_behind_is_caught_up() {
    // Two commits before the next run: a base of HEAD~1 would lose the first.
    let repo = Repo::with_services(&SERVICES);
    repo.run(&[]);
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    repo.write("services/gamma/main.txt", "two\n");
    repo.commit("Change gamma");
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha", "gamma"], "deployed"), 0)
    );
}

#[test]
fn an_explicit_base_decides_and_a_repeated_run_changes_nothing() {
    let repo = Repo::with_services(&SERVICES);
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    let (document, code) = repo.run(&["--base", "HEAD~1"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "deployed"), 0)
    );
    let (document, code) = repo.run(&["--base", "HEAD~1"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "unchanged"), 0)
    );
}

#[test]
fn images_stand_in_oci_layouts_under_both_tags() {
    let repo = Repo::with_services(&["alpha"]);
    let head = repo.head();
    repo.run(&[]);
    let layout = repo
        .path()
        .join(".windlass/local/registry/windlass.local/local/alpha");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let mut tags: Vec<(&str, &str)> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|manifest| {
            let tag = manifest["annotations"]["org.opencontainers.image.ref.name"]
                .as_str()
                .unwrap();
            (tag, manifest["digest"].as_str().unwrap())
        })
        .collect();
    tags.sort_unstable();
    assert_eq!(tags[0].0, "latest");
    assert_eq!(tags[1].0, format!("sha-{head}"));
    assert_eq!(tags[0].1, tags[1].1, "one digest, both tags");
    let blob = layout
        .join("blobs/sha256")
        .join(tags[0].1.strip_prefix("sha256:").unwrap());
    assert!(blob.is_file());
}

#[test]
fn the_state_folder_keeps_itself_out_of_git() {
    let repo = Repo::with_services(&["alpha"]);
    repo.run(&[]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_revert_goes_back_to_the_build_before() {
    let repo = Repo::with_services(&["alpha"]);
    repo.run(&[]);
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Change alpha");
    repo.run(&[]);
    repo.git(&["revert", "--no-edit", "HEAD"]);
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "deployed"), 0)
    );
}

#[test]
fn a_failed_service_is_tried_again_and_heals() {
    let repo = Repo::with_services(&SERVICES);
    let good = repo.head();
    repo.run(&[]);
    repo.write("services/beta/local-task.toml", "health = \"DOWN\"\n");
    repo.commit("Break beta");
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["beta"], "rolled-back"), 5),
        "{document}"
    );
    let reason = document["services"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&good[..7]), "{reason}");
    // What runs is the old build: the same commit is tried again, and the next one that heals it goes through.
    let (_, code) = repo.run(&[]);
    assert_eq!(code, 5);
    std::fs::remove_file(repo.path().join("services/beta/local-task.toml")).unwrap();
    repo.write("services/beta/main.txt", "two\n");
    repo.commit("Heal beta");
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["beta"], "deployed"), 0),
        "{document}"
    );
}

#[test]
fn some_of_several_is_partial_and_the_failed_one_is_named() {
    let repo = Repo::with_services(&SERVICES);
    repo.run(&[]);
    for service in ["alpha", "beta"] {
        repo.write(&format!("services/{service}/main.txt"), "two\n");
    }
    repo.write("services/beta/local-task.toml", "exit-code = 3\n");
    repo.commit("Change two, break one");
    let ended = repo.windlass(&["run", "--environment", "local"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(
        ended
            .stdout
            .lines()
            .any(|line| line.starts_with("beta") && line.contains("exit code 3")),
        "{ended:?}"
    );
    assert!(
        ended
            .stdout
            .lines()
            .any(|line| line.starts_with("alpha") && line.contains("deployed")),
        "{ended:?}"
    );
}

#[test]
fn on_failure_keep_leaves_the_failed_rollout() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write("windlass.toml", "[deploy]\non-failure = \"keep\"\n[environments.local]\nprovider = \"local\"\nspeed = 200\n");
    repo.commit("Keep");
    repo.run(&[]);
    repo.write("services/alpha/local-task.toml", "exit-code = 1\n");
    repo.commit("Break");
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "failed"), 1),
        "{document}"
    );
}

#[test]
fn the_first_deployment_has_nothing_to_go_back_to() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write("services/alpha/local-task.toml", "exit-code = 1\n");
    repo.commit("Broken from the start");
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "failed"), 1),
        "{document}"
    );
}

#[test]
fn a_removed_service_is_reported_and_left_alone() {
    let repo = Repo::with_services(&SERVICES);
    repo.run(&[]);
    std::fs::remove_dir_all(repo.path().join("services/gamma")).unwrap();
    repo.write("services/alpha/main.txt", "two\n");
    repo.commit("Drop gamma");
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "deployed"), 0)
    );
    assert_eq!(document["removed"], serde_json::json!(["gamma"]));

    // It runs on, and is told of when no commit that still runs has it any more, and when there is nothing to do.
    repo.write("services/alpha/main.txt", "three\n");
    repo.write("services/beta/main.txt", "three\n");
    repo.commit("Change the others");
    let summary = repo.path().join(".git/summary.md");
    for services in [&["alpha", "beta"][..], &[]] {
        let (document, code) = repo.run(&["--report-markdown", summary.to_str().unwrap()]);
        assert_eq!((verdicts(&document), code), (all(services, "deployed"), 0));
        assert_eq!(document["removed"], serde_json::json!(["gamma"]));
        let markdown = std::fs::read_to_string(&summary).unwrap();
        assert!(
            markdown.contains("gamma is deployed and no longer"),
            "{markdown}"
        );
    }
    for arguments in [&["run", "-e", "local"][..], &["plan"], &["status"]] {
        let ended = repo.windlass(arguments);
        assert!(
            ended.stdout.contains("gamma") && ended.stdout.contains("no longer in the repository"),
            "{ended:?}"
        );
    }
    let status = repo.windlass(&["status", "--format", "json"]).json();
    let services = status["environments"][0]["services"].as_array().unwrap();
    let gamma = services
        .iter()
        .find(|service| service["module"] == "gamma")
        .unwrap();
    assert_eq!(gamma["in_repository"], false);
    assert!(gamma["live"]["image"].is_string(), "{gamma}");
}

#[test]
fn the_build_command_makes_the_image() {
    let repo = Repo::with_services(&["alpha"]);
    // The image of the first run serves as what a build would leave behind.
    repo.run(&[]);
    let made = repo
        .path()
        .join(".windlass/local/registry/windlass.local/local/alpha");
    repo.write(
        "windlass.toml",
        &format!(
            "[build]\ncommand = \"cp -r '{}' {{path}}/image\"\nimage = \"oci:{{path}}/image:latest\"\n\
             [environments.local]\nprovider = \"local\"\nspeed = 200\n",
            made.display()
        ),
    );
    repo.write("services/alpha/main.txt", "two\n");
    repo.write(".gitignore", "image/\n");
    repo.commit("Build with a command");
    let ended = repo.windlass(&["run", "--environment", "local", "--format", "json"]);
    let document = ended.json();
    // The copied image is the one that runs already, built from another commit: it must answer as it did.
    assert_eq!(
        verdicts(&document),
        all(&["alpha"], "unchanged"),
        "{document}"
    );
    assert_eq!(
        document["services"][0]["deployment"]["verdict"],
        "unchanged"
    );
    assert_eq!(document["services"][0]["health"]["verdict"], "healthy");
    let reason = document["services"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("runs already"), "{reason}");
    assert_eq!(ended.code, 0);
    // The next run does the same, and a change of the image is deployed.
    let (document, code) = repo.run(&[]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha"], "unchanged"), 0),
        "{document}"
    );
}

#[test]
fn a_failing_build_stops_before_anything_is_pushed() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write(
        "windlass.toml",
        "[build]\ncommand = \"git no-such-command-here\"\nimage = \"oci:{path}/image\"\n",
    );
    repo.commit("Build");
    let ended = repo.windlass(&["run", "--environment", "local"]);
    ended.assert_refused_after_start(1, &["git no-such-command-here", "not a git command"]);
    assert!(
        !repo
            .path()
            .join(".windlass/local/registry/windlass.local")
            .exists()
    );
}

#[test]
fn plan_says_what_run_would_do_and_changes_nothing() {
    let repo = Repo::with_services(&SERVICES);
    let ended = repo.windlass(&["plan"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for service in SERVICES {
        assert!(ended.stdout.contains(service), "{ended:?}");
    }
    assert!(
        !repo.path().join(".windlass").exists(),
        "plan must not make the state folder"
    );

    repo.run(&[]);
    let state = || {
        let mut files: Vec<_> = walk(&repo.path().join(".windlass"));
        files.sort();
        files
    };
    let before = state();
    repo.write("services/beta/main.txt", "two\n");
    repo.commit("Change beta");
    let document = repo.windlass(&["plan", "--format", "json"]).json();
    assert_eq!(document["services"].as_array().unwrap().len(), 1);
    assert_eq!(document["services"][0]["module"], "beta");
    assert!(
        document["services"][0]["push"]["bytes_to_push"]
            .as_u64()
            .unwrap()
            > 0,
        "{document}"
    );
    assert_eq!(state(), before);

    let dry = repo
        .windlass(&[
            "run",
            "--environment",
            "local",
            "--dry-run",
            "--format",
            "json",
        ])
        .json();
    assert_eq!(dry, document, "--dry-run is plan");
    assert_eq!(state(), before);
}

fn walk(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push((path.clone(), std::fs::read(path).unwrap()));
        }
    }
    files
}

#[test]
fn status_tells_the_commit_of_each_service() {
    let repo = Repo::with_services(&["alpha", "beta"]);
    let first = repo.head();
    let before = repo.windlass(&["status"]);
    assert!(
        before
            .stdout
            .lines()
            .all(|line| line.ends_with("not deployed")),
        "{before:?}"
    );
    repo.run(&[]);
    let after = repo.windlass(&["status"]);
    assert_eq!(after.stdout.matches(&first[..7]).count(), 2, "{after:?}");
    let document = repo.windlass(&["status", "--format", "json"]).json();
    assert_eq!(
        document["environments"][0]["services"][0]["live"]["commit"],
        first.as_str()
    );
}

#[test]
fn a_run_from_a_folder_below_the_root_is_the_same() {
    let repo = Repo::with_services(&["alpha"]);
    let folder = repo.path().join("services/alpha");
    let ended = repo
        .command(&["run", "-e", "local"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(ended.status.success());
    assert!(repo.path().join(".windlass/local/cluster.json").is_file());
}

#[test]
fn all_services_are_deployed_when_all_are_asked_for() {
    let repo = Repo::with_services(&["alpha", "beta"]);
    assert_eq!(repo.run(&[]).1, 0);
    repo.write("services/alpha/main.txt", "two\n");
    let head = repo.commit("Change alpha");
    let plan = repo.windlass(&["plan", "--all", "--format", "json"]).json();
    assert_eq!(plan["services"].as_array().unwrap().len(), 2, "{plan}");
    let (document, code) = repo.run(&["--all"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&["alpha", "beta"], "deployed"), 0),
        "{document}"
    );
    for service in document["services"].as_array().unwrap() {
        assert_eq!(service["why"], "asked for, with all services");
        assert_eq!(service["commit"], head);
    }
    let both = repo.windlass(&["run", "-e", "local", "--all", "--base", "HEAD~1"]);
    assert_eq!(both.code, 2, "{both:?}");
    assert!(both.stderr.contains("--base"), "{both:?}");
}

#[test]
fn what_answers_on_the_way_back_is_not_called_the_new_build() {
    let repo = Repo::with_services(&["alpha"]);
    repo.run(&[]);
    repo.write("services/alpha/local-task.toml", "health = \"DOWN\"\n");
    repo.commit("Break alpha");
    let ended = repo.windlass(&["run", "-e", "local"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    let (_, after) = ended.stderr.split_once("rolling back").unwrap();
    assert!(after.contains("the build before answers again"), "{after}");
    assert!(!after.contains("the new build answers"), "{after}");
    assert!(
        ended.stdout.contains("0 of 1 service in `local` serves"),
        "{ended:?}"
    );
}
