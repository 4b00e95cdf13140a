//! The stage of the record itself: decoded, or made by hand, and passed to a logger or to serde. It uses `kv`,
//! `msgpack` and `text`.

mod batch_info;
mod encoded_span;
mod identity;
mod json;
mod log_record;
mod origin;
mod source;
mod spans;
mod view;

pub use {
    batch_info::{BatchInfo, BatchReason},
    encoded_span::EncodedSpan,
    identity::Identity,
    log_record::{LogRecord, now},
    origin::Origin,
    source::PairSource,
    spans::{Span, Spans},
    view::RecordView,
};
