//! The binary `change-detect`: which services a commit affects, why, and in what order to build them.

mod args;
mod bases;
mod detect;
mod event;
mod failures;
mod graph;
mod output;
mod render;
mod repository;
mod settings;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use windlass_cli::{Printer, init_logging};

fn main() -> ExitCode {
    let args = args::Args::parse();
    init_logging(args.detect.verbose);
    let printer = Printer::new(&args.detect.common());
    let ended = match &args.command {
        None => detect::run(&args.detect, &printer),
        Some(args::Command::Graph(graph)) => graph::run(graph, &args.detect.place, &printer),
        Some(args::Command::Generate(generate)) => generate.run(args::Args::command(), &printer),
    };
    ended
        .unwrap_or_else(|failure| {
            printer.failure(&failure);
            failure.exit()
        })
        .into()
}
