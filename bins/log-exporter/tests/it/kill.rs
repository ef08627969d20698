//! The binary, killed at random moments: run again until it is done, the archive is exact.

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::site::{Site, Truth};

/// Chance from the clock; the moments are printed when something is wrong with them.
fn moment(most: u64) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    Duration::from_micros(RandomState::new().hash_one(0) % (most * 1000))
}

fn kill(mut child: Child) -> bool {
    let ended = child.try_wait().unwrap().is_some();
    // SIGKILL: no handler runs.
    let _ = child.kill();
    child.wait().unwrap();
    ended
}

/// Each run writes in the next one of the formats.
fn storm(site: &Site, archive: &[&str], formats: &[&str], truths: &[(String, Truth)]) {
    let prefix = site.group("");
    let mut export = vec![
        "export", "--prefix", &prefix, "--from", "9h", "--to", "1h", "--rate", "1000", "--quiet",
    ];
    export.extend(archive);
    let started = Instant::now();
    site.run(&[
        "plan",
        "--prefix",
        &prefix,
        "--archive",
        site.folder.path().join("other").to_str().unwrap(),
    ])
    .assert_code(0);
    let whole = u64::try_from(started.elapsed().as_millis()).unwrap() + 400;
    let mut moments = Vec::new();
    for round in 0..30 {
        let mut export = export.clone();
        export.extend(["--archive-format", formats[round % formats.len()]]);
        let (one, two) = (moment(whole), moment(whole));
        moments.push((one, two));
        let first = site.command(&export).spawn().unwrap();
        let second = (round % 3 == 0).then(|| site.command(&export).spawn().unwrap());
        sleep(one);
        kill(first);
        if let Some(second) = second {
            sleep(two);
            kill(second);
        }
    }
    let last = site.run(&export);
    assert_eq!(last.code, Some(0), "{last:?} after {moments:?}");
    for (group, truth) in truths {
        assert_eq!(&site.archived(group, archive), truth, "after {moments:?}");
    }
    let mut verify = vec!["verify", "--fresh", "--rate", "1000"];
    verify.extend(archive);
    let verified = site.run(&verify);
    assert_eq!(verified.code, Some(0), "{verified:?} after {moments:?}");
}

/// All that the binary has.
const fn formats() -> &'static [&'static str] {
    match cfg!(feature = "parquet") {
        true => &["parquet", "ndjson"],
        false => &["ndjson"],
    }
}

async fn groups(site: &Site) -> Vec<(String, Truth)> {
    let mut truths = Vec::new();
    for name in ["a", "b"] {
        let group = site.group(name);
        let truth = site.fill(&group, &[8, 6, 5, 3], 25).await;
        truths.push((group, truth));
    }
    truths
}

#[tokio::test]
async fn killed_at_random_moments_a_bucket_is_exact() {
    let Some(site) = Site::find("kill-bucket").await else {
        return;
    };
    let truths = groups(&site).await;
    storm(&site, &["--bucket", &site.name], &["ndjson"], &truths);
}

#[tokio::test]
async fn killed_at_random_moments_a_folder_is_exact() {
    let Some(site) = Site::find("kill-folder").await else {
        return;
    };
    let truths = groups(&site).await;
    let folder = site.folder.path().join("archive");
    let archive = ["--archive", folder.to_str().unwrap()];
    storm(&site, &archive, formats(), &truths);
}
