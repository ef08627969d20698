//! Models of the outside systems: a bill that is made day by day, a ledger in memory, and sinks that remember.
//!
//! They keep the contracts of their traits, and can be told to fail in the ways that production does.

mod bill;
mod ledger;
mod sinks;
mod source;

pub use bill::SimBill;
pub use ledger::MemoryLedger;
pub use sinks::SimSink;
pub use source::{SimFault, SimForecast, SimSource};
