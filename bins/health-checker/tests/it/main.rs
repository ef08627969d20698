//! The binary as its users run it, against servers on loopback.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod check;
#[cfg(test)]
mod demands;
#[cfg(test)]
#[cfg(feature = "aws")]
mod deployment;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod quality_gate;
#[cfg(test)]
mod run;
#[cfg(test)]
mod server;
#[cfg(test)]
mod usage;
