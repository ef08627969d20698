//! Log-exporter from outside: the guarantee against every crash and fault of the simulators, and the adapters.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "aws")]
mod aws;
mod bulk;
#[cfg(feature = "testing")]
mod contract;
mod crash;
mod deadline;
mod folder;
#[cfg(feature = "parquet")]
mod foreign;
mod formats;
mod fresh;
mod gc;
mod late;
mod lost;
#[cfg(all(feature = "aws", feature = "testing"))]
mod moto;
mod random;
mod reading;
mod retention;
mod stage;
mod verify;
