//! The binary as its users run it, against a Slack on loopback.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod cards;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod render;
#[cfg(test)]
mod run;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod validate;
