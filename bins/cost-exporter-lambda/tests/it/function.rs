//! The function as a process.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cost_exporter::sim::{SimBill, SimSource};
use cost_exporter::testing::AwsStub;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::runtime::{Runtime, Said};

/// The function with the places it talks to. Dropping it ends it.
pub(crate) struct Function {
    pub(crate) stub: AwsStub,
    runtime: Runtime,
    child: Child,
    invocations: usize,
}

impl Function {
    /// A function over the costs of the last weeks.
    pub(crate) fn start() -> Self {
        let now = Timestamp::now();
        let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
        let mut bill = SimBill::new();
        for days in 0..75 {
            let date = today.checked_sub(days.days()).unwrap().to_string();
            bill = bill.charge(&date, "Amazon EC2", "prod", "12.5").charge(
                &date,
                "Amazon S3",
                "",
                "0.25",
            );
        }
        let stub = AwsStub::start(SimSource::new(bill, now));
        let runtime = Runtime::start();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cost-exporter-lambda"));
        runtime.tell(&mut command);
        command
            .env("AWS_ENDPOINT_URL", stub.url())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "hunter2")
            .env("COST_EXPORTER_LEDGER", "s3://costs/ledger.json")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        Self {
            child: command.spawn().unwrap(),
            stub,
            runtime,
            invocations: 0,
        }
    }

    /// Hands over an event of a schedule and returns what came of it.
    pub(crate) fn invoke(&mut self, time: Duration) -> Result<Value, Value> {
        self.invocations += 1;
        let id = format!("request-{}", self.invocations);
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-03-10T12:00:00Z", "detail": {}});
        self.runtime.invoke(&id, &event.to_string(), time);
        loop {
            match self.runtime.said() {
                Said::Next(_) => {}
                Said::Response(of, body) => {
                    assert_eq!(of, id);
                    return Ok(serde_json::from_str(&body).unwrap());
                }
                Said::Error(of, body) => {
                    assert_eq!(of, id);
                    return Err(serde_json::from_str(&body).unwrap());
                }
            }
        }
    }

    /// Ends the function and returns its log, in which no secret is.
    pub(crate) fn log(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        let mut text = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
