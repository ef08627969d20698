//! The binary as its users run it: usage without anything, the rest against moto.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod archive;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod moto;
#[cfg(test)]
mod site;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod usage;
