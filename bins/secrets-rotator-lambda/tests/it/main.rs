//! The steps on models, on real servers, and the function under a Runtime API on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod contract;
mod function;
mod interruptions;
mod invocations;
mod mongod;
mod mongodb;
mod protocol;
mod real;
#[path = "../../../alarm-notifier-lambda/tests/it/runtime.rs"]
mod runtime;
mod web;
