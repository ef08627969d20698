//! The binary from outside: real repositories, real processes, loopback only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod aws;
mod bad_input;
mod demo;
mod e2e;
mod gate;
mod generated;
mod interrupt;
mod lock;
mod lock_s3;
mod maven;
mod moto;
mod notify;
mod outputs;
mod repo;
mod rollback;
mod run;
mod stages;
mod workflows;
