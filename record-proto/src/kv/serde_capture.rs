//! Capturing a structure as MessagePack through serde (feature `kv_serde`).

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::Serialize;

use super::serde_probe::Probe;
use crate::msgpack::Reader;
use crate::text::discard;

/// The result of capturing a value.
pub(crate) enum Captured {
    /// The value was written as serde serializes it.
    Structure,
    /// The value is a text. It is in the text buffer; this is its length before it was cut.
    Text(usize),
    /// The value has to become text: the format has no form for it, it is too long, or it has too many values.
    Nothing,
}

/// Writes a structure to `bytes`, or puts the text of a value that is only a text into `text`.
///
/// `limit` is the length of the longest structure and of the longest text, in bytes. `values_left` is the number of
/// values that a structure may have. If a structure is written, its values are subtracted.
pub(crate) fn capture(
    bytes: &mut Vec<u8>,
    text: &mut String,
    value: &log::kv::Value<'_>,
    limit: usize,
    values_left: &mut usize,
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
        None if probed && structure(bytes, value, limit, values_left) => Captured::Structure,
        None => Captured::Nothing,
    }
}

fn structure(
    bytes: &mut Vec<u8>,
    value: &log::kv::Value<'_>,
    limit: usize,
    values_left: &mut usize,
) -> bool {
    bytes.clear();
    // Human-readable, so that an IP address or a UUID becomes text.
    let mut serializer = rmp_serde::Serializer::new(Limited { bytes, limit })
        .with_struct_map()
        .with_human_readable();
    let serialized = catch_panic(|| value.serialize(&mut serializer));
    let mut reader = Reader::with_value_limit(bytes, *values_left);
    let is_valid =
        matches!(serialized, Some(Ok(()))) && reader.value(0).is_ok() && reader.remaining() == 0;
    if is_valid {
        *values_left = reader.values_left();
    }
    is_valid
}

/// Appends to `bytes`, and fails if there would be more than `limit` or if there is no memory for them.
#[derive(Debug)]
struct Limited<'b> {
    bytes: &'b mut Vec<u8>,
    limit: usize,
}

impl io::Write for Limited<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes
            .try_reserve(piece.len())
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the serialization of a value, which is foreign code. Returns `None` if it panics.
fn catch_panic<T>(serialize: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(serialize))
        .map_err(discard)
        .ok()
}
