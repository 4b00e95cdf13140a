//! The commit stage: hands records to the transport, which completes each once there is room for it.
//!
//! So a record that is given up, or whose process is killed while it waits for room in a ring, leaves no gap in the
//! numbers.

use log::Level;
use record_proto::{Dropped, Encode, FRAGMENT_OVERHEAD, HEAD_LENGTH, Levels, LogRecord, now};

use super::counters::ThreadCounter;
use super::late_frames::{Formatted, Late, Piece, Wide};
use super::number::Number;
use super::thread::Buffers;
use super::writer::{RecordWriter, pid};
use crate::sys::NestingGuard;
use crate::transport::{Deadline, LateFrame, Put, Written};

/// The session that a record belongs to is over; see [`Put::SessionOver`].
pub(super) struct SessionOver;

impl RecordWriter {
    /// Numbers and writes the record that the encoder has formatted. `seq`: its number, if it has one already.
    // The hot path, also if scopes call it in other places.
    #[inline(always)]
    pub(super) fn send(
        &self,
        level: Level,
        seq: Option<u64>,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) {
        let mut number = Number::new(&self.counters, seq);
        let written = loop {
            if let Ok(written) = self.put_formatted(&mut number, buffers, deadline) {
                break written;
            }
            if !self.begin_anew(buffers.instance, &mut number, deadline) {
                break Written::Full;
            }
            self.identify(buffers);
        };
        self.count(written, level, &mut number, &mut buffers.counter);
    }

    /// Begins another session after the one with this instance. Returns whether the process may write records.
    #[cold]
    pub(super) fn begin_anew(
        &self,
        instance: Option<u32>,
        number: &mut Number<'_>,
        deadline: &mut Deadline,
    ) -> bool {
        instance.inspect(|&instance| self.session.abandon(instance));
        number.renew();
        self.open(deadline)
    }

    /// Counts a record that was sent or dropped.
    #[inline(always)]
    pub(super) fn count(
        &self,
        written: Written,
        level: Level,
        number: &mut Number<'_>,
        counter: &mut ThreadCounter,
    ) {
        match written {
            // The buffers of a nested record are freed after it, so a counter in them would serve one record only.
            Written::Whole if !counter.is_registered() && NestingGuard::is_nested() => {
                self.counters.count_sent_shared();
            }
            Written::Whole => self.counters.count_sent(counter),
            Written::Full => {
                // To the parent, a gap in the numbers is a loss: a dropped record has one too.
                number.get();
                self.count_dropped(level);
            }
            // Without a reader, records are discarded and not counted.
            Written::Gone => {}
        }
    }

    /// Writes the record that the encoder has formatted.
    #[inline(always)]
    fn put_formatted(
        &self,
        number: &mut Number<'_>,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) -> Result<Written, SessionOver> {
        let encoder = &mut buffers.encoder;
        let Some(longest) = encoder.longest_frame() else {
            return Ok(Written::Full);
        };
        if longest - HEAD_LENGTH > self.settings.record_limit {
            return self.put_long(number, usize::MAX, buffers, deadline);
        }
        let mut frame = Formatted {
            longest,
            encoder,
            number,
        };
        match self.put(&mut frame, deadline) {
            Put::Done(written) => Ok(written),
            Put::TooLong(limit) => self.put_long(number, limit, buffers, deadline),
            Put::SessionOver => Err(SessionOver),
        }
    }

