//! The binary from outside: real repositories, real processes, loopback only.

mod aws;
mod bad_input;
mod demo;
mod interrupt;
mod maven;
mod notify;
mod outputs;
mod repo;
mod run;
