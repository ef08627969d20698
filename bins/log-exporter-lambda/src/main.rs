//! A Lambda function that archives CloudWatch Logs: on a schedule, from a queue, or as a map's item.

mod handler;
mod journal;
mod request;
mod settings;

use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = match settings::settings(&|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(fault) => {
            journal::fault(&fault);
            return ExitCode::from(2);
        }
    };
    let handler = handler::Handler::new(settings).await;
    let service = service_fn(|event: LambdaEvent<_>| handler.handle(event));
    match lambda_runtime::run(service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
