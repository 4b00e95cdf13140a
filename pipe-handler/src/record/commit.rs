//! The commit stage: encodes a stamped record within its limit, and hands the frames to the transport in pieces of at
//! most `PIPE_BUF` bytes.

use log::Level;
use record_proto::{Dropped, Encode, Levels, LogRecord, now, split};

use super::frames::Frames;
use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, PIPE_BUF, Written};

impl RecordWriter {
    /// Writes a stamped record, and before it the counts of unreported drops.
    pub(super) fn write_record(
        &self,
        record: &mut LogRecord<'_>,
        frames: &mut Frames,
        stream: u64,
        deadline: &mut Deadline,
    ) -> Written {
        let unreported = self.counters.take_unreported();
        frames.begin(|report| self.encode_report(unreported, report));
        let mut is_reported = false;
        let written = match self.encode_record(record, frames) {
            true => self.write_frames(frames, record.time, stream, deadline, &mut is_reported),
            false => Written::Full,
        };
        if let Some(counts) = unreported.filter(|_| !is_reported) {
            self.counters.restore_unreported(counts);
        }
        written
    }

    /// Encodes the record within its limit. Returns `false` if there is no memory for it.
    #[inline]
    fn encode_record(&self, record: &mut LogRecord<'_>, frames: &mut Frames) -> bool {
        if !frames.encode(record) {
            return false;
        }
        let length = frames.payload().len();
        length <= self.settings.record_limit || self.encode_truncated(record, frames, length)
    }

    #[cold]
    fn encode_truncated(
        &self,
        record: &mut LogRecord<'_>,
        frames: &mut Frames,
        length: usize,
    ) -> bool {
        // Truncation copies parts of the record and the whole of it, and would abort the process if there were no
        // memory.
        let has_memory = Vec::<u8>::new().try_reserve_exact(3 * length).is_ok();
        if has_memory {
            record.truncate_to(self.settings.record_limit);
        }
        has_memory && frames.encode(record)
    }

    /// Writes the report and the record in one piece if they fit into one, otherwise one after the other.
    ///
    /// Sets `is_reported` once the report is written, which may be the case even if the record is not.
    fn write_frames(
        &self,
        frames: &mut Frames,
        time: u64,
        stream: u64,
        deadline: &mut Deadline,
        is_reported: &mut bool,
    ) -> Written {
        if frames.all().len() <= PIPE_BUF {
            let written =
                self.check_reader(self.transport.write_record(frames.all(), time, deadline));
            *is_reported = written == Written::Whole;
            return written;
        }
        self.write_in_pieces(frames, stream, deadline, is_reported)
    }

    fn write_in_pieces(
        &self,
        frames: &mut Frames,
        stream: u64,
        deadline: &mut Deadline,
        is_reported: &mut bool,
    ) -> Written {
        if !frames.report().is_empty() {
            let written = self.write(frames.report(), deadline);
            if written != Written::Whole {
                return written;
            }
        }
        *is_reported = true;
        if frames.record().len() <= PIPE_BUF {
            return self.write(frames.record(), deadline);
        }
        self.write_fragments(frames, stream, deadline)
    }

    /// Writes a record of more than `PIPE_BUF` bytes as fragments.
    fn write_fragments(
        &self,
        frames: &mut Frames,
        stream: u64,
        deadline: &mut Deadline,
    ) -> Written {
        let mut buffer = std::mem::take(&mut frames.scratch);
        if buffer.try_reserve(PIPE_BUF).is_err() {
            return Written::Full;
        }
        let mut written = Written::Whole;
        for fragment in split(frames.payload(), Some(pid()), stream, PIPE_BUF) {
            buffer.clear();
            fragment.encode_frame(&mut buffer);
            written = self.write(&buffer, deadline);
            if written != Written::Whole {
                break;
            }
        }
        frames.scratch = buffer;
        written
    }

    /// Writes whole frames of at most `PIPE_BUF` bytes together.
    pub(super) fn write(&self, frames: &[u8], deadline: &mut Deadline) -> Written {
        self.check_reader(self.transport.write(frames, deadline))
    }

    /// Remembers if the pipe has no reader any more.
    fn check_reader(&self, written: Written) -> Written {
        if written == Written::Gone {
            self.session.mark_reader_gone();
        }
        written
    }

    /// Appends a frame that reports drops, if there are any.
    #[inline]
    pub(super) fn encode_report(&self, unreported: Option<Levels>, out: &mut Vec<u8>) {
        if let Some(counts) = unreported {
            self.encode_drops(counts, out);
        }
    }

    #[cold]
    fn encode_drops(&self, counts: Levels, out: &mut Vec<u8>) {
        let mut dropped = Dropped::new();
        dropped.pid = Some(pid());
        dropped.time = Some(now());
        dropped.counts = counts;
        dropped.instance = Some(self.session.instance());
        dropped.encode_frame(out);
    }

    /// Counts a record that is dropped before it gets a sequence number.
    pub(super) fn drop_record(&self, level: Level) {
        // Dropped records have numbers too: to the parent, a gap in the numbers is a loss.
        self.counters.next_seq();
        self.counters.count_dropped(level);
    }
}
