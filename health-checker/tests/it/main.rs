//! Whole checks of real loopback servers.
#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod addresses;
mod matrix;
mod protocols;
mod quality_gate;
mod real;
mod server;
mod web;
mod wire;
