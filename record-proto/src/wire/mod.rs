//! The stage inside a frame: encodes and decodes payloads (a kind and its fields), splits and joins them, and has their
//! errors. It uses `record`, `kv`, `msgpack` and `text`.

mod call_site;
mod decode;
mod draft;
mod encode;
mod encode_record;
mod error;
mod event;
mod fields;
mod fragment;
mod known;
mod message_writer;
mod payload;
mod reassembler;
mod record_decoder;
mod record_encoder;
mod scratch;
mod span_writer;
mod truncate;
mod unnumbered;

pub use {
    encode::{Encode, HEAD_LENGTH},
    error::{CodecError, fmt_with_sources},
    event::Event,
    fragment::{FRAGMENT_OVERHEAD, Fragment, split},
    message_writer::MessageWriter,
    payload::{Close, Dropped, Hello, Levels, Payload, VERSION},
    reassembler::{
        DEFAULT_REASSEMBLY_LIMIT, DEFAULT_RECORD_LIMIT, Progress, Reassembler, Rejected,
    },
    record_decoder::RecordDecoder,
    record_encoder::{DEFAULT_TEXT_LIMIT, RecordEncoder},
    scratch::Scratch,
    span_writer::SpanWriter,
    unnumbered::{put_batched_record, set_seq, unnumbered_fields},
};
