//! From the command line to the exit code.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::CommandFactory as _;
use ecs_deployer::sim::server::EcsServer;
use ecs_deployer::sim::{Clock, Scenario, Timings};
use serde_json::json;
use windlass_cli::{Exit, Failure, Format, Printer, interrupted};

use crate::args::Args;
use crate::scenario;

/// Does what the command line says.
pub(crate) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    if let Some(generate) = &args.command {
        return generate.run(Args::command(), printer);
    }
    if args.list_scenarios {
        return list(printer);
    }
    let scenario = scenario::read(args.scenario.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unreachable("cannot start").caused_by(&error))?;
    runtime.block_on(serve(args, &scenario, printer))
}

fn list(printer: &Printer) -> Result<Exit, Failure> {
    match printer.format() {
        Format::Json => {
            let all: Vec<_> = Scenario::BUILT_IN
                .iter()
                .map(|(name, about)| json!({"name": name, "about": about}))
                .collect();
            printer.json(&json!({ "scenarios": all }))?;
        }
        _ => {
            for (name, about) in Scenario::BUILT_IN {
                printer.line(&format!("{name:<17} {about}"))?;
            }
        }
    }
    Ok(Exit::Done)
}

async fn serve(args: &Args, scenario: &Scenario, printer: &Printer) -> Result<Exit, Failure> {
    // From here on a signal ends the server in good order.
    let mut stop = std::pin::pin!(interrupted());
    let clock = Clock::scaled(args.time_factor.0);
    let (cluster, tasks) = scenario.stage(Timings::fargate(), clock).map_err(|error| {
        Failure::usage("the scenario does not hold together")
            .caused_by(&error)
            .hint("the README of ecs-simulator tells what a scenario takes")
    })?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    // What the services did before they were at rest lies in the past.
    let past = u64::try_from(cluster.now().as_millis()).unwrap_or(0);
    let mut builder = EcsServer::builder(cluster, tasks)
        .listen(args.listen.0)
        .place(args.region.clone(), args.account.clone())
        .epoch(now.saturating_sub(past))
        .throttle(!args.no_throttle);
    for action in &args.deny {
        builder = builder.deny(&action.0);
    }
    let server = builder.start().await.map_err(|error| {
        Failure::unreachable(format!("cannot listen on `{}`", args.listen.0))
            .caused_by(&error)
            .hint("port 0 takes a free one")
    })?;
    announce(args, scenario, &server, printer)?;
    let signal = stop.as_mut().await;
    printer.note(&format!("ended by {signal}"));
    server.shutdown().await;
    Ok(Exit::Done)
}

fn announce(
    args: &Args,
    scenario: &Scenario,
    server: &EcsServer,
    printer: &Printer,
) -> Result<(), Failure> {
    let services: Vec<&str> = scenario
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    match printer.format() {
        // One line, so that whoever started the server can read it without waiting for an end.
        Format::Json => printer.line(
            &json!({
                "url": server.url(),
                "cluster": scenario.cluster,
                "services": services,
                "time_factor": args.time_factor.0,
            })
            .to_string(),
        )?,
        _ => printer.line(&server.url())?,
    }
    let what = match services.len() {
        0 => "no service".to_owned(),
        1 => format!("the service {}", services[0]),
        more => format!("{more} services"),
    };
    printer.note(&format!(
        "cluster {} with {what}; {} s of the model in a second",
        scenario.cluster, args.time_factor.0
    ));
    printer.note(&format!(
        "for clients: AWS_ENDPOINT_URL={} AWS_REGION={} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any",
        server.url(),
        args.region
    ));
    Ok(())
}
