//! The lock that all machines see, in S3 as moto plays it: its conditional put is S3's, which a fake of ours only claims.

#![cfg(all(feature = "aws", unix))]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region};
use serde_json::Value;

use crate::repo::{Ended, Repo, all, verdicts};

/// A bucket, with the address of the server that it is on.
struct Bucket {
    endpoint: String,
    name: String,
}

#[expect(
    clippy::print_stdout,
    reason = "a test that skips itself says so, and is counted by this line"
)]
fn bucket(name: &str) -> Option<Bucket> {
    let endpoint = std::env::var("WINDLASS_TEST_MOTO")
        .ok()
        .filter(|url| !url.is_empty());
    let Some(endpoint) = endpoint else {
        println!("skipped: WINDLASS_TEST_MOTO is not set");
        return None;
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let bucket = Bucket {
        endpoint,
        name: format!("{name}-{}", now.as_nanos()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&bucket.endpoint)
            .region(Region::new("us-east-1"))
            .load()
            .await;
        let client = aws_sdk_s3::Client::new(&config);
        client
            .create_bucket()
            .bucket(&bucket.name)
            .send()
            .await
            .unwrap();
    });
    Some(bucket)
}

/// A machine with a work tree of its own. While its file `hold` is there, its builds wait.
struct Machine {
    repo: Repo,
    endpoint: String,
}

impl Machine {
    fn new(bucket: &Bucket) -> Self {
        let repo = Repo::with_services(&["alpha"]);
        repo.write(
            "windlass.toml",
            &format!(
                "[build]\ncommand = \"sh -c 'while test -e .git/hold; do sleep 0.01; done'\"\n\
                 [environments.shared]\nprovider = \"local\"\nspeed = 200\nregion = \"us-east-1\"\nlock = \"s3://{}/locks\"\n",
                bucket.name
            ),
        );
        repo.commit("Share the lock");
        Self {
            repo,
            endpoint: bucket.endpoint.clone(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.repo.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn windlass(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    fn events(&self) -> PathBuf {
        self.repo.path().join(".git/events")
    }

    fn start(&self, more: &[&str]) -> Child {
        let events = self.events();
        let run = ["run", "-e", "shared", "--format", "json", "--events"];
        let arguments = [&run[..], &[events.to_str().unwrap()], more].concat();
        self.command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn until(&self, told: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !std::fs::read_to_string(self.events())
            .unwrap_or_default()
            .contains(told)
        {
            assert!(Instant::now() < deadline, "no `{told}` within a minute");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts a run that holds the lock until it is let go on.
    fn hold(&self) -> Child {
        self.repo.write(".git/hold", "");
        let run = self.start(&[]);
        self.until("build-started");
        run
    }

    fn let_go_on(&self) {
        std::fs::remove_file(self.repo.path().join(".git/hold")).unwrap();
    }

    /// When the run took the lock, and when its last event was.
    fn span(&self) -> (u64, u64) {
        let text = std::fs::read_to_string(self.events()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let at = |line: &Value| line["at"].as_u64().unwrap();
        let taken = lines
            .iter()
            .find(|line| line["event"] == "lock-taken")
            .unwrap();
        (at(taken), at(lines.last().unwrap()))
    }
}

#[test]
fn while_one_machine_deploys_another_is_refused_or_waits() {
    let Some(bucket) = bucket("lock") else { return };
    let (one, two) = (Machine::new(&bucket), Machine::new(&bucket));
    let first = one.hold();
    let refused = two.windlass(&["run", "-e", "shared"]);
    let process = format!("process {}", first.id());
    refused.assert_refused(
        3,
        &["using the environment `shared`", &process, "--wait-lock"],
    );
    two.windlass(&["unlock", "-e", "shared"])
        .assert_refused(3, &[&process, "--force"]);
    let second = two.start(&["--wait-lock", "1m"]);
    two.until("lock-busy");
    one.let_go_on();
    for run in [first, second] {
        let ended = Ended::of(run.wait_with_output().unwrap());
        assert_eq!(
            (verdicts(&ended.json()), ended.code),
            (all(&["alpha"], "deployed"), 0),
            "{ended:?}"
        );
    }
    assert!(one.span().1 <= two.span().0, "they interleave");
    let unlocked = two.windlass(&["unlock", "-e", "shared"]);
    assert_eq!(unlocked.stdout, "`shared` is not locked\n", "{unlocked:?}");
}

#[test]
fn of_two_machines_that_begin_together_one_goes_first() {
    let Some(bucket) = bucket("race") else { return };
    let machines = [Machine::new(&bucket), Machine::new(&bucket)];
    let runs: Vec<Child> = machines
        .iter()
        .map(|machine| machine.start(&["--wait-lock", "1m"]))
        .collect();
    for run in runs {
        let ended = Ended::of(run.wait_with_output().unwrap());
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    let spans = machines.map(|machine| machine.span());
    let (first, second) = (spans.iter().min().unwrap(), spans.iter().max().unwrap());
    assert!(first.1 <= second.0, "{spans:?}");
}

#[test]
fn the_lock_of_a_run_that_was_killed_stays_until_it_is_forced_away() {
    let Some(bucket) = bucket("killed") else {
        return;
    };
    let (one, two) = (Machine::new(&bucket), Machine::new(&bucket));
    let mut first = one.hold();
    first.kill().unwrap();
    first.wait().unwrap();
    one.let_go_on();
    let refused = two.windlass(&["run", "-e", "shared"]);
    refused.assert_refused(3, &["windlass unlock --environment shared --force"]);
    let forced = two.windlass(&["unlock", "-e", "shared", "--force"]);
    assert!(forced.stdout.contains("is removed"), "{forced:?}");
    let ended = two.windlass(&["run", "-e", "shared"]);
    assert_eq!(ended.code, 0, "{ended:?}");
}
