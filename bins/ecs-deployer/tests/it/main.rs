//! The binary as its users run it, against the simulator's server on loopback.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod interrupt;
#[cfg(test)]
mod moto;
#[cfg(test)]
mod site;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod verdicts;
