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

/// Kills a run, and says whether it had ended by itself.
fn kill(mut child: Child) -> bool {
    let ended = child.try_wait().unwrap().is_some();
    // SIGKILL: no handler runs.
    let _ = child.kill();
    child.wait().unwrap();
    ended
}

/// So many archives are made, each by runs that are killed until one comes to its end.
const LIVES: usize = 6;

/// Each run writes in the next one of the formats.
fn storm(site: &Site, archive: &[&str], formats: &[&str], truths: &[(String, Truth)]) {
    let prefix = site.group("");
    let other = site.folder.path().join("other");
    let export = |archive: &[&str], life: &str, round: usize| {
        let mut export = vec![
            "export",
            "--prefix",
            &prefix,
            "--from",
            "9h",
            "--to",
            "1h",
            "--rate",
            "1000",
            "--quiet",
            "--key-prefix",
            life,
            "--archive-format",
            formats[round % formats.len()],
        ];
        export.extend(archive);
        site.command(&export)
    };
    let started = Instant::now();
    let whole = export(&["--archive", other.to_str().unwrap()], "", 0)
        .output()
        .unwrap();
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    let mut whole = u64::try_from(started.elapsed().as_millis()).unwrap();
    let (mut moments, mut killed, mut lives) = (Vec::new(), 0, 0);
    while lives < LIVES || (killed < LIVES && lives < 5 * LIVES) {
        let life = format!("life-{lives}");
        lives += 1;
        for round in 0..12 {
            let (one, two) = (moment(whole), moment(whole / 2));
            moments.push((one, two));
            let first = export(archive, &life, round).spawn().unwrap();
            let second = (round % 3 == 0).then(|| export(archive, &life, round).spawn().unwrap());
            sleep(one);
            let mut ended = kill(first);
            killed += usize::from(!ended);
            if let Some(second) = second {
                sleep(two);
                let other = kill(second);
                killed += usize::from(!other);
                ended |= other;
            }
            if ended {
                // The first run may have found a busier machine than those after it.
                whole = (whole * 3 / 4).max(20);
                break;
            }
        }
        let last = export(archive, &life, 0).output().unwrap();
        assert_eq!(last.status.code(), Some(0), "{last:?} after {moments:?}");
        let mut here = vec!["--key-prefix", &life];
        here.extend(archive);
        for (group, truth) in truths {
            assert_eq!(&site.archived(group, &here), truth, "after {moments:?}");
        }
        let mut verify = vec!["verify", "--fresh", "--rate", "1000"];
        verify.extend(here);
        let verified = site.run(&verify);
        assert_eq!(verified.code, Some(0), "{verified:?} after {moments:?}");
    }
    assert!(
        killed >= LIVES,
        "only {killed} were killed, the others had ended: {moments:?}"
    );
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
