//! The stage of a record's key-values: captured, kept as checked MessagePack, read on demand, printed. It uses
//! `msgpack` and `text`.

mod capture;
mod display;
mod error_info;
mod hints;
mod json;
mod key_values;
#[cfg(feature = "kv_serde")]
mod serde_capture;
#[cfg(feature = "kv_serde")]
mod serde_probe;
mod value;

pub(crate) use {capture::KeyValueBuffer, display::escape, hints::Hints};
pub use {
    error_info::{ChainedError, ErrorInfo, Sources},
    key_values::KeyValues,
    value::{List, Value},
};
