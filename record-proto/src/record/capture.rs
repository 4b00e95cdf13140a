//! `Scratch`: capturing a `log::Record`.

use std::borrow::Cow;

use super::log_record::{LogRecord, now};
use crate::kv::{Hints, KeyValueBuffer, KeyValues};
use crate::text::{floor_boundary, format_args};

/// The longest message, and the longest text of one value, that a [`Scratch`] keeps by default: 256 KiB.
pub const DEFAULT_TEXT_LIMIT: usize = 262_144;

/// Buffers for capturing records, reused from one record to the next.
///
/// Once the buffers have grown to the size of the records, capturing allocates nothing. Capturing cannot fail: if the
/// formatting of a value fails or panics, the text so far is kept with a marker after it.
///
/// A message longer than the limit is cut at a character boundary, and its length is kept in
/// [`original_length`](LogRecord::original_length). A longer text among the key-values is cut and gets a mark at its
/// end.
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
    /// Creates empty buffers, with a limit of [`DEFAULT_TEXT_LIMIT`].
    pub const fn new() -> Self {
        Self {
            message: String::new(),
            pairs: KeyValueBuffer::new(),
            message_limit: DEFAULT_TEXT_LIMIT,
            value_limit: DEFAULT_TEXT_LIMIT,
        }
    }

    /// Sets the length of the longest message, and of the longest text of one value, in bytes.
    #[must_use]
    pub const fn with_text_limit(mut self, bytes: usize) -> Self {
        self.set_limits(bytes, bytes);
        self
    }

    /// Sets the length of the longest message and that of the longest text of one value, in bytes.
    // Hidden because it is for the sibling crates only; it may change.
    #[doc(hidden)]
    pub const fn set_limits(&mut self, message: usize, value: usize) {
        self.message_limit = message;
        self.value_limit = value;
    }

    /// Captures a record, with the present time.
    ///
    /// Everything that a [`log::Record`] does not have (seq, process, thread, context) is empty.
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

    /// Frees the memory of each buffer that an unusually large record made grow beyond `bytes`.
    // Hidden because it is for the sibling crates only; it may change.
    #[doc(hidden)]
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

/// Returns the message within the limit, and its whole length if it was cut.
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
