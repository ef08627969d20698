//! `log-exporter ddl`.

use log_exporter::{PartFormat, Place};
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
    let formats = match args.archive_format {
        Some(format) => vec![format.into()],
        None => log_exporter::formats(&archive, &options, &session.observer())
            .await
            .map_err(|error| failures::export(&error))?,
    };
    // Hours without an event have no part: then the table is what later ones are for.
    let formats = match formats.is_empty() {
        true => vec![PartFormat::default()],
        false => formats,
    };
    let both = formats.len() > 1;
    let columns = format!("{}_parquet", args.table);
    let mut statements = Vec::new();
    for format in formats {
        let name = match format {
            PartFormat::Parquet if both => &columns,
            _ => &args.table,
        };
        let layout = &options.layout;
        statements.push(log_exporter::ddl(
            name, &location, layout, format, &places, &since,
        ));
    }
    if both {
        let view = format!("{}_all", args.table);
        statements.push(log_exporter::ddl_over_both(&view, &args.table, &columns));
    }
    show(&statements, session)
}

fn show(statements: &[String], session: &Session<'_>) -> Result<Exit, Failure> {
    let printer = session.printer;
    match printer.format() {
        Format::Json => printer.json(&json!({"schema": 1, "statements": statements}))?,
        _ => printer.line(&statements.join("\n\n"))?,
    }
    Ok(Exit::Done)
}
