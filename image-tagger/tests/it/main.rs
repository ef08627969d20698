//! Image-tagger from outside: the contract on every registry, and pushes through it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
#[cfg(feature = "testing")]
mod contract;
#[cfg(feature = "http")]
mod credentials;
#[cfg(feature = "aws")]
mod ecr;
mod fleet;
#[cfg(feature = "http")]
mod http;
mod layout;
#[cfg(all(feature = "aws", feature = "http", feature = "testing"))]
mod moto;
#[cfg(feature = "server")]
mod protocol;
mod push;
#[cfg(all(feature = "http", feature = "server"))]
mod quirks;
mod retention;
#[cfg(all(feature = "http", feature = "server"))]
mod served;
#[cfg(feature = "http")]
mod server;
mod sources;
mod support;
#[cfg(all(feature = "http", feature = "server"))]
mod tokens;
#[cfg(feature = "server")]
mod uploads;
#[cfg(feature = "server")]
mod wire;
