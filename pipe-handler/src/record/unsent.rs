//! `Unsent`: a record that is encoded and has no number yet, and batches of such records.

use log::Level;
use record_proto::{
    BatchInfo, BatchReason, Event, HEAD_LENGTH, put_batched_record, unnumbered_fields,
};

use super::counters::Number;
use super::thread::{Buffers, Commit};
use super::writer::RecordWriter;
use crate::sys::NestingGuard;
use crate::transport::{Deadline, Written};

/// A record that was formatted and is not sent yet.
pub(crate) struct Unsent<'a> {
    pub(crate) writer: &'a RecordWriter,
    pub(crate) level: Level,
    buffers: &'a mut Buffers,
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

    /// How long the record may wait for room.
    pub(crate) fn deadline(&mut self) -> &mut Deadline {
        &mut self.buffers.commit.deadline
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
        let commit = &mut self.buffers.commit;
        self.writer.send_batch_with(reason, batch, false, commit);
    }

    /// Sends the records that this one makes matter. It gets the number after theirs, and has to be sent next.
    pub(crate) fn send_escalation(&mut self, batch: &Batch) {
        let (reason, commit) = (BatchReason::Escalation, &mut self.buffers.commit);
        self.writer.send_batch_with(reason, batch, true, commit);
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
        let Some(_nesting) = NestingGuard::enter() else {
            self.open(&mut self.deadline(level));
            return self.drop_record(level);
        };
        let mut buffers = Buffers::take(self.deadline(level));
        self.identify(&mut buffers);
        buffers.encoder.format(event);
        if self.open(&mut buffers.commit.deadline) {
            self.identify(&mut buffers);
            let mut unsent = Unsent {
                writer: self,
                level,
                buffers: &mut buffers,
            };
            if place(&mut unsent) {
                self.send(level, &mut buffers);
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
        self.send_all(reason, batch, false, deadline);
    }

    /// Sends the records that another one makes matter. Returns the number of that one, which has to be sent next;
    /// `None` if it is the next one.
    pub(crate) fn send_escalation(&self, batch: &Batch, deadline: &mut Deadline) -> Option<u64> {
        self.send_all(BatchReason::Escalation, batch, true, deadline)
    }

    /// Sends records. `with_next`: takes the next number too. Returns it; `None` if nothing is sent.
    fn send_all(
        &self,
        reason: BatchReason,
        batch: &Batch,
        with_next: bool,
        deadline: &mut Deadline,
    ) -> Option<u64> {
        if batch.ends.is_empty() || self.discards() {
            return None;
        }
        if !self.open(deadline) {
            batch.ends.iter().for_each(|end| self.drop_record(end.1));
            return None;
        }
        let mut buffers = Buffers::take(*deadline);
        let commit = &mut buffers.commit;
        commit.thread.follow_fork();
        self.send_batch_with(reason, batch, with_next, commit);
        let next = commit.number.seq();
        *deadline = commit.deadline;
        buffers.put_back();
        next
    }

    /// Numbers and writes the records. `with_next`: the next number is taken together with the last one, so that no other
    /// thread gets that. It is that of the commit's next record.
    fn send_batch_with(
        &self,
        reason: BatchReason,
        batch: &Batch,
        with_next: bool,
        commit: &mut Commit,
    ) {
        let id = self.next_batch();
        let instance = self.session.instance();
        let mut left = batch.ends.len() as u64;
        let (mut frame, mut next) = (Vec::new(), Number::default());
        for (level, fields) in batch.iter() {
            left -= 1;
            commit.number = Number::default();
            commit.number.with_next = with_next && left == 0;
            frame.clear();
            let info = BatchInfo::new(reason, id, left);
            put_batched_record(fields, u64::MAX, info, &mut frame);
            let written = self.put_wide(&frame[HEAD_LENGTH..], usize::MAX, commit);
            if written == Written::SessionOver {
                // The records are of the session that is over: in this one, they are dropped.
                self.begin_anew(Some(instance), commit);
            }
            self.count(written, level, &mut commit.number);
            if commit.number.with_next {
                next = Number::taken(commit.number.get(&self.counters, true) + 1);
            }
        }
        commit.number = next;
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
