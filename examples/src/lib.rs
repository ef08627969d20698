//! One small program per windlass crate, embedding it
