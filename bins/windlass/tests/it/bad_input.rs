//! What people get wrong: one clear error each, with a hint.

use crate::repo::{Ended, Repo, all, verdicts, windlass};

fn run(repo: &Repo, more: &[&str]) -> Ended {
    repo.windlass(&[&["run", "--environment", "local"], more].concat())
}

#[test]
fn not_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    Ended::of(
        windlass(&["run", "-e", "local", "--repo", path])
            .output()
            .unwrap(),
    )
    .assert_refused(2, &[path]);
    let missing = format!("{path}/no/such/folder");
    Ended::of(windlass(&["plan", "--repo", &missing]).output().unwrap())
        .assert_refused(2, &[&missing]);
}

#[test]
fn an_unknown_revision() {
    let repo = Repo::with_services(&["alpha"]);
    run(&repo, &["--base", "no-such-branch"]).assert_refused(2, &["no-such-branch"]);
    run(
        &repo,
        &["--head", "0123456789abcdef0123456789abcdef01234567"],
    )
    .assert_refused(2, &["0123456789abcdef0123456789abcdef01234567"]);
}

#[test]
fn no_such_environment() {
    let repo = Repo::with_services(&["alpha"]);
    repo.windlass(&["run", "--environment", "locl"])
        .assert_refused(2, &["locl", "did you mean `local`?"]);
}

#[test]
fn an_unknown_key() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write("windlass.toml", "[detect]\nlayuot = \"maven\"\n");
    run(&repo, &[]).assert_refused(
        2,
        &[
            "windlass.toml",
            "line 2",
            "layuot",
            "did you mean `layout`?",
        ],
    );
}

#[test]
fn an_unknown_layout() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write("windlass.toml", "[detect]\nlayout = \"bazel\"\n");
    run(&repo, &[]).assert_refused(2, &["bazel", "detect.layout"]);
}

#[test]
fn a_configuration_that_is_not_there() {
    let repo = Repo::with_services(&["alpha"]);
    run(&repo, &["--config", "other.toml"]).assert_refused(2, &["other.toml"]);
}

#[test]
fn two_modules_that_would_become_one_service_are_refused_whichever_is_deployed() {
    let repo = Repo::with_services(&["größe 2"]);
    assert_eq!(repo.run(&[]).1, 0);
    let running = || {
        let document = repo.windlass(&["status", "--format", "json"]).json();
        document["environments"][0]["services"][0]["live"].clone()
    };
    let before = running();
    repo.write("services/gr-e-2/main.txt", "one\n");
    repo.commit("Add a service of the same name");
    for arguments in [
        &["run", "-e", "local"][..],
        &["plan"],
        &["deploy", "-e", "local", "-s", "gr-e-2"],
        &["status"],
    ] {
        repo.windlass(arguments).assert_refused(
            2,
            &[
                "`gr-e-2`",
                "`größe 2`",
                "share the service `gr-e-2`",
                "rename one of them",
            ],
        );
    }
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    assert_eq!(running(), before);
}

#[test]
fn what_the_configuration_gets_wrong_is_refused_before_anything_is_told_or_made() {
    for (section, names) in [
        (
            "[environments.local]\nprovider = \"local\"\nhealth = \"nourl/{service}\"\n",
            &["nourl", "environments.local.health"][..],
        ),
        ("[build]\ncommand = \"\"\n", &["build.command", "empty"]),
        (
            "[build]\ncommand = \"mvn 'x\"\n",
            &["build.command", "not closed"],
        ),
        ("[health]\ntimeout = \"0s\"\n", &["health.timeout"]),
        ("[deploy]\npoll = \"0s\"\n", &["deploy.poll"]),
        (
            "[deploy]\npoll = \"1m\"\ntimeout = \"1m\"\n",
            &["deploy.poll", "deploy.timeout"],
        ),
        (
            "[notify.slack]\nwebhook-env = \"\"\n",
            &["notify.slack.webhook-env"],
        ),
    ] {
        let repo = Repo::with_services(&["alpha"]);
        repo.write("windlass.toml", section);
        repo.commit("Mistype");
        run(&repo, &[]).assert_refused(2, names);
        assert!(!repo.path().join(".windlass").exists(), "{section}");
    }
}

#[test]
fn a_name_of_any_length_is_shown_in_part() {
    let repo = Repo::with_services(&["alpha"]);
    let long = "x".repeat(100_000);
    let ended = repo.windlass(&["deploy", "-e", "local", "-s", &long]);
    ended.assert_refused(2, &["`xxx", "the services are: alpha"]);
    assert!(ended.stderr.len() < 1000, "{}", ended.stderr.len());
}

#[test]
fn who_asks_for_json_gets_one_document_of_what_was_refused() {
    let repo = Repo::with_services(&["alpha"]);
    for (arguments, word) in [
        (&["run", "-e", "locl"][..], "locl"),
        (&["run", "-e", "local", "--base", "nowhere"], "nowhere"),
        (&["plan", "--base", "nowhere"], "nowhere"),
        (&["status", "-e", "locl"], "locl"),
    ] {
        let ended = repo.windlass(&[arguments, &["--format", "json"]].concat());
        assert_eq!(ended.code, 2, "{ended:?}");
        let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(
            document["error"].as_str().unwrap().contains(word),
            "{document}"
        );
        assert!(
            document["hint"].is_string() && document["causes"].is_array(),
            "{document}"
        );
        assert_eq!(document["exit_code"], 2);
    }
}

