//! One log record, typed and whole, as a length-prefixed MessagePack frame on any transport.
//!
//! ```text
//!   log::Record                                                   log::Record
//!       |  Scratch::capture                                           ^  LogRecord::with_record
//!       v                                                             |
//!   LogRecord<'_>  (borrows from the record)      LogRecord<'_>  (borrows from the frame)
//!       |  Encode::encode                                             ^  Payload::decode, Frame::decode
//!       v                                                             |
//!   payload = kind fields  ----- a datagram, a NATS or Redis message --->  payload
//!       |  Encode::encode_frame, RecordCodec                          ^  RecordCodec
//!       v                                                             |
//!   frame = length payload ----- a pipe, a socket, a file ----------->  Frame (owns Bytes)
//! ```
//!
//! The crate knows no pipes, no tasks and no global logger. `pipe-handler` uses it in a child process and
//! `pipe-subscriber` in its parent; on another transport it is used by itself, with tokio-util's `FramedRead` and
//! `FramedWrite`:
//!
#![cfg_attr(feature = "codec", doc = "```")]
#![cfg_attr(not(feature = "codec"), doc = "```ignore")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use log::Level;
//! use record_proto::{Encode, LogRecord, Payload, RecordCodec};
//! use tokio_stream::StreamExt;
//! use tokio_util::codec::FramedRead;
//!
//! let mut stream = Vec::new();
//! LogRecord::new(Level::Warn, "worker", "low on disk").encode_frame(&mut stream);
//!
//! let mut frames = FramedRead::new(&stream[..], RecordCodec::new());
//! while let Some(frame) = frames.next().await {
//!     // An `Err` here ends the stream; what is wrong with one payload only is found by decode().
//!     match frame?.decode() {
//!         Ok(Payload::Record(record)) => assert_eq!(record.message, "low on disk"),
//!         Ok(_other) => {}
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! The wire format is described, with worked bytes, in
//! [`PROTOCOL.md`](https://docs.rs/crate/record-proto/latest/source/PROTOCOL.md): positional MessagePack arrays, to
//! which fields are only ever appended, every frame readable by itself.
//!
//! # What is promised
//!
//! - Encoding cannot fail. A value whose `Display` fails or panics becomes a marker text
//!   ([`FORMATTING_FAILED`], [`FORMATTING_PANICKED`]).
//! - No input makes the decoder panic, recurse deeply, loop or allocate out of proportion. Decoding a record allocates
//!   nothing: texts borrow from the payload, key-values stay checked bytes that are read on demand.
//! - Frames of version 1 decode for ever. A reader takes fewer fields and more, and skips kinds it does not know.
//!
//! What is *not* promised: that a pid, a time or a name is true. A stream says what its writer says.
//!
//! # What it costs
//!
//! For a message of 56 bytes and two key-values: capturing and encoding 127 ns, of which the clock takes 22 and formatting 51;
//! decoding 65 ns; no allocation. Where many small frames arrive at once, `RecordCodec::batched` takes them off the stream
//! together.
//!
//! # Key-values
//!
//! | of the log call | arrives as |
//! |---|---|
//! | booleans, integers of up to 64 bits, floats, strings | the same type |
//! | `char` | text |
//! | 128-bit integers | an integer where it fits 64 bits, else decimal text |
//! | `:err` errors | text, and for the first of a record [`ErrorInfo`] with its sources |
//! | `:serde` structures | lists and maps with the feature `kv_serde`, else what `Debug` or `Display` prints |
//! | `:?` and `:%` | text |
//!
//! Structures are captured through `rmp-serde`: 128-bit integers *inside* them become 16 big-endian bytes, and a
//! structure that nests deeper than 8 or has keys that are no text becomes text.
//!
//! # Features
//!
//! - `codec` (default): [`RecordCodec`] on tokio-util. Without it the crate needs neither tokio nor tokio-util.
//! - `kv_serde`: structures among the key-values keep their structure, in both directions.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod kv;
mod msgpack;
mod record;
mod stream;
mod text;
mod wire;

#[cfg(feature = "codec")]
pub use stream::{Batch, BatchCodec, RecordCodec};
pub use {
    kv::{ChainedError, ErrorInfo, KeyValues, List, Sources, Value},
    msgpack::Reason,
    record::{BatchInfo, BatchReason, DEFAULT_TEXT_LIMIT, LogRecord, Scratch, Span, Spans, now},
    stream::{DEFAULT_MAX_FRAME_LENGTH, Frame},
    text::{FORMATTING_FAILED, FORMATTING_PANICKED, has_control, is_control},
    wire::{
        Close, CodecError, DEFAULT_REASSEMBLY_LIMIT, Dropped, Encode, FRAGMENT_OVERHEAD, Fragment,
        HEAD_LENGTH, Hello, Levels, Payload, PayloadError, Progress, Reassembler, Rejected,
        VERSION, fmt_with_sources, split,
    },
};
