//! Who hears of a failed deployment, and did they?
//!
//! The report goes to a terminal and to two simulated channels: one that is rate limited at first, one whose webhook was
//! revoked. Each has its own outcome.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use deploy_notifier::sim::{Fault, SimChannel};
use deploy_notifier::{
    Deployment, Event, Fanout, Report, ServiceResult, ServiceStatus, WriterChannel, slack,
};

// The clock is paused, so that waiting out the rate limit takes no time; a real program leaves that out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let deployment = Deployment::new("staging".parse()?)
        .commit("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12".parse()?)
        .title("Fix \"login\" -> <!channel> & more\nsecond line")
        .author("Ada")
        .service(ServiceResult::new("user-service", ServiceStatus::Deployed))
        .service(
            ServiceResult::new("task-service", ServiceStatus::Failed)
                .reason("container `app` exited with code 137"),
        )
        .seconds(332.0);
    let report = Report::DeploymentFailed(deployment);
    println!(
        "what Slack gets: {}",
        serde_json::to_string(&slack(&report))?
    );

    let (team, archive) = (
        Arc::new(SimChannel::new("team")),
        Arc::new(SimChannel::new("archive")),
    );
    team.fault(Fault::RateLimited {
        retry_after: Some(Duration::from_secs(3)),
    });
    archive.die(404, "no_service");
    let fanout = Fanout::new()
        .channel(WriterChannel::new("terminal", io::stdout()))
        .channel(Arc::clone(&team))
        .channel(Arc::clone(&archive));

    let outcome = fanout
        .send(&report, &|event| match event {
            Event::Delivered {
                channel, attempts, ..
            } => println!("{channel}: delivered at attempt {attempts}"),
            Event::NotDelivered {
                channel,
                reasons,
                hint,
                ..
            } => {
                println!("{channel}: not delivered: {}", reasons.join(": "));
                println!("{channel}: hint: {}", hint.unwrap_or_default());
            }
            _ => {}
        })
        .await;
    println!(
        "{} of {} channels have it",
        outcome.delivered(),
        outcome.channels.len()
    );
    Ok(())
}
