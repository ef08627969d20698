//! The library as its users see it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails"
)]

mod alarms;
mod hostile;
#[cfg(all(test, feature = "http", feature = "testing"))]
mod stub;
mod validators;
