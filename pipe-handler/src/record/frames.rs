use record_proto::{Encode, HEAD_LENGTH, LogRecord};

/// What is to be written: a report of drops, perhaps, and a record.
///
/// Its bytes stay what they were from one record to the next: nothing is cleared that is written over anyway.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// Where the record's frame starts and ends.
    start: usize,
    end: usize,
    /// For what is not a record: a report, a fragment.
    pub(crate) scratch: Vec<u8>,
}

/// Room that is kept at least: for any record that is written in one piece.
const LEAST: usize = 4096;

impl Frames {
    /// Begins with what goes before the record, if anything does.
    #[inline]
    pub(crate) fn begin(&mut self, report: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        report(&mut self.scratch);
        self.start = self.scratch.len();
        self.end = self.start;
        if self.start > 0 {
            let before = self.start.min(self.bytes.len());
            self.bytes.splice(..before, self.scratch.iter().copied());
        }
    }

    /// Puts the record after that, in place of an earlier one; `false` if there is no memory for it.
    #[inline]
    pub(crate) fn put(&mut self, record: &LogRecord<'_>) -> bool {
        let room = self.bytes.get_mut(self.start..).unwrap_or_default();
        let Some(length) = record.encode_frame_in(room) else {
            return self.put_long(record);
        };
        self.end = self.start + length;
        true
    }

    #[cold]
    fn put_long(&mut self, record: &LogRecord<'_>) -> bool {
        self.bytes.truncate(self.start);
        let room = record.longest_frame().max(LEAST);
        if self.bytes.try_reserve(room).is_err() {
            return false;
        }
        record.encode_frame(&mut self.bytes);
        self.end = self.bytes.len();
        self.bytes.resize(self.end.max(LEAST), 0);
        true
    }

    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    pub(crate) fn report(&self) -> &[u8] {
        &self.bytes[..self.start]
    }

    /// The record's frame.
    pub(crate) fn record(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The record, without its frame's length.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.record()[HEAD_LENGTH..]
    }

    /// How many bytes are held.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    #[test]
    fn frames_are_the_report_and_the_record_whatever_was_there_before() {
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
                assert!(frames.put(&LogRecord::new(Level::Info, "", "y".repeat(earlier))));
                assert!(frames.put(&record));
                assert_eq!(frames.all(), expected);
                assert_eq!(frames.report(), report(before));
                assert_eq!(frames.record(), &expected[before..]);
            }
        }
    }
}
