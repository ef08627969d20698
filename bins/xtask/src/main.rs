//! Developers' tasks of the windlass workspace

fn main() {}
