//! The encode stage: the buffer that a record, and a report of drops before it, are encoded into.

use record_proto::{Encode, HEAD_LENGTH, LogRecord};

/// A record's frame, after the frame of a drop report if there is one.
///
/// The buffer keeps its length and its old bytes from one record to the next, because to clear bytes that are then
/// overwritten would cost time.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// The bounds of the record's frame in `bytes`. Everything before it is the report.
    start: usize,
    end: usize,
    /// A buffer for reports and fragments.
    pub(crate) scratch: Vec<u8>,
}

/// The least length of the buffer: enough for any record that is written in one piece.
const MIN_LENGTH: usize = 4096;

impl Frames {
    /// Starts with the frame that `report` appends, if any.
    #[inline]
    pub(crate) fn begin(&mut self, report: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        report(&mut self.scratch);
        self.start = self.scratch.len();
        self.end = self.start;
        if self.start > 0 {
            let replaced = self.start.min(self.bytes.len());
            self.bytes.splice(..replaced, self.scratch.iter().copied());
        }
    }

    /// Encodes the record after the report, replacing an earlier record. Returns `false` if there is no memory for it.
    #[inline]
    pub(crate) fn encode(&mut self, record: &LogRecord<'_>) -> bool {
        let room = self.bytes.get_mut(self.start..).unwrap_or_default();
        let Some(length) = record.encode_frame_in(room) else {
            return self.encode_growing(record);
        };
        self.end = self.start + length;
        true
    }

    /// Encodes a record that does not fit into the buffer as it is.
    #[cold]
    fn encode_growing(&mut self, record: &LogRecord<'_>) -> bool {
        self.bytes.truncate(self.start);
        let room = record.longest_frame().max(MIN_LENGTH);
        if self.bytes.try_reserve(room).is_err() {
            return false;
        }
        record.encode_frame(&mut self.bytes);
        self.end = self.bytes.len();
        self.bytes.resize(self.end.max(MIN_LENGTH), 0);
        true
    }

    /// The report and the record.
    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    /// The report's frame; empty if there is none.
    pub(crate) fn report(&self) -> &[u8] {
        &self.bytes[..self.start]
    }

    /// The record's frame.
    pub(crate) fn record(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The record's frame without its head.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.record()[HEAD_LENGTH..]
    }

    /// How many bytes the buffer has allocated.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    #[test]
    fn frames_are_the_report_and_the_record_and_nothing_of_an_earlier_record() {
        let mut frames = Frames::default();
        let report = |length: usize| vec![9; length];
        for (before, size) in [
            (0, 10),
            (50, 20),
            (0, 9_000),
            (700, 5),
            (30, 70_000),
            (5_000, 1),
            (0, 300_000),
            (0, 0),
        ] {
            let record = LogRecord::new(Level::Info, "target", "x".repeat(size));
            let mut expected = report(before);
            record.encode_frame(&mut expected);
            for earlier in [size / 2, 2 * size] {
                frames.begin(|out| out.extend(report(before)));
                assert!(frames.encode(&LogRecord::new(Level::Info, "", "y".repeat(earlier))));
                assert!(frames.encode(&record));
                assert_eq!(frames.all(), expected);
                assert_eq!(frames.report(), report(before));
                assert_eq!(frames.record(), &expected[before..]);
            }
        }
    }
}
