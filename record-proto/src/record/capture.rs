use std::borrow::Cow;

use super::log_record::{LogRecord, now};
use crate::kv::{Hints, KeyValueBuffer, KeyValues};
use crate::text::{floor_boundary, format_args};

/// The longest message and the longest text of one value that a [`Scratch`] keeps unless told otherwise: 256 KiB.
pub const DEFAULT_TEXT_LIMIT: usize = 262_144;

/// Buffers for capturing records, reused from one to the next.
///
/// Once they have grown to the size of the records, capturing allocates nothing. It cannot fail either: a value whose
/// formatting fails or panics keeps the text so far and a marker behind it.
///
/// A message longer than the limit is cut at a character's boundary and has its
/// [`original_length`](LogRecord::original_length) noted; a longer text among the key-values says at its end that it
/// was cut.
///
/// ```
/// use record_proto::Scratch;
///
/// let mut scratch = Scratch::new();
/// let kvs = [("job", 7)];
/// let record = scratch.capture(
///     &log::Record::builder().args(format_args!("done")).key_values(&kvs).build(),
/// ).into_owned();
/// assert_eq!(record.message, "done");
/// assert_eq!(record.key_values.get("job"), Some(7.into()));
/// ```
#[derive(Debug)]
pub struct Scratch {
    message: String,
    pairs: KeyValueBuffer,
    message_limit: usize,
    value_limit: usize,
}

impl Scratch {
    /// Empty buffers.
    pub const fn new() -> Self {
        Self {
            message: String::new(),
            pairs: KeyValueBuffer::new(),
            message_limit: DEFAULT_TEXT_LIMIT,
            value_limit: DEFAULT_TEXT_LIMIT,
        }
    }

    /// Sets the longest message, and the longest text of one value, in bytes.
    #[must_use]
    pub const fn with_text_limit(mut self, bytes: usize) -> Self {
        self.set_limits(bytes, bytes);
        self
    }

    /// Sets the longest message and the longest text of one value in bytes, each by itself.
    pub const fn set_limits(&mut self, message: usize, value: usize) {
        self.message_limit = message;
        self.value_limit = value;
    }

    /// Takes in what a record says, with the present time. Everything else (seq, process, thread, context) is empty.
    pub fn capture<'s>(&'s mut self, record: &'s log::Record<'_>) -> LogRecord<'s> {
        let time = now();
        let (message, original_length) =
            capture_message(&mut self.message, record, self.message_limit);
        self.pairs.capture(record.key_values(), self.value_limit);
        LogRecord {
            time,
            original_length,
            module_path: record.module_path().map(Cow::Borrowed),
            file: record.file().map(Cow::Borrowed),
            line: record.line(),
            key_values: KeyValues::from_checked(self.pairs.map(), Hints::UNKNOWN),
            error: self.pairs.error_info(),
            ..LogRecord::empty(record.level(), record.target(), message)
        }
    }

    /// Gives memory back where an unusually large record made a buffer grow beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.message.clear();
        self.message.shrink_to(bytes);
        self.pairs.shrink_to(bytes);
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// The message within the limit, and its length where it had to be cut.
fn capture_message<'s>(
    buffer: &'s mut String,
    record: &log::Record<'s>,
    limit: usize,
) -> (&'s str, Option<u64>) {
    if let Some(text) = record.args().as_str() {
        let cut = (text.len() > limit).then_some(text.len() as u64);
        return (&text[..floor_boundary(text, limit)], cut);
    }
    let length = format_args(buffer, limit, record.args());
    let cut = (length > buffer.len()).then_some(length as u64);
    (buffer, cut)
}
