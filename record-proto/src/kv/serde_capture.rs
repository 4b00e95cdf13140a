//! Values that serde can take apart.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::serde_probe::Probe;
use crate::msgpack::Reader;
use crate::text::discard;

/// What became of a value.
pub(crate) enum Captured {
    /// It was appended as what serde makes of it.
    Structure,
    /// It is a text: that is in the buffer, and this is how long it was before it was cut.
    Text(usize),
    /// Nothing was appended: the format has no form for it.
    Nothing,
}

/// Appends a structure to `bytes`, or leaves the text of a value that has only that in `text`.
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
    let looked_at = catch_panic(|| value.serialize(probe)).is_some();
    match found {
        Some(length) => Captured::Text(length),
        None if looked_at && append(bytes, value, limit) => Captured::Structure,
        None => Captured::Nothing,
    }
}

fn append(bytes: &mut Vec<u8>, value: &log::kv::Value<'_>, limit: usize) -> bool {
    let start = bytes.len();
    // Formats for people show an IP address or a UUID as text.
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

/// `None` where it panics: how a value is serialized is anybody's code.
fn catch_panic<T>(serialize: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(serialize))
        .map_err(discard)
        .ok()
}
