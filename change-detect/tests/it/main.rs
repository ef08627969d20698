//! Change detection as its users see it, on simulated repositories and on git's.

// Always true here; it tells the lints that helpers are tests as well.
#[cfg(test)]
mod base;
#[cfg(test)]
mod cargo;
#[cfg(test)]
mod directories;
#[cfg(feature = "git")]
#[cfg(test)]
mod git;
#[cfg(test)]
mod go;
#[cfg(test)]
mod gradle;
#[cfg(test)]
mod limit;
#[cfg(test)]
mod maven;
#[cfg(test)]
mod npm;
#[cfg(test)]
mod reactor;
#[cfg(test)]
mod removed;
#[cfg(test)]
mod support;
#[cfg(test)]
mod unknown;
