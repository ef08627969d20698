//! A function as Lambda runs it: one event from a Runtime API on loopback, and what the function says to it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::{self, Read as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::cargo;
use crate::scrub::scrub;
use crate::task::Error;

use super::action::{ACCOUNT, REGION};
use super::http::{Request, Response, Server};
use super::program::Said;

/// How long a function may take for an event.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the function, hands it the event, and ends it. The exit code is 0 for an answer and 1 for an error, or its own if it ended by itself;
/// the text is its log and what it told Lambda.
pub(super) fn invoke(
    mut command: Command,
    name: &str,
    event: &str,
    variables: &[(&str, String)],
) -> Result<Said, Error> {
    let line = cargo::typed(&command);
    let broken = |source: io::Error| Error::broken(&line, source);
    let (told, said) = mpsc::channel();
    let api = api(name.to_owned(), event.to_owned(), told).map_err(broken)?;
    scrub(&mut command);
    command
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(broken)?;
    let stderr = child.stderr.take();
    let log = thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut stderr) = stderr {
            // What is no text is not worth a look.
            let _ = stderr.read_to_string(&mut text);
        }
        text
    });
    let begun = Instant::now();
    let (code, answer) = loop {
        match said.recv_timeout(Duration::from_millis(50)) {
            Ok((good, body)) => break (Some(i32::from(!good)), body),
            Err(RecvTimeoutError::Timeout) if begun.elapsed() < PATIENCE => {
                if let Some(status) = child.try_wait().map_err(broken)? {
                    break (status.code(), "it ended without an answer".to_owned());
                }
            }
            Err(_) => break (None, "it did not answer in time".to_owned()),
        }
    };
    // It waits for the next event, or is gone.
    let _ = child.kill();
    child.wait().map_err(broken)?;
    let log = log.join().unwrap_or_default();
    Ok(Said {
        text: format!("{log}{answer}\n"),
        code,
    })
}

/// The Runtime API for one event. Whoever asks for the next one waits for longer than anybody is there.
fn api(name: String, event: String, told: mpsc::Sender<(bool, String)>) -> io::Result<Server> {
    let event = Mutex::new(Some(event));
    let told = Mutex::new(told);
    Server::start(Arc::new(move |request: Request| {
        let path = request.path();
        if path.ends_with("/invocation/next") {
            let Some(event) = event.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                thread::sleep(PATIENCE);
                return Response::new(500, "application/json", "{}");
            };
            let deadline = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                + PATIENCE;
            return Response::new(200, "application/json", event)
                .header("lambda-runtime-aws-request-id", "request-1")
                .header(
                    "lambda-runtime-deadline-ms",
                    deadline.as_millis().to_string(),
                )
                .header(
                    "lambda-runtime-invoked-function-arn",
                    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"),
                );
        }
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let body = String::from_utf8_lossy(&request.body).into_owned();
        // Whoever listens may have given up.
        let _ = told.send((path.ends_with("/response"), body));
        Response::new(202, "application/json", "{\"status\": \"OK\"}")
    }))
}
