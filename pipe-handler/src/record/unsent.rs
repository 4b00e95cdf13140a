//! `Unsent`: a record that is encoded and has no number yet, and batches of such records.

use log::Level;
use record_proto::{
    BatchInfo, BatchReason, Event, HEAD_LENGTH, now, put_batched_record, unnumbered_fields,
};

use super::counters::Number;
use super::fragments::Late;
use super::thread::Buffers;
use super::writer::RecordWriter;
use crate::sys::NestingGuard;
use crate::transport::{Deadline, Written};

/// A record that was formatted and is not sent yet.
pub(crate) struct Unsent<'a> {
    pub(crate) writer: &'a RecordWriter,
    pub(crate) level: Level,
    buffers: &'a mut Buffers,
    pub(crate) deadline: &'a mut Deadline,
    /// The number that the record gets if it is sent; `None` if that is the next one.
    seq: Option<u64>,
}

/// The records of one batch: encoded [fields](Unsent::with_fields), in the order in which they are sent.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Where each record ends, and its level.
    ends: Vec<(usize, Level)>,
}

impl Unsent<'_> {
    /// The time of the record, in nanoseconds since 1970.
    pub(crate) fn time(&self) -> u64 {
        self.buffers.encoder.time()
    }

    /// Calls `f` with the record's encoded fields. Returns `None` if there is no memory for them.
    #[inline]
    pub(crate) fn with_fields<T>(&mut self, f: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let fields = self.buffers.encoder.finish_unnumbered()?;
        if fields.len() + PREFIX <= self.writer.settings.record_limit {
            return Some(f(fields));
        }
        self.truncated_fields().map(|fields| f(&fields))
    }

    #[cold]
    #[inline(never)]
    fn truncated_fields(&mut self) -> Option<Vec<u8>> {
        let frame = self.buffers.encoder.finish(0)?;
        let shorter = self.writer.truncate(&frame[HEAD_LENGTH..])?;
        unnumbered_fields(&shorter).map(<[u8]>::to_vec)
    }

    /// Sends other records before this one.
    pub(crate) fn send_batch(&mut self, reason: BatchReason, batch: &Batch) {
        self.writer
            .send_batch_with(reason, batch, 0, self.buffers, self.deadline);
    }

    /// Sends the records that this one makes matter. It gets the number after theirs, and has to be sent next.
    pub(crate) fn send_escalation(&mut self, batch: &Batch) {
        let reason = BatchReason::Escalation;
        self.seq = self
            .writer
            .send_batch_with(reason, batch, 1, self.buffers, self.deadline);
    }

    /// Drops the record and counts it.
    pub(crate) fn drop(&mut self) {
        self.writer.drop_record(self.level);
    }
}

