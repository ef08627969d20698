//! What changed between two commits, which modules and services it affects, and in what order to build them
