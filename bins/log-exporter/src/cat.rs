//! `log-exporter cat`.

use std::io::{BufWriter, ErrorKind, Write};

use log_exporter::{Error, Line, Millis, Span};
use windlass_cli::{Exit, Failure};

use crate::args::CatArgs;
use crate::failures;
use crate::session::Session;

pub(crate) async fn run(args: &CatArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    let archive = session.archive(&args.archive).await?;
    let options = session.options(&args.archive, None);
    let observer = session.observer();
    let mut places = log_exporter::places(&archive, &options, &observer)
        .await
        .map_err(|error| failures::export(&error))?;
    places.retain(|(place, _)| place.group == args.group);
    if places.is_empty() {
        return Err(
            Failure::usage(format!("the archive has nothing of `{}`", args.group))
                .hint("check the group's name, the bucket or folder, and --key-prefix"),
        );
    }
    let (from, to) = session.times(&args.time);
    let from = from.unwrap_or_default();
    let to = to.unwrap_or(Millis::from_epoch(i64::MAX));
    let span = Span::new(from, to)
        .map_err(|error| Failure::from_error(Exit::Usage, &error).hint("give a later --to"))?;
    let stdout = std::io::stdout();
    let mut out = BufWriter::with_capacity(256 * 1024, stdout);
    let mut closed = false;
    for (place, _) in &places {
        let mut write = |line: &[u8]| {
            let written = match args.messages {
                false => out.write_all(line),
                true => message(line, &mut out),
            };
            written.map_err(|source| {
                closed = source.kind() == ErrorKind::BrokenPipe;
                Error::Disk {
                    operation: "write to",
                    path: "stdout".to_owned(),
                    source,
                }
            })
        };
        let read = log_exporter::cat(&archive, place, span, &options, &observer, &mut write).await;
        match read {
            Ok(_) => {}
            // `log-exporter cat | head -1` is a fair use: the reader has what it wanted.
            Err(_) if closed => return Ok(Exit::Done),
            Err(error) => {
                // What was read before the damage is right.
                let _ = out.flush();
                return Err(failures::export(&error));
            }
        }
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::unreachable("cannot write to stdout").caused_by(&error))
        }
        _ => Ok(Exit::Done),
    }
}

fn message(line: &[u8], out: &mut impl Write) -> std::io::Result<()> {
    let line = Line::parse(line)?;
    out.write_all(line.message.as_bytes())?;
    out.write_all(b"\n")
}
