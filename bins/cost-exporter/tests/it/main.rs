//! The binary as its users see it.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
#[cfg(feature = "aws")]
mod aws;
#[cfg(test)]
mod export;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod report;
#[cfg(test)]
mod run;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod usage;
