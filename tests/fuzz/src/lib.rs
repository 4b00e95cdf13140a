//! What the fuzz targets share: a driver, a bound on memory, readers of every input and oracles.
//!
//! Each target is a program of its own in `bin/`; `run` builds them with coverage and runs them.

pub mod ceiling;
pub mod chunks;
pub mod driver;
pub mod frames;
pub mod input;
pub mod reading;
pub mod reference;
pub mod safe_text;
pub mod seeds;
