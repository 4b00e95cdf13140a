//! Encodes a span once, for all records within it.

use record_proto::{EncodedSpan, PairWriter};

use super::thread::Buffers;
use super::writer::RecordWriter;
use crate::sys::NestingGuard;
use crate::transport::Deadline;

impl RecordWriter {
    /// Encodes a span, whose fields `write` passes to the writer. Foreign code runs here, as in a log call.
    ///
    /// Returns `None` if the span cannot be part of any record: the pipe has no reader any more, the drain makes the
    /// span, or there is no memory. If the thread is already making the maximum number of records, the span has no
    /// fields.
    pub(crate) fn encode_span(
        &self,
        name: &str,
        write: impl FnOnce(&mut PairWriter<'_, '_>),
    ) -> Option<EncodedSpan> {
        if self.discards() {
            return None;
        }
        let nesting = NestingGuard::enter();
        let mut buffers = Buffers::take(Deadline::no_wait());
        // The identity comes with the limits.
        self.identify(&mut buffers);
        let span = match nesting {
            Some(_) => buffers.encoder.encode_span(name, write),
            None => buffers.encoder.encode_span(name, |_| {}),
        };
        buffers.put_back();
        span
    }
}
