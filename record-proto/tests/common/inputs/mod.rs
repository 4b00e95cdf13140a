//! Test cases that are read out of bytes, and what must hold for them. The fuzz targets of the same names share them.

pub mod expected;
pub mod input;
pub mod known_decoder;
pub mod log_call;
pub mod one_pass;
pub mod payloads;
pub mod shown;
mod span_call;
pub mod visited;
