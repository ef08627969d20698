//! What is done under the roles of the functions: the functions, and the programs of the same libraries.

use std::process::Command;

use crate::task::Error;

use super::super::account::binary;
use super::super::applied::{self, Applied};
use super::super::checkout::arguments;
use super::super::copy;
use super::super::function;
use super::super::gate::Session;
use super::super::http::{Response, Server};
use super::super::program::Said;
use super::{Role, Row, Scene};

/// What Lambda itself does under every function's role.
const LAMBDA: &[(&str, &str)] = &[
    ("OwnLog", "for Lambda, which writes the function's log"),
    (
        "DeadLetters",
        "for Lambda, which puts what failed for good into the queue",
    ),
];

/// Costs are put without a forecast and without the account's budgets.
const FORECAST: &[&str] = &["budgets:ViewBudget", "ce:GetCostForecast"];

/// A function is added by a role with its rows.
pub(super) const ROLES: [&Role; 3] = [&LOGS, &COSTS, &ALARMS];

const LOGS: Role = Role {
    name: "sdt-dev-log-exporter",
    policy: |applied: &Applied| applied.dev.policy("sdt-dev-log-exporter"),
    rows: &[
        Row {
            name: "log-exporter-lambda",
            program: "log-exporter-lambda",
            act: log_function,
            ends: 0,
            goes_on: &[],
            does_without: &[],
        },
        Row {
            name: "log-exporter export",
            program: "log-exporter",
            act: log_export,
            ends: 0,
            goes_on: &[],
            does_without: &[],
        },
    ],
    others: LAMBDA,
    own: None,
    deploys: false,
};

const COSTS: Role = Role {
    name: "sdt-dev-cost-exporter",
    policy: |applied: &Applied| applied.dev.policy("sdt-dev-cost-exporter"),
    rows: &[
        Row {
            name: "cost-exporter-lambda",
            program: "cost-exporter-lambda",
            act: cost_function,
            ends: 0,
            goes_on: FORECAST,
            does_without: &[],
        },
        Row {
            name: "cost-exporter export",
            program: "cost-exporter",
            act: cost_export,
            ends: 0,
            goes_on: FORECAST,
            does_without: &[],
        },
    ],
    others: LAMBDA,
    own: None,
    deploys: false,
};

const ALARMS: Role = Role {
    name: "sdt-dev-alarm-notifier",
    policy: |applied: &Applied| applied.dev.policy("sdt-dev-alarm-notifier"),
    rows: &[Row {
        name: "alarm-notifier-lambda",
        program: "alarm-notifier-lambda",
        act: alarm_function,
        ends: 0,
        goes_on: &[],
        does_without: &[],
    }],
    others: LAMBDA,
    own: None,
    deploys: false,
};

impl Scene<'_> {
    /// Hands an event to a function in the environment that Terraform gives it, with these variables beside.
    fn invoke(
        &self,
        program: &str,
        name: &str,
        event: &str,
        more: &[(&'static str, String)],
    ) -> Result<Said, Error> {
        self.invoke_as(&self.session, program, name, event, more)
    }

    /// The same as another session.
    pub(super) fn invoke_as(
        &self,
        session: &Session,
        program: &str,
        name: &str,
        event: &str,
        more: &[(&'static str, String)],
    ) -> Result<Said, Error> {
        let folder = self
            .applied
            .account
            .scratch(&format!("run-{}", self.number))?;
        let planned = applied::variables(&self.applied.dev, name);
        let mut variables = self.applied.account.variables(&session.key, &folder);
        variables.extend(more.iter().cloned());
        let mut all: Vec<(&str, String)> = planned
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        all.extend(variables);
        function::invoke(Command::new(binary(program)), name, event, &all)
    }

    fn command(&self, program: &str, words: &[&str]) -> Result<Said, Error> {
        let folder = self
            .applied
            .account
            .scratch(&format!("run-{}", self.number))?;
        self.applied
            .account
            .run(&self.session, &folder, program, &arguments(words))
    }
}

/// The rate is a quota of the account, which nobody else uses here.
const RATE: (&str, &str) = ("RATE", "1000");

fn log_function(scene: &Scene<'_>) -> Result<Said, Error> {
    scene.invoke(
        "log-exporter-lambda",
        "sdt-dev-log-exporter",
        "{}",
        &[(RATE.0, RATE.1.to_owned())],
    )
}

fn log_export(scene: &Scene<'_>) -> Result<Said, Error> {
    let bucket = scene
        .applied
        .dev
        .output("log_archive_bucket")
        .as_str()
        .unwrap_or_default();
    let words = [
        "export",
        "--prefix",
        "/ecs/sdt-dev-user",
        "--bucket",
        bucket,
        "--from",
        "6h",
        "--rate",
        RATE.1,
    ];
    scene.command("log-exporter", &words)
}

fn cost_function(scene: &Scene<'_>) -> Result<Said, Error> {
    scene.invoke("cost-exporter-lambda", "sdt-dev-cost-exporter", "{}", &[])
}

fn cost_export(scene: &Scene<'_>) -> Result<Said, Error> {
    let (ledger, sink) = applied::costs_of(&scene.applied.dev);
    scene.command(
        "cost-exporter",
        &[
            "export",
            "--sink",
            &sink,
            "--tag",
            "Environment",
            "--ledger",
            &ledger,
        ],
    )
}

fn alarm_function(scene: &Scene<'_>) -> Result<Said, Error> {
    let slack = Server::start(std::sync::Arc::new(|_| {
        Response::new(200, "text/html", "ok")
    }))
    .map_err(|source| Error::broken("cannot start a webhook", source))?;
    let event = crate::cargo::root().join("notifier/tests/data/alarms/metric.json");
    let webhook = format!("{}/hook", slack.url());
    scene.invoke(
        "alarm-notifier-lambda",
        "sdt-dev-alarm-notifier",
        &copy::read(&event)?,
        &[("SLACK_WEBHOOK_URL", webhook)],
    )
}
