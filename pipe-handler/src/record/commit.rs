//! The commit stage: hands the frame of a record to the transport, in pieces of at most `PIPE_BUF` bytes.

use log::Level;
use record_proto::{Dropped, Encode, HEAD_LENGTH, Levels, LogRecord, now, split};

use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, PIPE_BUF, Written};

impl RecordWriter {
    /// Writes the frame of a record.
    #[inline]
    pub(super) fn commit(
        &self,
        frame: &[u8],
        stream: u64,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Written {
        let is_short =
            frame.len() <= PIPE_BUF && frame.len() - HEAD_LENGTH <= self.settings.record_limit;
        if is_short && !self.counters.any_unreported() {
            return self.write(frame, deadline);
        }
        self.commit_unusual(frame, stream, scratch, deadline)
    }

    /// Writes the frame of a record that is too long for one write or for the limit, or that comes after drops which
    /// are not yet reported.
    #[cold]
    fn commit_unusual(
        &self,
        frame: &[u8],
        stream: u64,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Written {
        let truncated;
        let frame = match frame.len() - HEAD_LENGTH <= self.settings.record_limit {
            true => frame,
            false => match self.truncate(&frame[HEAD_LENGTH..]) {
                Some(shorter) => {
                    truncated = shorter;
                    &truncated
                }
                None => return Written::Full,
            },
        };
        let unreported = self.counters.take_unreported();
        scratch.clear();
        self.encode_report(unreported, scratch);
        let mut is_reported = false;
        let written = match scratch.len() + frame.len() <= PIPE_BUF {
            true => {
                scratch.extend_from_slice(frame);
                let written = self.write(scratch, deadline);
                is_reported = written == Written::Whole;
                written
            }
            false => self.write_in_pieces(scratch, frame, stream, deadline, &mut is_reported),
        };
        if let Some(counts) = unreported.filter(|_| !is_reported) {
            self.counters.restore_unreported(counts);
        }
        written
    }

    /// Truncates a record to the record limit and returns its frame; `None` if there is no memory for it.
    pub(super) fn truncate(&self, payload: &[u8]) -> Option<Vec<u8>> {
        // Truncating copies the parts of the record and then encodes it, and would abort the process if there were no
        // memory. So the same amount is tried first.
        Vec::<u8>::new().try_reserve_exact(3 * payload.len()).ok()?;
        let mut record = LogRecord::decode(payload).ok()?;
        record.truncate_to(self.settings.record_limit);
        let mut frame = Vec::new();
        record.encode_frame(&mut frame);
        Some(frame)
    }

    /// Writes the report of drops in `scratch`, and then the record.
    ///
    /// Sets `is_reported` once the report is written, which may be the case even if the record is not.
    fn write_in_pieces(
        &self,
        scratch: &mut Vec<u8>,
        frame: &[u8],
        stream: u64,
        deadline: &mut Deadline,
        is_reported: &mut bool,
    ) -> Written {
        if !scratch.is_empty() {
            let written = self.write(scratch, deadline);
            if written != Written::Whole {
                return written;
            }
        }
        *is_reported = true;
        match frame.len() <= PIPE_BUF {
            true => self.write(frame, deadline),
            false => self.write_fragments(&frame[HEAD_LENGTH..], stream, scratch, deadline),
        }
    }

    /// Writes a payload of more than `PIPE_BUF` bytes as fragments.
    fn write_fragments(
        &self,
        payload: &[u8],
        stream: u64,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Written {
        if scratch.try_reserve(PIPE_BUF).is_err() {
            return Written::Full;
        }
        for fragment in split(payload, Some(pid()), stream, PIPE_BUF) {
            scratch.clear();
            fragment.encode_frame(scratch);
            let written = self.write(scratch, deadline);
            if written != Written::Whole {
                return written;
            }
        }
        Written::Whole
    }

    /// Writes whole frames of at most `PIPE_BUF` bytes together.
    #[inline]
    pub(super) fn write(&self, frames: &[u8], deadline: &mut Deadline) -> Written {
        self.check_reader(self.transport.write(frames, deadline))
    }

    /// Remembers if the pipe has no reader any more.
    #[inline]
    pub(super) fn check_reader(&self, written: Written) -> Written {
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
        self.count_dropped(level);
    }

    /// Counts a record that has a sequence number and will not be sent.
    pub(super) fn count_dropped(&self, level: Level) {
        let is_reported = self.transport.note_dropped(level);
        self.counters.count_dropped(level, is_reported);
    }
}
