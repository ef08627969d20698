//! Image-tagger from outside: the contract on every registry, and pushes through it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
#[cfg(feature = "testing")]
mod contract;
#[cfg(feature = "http")]
mod credentials;
#[cfg(feature = "aws")]
mod ecr;
#[cfg(feature = "http")]
mod http;
mod layout;
#[cfg(all(feature = "aws", feature = "http", feature = "testing"))]
mod moto;
mod push;
mod retention;
#[cfg(feature = "http")]
mod server;
