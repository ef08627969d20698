//! The function under a Runtime API on loopback, talking to a Slack on loopback.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod alarms;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod function;
#[cfg(test)]
mod runtime;
#[cfg(test)]
mod settings;
