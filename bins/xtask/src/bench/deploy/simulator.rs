//! A simulator of its own for a contender.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::task::Error;

/// What became of a deployment, by the model's inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) enum Truth {
    UnderWay,
    Completed,
    Failed,
    RollingBack,
    RolledBack,
    RollbackFailed,
    Superseded,
}

const TRUTHS: [(&str, Truth, &str); 7] = [
    ("under-way", Truth::UnderWay, "was still under way"),
    ("completed", Truth::Completed, "was completed"),
    ("failed", Truth::Failed, "failed"),
    ("rolling-back", Truth::RollingBack, "was being rolled back"),
    ("rolled-back", Truth::RolledBack, "was rolled back"),
    (
        "rollback-failed",
        Truth::RollbackFailed,
        "failed, and its rollback too",
    ),
    ("superseded", Truth::Superseded, "was superseded"),
];

impl Truth {
    pub(in crate::bench) fn words(self) -> &'static str {
        TRUTHS
            .iter()
            .find(|(_, truth, _)| *truth == self)
            .map_or("", |(_, _, words)| words)
    }
}

/// `ecs-simulator` with a scenario, until this is dropped.
#[derive(Debug)]
pub(in crate::bench) struct Simulator {
    child: Child,
    address: String,
}

impl Simulator {
    pub(in crate::bench) fn start(
        program: &Path,
        scenario: &str,
        factor: f64,
    ) -> Result<Self, Error> {
        let broken =
            |source: io::Error| Error::broken(format!("starting `{}`", program.display()), source);
        let mut child = Command::new(program)
            .args([
                "--quiet",
                "--scenario",
                scenario,
                "--time-factor",
                &factor.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(broken)?;
        let stdout = child.stdout.take();
        // Dropping it ends the process, whatever follows.
        let mut simulator = Self {
            child,
            address: String::new(),
        };
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(broken)?;
        }
        let Some(address) = line.trim().strip_prefix("http://") else {
            return Err(Error::Broken(format!(
                "`{}` did not say where it listens, but `{}`",
                program.display(),
                line.trim()
            )));
        };
        simulator.address = address.trim_end_matches('/').to_owned();
        Ok(simulator)
    }

    /// Points a program's AWS calls at it.
    pub(in crate::bench) fn aim(&self, command: &mut Command) {
        for (name, value) in [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_PAGER", String::new()),
        ] {
            command.env(name, value);
        }
        command.env_remove("AWS_PROFILE").stdin(Stdio::null());
    }

    /// Seconds of the model since it was started.
    pub(in crate::bench) fn now(&self) -> Result<f64, Error> {
        let text = self.get("/_windlass/time")?;
        number(&text, "seconds")
            .ok_or_else(|| Error::Broken(format!("the simulator's time is `{text}`")))
    }

    /// What became of the second deployment of the service: the first one was there before, the second one is the contender's.
    pub(in crate::bench) fn truth_of_second(&self) -> Result<Option<Truth>, Error> {
        let text = self.get("/_windlass/state")?;
        Ok(truths(&text).get(1).copied())
    }

    /// The body of what the simulator answers to a GET.
    pub(in crate::bench) fn get(&self, path: &str) -> Result<String, Error> {
        get(&self.address, path).map_err(Error::Broken)
    }

    /// Where it listens.
    pub(in crate::bench) fn address(&self) -> &str {
        &self.address
    }
}

/// The body of what the simulator at `address` answers to a GET.
pub(in crate::bench) fn get(address: &str, path: &str) -> Result<String, String> {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("asking the simulator for `{path}`: {error}"))?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(format!(
            "the simulator answered `{path}` with `{}`",
            answer.lines().next().unwrap_or_default()
        )),
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It has nothing to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number behind a key, at its first place in a JSON text.
fn number(json: &str, key: &str) -> Option<f64> {
    let (_, rest) = json.split_once(&format!("\"{key}\":"))?;
    let end = rest.find([',', '}']).unwrap_or(rest.len());
    rest.get(..end)?.trim().parse().ok()
}

/// The kinds of all truths in the state of a cluster with one service, oldest deployment first.
fn truths(json: &str) -> Vec<Truth> {
    json.split("\"truth\":{")
        .skip(1)
        .filter_map(|rest| {
            let (_, kind) = rest.split_once("\"kind\":\"")?;
            let kind = kind.split('"').next()?;
            TRUTHS
                .iter()
                .find(|(name, _, _)| *name == kind)
                .map(|(_, truth, _)| *truth)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_truth_is_the_contenders() {
        let state = r#"{"clusters":{"dev":{"web":{"deployments":[{"deployment":"ecs-svc/1","truth":{"kind":"completed"}},{"deployment":"ecs-svc/2","truth":{"by":"ecs-svc/3","kind":"superseded","task_definition":"web:3"}}],"tasks":[]}}},"time":{"seconds":61.5}}"#;
        assert_eq!(truths(state), [Truth::Completed, Truth::Superseded]);
        assert_eq!(number(state, "seconds"), Some(61.5));
        assert_eq!(truths("{}"), []);
    }
}
