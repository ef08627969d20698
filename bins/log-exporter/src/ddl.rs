//! `log-exporter ddl`.

use log_exporter::Place;
use serde_json::json;
use windlass_cli::{Exit, Failure, Format};

use crate::args::DdlArgs;
use crate::failures;
use crate::session::Session;

pub(crate) async fn run(args: &DdlArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let archive = session.archive(&args.archive).await?;
    let options = session.options(&args.archive, None);
    let found = log_exporter::places(&archive, &options, &session.observer())
        .await
        .map_err(|error| failures::export(&error))?;
    let Some(first) = found.iter().map(|(_, first)| *first).min() else {
        return Err(
            Failure::usage("there is nothing in this archive to make a table of")
                .hint("check the bucket or folder, and --key-prefix"),
        );
    };
    let places: Vec<Place> = found.into_iter().map(|(place, _)| place).collect();
    let location = match (&args.archive.bucket, &args.archive.archive) {
        (Some(bucket), _) => format!("s3://{bucket}"),
        // For a copy of the folder in a bucket.
        _ => "s3://BUCKET".to_owned(),
    };
    let since = first.start().date();
    let statement = log_exporter::ddl(&args.table, &location, &options.layout, &places, &since);
    show(&[statement], session)
}

fn show(statements: &[String], session: &Session<'_>) -> Result<Exit, Failure> {
    let printer = session.printer;
    match printer.format() {
        Format::Json => printer.json(&json!({"schema": 1, "statements": statements}))?,
        _ => printer.line(&statements.join("\n\n"))?,
    }
    Ok(Exit::Done)
}
