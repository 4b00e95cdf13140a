//! `SpanWriter`: copies the spans of an event into its frame.

use crate::record::{EncodedSpan, Spans};

/// Takes the spans of an event, from the root to the leaf.
///
/// If the spans have more values or more bytes than there is room for, or if there is no memory for them, one span that
/// counts them replaces them all.
#[derive(Debug)]
pub struct SpanWriter<'a> {
    /// The encoded spans, one after the other.
    out: &'a mut Vec<u8>,
    /// The number of spans, those that are left out included.
    count: usize,
    /// The most bytes of all encoded spans.
    byte_limit: usize,
    /// The most values of all spans. Spans and their pairs are values.
    value_limit: usize,
    /// The number of values so far.
    values: usize,
    /// Whether a limit was reached.
    is_full: bool,
}

impl<'a> SpanWriter<'a> {
    #[inline(always)]
    pub(super) fn new(out: &'a mut Vec<u8>, byte_limit: usize, value_limit: usize) -> Self {
        Self {
            out,
            count: 0,
            byte_limit,
            value_limit,
            values: 0,
            is_full: false,
        }
    }

    /// Writes a span within the last one.
    #[inline]
    pub fn span(&mut self, span: &EncodedSpan) {
        if self.count == 0 {
            self.out.clear();
        }
        self.count += 1;
        let bytes = span.as_bytes();
        self.values += span.values();
        self.is_full |= self.values > self.value_limit
            || self.out.len() + bytes.len() > self.byte_limit
            || self.out.try_reserve(bytes.len()).is_err();
        if !self.is_full {
            self.out.extend_from_slice(bytes);
        }
    }

    /// Returns how many spans are in the buffer.
    #[inline(always)]
    pub(super) fn finish(self) -> usize {
        match self.is_full {
            false => self.count,
            true => self.leave_out_all(),
        }
    }

    /// Replaces all spans by one that counts them, unless there is no value left even for this one.
    #[cold]
    fn leave_out_all(self) -> usize {
        self.out.clear();
        if self.value_limit == 0 {
            return 0;
        }
        let mark = Spans::cut(self.count);
        self.out.extend_from_slice(mark.without_head());
        1
    }
}
