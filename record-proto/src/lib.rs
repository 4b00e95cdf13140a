//! One log record, typed and whole, as a length-prefixed MessagePack frame on any transport.
//!
//! A writer goes down the left side, and a reader goes up the right side. The brackets name the source folders of each
//! step, whose files are listed in the [map](#map-of-the-source) below.
//!
//! ```text
//!   log::Record                                                          log::Record
//!       |  Scratch::capture         [wire, kv, msgpack, text]                ^  LogRecord::with_record  [record, kv]
//!       v                                                                    |
//!   LogRecord, borrows from the Scratch            LogRecord, borrows from the payload
//!       |  Encode::encode              [wire, kv, msgpack]                   ^  Payload::decode, Frame::decode
//!       v                                                                    |
//!   payload = kind fields  ---- a datagram, a NATS or Redis message ---->  payload
//!       |  RecordCodec                 [stream]                              ^  RecordCodec
//!       v                                                                    |
//!   frame = length payload  ------- a pipe, a socket, a file ----------->  Frame, owns the payload
//! ```
//!
//! If a record's payload is too long for one frame or message, [`split`] cuts it into [`Fragment`]s, and a
//! [`Reassembler`] joins them to the payload again. A *fragment stream* is the fragments of one thread, marked with a
//! number that no other thread on the pipe has. Without tokio-util, [`Encode::encode_frame`] writes a frame.
//!
//! The crate has no pipes, no tasks and no global logger. `pipe-handler` uses it in a child process, and
//! `pipe-subscriber` uses it in the parent. On another transport it is used by itself, with tokio-util's `FramedRead`
//! and `FramedWrite`:
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
//!     // An `Err` here ends the stream. An error of decode() concerns one payload only.
//!     match frame?.decode() {
//!         Ok(Payload::Record(record)) => assert_eq!(record.message, "low on disk"),
//!         Ok(_other) => {}
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! [`PROTOCOL.md`](https://docs.rs/crate/record-proto/latest/source/PROTOCOL.md) describes the wire format, with worked
//! bytes. The fields of a payload are a positional MessagePack array, to which fields are only ever appended. Every
//! frame can be read by itself.
//!
//! # Guarantees
//!
//! - Encoding cannot fail. A value whose `Display` fails or panics becomes a marker text
//!   ([`FORMATTING_FAILED`], [`FORMATTING_PANICKED`]).
//! - No input makes the decoder panic, recurse deeply, loop or allocate out of proportion. Decoding a record allocates
//!   nothing: texts borrow from the payload, and key-values stay checked bytes that are read on demand. The exceptions
//!   are an error, and a record with too many values, of which the first ones are copied.
//! - The work for one record is bounded. At most 8,192 values (pairs, list items, spans, sources) of a record are kept,
//!   and a mark replaces the others ([`DEFAULT_VALUE_LIMIT`], set by [`Payload::decode_with_limit`]). A record in
//!   fragments has at most 384 KiB ([`DEFAULT_RECORD_LIMIT`], set by [`Reassembler::with_record_limit`]).
//! - Frames of version 1 decode for ever. A reader accepts fewer fields and more, and skips kinds that it does not
//!   know.
//!
//! It is *not* guaranteed that a pid, a time or a name is true. A stream contains whatever its writer writes.
//!
//! # Costs
//!
//! For a message of 56 bytes and two key-values, a handler encodes a log call in 91 ns, the clock included.
//! [`Payload::decode`] takes 70 ns. Neither allocates. (A Xeon of 2 cores; `cargo run --release --manifest-path
//! tests/bench/Cargo.toml -- micro` in the project's repository.) For a reader of many small frames,
//! `RecordCodec::batched` takes all available frames off the stream together.
//!
//! # Key-values
//!
//! | in the log call | arrives as |
//! |---|---|
//! | booleans, integers of up to 64 bits, floats, strings | the same type |
//! | `char` | text |
//! | 128-bit integers | an integer if it fits 64 bits, else decimal text |
//! | `:err` errors | text, and for the first of a record [`ErrorInfo`] with its sources |
//! | `:serde` structures | lists and maps with the feature `kv_serde`, else the text that `Debug` or `Display` prints |
//! | `:?` and `:%` | text |
//!
//! Structures are captured through `rmp-serde`: 128-bit integers *inside* them become 16 big-endian bytes. A structure
//! becomes text if it nests deeper than 8, has keys that are not text, is longer than the longest text, or has more
//! values than the record has room for.
//!
//! # Features
//!
//! - `codec` (default): [`RecordCodec`] on tokio-util. Without it the crate needs neither tokio nor tokio-util.
//! - `shared-buffer` (default): the rings of the shared buffer, for the sibling crates. They are hidden here and may
//!   change; PROTOCOL.md describes the memory.
//! - `kv_serde`: structures among the key-values keep their structure, in both directions.
//!
//! # Map of the source
//!
//! Reading goes `stream`, `wire`, `record`; writing goes `wire`, then `stream` if a codec is used. Each
//! folder uses only folders after it in the list.
//!
//! The sibling crates take a shorter way, on which no `LogRecord` is built. `pipe-handler` encodes a log call straight
//! into a frame, in one pass: the message and the key-values are formatted at their place in the frame.
//! `pipe-subscriber` decodes a plain record, as nearly all are, to a view that borrows from the payload and from parts
//! that earlier records had too. It decodes every other record to a `LogRecord`, as in the picture above. A `Scratch`
//! uses the same encoder and decodes its payload.
//!
//! `pipe-handler` encodes frames by `RecordEncoder`. Of `stream` it uses only the rings.
//!
//! The methods of `LogRecord` are in six files: `log_record.rs`, `view.rs` and `json.rs` (serde) of `record`, and
//! `decode.rs`, `encode_record.rs` and `truncate.rs` of `wire`.
//!
//! - `stream`: frames on a byte stream.
//!   - `codec.rs`: `RecordCodec` and `BatchCodec`, which find frames; the length of a frame is checked here.
//!   - `frame.rs`: `Frame`, one payload as it was received, and the default maximum length.
//!   - `batch.rs`: `Batch`, several whole frames in one buffer.
//!   - `ring/`: frames in memory that two processes share; its `mod.rs` lists the files.
//! - `wire`: payloads, which are a kind and its fields.
//!   - `payload.rs`: `Payload`, the kinds, and the types `Hello`, `Dropped`, `Close` and `Levels`.
//!   - `decode.rs`: decodes a payload of any kind, and applies the limit on values.
//!   - `record_decoder.rs`: `RecordDecoder`, which decodes plain records, and decodes repeated parts only once.
//!   - `known.rs`: the repeated parts, found again by their encoded bytes.
//!   - `fields.rs`: reads the fields one by one; missing fields are read as nil and unknown ones skipped here.
//!   - `encode.rs`: `Encode`, with or without the length in front, and encoding every kind except a record.
//!   - `encode_record.rs`: encodes a `LogRecord`.
//!   - `event.rs`: `Event`, a log call as the encoder reads it; implemented for `log::Record`.
//!   - `record_encoder.rs`: `RecordEncoder`, which formats and encodes a log call in one pass, and counts its values.
//!   - `draft.rs`: `Draft`, a formatted record without its number, and the parts around it that are written last.
//!   - `message_writer.rs`: `MessageWriter`, which formats the message into the frame, and cuts it at its limit.
//!   - `span_writer.rs`: `SpanWriter`, which copies the spans of an event into the frame, and cuts them at their limit.
//!   - `unnumbered.rs`: takes the number off an encoded record, and later adds one and the batch.
//!   - `call_site.rs`: keeps the encoded level, target, module path, file and line of the call sites of a thread.
//!   - `scratch.rs`: `Scratch`, which captures a log call as a `LogRecord`.
//!   - `truncate.rs`: shortens a whole record to a payload limit, and its names to 1 KiB each.
//!   - `fragment.rs`: `Fragment`, and `split`, which cuts a payload into fragments.
//!   - `reassembler.rs`: `Reassembler`, which joins fragments, and limits a record's length and the memory for all.
//!   - `error.rs`: `CodecError`, the error that ends a stream.
//! - `record`: one record in memory.
//!   - `log_record.rs`: `LogRecord`, and `now`, the clock for its time.
//!   - `view.rs`: `RecordView`, a decoded record that borrows all of its parts; rebuilds a `log::Record` for a logger.
//!   - `source.rs`: the key-values for a logger, of a record that has more than scalars and of key-values by themselves.
//!   - `identity.rs`: `Identity`, the fields that are the same for all records of a thread.
//!   - `origin.rs`: `Origin`, the process, thread and call site of a decoded record.
//!   - `spans.rs`: `Spans` and `Span`.
//!   - `encoded_span.rs`: `EncodedSpan`, a span that is encoded once, for all records within it.
//!   - `batch_info.rs`: `BatchInfo`, the batch that a record is part of.
//!   - `json.rs`: serde for `LogRecord`; the names and forms of a record's JSON are defined here.
//! - `kv`: the key-values of a record.
//!   - `key_values.rs`: the methods of `KeyValues`, the pairs as one encoded map.
//!   - `value.rs`: `Value`, `List` and `KeyValues`.
//!   - `error_info.rs`: `ErrorInfo`, an error with its sources, and the way back to a `dyn Error`.
//!   - `pair_writer.rs`: `PairWriter`, which writes the pairs of a log call into the frame, and stops at a limit.
//!   - `value_writer.rs`: `ValueWriter`, which writes one value, and keeps the first error with its sources.
//!   - `pair_buffers.rs`: the buffers that both reuse.
//!   - `encoded_pairs.rs`: `EncodedPairs`, key-values that are encoded once and copied into many records.
//!   - `serde_probe.rs`: tells a structure from a value that is only a text.
//!   - `serde_capture.rs`: turns a structure into MessagePack, by `rmp-serde`.
//!   - `hints.rs`: checks the pairs of a received map, cuts them at the limit, and collects facts about them.
//!   - `known_pairs.rs`: checks the pairs of a plain record, whose keys are known from earlier records.
//!   - `map_texts.rs`: copies key-values with other texts, for escaping.
//!   - `display.rs`: prints values and key-values as text; JSON is written and escaped here without serde.
//!   - `json.rs`: serde for values, lists and key-values.
//! - `msgpack`: MessagePack, object by object.
//!   - `read.rs`: `Reader`, which checks everything that it reads, and the default limit on values.
//!   - `check.rs`: checks values within the limit and the depth, and skips objects.
//!   - `known_text.rs`: recognises a text by its bytes, if it was checked before.
//!   - `token.rs`: `Token`, one decoded marker.
//!   - `reason.rs`: `PayloadError` and its `Reason`: how a payload is malformed.
//!   - `write.rs`: appends objects in their shortest form.
//!   - `cursor.rs`: the buffer of a frame, which is reused and grows only if it must.
//!   - `backwards.rs`: writes objects in front of others.
//!   - `block.rs`: encoded bytes that are copied into each record.
//! - `text`: plain text.
//!   - `format.rs`: runs a foreign `Display`, and catches its errors and panics.
//!   - `truncate.rs`: cuts one text at a character boundary, and puts a mark at its end.
//!   - `control.rs`: finds control characters.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// The map of the source, in the docs above, says in which order a record passes these folders.
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
    msgpack::{DEFAULT_VALUE_LIMIT, PayloadError, Reason},
    record::{BatchInfo, BatchReason, LogRecord, Span, Spans, now},
    stream::{DEFAULT_MAX_FRAME_LENGTH, Frame},
    text::{FORMATTING_FAILED, FORMATTING_PANICKED, has_control, is_control},
    wire::{
        Close, CodecError, DEFAULT_REASSEMBLY_LIMIT, DEFAULT_RECORD_LIMIT, DEFAULT_TEXT_LIMIT,
        Dropped, Encode, FRAGMENT_OVERHEAD, Fragment, HEAD_LENGTH, Hello, Levels, Payload,
        Progress, Reassembler, Rejected, Scratch, VERSION, split,
    },
};
// Hidden because these are for the sibling crates only; they may change.
#[doc(hidden)]
pub use {
    kv::{EncodedPairs, PairWriter, TextPlace, ValueWriter},
    record::{EncodedSpan, Identity, Origin, PairSource, RecordView},
    text::find_control,
    wire::{
        Event, MessageWriter, RecordDecoder, RecordEncoder, SpanWriter, fmt_with_sources,
        put_batched_record, set_seq, unnumbered_fields,
    },
};

#[cfg(all(feature = "shared-buffer", target_has_atomic = "64"))]
#[doc(hidden)]
pub use stream::ring::{
    BufferReader, Header, Layout, LayoutError, Next, NoRoom, Place, Reader, RingError, RingWords,
    RingWriter, release,
};
#[cfg(all(feature = "shared-buffer", record_proto_hooks))]
#[doc(hidden)]
pub use stream::ring::{Hooks, set_hooks};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
