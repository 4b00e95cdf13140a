//! `Unsent`: a record that is encoded and has no number yet, and batches of such records.

use log::Level;
use record_proto::{
    BatchInfo, BatchReason, Event, HEAD_LENGTH, put_batched_record, unnumbered_fields,
};

use super::thread::Buffers;
use super::writer::RecordWriter;
use crate::sys::{NestingGuard, Refused};
use crate::transport::{Deadline, PIPE_BUF};

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
        if self.is_gone() {
            return;
        }
        let level = event.level();
        let mut deadline = self.deadline(level);
        let _nesting = match NestingGuard::enter() {
            Ok(nesting) => nesting,
            Err(Refused::Suppressed) => return,
            Err(Refused::TooDeep) => {
                self.open(&mut deadline);
                return self.drop_record(level);
            }
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
        // A drain that logs must not wait for itself.
        if batch.ends.is_empty() || self.is_gone() || NestingGuard::is_suppressed() {
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

    /// Numbers and writes the records, as many in one write as fit into `PIPE_BUF` bytes. So many numbers more are taken
    /// together with the last one: no other thread gets one between. Returns the first of these;
    /// `None` if there are none.
    ///
    /// The other numbers are taken as late as possible: if the process is killed, those that are taken are missing.
    fn send_batch_with(
        &self,
        reason: BatchReason,
        batch: &Batch,
        more: u64,
        buffers: &mut Buffers,
        deadline: &mut Deadline,
    ) -> Option<u64> {
        if batch.ends.is_empty() {
            return None;
        }
        if self.transport.has_rings() {
            return self.put_batch(reason, batch, more, buffers, deadline);
        }
        let id = self.next_batch();
        let mut left = batch.ends.len() as u64;
        let mut frames = Frames::default();
        let (mut start, mut seq) = (0, 0);
        for &(end, level) in &batch.ends {
            left -= 1;
            let fields = &batch.bytes[start..end];
            start = end;
            if frames.bytes.len() + fields.len() + HEADS > PIPE_BUF {
                self.write_frames(&mut frames, buffers, deadline);
            }
            let info = BatchInfo::new(reason, id, left);
            seq = self
                .counters
                .take_seqs(if left == 0 { 1 + more } else { 1 });
            put_batched_record(fields, seq, info, &mut frames.bytes);
            frames.levels.push(level);
        }
        self.write_frames(&mut frames, buffers, deadline);
        Some(seq + 1).filter(|_| more > 0)
    }

    fn write_frames(&self, frames: &mut Frames, buffers: &mut Buffers, deadline: &mut Deadline) {
        if frames.levels.is_empty() {
            return;
        }
        let stream = buffers.thread.stream;
        let written = self.commit(&frames.bytes, stream, &mut buffers.scratch, deadline);
        for &level in &frames.levels {
            self.count(written, level, &mut buffers.counter);
        }
        frames.bytes.clear();
        frames.levels.clear();
    }
}

/// The most bytes of kind, array and number, which a record gets in front of its fields.
const PREFIX: usize = 4 + 9;

/// The most bytes that number, batch and head add to the fields of a record.
const HEADS: usize = HEAD_LENGTH + 4 + 9 + 3 * 9 + 1;

/// Frames that are written together.
#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
    levels: Vec<Level>,
}

impl Batch {
    pub(crate) fn push(&mut self, level: Level, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
        self.ends.push((self.bytes.len(), level));
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
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
