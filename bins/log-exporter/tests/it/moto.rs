//! Export, plan, verify, retention and the way back, against moto.

use crate::site::{Site, Truth};

#[tokio::test]
async fn events_go_to_a_bucket_once_and_come_back() {
    let Some(site) = Site::find("once").await else {
        return;
    };
    let group = site.group("web");
    let truth = site.fill(&group, &[3, 2], 40).await;
    let bucket = ["--bucket", &site.name, "--key-prefix", "logs/prod"];
    let export = |codec: &str, format: &str| {
        let mut arguments = vec![
            "export", "--group", &group, "--from", "4h", "--codec", codec, "--format", format,
        ];
        arguments.extend(bucket);
        site.run(&arguments)
    };
    let first = export("gzip", "json");
    first.assert_code(0);
    let report = first.json();
    assert_eq!(
        (&report["complete"], &report["events"]),
        (&true.into(), &160.into()),
        "{report}"
    );
    let keys = site.keys().await;
    assert!(
        keys.iter().any(|key| key
            .starts_with("logs/prod/manifests/account=123456789012/region=us-east-1/group=!")),
        "{keys:?}"
    );
    let again = export("zstd", "human");
    again.assert_code(0);
    assert!(again.stdout.contains("0 events archived"), "{again:?}");
    assert_eq!(site.keys().await, keys);
    assert_eq!(site.archived(&group, &bucket), truth);
    let mut verify = vec!["verify", "--fresh", "--gc", "--format", "json"];
    verify.extend(bucket);
    let verified = site.run(&verify);
    verified.assert_code(0);
    let report = verified.json();
    assert_eq!(
        (&report["verified"], &report["events"]),
        (&true.into(), &160.into()),
        "{report}"
    );
    assert_eq!(report["orphans"], serde_json::json!([]));
    let mut ddl = vec!["ddl"];
    ddl.extend(bucket);
    let table = site.run(&ddl);
    table.assert_code(0);
    assert!(
        table
            .stdout
            .contains(&format!("s3://{}/logs/prod/events", site.name)),
        "{table:?}"
    );
}

