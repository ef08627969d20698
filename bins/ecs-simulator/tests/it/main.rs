//! The simulator as its clients see it: the AWS SDK, the deployer's own adapter, and whoever starts the binary.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod binary;
#[cfg(test)]
mod control;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod rollouts;
#[cfg(test)]
mod sdk;
#[cfg(test)]
mod site;
