//! The crate as its users see it.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod accounting;
#[cfg(test)]
mod engine;
#[cfg(all(test, feature = "testing"))]
mod ledgers;
#[cfg(test)]
mod stage;
