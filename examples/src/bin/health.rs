//! Is the new build serving, and only the new build?
//!
//! A server on loopback stands for a service behind a load balancer in the middle of a rollout: its old task answers
//! every other connection until it goes away. The check is passed when the new build alone answered, several times in
//! a row.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::io;
use std::time::Duration;

use health_checker::{Event, NetworkProbe, Options, Target, Verdict, check};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OLD: &str = "9ab01cd";
const NEW: &str = "abc1234";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!(
        "user-service=http://{}/actuator/health",
        listener.local_addr()?
    );
    let server = tokio::spawn(serve(listener));

    let target: Target = url.parse()?;
    let options = Options::default()
        .successes(3)
        .interval(Duration::from_millis(20))
        .timeout(Duration::from_secs(30));
    let report = check(
        &NetworkProbe::new(),
        &[target.expect_revision(NEW.parse()?)],
        &options,
        &|event: Event| {
            if let Event::Probed {
                attempt,
                consecutive,
                needed,
                revision,
                ..
            } = event
            {
                let build = revision.map_or_else(
                    || "no build named".to_owned(),
                    |revision| revision.to_string(),
                );
                println!("probe {attempt}: {build} ({consecutive} of {needed})");
            }
        },
    )
    .await;
    server.abort();

    for target in &report.targets {
        println!(
            "{}: {} after {} probes",
            target.name, target.verdict, target.attempts
        );
        println!(
            "the old build answered {} times, the new one {}",
            target.seen.old, target.seen.new
        );
    }
    match report.verdict() {
        Some(Verdict::Healthy) => Ok(()),
        verdict => Err(format!("the new build does not serve: {verdict:?}").into()),
    }
}

/// Answers as a Spring service does; connections alternate between the old and the new task until the old one is gone.
async fn serve(listener: TcpListener) -> io::Result<()> {
    const LAST_OF_THE_OLD: u32 = 5;
    for connection in 0_u32.. {
        let (stream, _) = listener.accept().await?;
        let old = connection <= LAST_OF_THE_OLD && connection % 2 == 1;
        tokio::spawn(answer(stream, if old { OLD } else { NEW }));
    }
    Ok(())
}

/// Answers all requests of one connection as the build with this revision.
async fn answer(mut stream: TcpStream, revision: &str) -> io::Result<()> {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await? > 0 {
        // Neither question has a body, so a blank line ends it.
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let body = if request.starts_with(b"GET /actuator/info") {
            format!(r#"{{"git":{{"commit":{{"id":"{revision}"}}}}}}"#)
        } else {
            r#"{"status":"UP"}"#.to_owned()
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
        request.clear();
    }
    Ok(())
}
