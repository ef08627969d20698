//! Change detection as its users see it, on simulated repositories and on git's.

mod directories;
#[cfg(feature = "git")]
mod git;
mod maven;
mod support;
mod unknown;
