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
    let ddl = |format, name: &str| {
        log_exporter::ddl(name, &location, &options.layout, format, &places, &since)
    };
    show(&statements(args, &formats, ddl), session)
}

/// A table for each format, and over both a view. A format's table has the same name whatever else the archive has, by now or later.
fn statements(
    args: &DdlArgs,
    formats: &[PartFormat],
    ddl: impl Fn(PartFormat, &str) -> String,
) -> Vec<String> {
    let lines = &args.table;
    let columns = format!("{lines}_parquet");
    let mut statements = Vec::new();
    for format in formats {
        let name = match format {
            PartFormat::Parquet => &columns,
            _ => lines,
        };
        if args.replace {
            statements.push(log_exporter::ddl_drop(name));
        }
        statements.push(ddl(*format, name));
    }
    if formats.len() > 1 {
        let view = format!("{lines}_all");
        statements.push(log_exporter::ddl_over_both(&view, lines, &columns));
    }
    statements
}

fn show(statements: &[String], session: &Session<'_>) -> Result<Exit, Failure> {
    let printer = session.printer;
    match printer.format() {
        Format::Json => printer.json(&json!({"schema": 1, "statements": statements}))?,
        _ => printer.line(&statements.join("\n\n"))?,
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    /// What is made, by the formats that an archive has.
    fn made(formats: &[PartFormat], more: &[&str]) -> Vec<String> {
        let arguments = ["log-exporter", "ddl", "--archive", "a"];
        let parsed = Args::parse_from(arguments.iter().chain(more));
        let Command::Ddl(args) = parsed.command else {
            panic!("{parsed:?}");
        };
        let statements = statements(&args, formats, |format, name| format!("{format:?} {name}"));
        let first = statements.iter().map(|text| text.lines().next().unwrap());
        first.map(str::to_owned).collect()
    }

    #[test]
    fn a_formats_table_has_one_name_whatever_else_the_archive_has() {
        let (lines, columns) = (PartFormat::Ndjson, PartFormat::Parquet);
        assert_eq!(made(&[columns], &[]), ["Parquet logs_parquet"]);
        assert_eq!(made(&[lines], &[]), ["Ndjson logs"]);
        assert_eq!(
            made(&[lines, columns], &["--table", "web"]),
            [
                "Ndjson web",
                "Parquet web_parquet",
                "CREATE OR REPLACE VIEW \"web_all\" AS"
            ]
        );
    }

    #[test]
    fn tables_are_dropped_only_if_that_is_asked_for() {
        assert_eq!(
            made(&[PartFormat::Ndjson, PartFormat::Parquet], &["--replace"]),
            [
                "DROP TABLE IF EXISTS `logs`;",
                "Ndjson logs",
                "DROP TABLE IF EXISTS `logs_parquet`;",
                "Parquet logs_parquet",
                "CREATE OR REPLACE VIEW \"logs_all\" AS"
            ]
        );
    }
}
