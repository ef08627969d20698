//! What a month has cost, exact, from a bill that is corrected overnight.
//!
//! The first refresh sees a day that is still estimated; the second one sees it corrected, and says so. Each line that is
//! published adds up to the bill to the last digit, and what Cost Explorer takes for being asked is counted.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;

use cost_exporter::sim::{MemoryLedger, SimBill, SimSource};
use cost_exporter::{Options, Outcome, Parts, WriterSink, refresh};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ledger = MemoryLedger::default();
    let bill = SimBill::new()
        .charge("2026-03-01", "Amazon ECS", "prod", "12.3456789012")
        .charge("2026-03-01", "Amazon S3", "", "0.0000000001");
    println!("{}", look("2026-03-02T09:00:00Z", bill, &ledger).await?);

    let corrected = SimBill::new()
        .charge("2026-03-01", "Amazon ECS", "prod", "12.5")
        .charge("2026-03-01", "Amazon S3", "", "0.0000000001")
        .charge("2026-03-02", "Amazon ECS", "prod", "11.25");
    println!(
        "{}",
        look("2026-03-03T09:00:00Z", corrected, &ledger).await?
    );
    Ok(())
}

/// Refreshes once at this time, and tells in a line what came of it.
async fn look(now: &str, bill: SimBill, ledger: &MemoryLedger) -> Result<String, Box<dyn Error>> {
    let now = now.parse()?;
    let source = SimSource::new(bill, now);
    // The metrics as text, for Prometheus; here nobody reads them.
    let text = WriterSink::new("text".parse()?, Vec::new());
    let parts = Parts {
        source: &source,
        budgets: None,
        ledger,
        sinks: &[&text],
    };
    let outcome = refresh(&parts, &Options::default(), now, &|_| {}).await?;
    Ok(line(&outcome))
}

fn line(outcome: &Outcome) -> String {
    let total = outcome
        .month
        .first()
        .map_or_else(String::new, |month| month.total.to_string());
    let corrected: Vec<String> = outcome.corrected.iter().map(ToString::to_string).collect();
    let corrected = match corrected.is_empty() {
        true => "nothing".to_owned(),
        false => corrected.join(", "),
    };
    format!(
        "{}: {total} USD so far, corrected {corrected}, asking took {} USD",
        outcome.today, outcome.spending.dollars
    )
}
