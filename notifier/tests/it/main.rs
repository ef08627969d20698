//! The library as its users see it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails"
)]

mod alarms;
mod hostile;
#[cfg(all(test, feature = "http", feature = "testing"))]
mod stub;
// Rendering does not depend on features, and this takes long: it runs with all of them only.
#[cfg(all(test, feature = "testing"))]
mod validators;
