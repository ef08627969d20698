//! An AWS on loopback.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::cloudwatch_stub::{CloudWatch, Point};
use super::cost_explorer_stub;
use super::http_stub::{Request, Response, read};
use super::s3_stub::Bucket;
use crate::sim::SimSource;

const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/costs</Arn><UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>request-7</RequestId></ResponseMetadata></GetCallerIdentityResponse>";

/// Cost Explorer, Budgets, CloudWatch, S3 and the caller's identity behind their own protocols on a port of loopback, over a simulated bill. For tests
/// of whole programs: point `AWS_ENDPOINT_URL` at it. CloudWatch's limits are those of the service.
#[derive(Debug)]
pub struct AwsStub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    source: SimSource,
    calls: Mutex<Vec<String>>,
    cloudwatch: Mutex<CloudWatch>,
    bucket: Mutex<Bucket>,
    waits: Mutex<BTreeMap<String, Duration>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AwsStub {
    /// Starts one; its threads end with the process.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(source: SimSource) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            source,
            calls: Mutex::default(),
            cloudwatch: Mutex::default(),
            bucket: Mutex::default(),
            waits: Mutex::default(),
        });
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                // A client that breaks off is no matter here.
                thread::spawn(move || drop(server.serve(stream)));
            }
        });
        Self { address, shared }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bill, and what else Cost Explorer and Budgets are asked.
    pub fn source(&self) -> &SimSource {
        &self.shared.source
    }

    /// The operations that were asked for, in order, as they arrived.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.shared.calls).clone()
    }

    /// How often an operation was asked for.
    pub fn count(&self, operation: &str) -> usize {
        self.calls()
            .iter()
            .filter(|call| *call == operation)
            .count()
    }

    /// What is in CloudWatch.
    pub fn points(&self) -> BTreeMap<Point, (f64, u32)> {
        lock(&self.shared.cloudwatch).points.clone()
    }

    /// Answers the next request to CloudWatch with this status and error code, after those that were told to fail before.
    /// Status 0 takes the data and breaks off without an answer.
    pub fn fail_put(&self, status: u16, code: &'static str) {
        lock(&self.shared.cloudwatch)
            .faults
            .push_back((status, code));
    }

    /// Refuses every request to CloudWatch with this value in a dimension, as if it broke a rule that nobody knows.
    pub fn refuse_dimension(&self, value: &str) {
        lock(&self.shared.cloudwatch).refused = Some(value.to_owned());
    }

    /// Answers an operation only so long after it was asked for; what it does, it does at once.
    pub fn slow_down(&self, operation: &str, time: Duration) {
        lock(&self.shared.waits).insert(operation.to_owned(), time);
    }

    /// The object at `/bucket/key`.
    pub fn object(&self, path: &str) -> Option<Vec<u8>> {
        lock(&self.shared.bucket).get(path)
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut bytes = Vec::new();
        while let Some(request) = read(&mut stream, &mut bytes)? {
            match self.answer(&request) {
                Some(answer) => answer.write(&mut stream)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> Option<Response> {
        let target = request.header("x-amz-target").map(str::to_owned);
        let operation = match (&target, request.path.rsplit_once("/operation/")) {
            (Some(target), _) => target.rsplit('.').next().unwrap_or_default().to_owned(),
            (None, Some((_, operation))) => operation.to_owned(),
            (None, None) => format!("{} object", request.method),
        };
        let operation = match operation == "POST object" {
            // The Security Token Service speaks in forms.
            true if request.body.starts_with(b"Action=") => "GetCallerIdentity".to_owned(),
            _ => operation,
        };
        lock(&self.calls).push(operation.clone());
        let answer = self.act(&operation, target.is_some(), request);
        let wait = lock(&self.waits).get(&operation).copied();
        if let Some(wait) = wait {
            thread::sleep(wait);
        }
        answer
    }

    fn act(&self, operation: &str, targeted: bool, request: &Request) -> Option<Response> {
        match operation {
            "GetCallerIdentity" => Some(Response {
                status: 200,
                headers: vec![("Content-Type", "text/xml".to_owned())],
                body: IDENTITY.as_bytes().to_vec(),
            }),
            "GetCostAndUsage" | "GetCostForecast" | "DescribeBudgets" => Some(
                cost_explorer_stub::answer(&self.source, operation, &request.body),
            ),
            "PutMetricData" => lock(&self.cloudwatch).put(request, self.source.now()),
            _ if !targeted => Some(lock(&self.bucket).answer(request)),
            _ => Some(Response::json(
                400,
                &serde_json::json!({"__type": "UnknownOperationException"}),
            )),
        }
    }
}
