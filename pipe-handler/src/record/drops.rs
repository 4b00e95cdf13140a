//! Counts the records that are dropped, and reports them to the parent.

use log::Level;
use record_proto::{Dropped, Encode, now};

use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, Written};

impl RecordWriter {
    /// Counts a record that is dropped before it gets a sequence number.
    pub(super) fn drop_record(&self, level: Level) {
        self.count_dropped(level);
        // Dropped records have numbers too: to the parent, a gap in the numbers is a loss.
        self.counters.take_numbers(1);
    }

    /// Counts a record that will not be sent. Its number is taken before or afterwards.
    pub(super) fn count_dropped(&self, level: Level) {
        let shared = self.transport.shared.as_ref();
        let is_reported = shared.is_some_and(|shared| shared.note_dropped(level as usize));
        self.counters.count_dropped(level, is_reported);
    }

    /// Reports the drops that the parent cannot see in a ring's head.
    #[cold]
    pub(super) fn report_drops(&self, deadline: &mut Deadline) -> Written {
        let Some(counts) = self.counters.take_unreported() else {
            return Written::Whole;
        };
        let mut dropped = Dropped::new();
        dropped.pid = Some(pid());
        dropped.time = Some(now());
        dropped.counts = counts;
        dropped.instance = Some(self.session.instance());
        let mut frame = Vec::new();
        dropped.encode_frame(&mut frame);
        let written = self.write(&frame, deadline);
        if written != Written::Whole {
            self.counters.restore_unreported(counts);
        }
        written
    }

    /// Writes a frame that is not part of a record.
    #[cold]
    pub(super) fn write(&self, mut frame: &[u8], deadline: &mut Deadline) -> Written {
        self.transport.put(&mut frame, deadline)
    }
}
