//! Capturing a structure as MessagePack through serde (feature `kv_serde`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::serde_probe::Probe;
use crate::msgpack::Reader;
use crate::text::discard;

/// The result of capturing a value.
pub(crate) enum Captured {
    /// The value was appended as serde serializes it.
    Structure,
    /// The value is a text. It is in the text buffer; this is its length before it was cut.
    Text(usize),
    /// Nothing was appended, because the format has no form for the value.
    Nothing,
}

/// Appends a structure to `bytes`, or puts the text of a value that is only a text into `text`.
pub(crate) fn capture(
    bytes: &mut Vec<u8>,
    text: &mut String,
    value: &log::kv::Value<'_>,
    limit: usize,
) -> Captured {
    let mut found = None;
    let probe = Probe {
        text,
        limit,
        found: &mut found,
    };
    let probed = catch_panic(|| value.serialize(probe)).is_some();
    match found {
        Some(length) => Captured::Text(length),
        None if probed && append(bytes, value, limit) => Captured::Structure,
        None => Captured::Nothing,
    }
}

fn append(bytes: &mut Vec<u8>, value: &log::kv::Value<'_>, limit: usize) -> bool {
    let start = bytes.len();
    // Human-readable, so that an IP address or a UUID becomes text.
    let mut serializer = rmp_serde::Serializer::new(&mut *bytes)
        .with_struct_map()
        .with_human_readable();
    let serialized = catch_panic(|| value.serialize(&mut serializer));
    let mut reader = Reader::new(&bytes[start..]);
    let fits = matches!(serialized, Some(Ok(())))
        && reader.value(0).is_ok()
        && reader.remaining() == 0
        && reader.position() <= limit;
    if !fits {
        bytes.truncate(start);
    }
    fits
}

/// Runs the serialization of a value, which is foreign code. Returns `None` if it panics.
fn catch_panic<T>(serialize: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(serialize))
        .map_err(discard)
        .ok()
}
