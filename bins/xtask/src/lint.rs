//! `cargo xtask lint`: formatting, clippy, documentation.

use crate::cargo;
use crate::task::{Error, Verdict};

/// Runs the three, the quickest first, and stops at the first that finds something.
pub(crate) fn run() -> Result<Verdict, Error> {
    let format = cargo::cargo(["fmt", "--all", "--check"]);
    let clippy = cargo::cargo([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]);
    let mut doc = cargo::cargo([
        "doc",
        "--locked",
        "--workspace",
        "--no-deps",
        "--all-features",
    ]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    for mut step in [format, clippy, doc] {
        if !cargo::succeeds(&mut step)? {
            return Ok(Verdict::Bad);
        }
    }
    Ok(Verdict::Good)
}
