//! The commit stage in a shared buffer: a record waits for room first, and then gets its number.
//!
//! So a record that is given up, or whose process is killed while it waits, leaves no gap in the numbers.

use log::Level;
#[cfg(feature = "scope")]
use record_proto::{BatchInfo, BatchReason, now, put_batched_record, set_seq};
use record_proto::{Encode, FRAGMENT_OVERHEAD, HEAD_LENGTH, LogRecord};

use super::counters::ThreadCounter;
use super::late_frames::{Formatted, Late, Piece, Wide};
use super::number::Number;
use super::thread::Buffers;
#[cfg(feature = "scope")]
use super::unsent::Batch;
use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, Put, Written};

impl RecordWriter {
    /// Numbers the record and puts it into a ring. Returns `false` if this process has none.
    #[inline(always)]
    pub(super) fn send_in_ring(
        &self,
        level: Level,
        number: &mut Number<'_>,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) -> bool {
        loop {
            match self.put_formatted(number, buffers, deadline) {
                Put::Done(written) => {
                    self.count_put(written, level, number, &mut buffers.counter);
                    return true;
                }
                Put::NoRing => return false,
                Put::SessionOver | Put::TooLong(_) => {}
            }
            if !self.begin_anew(buffers.instance, number, deadline) {
                self.count_put(Written::Full, level, number, &mut buffers.counter);
                return true;
            }
            self.identify(buffers);
        }
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

    /// Counts a record that was to be put into a ring.
    #[inline]
    pub(super) fn count_put(
        &self,
        written: Written,
        level: Level,
        number: &mut Number<'_>,
        counter: &mut ThreadCounter,
    ) {
        if written == Written::Full {
            // To the parent, a gap in the numbers is a loss: a dropped record has one too.
            number.get();
        }
        self.count(self.check_reader(written), level, counter);
    }

    /// Puts the record that the encoder has formatted into a ring.
    #[inline(always)]
    pub(super) fn put_formatted(
        &self,
        number: &mut Number<'_>,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) -> Put {
        let Some((shared, pipe)) = self.transport.shared() else {
            return Put::NoRing;
        };
        if self.counters.any_unreported() {
            self.report_drops(deadline);
        }
        let Some(longest) = buffers.encoder.longest_frame() else {
            return Put::Done(Written::Full);
        };
        let mut limit = usize::MAX;
        if longest - HEAD_LENGTH <= self.settings.record_limit {
            let encoder = &mut buffers.encoder;
            let mut frame = Formatted {
                longest,
                encoder,
                number,
            };
            match shared.put(&mut frame, pipe, deadline) {
                Put::TooLong(longest) => limit = longest,
                put => return put,
            }
        }
        self.put_long(number, limit, buffers, deadline)
    }

    /// Puts a formatted record that is longer than a frame in its ring, or than the record limit.
    #[cold]
    fn put_long(
        &self,
        number: &mut Number<'_>,
        limit: usize,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) -> Put {
        let Buffers {
            encoder,
            scratch,
            thread,
            ..
        } = buffers;
        let mut late = Late {
            number,
            time: encoder.time(),
            stream: thread.stream,
        };
        let Some(frame) = encoder.finish(u64::MAX) else {
            return Put::Done(Written::Full);
        };
        let payload = &frame[HEAD_LENGTH..];
        if payload.len() <= self.settings.record_limit {
            return self.put_fragments(payload, limit, &mut late, scratch, deadline);
        }
        match self.truncate(payload) {
            Some(mut frame) => self.put_wide(&mut frame, &mut late, scratch, deadline),
            None => Put::Done(Written::Full),
        }
    }

    /// Puts a record that was built into a ring. Returns `None` if this process has none.
    pub(super) fn put_built(
        &self,
        record: &mut LogRecord<'_>,
        frame: &mut Vec<u8>,
        number: &mut Number<'_>,
        stream: u64,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Option<Written> {
        self.transport.shared()?;
        loop {
            record.seq = u64::MAX;
            frame.clear();
            record.encode_frame(frame);
            let mut late = Late {
                number,
                time: record.time,
                stream,
            };
            let put = self.put_wide(frame, &mut late, scratch, deadline);
            frame.clear();
            match put {
                Put::Done(written) => return Some(self.check_reader(written)),
                Put::NoRing => return None,
                Put::SessionOver | Put::TooLong(_) => {}
            }
            if !self.begin_anew(record.instance, number, deadline) {
                return Some(Written::Full);
            }
            (record.pid, record.instance) = (Some(pid()), Some(self.session.instance()));
        }
    }

    /// Puts the records of a batch into rings, one by one. Returns the number after the last one.
    #[cfg(feature = "scope")]
    pub(super) fn put_batch(
        &self,
        reason: BatchReason,
        batch: &Batch,
        more: u64,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) -> Option<u64> {
        let id = self.next_batch();
        let instance = self.session.instance();
        let mut left = batch.len() as u64;
        let (mut frame, mut next) = (Vec::new(), None);
        for (level, fields) in batch.iter() {
            left -= 1;
            let more = if left == 0 { more } else { 0 };
            let mut number = Number::with_more(&self.counters, more);
            let mut late = Late {
                number: &mut number,
                time: now(),
                stream: buffers.thread.stream,
            };
            frame.clear();
            put_batched_record(
                fields,
                u64::MAX,
                BatchInfo::new(reason, id, left),
                &mut frame,
            );
            let mut written = Written::Full;
            match self.put_wide(&mut frame, &mut late, &mut buffers.scratch, deadline) {
                Put::Done(done) => written = done,
                Put::NoRing => {
                    set_seq(&mut frame, late.number.get());
                    let stream = late.stream;
                    written = self.commit(&frame, stream, &mut buffers.scratch, deadline);
                }
                // The records are of the session that is over: in this one, they are dropped.
                Put::SessionOver | Put::TooLong(_) => {
                    self.begin_anew(Some(instance), &mut number, deadline);
                }
            }
            self.count_put(written, level, &mut number, &mut buffers.counter);
            next = Some(number.get() + 1);
        }
        next.filter(|_| more > 0)
    }

    /// Puts the frame of a record that was encoded with the number `u64::MAX`, in fragments if it is too long.
    pub(super) fn put_wide(
        &self,
        frame: &mut [u8],
        late: &mut Late<'_, '_>,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Put {
        let Some((shared, pipe)) = self.transport.shared() else {
            return Put::NoRing;
        };
        match shared.put(&mut Wide { frame, late }, pipe, deadline) {
            Put::TooLong(limit) => {
                self.put_fragments(&frame[HEAD_LENGTH..], limit, late, scratch, deadline)
            }
            put => put,
        }
    }

    /// Puts a payload into rings as fragments, whose frames have at most `limit` bytes, or less if a ring takes less.
    fn put_fragments(
        &self,
        payload: &[u8],
        mut limit: usize,
        late: &mut Late<'_, '_>,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Put {
        let Some((shared, pipe)) = self.transport.shared() else {
            return Put::NoRing;
        };
        let (mut index, mut rest) = (0, payload);
        loop {
            let length = rest
                .len()
                .min(limit.saturating_sub(FRAGMENT_OVERHEAD).max(1));
            if scratch.try_reserve(length + FRAGMENT_OVERHEAD).is_err() {
                return Put::Done(Written::Full);
            }
            let mut piece = Piece {
                bytes: &rest[..length],
                index,
                is_last: length == rest.len(),
                scratch,
                late,
            };
            match shared.put(&mut piece, pipe, deadline) {
                Put::Done(Written::Whole) if length == rest.len() => {
                    return Put::Done(Written::Whole);
                }
                Put::Done(Written::Whole) => (index, rest) = (index + 1, &rest[length..]),
                Put::TooLong(less) if less < limit => limit = less,
                Put::TooLong(_) => return Put::Done(Written::Full),
                put => return put,
            }
        }
    }

    /// Reports drops that were counted while the process had no ring.
    #[cold]
    fn report_drops(&self, deadline: &mut Deadline) {
        let unreported = self.counters.take_unreported();
        let mut report = Vec::new();
        self.encode_report(unreported, &mut report);
        if let Some(counts) = unreported
            && self.write(&report, deadline) != Written::Whole
        {
            self.counters.restore_unreported(counts);
        }
    }
}
