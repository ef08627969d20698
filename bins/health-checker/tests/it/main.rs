//! The binary as its users run it, against servers on loopback.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod quality_gate;
#[cfg(test)]
mod run;
#[cfg(test)]
mod usage;
