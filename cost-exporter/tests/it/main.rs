//! The crate as its users see it.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod accounting;
#[cfg(test)]
#[cfg(all(feature = "aws", feature = "testing"))]
mod aws;
#[cfg(test)]
#[cfg(all(feature = "aws", feature = "testing"))]
mod connector;
#[cfg(test)]
mod engine;
#[cfg(test)]
#[cfg(feature = "testing")]
mod ledgers;
#[cfg(test)]
mod locks;
#[cfg(test)]
#[cfg(all(feature = "aws", feature = "testing"))]
mod moto;
#[cfg(test)]
#[cfg(all(feature = "http", feature = "testing"))]
mod prometheus;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod stage;
