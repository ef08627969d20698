//! The function under a Runtime API on loopback, with an AWS on loopback.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod function;
#[cfg(test)]
mod refreshes;
#[cfg(test)]
#[path = "../../../alarm-notifier-lambda/tests/it/runtime.rs"]
mod runtime;