#[tokio::test]
async fn a_plan_is_worked_off_by_several() {
    let Some(site) = Site::find("plan").await else {
        return;
    };
    let mut truths: Vec<(String, Truth)> = Vec::new();
    for name in ["a", "b"] {
        let group = site.group(name);
        let truth = site.fill(&group, &[5, 4, 3], 10).await;
        truths.push((group, truth));
    }
    let prefix = site.group("");
    let bucket = ["--bucket", site.name.as_str()];
    let plan = |more: &[&str]| {
        let mut arguments = vec!["plan", "--prefix", &prefix, "--from", "6h", "--to", "2h"];
        arguments.extend(bucket);
        arguments.extend(more);
        let ended = site.run(&arguments);
        ended.assert_code(0);
        ended
    };
    let lines = plan(&["--emit", "lines"]).stdout;
    let map: serde_json::Value = plan(&["--emit", "map"]).json();
    let count = lines.lines().count();
    assert_eq!(map.as_array().unwrap().len(), count);
    let batches = plan(&["--emit", "sqs-batches"]).stdout;
    let batch: serde_json::Value = serde_json::from_str(batches.lines().next().unwrap()).unwrap();
    assert_eq!(batch[0]["MessageBody"], lines.lines().next().unwrap());
    let document = plan(&["--format", "json"]).json();
    assert_eq!(document["units"].as_array().unwrap().len(), count);
    let file = site.folder.path().join("units");
    std::fs::write(&file, &lines).unwrap();
    let mut export = vec![
        "export",
        "--units",
        file.to_str().unwrap(),
        "--format",
        "json",
    ];
    export.extend(bucket);
    let workers: Vec<_> = (0..3)
        .map(|_| site.command(&export).spawn().unwrap())
        .collect();
    for worker in workers {
        let output = worker.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    for (group, truth) in &truths {
        assert_eq!(&site.archived(group, &bucket), truth);
    }
    assert_eq!(plan(&["--emit", "lines"]).stdout, "");
}

#[tokio::test]
async fn retention_is_printed_held_and_set() {
    let Some(site) = Site::find("retention").await else {
        return;
    };
    let group = site.group("web");
    site.fill(&group, &[2], 4).await;
    let set = |more: &[&str]| {
        let mut arguments = vec!["retention", "--group", &group];
        arguments.extend(more);
        site.run(&arguments)
    };
    let dry = set(&["--environment", "staging", "--dry-run"]);
    dry.assert_code(0);
    assert!(
        dry.stdout.contains("30 days  would change from for ever"),
        "{dry:?}"
    );
    // A group that was made today may still have events of the last two weeks, which are not archived.
    let held = set(&["--days", "7", "--only-verified", "--bucket", &site.name]);
    held.assert_code(4);
    assert!(held.stdout.contains("NOT changed"), "{held:?}");
    assert!(
        held.stderr
            .contains("warning: events may come in for 14 days"),
        "{held:?}"
    );
    let done = set(&["--days", "30", "--format", "json"]);
    done.assert_code(0);
    assert_eq!(done.json()["groups"][0]["action"]["action"], "changed");
    assert!(set(&["--days", "30"]).stdout.contains("unchanged"));
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let Some(site) = Site::find("missing").await else {
        return;
    };
    let group = site.group("web");
    site.fill(&group, &[2], 4).await;
    let missing = site.run(&[
        "export",
        "--group",
        "/no/such/group",
        "--bucket",
        &site.name,
    ]);
    missing.assert_code(2);
    assert!(
        missing.stderr.contains("no log group `/no/such/group`"),
        "{missing:?}"
    );
    let missing = site.run(&["export", "--prefix", "/no/such", "--bucket", &site.name]);
    missing.assert_code(2);
    let missing = site.run(&[
        "export",
        "--group",
        &group,
        "--bucket",
        "no-such-bucket-at-all",
    ]);
    missing.assert_code(2);
    assert!(
        missing.stderr.contains("no bucket `no-such-bucket-at-all`"),
        "{missing:?}"
    );
}

#[tokio::test]
async fn an_export_task_is_followed() {
    let Some(site) = Site::find("bulk").await else {
        return;
    };
    let group = site.group("web");
    site.fill(&group, &[30], 4).await;
    let young = site.run(&[
        "export", "--bulk", "--group", &group, "--bucket", &site.name, "--from", "2d", "--to", "1h",
    ]);
    young.assert_code(2);
    assert!(young.stderr.contains("12 hours"), "{young:?}");
    let bulk = |more: &[&str]| {
        let mut arguments = vec![
            "export", "--bulk", "--poll", "100ms", "--group", &group, "--bucket", &site.name,
            "--from", "2d", "--to", "13h",
        ];
        arguments.extend(more);
        let ended = site.run(&arguments);
        ended.assert_code(0);
        ended
    };
    let planned = bulk(&["--dry-run", "--format", "json"]).json();
    assert_eq!(planned["tasks"][0]["group"], group.as_str(), "{planned}");
    assert_eq!(site.keys().await, [""; 0]);
    let done = bulk(&["--format", "json"]);
    let report = done.json();
    let task = &report["tasks"][0];
    assert_eq!(
        (&task["group"], &task["state"], &task["resumed"]),
        (&group.as_str().into(), &"completed".into(), &false.into(),),
        "{report}"
    );
    // Who is interrupted knows what goes on.
    let id = task["task"].as_str().unwrap();
    assert!(
        done.stderr.contains(&format!("task {id} was created")),
        "{done:?}"
    );
    let keys = site.keys().await;
    let written = keys.iter().filter(|key| key.starts_with("bulk/"));
    assert!(written.count() >= 2, "a stream each: {keys:?}");
    let human = bulk(&[]);
    assert!(human.stdout.contains("  completed, 0 s"), "{human:?}");
    assert!(human.stderr.contains("no part of the archive"), "{human:?}");
}

#[tokio::test]
async fn another_region_is_not_taken_for_the_one_that_is_meant() {
    let Some(site) = Site::find("regions").await else {
        return;
    };
    let group = site.group("web");
    site.fill(&group, &[3, 2], 5).await;
    let folder = site.folder.path().join("archive");
    let archive = ["--archive", folder.to_str().unwrap()];
    let run = |arguments: &[&str]| {
        let mut arguments = arguments.to_vec();
        arguments.extend(archive);
        site.run(&arguments)
    };
    let plan = run(&["plan", "--group", &group, "--from", "4h", "--emit", "lines"]);
    plan.assert_code(0);
    let units = site.folder.path().join("units");
    std::fs::write(&units, &plan.stdout).unwrap();
    let units = units.to_str().unwrap();
    // A group of the same name is there, and is another one.
    site.create_elsewhere(&group).await;
    let refused = run(&["export", "--units", units, "--region", "eu-west-1"]);
    refused.assert_code(2);
    assert!(refused.stderr.contains("us-east-1"), "{refused:?}");
    assert!(!folder.join("manifests").exists());
    run(&["export", "--units", units]).assert_code(0);
    let fresh = run(&["verify", "--fresh"]);
    fresh.assert_code(0);
    assert!(fresh.stdout.contains("compared with"), "{fresh:?}");
    let elsewhere = run(&["verify", "--fresh", "--region", "eu-west-1"]);
    elsewhere.assert_code(1);
    assert!(elsewhere.stdout.contains("not compared"), "{elsewhere:?}");
    let table = run(&["ddl", "--format", "json"]).json();
    assert!(
        table["statements"][0].as_str().unwrap().contains("CREATE"),
        "{table}"
    );
}
