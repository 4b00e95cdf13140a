//! Records that are not written in one plain frame: those that are too long, and those that were not formatted by an
//! encoder.

use record_proto::{Encode, FRAGMENT_OVERHEAD, Fragment, HEAD_LENGTH, LogRecord, now, set_seq};

use super::counters::{Counters, Number};
use super::thread::{Buffers, Commit, KEPT_BYTES};
use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, LateFrame, Written};

/// A frame that is encoded but for the number of its record.
struct Encoded<'f> {
    bytes: &'f mut [u8],
    /// Where the payload of the record begins, which was encoded with the number `u64::MAX`.
    payload_at: usize,
    /// `None` if this is not the first frame of the record.
    number: Option<&'f mut Number>,
    counters: &'f Counters,
}

impl LateFrame for Encoded<'_> {
    fn longest(&self) -> usize {
        self.bytes.len()
    }

    fn time(&self) -> u64 {
        now()
    }

    fn finish(&mut self, may_fail: bool) -> &[u8] {
        if let Some(number) = &mut self.number {
            let is_fragment = self.payload_at > HEAD_LENGTH;
            let frame = &mut self.bytes[self.payload_at - HEAD_LENGTH..];
            set_seq(frame, number.get(self.counters, may_fail || is_fragment));
        }
        self.bytes
    }
}

impl RecordWriter {
    /// Writes a formatted record that is longer than one frame may be, or than the record limit.
    #[cold]
    pub(super) fn put_long(&self, limit: usize, buffers: &mut Buffers) -> Written {
        let commit = &mut buffers.commit;
        let Some(frame) = buffers.encoder.finish(u64::MAX) else {
            return Written::Full;
        };
        let payload = &frame[HEAD_LENGTH..];
        if payload.len() <= self.settings.record_limit {
            return self.put_wide(payload, limit, commit);
        }
        match self.truncate(payload) {
            Some(frame) => self.put_wide(&frame[HEAD_LENGTH..], limit, commit),
            None => Written::Full,
        }
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

    /// Writes the payload of a record that was encoded with the number `u64::MAX`: in one frame if `limit` is
    /// `usize::MAX` and it fits, otherwise as fragments, whose frames have at most `limit` bytes, or less if a ring takes
    /// less.
    pub(super) fn put_wide(&self, payload: &[u8], limit: usize, commit: &mut Commit) -> Written {
        let mut limit = match payload.len() {
            ..=KEPT_BYTES => limit,
            // No ring takes so long a frame.
            _ => limit.min(KEPT_BYTES),
        };
        let scratch = &mut commit.scratch;
        let (mut index, mut rest) = (0, payload);
        loop {
            let longest = limit.saturating_sub(FRAGMENT_OVERHEAD).max(1);
            let (piece, after) = rest.split_at(rest.len().min(longest));
            scratch.clear();
            if scratch
                .try_reserve(piece.len() + FRAGMENT_OVERHEAD)
                .is_err()
            {
                return Written::Full;
            }
            if limit == usize::MAX {
                scratch.extend_from_slice(&(piece.len() as u32).to_be_bytes());
                scratch.extend_from_slice(piece);
            } else {
                let mut fragment = Fragment::new(commit.thread.stream, piece);
                (fragment.pid, fragment.index) = (Some(pid()), index);
                fragment.last = after.is_empty();
                fragment.encode_frame(scratch);
            }
            let mut encoded = Encoded {
                payload_at: scratch.len() - piece.len(),
                bytes: scratch,
                number: (index == 0).then_some(&mut commit.number),
                counters: &self.counters,
            };
            match self.put_dyn(&mut encoded, &mut commit.deadline) {
                Written::Whole if after.is_empty() => return Written::Whole,
                Written::Whole => (index, rest) = (index + 1, after),
                Written::TooLong(less) if less < limit => limit = less,
                written => return written,
            }
        }
    }

    /// Writes a frame that is not that of a plain record, after a report of earlier drops if there is one.
    ///
    /// As a trait object, so that the way of plain records is compiled once and inlined into the log call.
    pub(super) fn put_dyn(&self, frame: &mut dyn LateFrame, deadline: &mut Deadline) -> Written {
        self.put(&mut { frame }, deadline)
    }
}
