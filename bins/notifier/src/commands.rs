//! What each command does.

mod render;
mod send;
mod validate;

use clap::CommandFactory;
use windlass_cli::{Exit, Failure, Printer};

use crate::args::{Args, Command};

pub(crate) async fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    match &args.command {
        Command::Send(send) => send::run(send, args, printer).await,
        Command::Render(render) => render::run(render, printer),
        Command::Validate(validate) => validate::run(validate, printer),
        Command::Generate(generate) => generate.run(Args::command(), printer),
    }
}
