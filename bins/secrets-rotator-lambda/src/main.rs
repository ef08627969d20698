//! A Lambda function that rotates the passwords of MongoDB, RabbitMQ and Redis, a step at a time.

mod handler;
mod journal;
mod settings;

use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let handler = match settings::handler(&|name| std::env::var(name).ok()).await {
        Ok(handler) => handler,
        Err(fault) => {
            journal::misconfigured(&fault);
            return ExitCode::from(2);
        }
    };
    let service = service_fn(|event: LambdaEvent<_>| handler.handle(event));
    match lambda_runtime::run(service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
