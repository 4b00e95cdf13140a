//! What the fuzz targets share: a driver, a bound on memory, readers of every input and oracles.
//!
//! Each target is a program of its own in `bin/`; `run` builds them with coverage and runs them.

pub mod ceiling;
pub mod chunks;
pub mod driver;
pub mod frames;
pub mod reading;
pub mod reference;
pub mod rings;
pub mod safe_text;
pub mod seeds;

/// What the tests of record-proto read out of bytes too.
#[path = "../../../record-proto/tests/common/inputs/mod.rs"]
pub mod inputs;

pub use inputs::input;
