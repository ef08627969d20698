//! Image-tagger from outside: the contract on every registry, and pushes through it.

#[cfg(feature = "testing")]
mod contract;
mod layout;
mod push;
