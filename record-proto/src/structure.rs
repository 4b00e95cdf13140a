//! Values that serde can take apart.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use crate::{format::discard, unpack::Reader};

/// Appends what serde makes of a value; `false`, and nothing appended, where the format has no form for it.
pub(crate) fn push(bytes: &mut Vec<u8>, value: &log::kv::Value<'_>, limit: usize) -> bool {
    let start = bytes.len();
    // Formats for people show an IP address or a UUID as text.
    let mut serializer = rmp_serde::Serializer::new(&mut *bytes)
        .with_struct_map()
        .with_human_readable();
    let serialized = catch_unwind(AssertUnwindSafe(|| value.serialize(&mut serializer)));
    let serialized = serialized.unwrap_or_else(|panic| {
        discard(panic);
        Err(serde::ser::Error::custom("panicked"))
    });
    let mut reader = Reader::new(&bytes[start..]);
    let fits = serialized.is_ok()
        && reader.value(0).is_ok()
        && reader.remaining() == 0
        && reader.position() <= limit;
    if !fits {
        bytes.truncate(start);
    }
    fits
}
