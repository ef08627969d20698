//! Whole checks of real loopback servers, and the adapter of AWS against replayed answers.
#![cfg(any(feature = "http", all(feature = "aws", feature = "testing")))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[cfg(feature = "http")]
mod addresses;
#[cfg(all(feature = "aws", feature = "testing"))]
mod aws;
#[cfg(feature = "http")]
mod course;
#[cfg(feature = "http")]
mod matrix;
#[cfg(feature = "http")]
mod protocols;
#[cfg(feature = "http")]
mod quality_gate;
#[cfg(feature = "http")]
mod real;
#[cfg(feature = "http")]
mod server;
#[cfg(feature = "http")]
mod web;
#[cfg(feature = "http")]
mod wire;
