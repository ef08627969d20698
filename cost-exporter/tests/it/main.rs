//! The crate as its users see it.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod accounting;
#[cfg(all(test, feature = "aws", feature = "testing"))]
mod aws;
#[cfg(all(test, feature = "aws", feature = "testing"))]
mod connector;
#[cfg(test)]
mod engine;
#[cfg(all(test, feature = "testing"))]
mod ledgers;
#[cfg(all(test, feature = "aws", feature = "testing"))]
mod moto;
#[cfg(all(test, feature = "http", feature = "testing"))]
mod prometheus;
#[cfg(test)]
mod stage;
