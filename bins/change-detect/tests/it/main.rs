//! The binary as its users run it, on repositories of the real git's.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bases;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod events;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod repo;
#[cfg(test)]
mod shallow;
