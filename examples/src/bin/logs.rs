//! Log events archived exactly once, though the archiver is killed in the middle and run again.
//!
//! Three hours of events go into a folder. The first run is dropped after a moment, as a function that is out of time would
//! be; the second one reads what is left. Then the archive is held against the source.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::time::Duration;

use log_exporter::sim::SimLogs;
use log_exporter::{
    Clock, FolderArchive, GroupInfo, LogEvent, Millis, Options, Place, PlanRequest, RateLimit,
    Report, Selection, VerifyRequest, export, plan, verify,
};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::new("2026-11-26T12:00:00Z".parse()?);
    let logs = SimLogs::new(clock);
    let place = Place::new(
        "123456789012".parse()?,
        "us-east-1".parse()?,
        "/ecs/web".parse()?,
    );
    logs.create_group(GroupInfo::new(place.clone(), "2026-11-26".parse()?));
    let begin = "2026-11-26T08:00:00Z".parse::<Millis>()?.epoch();
    logs.put(
        &place.group,
        (0..900).map(|n| event(begin + n * 12_000, usize::try_from(n).unwrap_or_default())),
    );

    let killed = tokio::time::timeout(
        Duration::from_millis(50),
        run(&logs, &folder, &place, &clock),
    );
    match killed.await {
        Ok(report) => println!("the first run was faster: {} events", report?.events),
        Err(_) => println!("the first run was killed"),
    }
    let report = run(&logs, &folder, &place, &clock).await?;
    println!(
        "the second run archived what was left: complete {}",
        report.is_complete()
    );

    let archive = FolderArchive::open(folder.path())?;
    let limit = RateLimit::published(&place.region, 1);
    let request = VerifyRequest::new(vec![]);
    let options = Options::default();
    let verified = verify(
        &archive,
        Some(&logs),
        &request,
        &options,
        &clock,
        &limit,
        &|_| {},
    )
    .await?;
    println!(
        "verified against the source: {} events, {} findings",
        verified.events,
        verified.findings.len()
    );
    Ok(())
}

/// Plans what is due and archives it.
async fn run(
    logs: &SimLogs,
    folder: &tempfile::TempDir,
    place: &Place,
    clock: &Clock,
) -> Result<Report, Box<dyn Error>> {
    let archive = FolderArchive::open(folder.path())?;
    let options = Options::default();
    let limit = RateLimit::published(&place.region, 1);
    let request = PlanRequest::new(vec![Selection::Group(place.group.clone())])
        .from(Some("2026-11-26T08:00:00Z".parse()?));
    let plan = plan(logs, &archive, &request, &options, clock, &limit, &|_| {}).await?;
    Ok(export(logs, &archive, plan.units, &options, clock, &limit, &|_| {}).await)
}

fn event(timestamp: i64, number: usize) -> LogEvent {
    LogEvent {
        timestamp,
        ingestion: timestamp + 1_500,
        stream: format!("web/{}", number % 3),
        id: number.to_string(),
        message: format!("request {number} served"),
    }
}