    /// Writes a formatted record that is longer than one frame may be, or than the record limit.
    #[cold]
    fn put_long(
        &self,
        number: &mut Number<'_>,
        limit: usize,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) -> Result<Written, SessionOver> {
        let Buffers {
            encoder,
            scratch,
            thread,
            ..
        } = buffers;
        let stream = thread.stream;
        let time = encoder.time();
        let Some(frame) = encoder.finish(u64::MAX) else {
            return Ok(Written::Full);
        };
        let payload = &frame[HEAD_LENGTH..];
        let mut late = Late {
            number,
            time,
            stream,
        };
        if payload.len() <= self.settings.record_limit {
            return self.put_fragments(payload, limit, &mut late, scratch, deadline);
        }
        match self.truncate(payload) {
            Some(mut frame) => self.put_wide(&mut frame, &mut late, scratch, deadline),
            None => Ok(Written::Full),
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

    /// Writes the frame of a record that was encoded with the number `u64::MAX`, in fragments if it is too long.
    pub(super) fn put_wide(
        &self,
        frame: &mut [u8],
        late: &mut Late<'_, '_>,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Result<Written, SessionOver> {
        match self.put_other(&mut Wide { frame, late }, deadline) {
            Put::Done(written) => Ok(written),
            Put::TooLong(limit) => {
                self.put_fragments(&frame[HEAD_LENGTH..], limit, late, scratch, deadline)
            }
            Put::SessionOver => Err(SessionOver),
        }
    }

    /// Writes a payload as fragments, whose frames have at most `limit` bytes, or less if a ring takes less.
    fn put_fragments(
        &self,
        payload: &[u8],
        mut limit: usize,
        late: &mut Late<'_, '_>,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Result<Written, SessionOver> {
        let (mut index, mut rest) = (0, payload);
        loop {
            let longest = limit.saturating_sub(FRAGMENT_OVERHEAD).max(1);
            let length = rest.len().min(longest);
            if scratch.try_reserve(length + FRAGMENT_OVERHEAD).is_err() {
                return Ok(Written::Full);
            }
            let mut piece = Piece {
                bytes: &rest[..length],
                index,
                is_last: length == rest.len(),
                scratch,
                late,
            };
            match self.put_other(&mut piece, deadline) {
                Put::Done(Written::Whole) if length == rest.len() => return Ok(Written::Whole),
                Put::Done(Written::Whole) => (index, rest) = (index + 1, &rest[length..]),
                Put::TooLong(less) if less < limit => limit = less,
                Put::TooLong(_) => return Ok(Written::Full),
                Put::Done(written) => return Ok(written),
                Put::SessionOver => return Err(SessionOver),
            }
        }
    }

    /// Writes a frame that is not that of a plain record.
    ///
    /// As a trait object, so that the way of plain records is compiled once and inlined into the log call.
    fn put_other(&self, mut frame: &mut dyn LateFrame, deadline: &mut Deadline) -> Put {
        self.put(&mut frame, deadline)
    }

    /// Writes a frame of a record, after a report of earlier drops if there is one.
    #[inline(always)]
    fn put(&self, frame: &mut impl LateFrame, deadline: &mut Deadline) -> Put {
        if self.counters.any_unreported() {
            let reported = self.report_drops(deadline);
            if reported != Written::Whole {
                return Put::Done(reported);
            }
        }
        let put = self.transport.put(frame, deadline);
        if put == Put::Done(Written::Gone) {
            self.session.mark_reader_gone();
        }
        put
    }

    /// Reports the drops that the parent cannot see in a ring's head.
    #[cold]
    fn report_drops(&self, deadline: &mut Deadline) -> Written {
        let unreported = self.counters.take_unreported();
        let mut report = Vec::new();
        self.encode_report(unreported, &mut report);
        let Some(counts) = unreported else {
            return Written::Whole;
        };
        let written = self.write(&report, deadline);
        if written != Written::Whole {
            self.counters.restore_unreported(counts);
        }
        written
    }

    /// Appends a frame that reports drops, if there are any.
    pub(super) fn encode_report(&self, unreported: Option<Levels>, out: &mut Vec<u8>) {
        let Some(counts) = unreported else {
            return;
        };
        let mut dropped = Dropped::new();
        dropped.pid = Some(pid());
        dropped.time = Some(now());
        dropped.counts = counts;
        dropped.instance = Some(self.session.instance());
        dropped.encode_frame(out);
    }

    /// Writes whole frames of at most `PIPE_BUF` bytes together, which are not records.
    pub(super) fn write(&self, frames: &[u8], deadline: &mut Deadline) -> Written {
        let written = self.transport.write(frames, deadline);
        if written == Written::Gone {
            self.session.mark_reader_gone();
        }
        written
    }

    /// Counts a record that is dropped before it gets a sequence number.
    pub(super) fn drop_record(&self, level: Level) {
        // Dropped records have numbers too: to the parent, a gap in the numbers is a loss.
        self.counters.next_seq();
        self.count_dropped(level);
    }

    /// Counts a record that has a sequence number and will not be sent.
    fn count_dropped(&self, level: Level) {
        let is_reported = self.transport.note_dropped(level);
        self.counters.count_dropped(level, is_reported);
    }
}
