//! `Scratch`: captures a `log::Record` as a `LogRecord`.

use super::record_encoder::RecordEncoder;
use crate::record::LogRecord;

/// Buffers for capturing records, reused from one record to the next.
///
/// Once the buffers have grown to the size of the records and have seen their call sites, capturing a record with at
/// most 15 key-values allocates nothing, unless one of them is an error or a structure. Capturing cannot fail: if the
/// formatting of a value fails or panics, the text so far is kept with a marker after it.
///
/// A message longer than the limit is cut at a character boundary, and its length is kept in
/// [`original_length`](LogRecord::original_length). A longer text among the key-values is cut and gets a mark at its
/// end. Target, module path and file are cut to 1 KiB each.
///
/// Once 8,127 values (pairs, items of lists, pairs of maps) are captured, further pairs are left out. That is
/// [`DEFAULT_VALUE_LIMIT`](crate::DEFAULT_VALUE_LIMIT) less 64 for the sources of an error and one for a pair with the
/// key `cut`, which counts the pairs before it. The source of the key-values gets an error that tells it to stop.
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
#[derive(Debug, Default)]
pub struct Scratch {
    encoder: RecordEncoder,
}

impl Scratch {
    /// Creates empty buffers, with a limit of [`DEFAULT_TEXT_LIMIT`](crate::DEFAULT_TEXT_LIMIT).
    pub const fn new() -> Self {
        Self {
            encoder: RecordEncoder::new(),
        }
    }

    /// Sets the length of the longest message, and of the longest text or structure of one value, in bytes.
    ///
    /// A structure (`kv_serde`) whose encoded form is longer becomes its text, which is then cut.
    #[must_use]
    pub const fn with_text_limit(mut self, bytes: usize) -> Self {
        self.encoder.set_limits(bytes, bytes, usize::MAX);
        self
    }

    /// Captures a record, with the present time.
    ///
    /// Everything that a [`log::Record`] does not have (seq, process, thread, context) is empty.
    pub fn capture<'s>(&'s mut self, record: &'s log::Record<'_>) -> LogRecord<'s> {
        self.encoder.format(record);
        let payload = self
            .encoder
            .finish(0)
            .map(|frame| &frame[super::HEAD_LENGTH..]);
        let captured = payload.and_then(|payload| LogRecord::decode(payload).ok());
        // Without memory for its parts, a record has only those that need none.
        captured.unwrap_or_else(|| LogRecord::empty(record.level(), record.target(), ""))
    }
}
