//! The stage of the record itself: captured from a log call or decoded, and handed to a logger or to serde. It uses
//! `kv`, `msgpack` and `text`.

mod batch_info;
mod capture;
mod json;
mod log_record;
mod source;
mod spans;

pub use {
    batch_info::{BatchInfo, BatchReason},
    capture::{DEFAULT_TEXT_LIMIT, Scratch},
    log_record::{LogRecord, now},
    spans::{Span, Spans},
};
