//! The conformance kit: its frames, and `run_child --check`.

mod faults;
mod frames;
mod kit;
mod malformed;
