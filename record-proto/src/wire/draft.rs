//! `Draft`: a record that is formatted and has no sequence number yet, and the parts that it gets last.

use super::encode_record::error_info;
use super::payload;
use crate::kv::PairBuffers;
use crate::msgpack::{Backwards, Cursor, MsgpackWrite, write};

/// The number of fields of each record: all up to the instance.
const FIELDS: u8 = 18;

/// The parts of the buffer that hold a record which is formatted and has no sequence number yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) time: u64,
    /// The position of level and target.
    pub(super) front_at: usize,
    /// The position of the identity.
    pub(super) identity_at: usize,
    pub(super) identity_length: usize,
    pub(super) generation: u64,
    pub(super) end: usize,
    /// The end of the whole record; 0 before the fields after the key-values are written.
    pub(super) whole_end: usize,
    /// The length of the message before it was cut; `None` if it is whole.
    pub(super) original_length: Option<u64>,
    /// The number of spans.
    pub(super) spans: usize,
    /// Whether the record has an error or spans, or its message was cut: then it does not end as most records do.
    pub(super) has_own_end: bool,
    /// Whether a part is missing because there was no memory for it.
    pub(super) has_failed: bool,
}

impl Draft {
    pub(super) const NONE: Self = Self {
        time: 0,
        front_at: 0,
        identity_at: 0,
        identity_length: 0,
        generation: 0,
        end: 0,
        whole_end: 0,
        original_length: None,
        spans: 0,
        has_own_end: false,
        // A record that was never formatted has no frame.
        has_failed: true,
    };
}

/// Writes length, kind, sequence number and time in front of level and target, and returns the whole frame.
#[inline(always)]
pub(super) fn write_prefix<'b>(buffer: &'b mut [u8], draft: &Draft, seq: u64) -> &'b [u8] {
    let mut prefix = Backwards::new(buffer, draft.front_at);
    prefix.uint(draft.time);
    prefix.uint(seq);
    let payload = prefix.len_after() + 4;
    // The cast loses nothing: the limits of a record are far below 4 GiB.
    let [a, b, c, d] = (payload as u32).to_be_bytes();
    prefix.block((&[a, b, c, d, payload::RECORD, 0xdc, 0, FIELDS], 8));
    let start = prefix.position();
    &buffer[start..]
}

/// Writes all fields after the key-values of a record that has an error or spans, or whose message was cut.
#[inline(never)]
pub(super) fn write_end(
    out: &mut Cursor<'_>,
    context: &[u8],
    pairs: &PairBuffers,
    draft: &Draft,
    spans: &[u8],
    instance: Option<u32>,
) {
    match context {
        [] => write::nil(out),
        context => out.append(context),
    }
    error_info(out, pairs.error_info().as_ref());
    write::optional_uint(out, draft.original_length);
    match draft.spans {
        0 => write::nil(out),
        count => {
            write::array_len(out, count);
            out.append(spans);
        }
    }
    write::optional_uint(out, instance.map(u64::from));
}
