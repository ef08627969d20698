//! The function under a Runtime API on loopback, talking to moto.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod events;
#[cfg(test)]
mod function;
#[cfg(test)]
#[path = "../../../alarm-notifier-lambda/tests/it/runtime.rs"]
mod runtime;
#[cfg(test)]
mod settings;
