//! The binary as its users run it, against registries on loopback.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod moto;
#[cfg(test)]
mod push;
#[cfg(test)]
mod site;
#[cfg(test)]
mod skopeo;