impl RecordWriter {
    /// Makes a record. `place` decides what becomes of it once it is formatted, and returns whether it is to be sent
    /// now.
    #[inline]
    pub(crate) fn log_placed(
        &self,
        event: &impl Event,
        place: impl FnOnce(&mut Unsent<'_>) -> bool,
    ) {
        if self.discards() {
            return;
        }
        let level = event.level();
        let mut deadline = self.deadline(level);
        let Some(_nesting) = NestingGuard::enter() else {
            self.open(&mut deadline);
            return self.drop_record(level);
        };
        let mut buffers = Buffers::take();
        self.identify(&mut buffers);
        buffers.encoder.format(event);
        if self.open(&mut deadline) {
            self.identify(&mut buffers);
            let mut unsent = Unsent {
                writer: self,
                level,
                buffers: &mut buffers,
                deadline: &mut deadline,
                seq: None,
            };
            if place(&mut unsent) {
                let seq = unsent.seq;
                self.send(level, seq, &mut buffers, &mut deadline);
            }
        } else {
            self.drop_record(level);
        }
        buffers.put_back();
    }

    /// Whether this thread may wait for one that waits for room. A drain that is a task may need this very thread.
    pub(crate) fn may_wait_here(&self) -> bool {
        #[cfg(feature = "drain")]
        if self.transport.pipe.is_none() {
            return !crate::transport::drained::Queue::may_be_drained_here();
        }
        true
    }

    /// Returns the number of the session.
    pub(crate) fn instance(&self) -> u32 {
        self.session.instance()
    }

    /// Sends records that were kept. They wait for room as long as a record of this level.
    pub(crate) fn send_batch(&self, reason: BatchReason, batch: &Batch, level: Level) {
        self.send_batch_by(reason, batch, &mut self.deadline(level));
    }

    /// Sends records that were kept.
    pub(crate) fn send_batch_by(
        &self,
        reason: BatchReason,
        batch: &Batch,
        deadline: &mut Deadline,
    ) {
        self.send_all(reason, batch, 0, deadline);
    }

    /// Sends the records that another one makes matter. Returns the number of that one, which has to be sent next;
    /// `None` if it is the next one.
    pub(crate) fn send_escalation(&self, batch: &Batch, deadline: &mut Deadline) -> Option<u64> {
        self.send_all(BatchReason::Escalation, batch, 1, deadline)
    }

    /// Sends records, and takes so many numbers more. Returns the first of these; `None` if nothing is sent.
    fn send_all(
        &self,
        reason: BatchReason,
        batch: &Batch,
        more: u64,
        deadline: &mut Deadline,
    ) -> Option<u64> {
        if batch.ends.is_empty() || self.discards() {
            return None;
        }
        if !self.open(deadline) {
            batch.ends.iter().for_each(|end| self.drop_record(end.1));
            return None;
        }
        let mut buffers = Buffers::take();
        buffers.thread.follow_fork();
        let next = self.send_batch_with(reason, batch, more, &mut buffers, deadline);
        buffers.put_back();
        next
    }

    /// Numbers and writes the records. So many numbers more are taken together with the last one: no other thread gets
    /// one between. Returns the first of these; `None` if there are none.
    fn send_batch_with(
        &self,
        reason: BatchReason,
        batch: &Batch,
        more: u64,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) -> Option<u64> {
        let id = self.next_batch();
        let instance = self.session.instance();
        let mut left = batch.ends.len() as u64;
        let (mut frame, mut next) = (Vec::new(), None);
        for (level, fields) in batch.iter() {
            left -= 1;
            let more = if left == 0 { more } else { 0 };
            let mut number = Number::new(&self.counters, None);
            number.more = more;
            let mut late = Late {
                number: &mut number,
                time: now(),
                stream: buffers.thread.stream,
                scratch: &mut buffers.scratch,
            };
            frame.clear();
            let info = BatchInfo::new(reason, id, left);
            put_batched_record(fields, u64::MAX, info, &mut frame);
            let written = self.put_payload(&frame[HEAD_LENGTH..], usize::MAX, &mut late, deadline);
            if written == Written::SessionOver {
                // The records are of the session that is over: in this one, they are dropped.
                self.begin_anew(Some(instance), &mut number, deadline);
            }
            self.count(written, level, &mut number);
            next = Some(number.get(true) + 1);
        }
        next.filter(|_| more > 0)
    }
}

/// The most bytes of kind, array and number, which a record gets in front of its fields.
const PREFIX: usize = 4 + 9;

impl Batch {
    pub(crate) fn push(&mut self, level: Level, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
        self.ends.push((self.bytes.len(), level));
    }

    /// Returns the level of the most severe record.
    pub(crate) fn most_severe(&self) -> Level {
        let levels = self.ends.iter().map(|end| end.1);
        levels.min().unwrap_or(Level::Trace)
    }

    /// Iterates over levels and fields.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Level, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| end.0));
        let records = starts.zip(&self.ends);
        records.map(|(start, &(end, level))| (level, &self.bytes[start..end]))
    }
}
