//! The stage inside a frame: payloads (a kind and its fields), fragments, and their errors. It uses `record`, `kv`,
//! `msgpack` and `text`.

mod decode;
mod encode;
mod encode_record;
mod error;
mod fields;
mod fragment;
mod payload;
mod reassembler;
mod truncate;

pub use {
    encode::{Encode, HEAD_LENGTH},
    error::{CodecError, PayloadError, fmt_with_sources},
    fragment::{FRAGMENT_OVERHEAD, Fragment, split},
    payload::{Close, Dropped, Hello, Levels, Payload, VERSION},
    reassembler::{DEFAULT_REASSEMBLY_LIMIT, Progress, Reassembler, Rejected},
};