#[test]
fn a_repository_without_commits() {
    run(&Repo::empty(), &[]).assert_refused(2, &["commit"]);
}

#[test]
fn a_repository_without_services() {
    let repo = Repo::empty();
    repo.write("README.md", "words\n");
    repo.commit("Begin");
    let hint = "[detect] services = [\"cart\", \"apps/*\"]";
    run(&repo, &[]).assert_refused(2, &["no service", "services/", hint]);
    // What the hint says helps.
    repo.write("cart/main.txt", "one\n");
    repo.write(
        "windlass.toml",
        "[detect]\nservices = [\"cart\", \"apps/*\"]\n",
    );
    repo.commit("Name the services");
    let (document, code) = repo.run(&[]);
    assert_eq!(code, 0, "{document}");
    assert_eq!(verdicts(&document), all(&["cart"], "deployed"));
}

#[test]
fn a_module_without_a_folder() {
    let repo = Repo::empty();
    repo.write(
        "pom.xml",
        "<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>a</artifactId><version>1</version>\
         <packaging>pom</packaging><modules><module>no-folder</module></modules></project>",
    );
    repo.commit("Name a module that is not there");
    run(&repo, &[]).assert_refused(2, &["no-folder", "pom.xml"]);
}

#[test]
fn an_order_that_names_no_service() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write("windlass.toml", "[deploy]\norder = [[\"alhpa\"]]\n");
    run(&repo, &[]).assert_refused(2, &["alhpa", "did you mean `alpha`?"]);
}

#[test]
fn an_image_folder_that_is_not_there() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write(
        "windlass.toml",
        "[build]\nimage = \"oci:{path}/target/image\"\n",
    );
    repo.commit("Say where images are");
    run(&repo, &[]).assert_refused_after_start(2, &["services/alpha/target/image"]);
}

#[test]
fn a_state_folder_that_cannot_be_written() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write(".windlass", "a file in the way\n");
    run(&repo, &[]).assert_refused(2, &[".windlass"]);
}

#[test]
fn a_damaged_state() {
    let repo = Repo::with_services(&["alpha"]);
    repo.run(&[]);
    std::fs::write(repo.path().join(".windlass/local/cluster.json"), "{\"half").unwrap();
    run(&repo, &[]).assert_refused(3, &["cluster.json", "remove"]);
}

#[test]
fn a_task_file_with_a_wrong_key_is_named_in_the_reason() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write("services/alpha/local-task.toml", "exit_code = 1\n");
    repo.commit("Mistype");
    let ended = run(&repo, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("exit_code"), "{ended:?}");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for arguments in [
        &["run"][..],
        &["no-such-command"],
        &["demo", "--break", "everything"],
        &["demo", "--speed", "0"],
    ] {
        let ended = Ended::of(windlass(arguments).output().unwrap());
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
    }
}

#[test]
fn a_head_that_is_not_checked_out_is_not_built_from_the_work_tree() {
    let repo = Repo::with_services(&["alpha"]);
    repo.write(
        "windlass.toml",
        "[build]\ncommand = \"true\"\nimage = \"oci:{path}/image\"\n",
    );
    repo.commit("Build");
    run(&repo, &["--head", "HEAD~1"]).assert_refused(2, &["work tree"]);
}

#[test]
fn another_run_is_waited_for_by_people_not_by_us() {
    let repo = Repo::with_services(&["alpha"]);
    repo.run(&[]);
    let lock = std::fs::File::open(repo.path().join(".windlass/local/lock")).unwrap();
    lock.lock().unwrap();
    run(&repo, &[]).assert_refused(3, &["another run"]);
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let repo = Repo::with_services(&["alpha"]);
    let binary = env!("CARGO_BIN_EXE_windlass");
    // The reader is gone before the first line is written.
    let script = format!("'{binary}' plan | true; echo ${{PIPESTATUS[0]}}");
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(repo.path())
        .output()
        .unwrap();
    let ended = Ended::of(output);
    assert_eq!(ended.stdout.trim(), "0", "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

#[test]
fn a_command_line_that_cannot_be_read_is_told_in_json_too() {
    let repo = Repo::with_services(&["alpha"]);
    for (arguments, named) in [
        (&["run", "--format", "json"][..], "--environment"),
        (
            &["plan", "--format=json", "--enviroment", "dev"],
            "--enviroment",
        ),
        (&["no-such-command", "--format", "json"], "no-such-command"),
        (&["--format", "json"], "command"),
    ] {
        let ended = repo.windlass(arguments);
        let document = ended.json();
        assert_eq!(
            (ended.code, &document["exit_code"]),
            (2, &2.into()),
            "{ended:?}"
        );
        assert!(
            document["error"].as_str().unwrap().contains(named) && document["hint"].is_string(),
            "{document}"
        );
        assert!(!ended.stderr.is_empty());
    }
    // Help is what was asked for, and no error.
    let help = repo.windlass(&["run", "--help", "--format", "json"]);
    assert!(
        help.code == 0 && help.stdout.contains("Usage: "),
        "{help:?}"
    );
}
