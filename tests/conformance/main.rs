//! The conformance kit: its frames, and `run_child --check`.

mod faults;
mod frames;
mod kit;
mod malformed;
// Cargo runs no tests of example programs, so those of this file run here.
#[allow(dead_code, reason = "the tests in it use a part of it")]
#[path = "../../examples/run_child/check/raw.rs"]
mod raw;
