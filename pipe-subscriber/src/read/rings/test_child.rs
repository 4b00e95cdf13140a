//! `TestChild`: a process with one ring of a buffer, for the tests of the reader.

use std::sync::atomic::AtomicU64;

use record_proto::{Encode, Hello, Layout, LogRecord, NoRoom, Reader, RingWriter};

use super::Rings;

/// A session with one ring, which logs numbered records.
pub(crate) struct TestChild {
    words: &'static [AtomicU64],
    layout: Layout,
    pub(crate) writer: RingWriter<'static>,
    pub(crate) pid: u64,
    pub(crate) instance: u32,
    seq: u64,
}

impl TestChild {
    /// Maps a buffer and claims a ring.
    pub(crate) fn claim(rings: &Rings, pid: u64, instance: u32) -> Self {
        Self::claim_in(rings.memory.leak_another_map(), rings.layout, pid, instance)
    }

    /// Claims a ring of the same buffer for another session.
    pub(crate) fn claim_another(&self, pid: u64, instance: u32) -> Self {
        Self::claim_in(self.words, self.layout, pid, instance)
    }

    fn claim_in(words: &'static [AtomicU64], layout: Layout, pid: u64, instance: u32) -> Self {
        let all = (0..layout.rings()).map(|ring| layout.ring(words, ring));
        let owner = 1 << 32 | u64::from(instance);
        let index = layout.header(words).claim(all, owner).expect("a free ring");
        let writer = RingWriter::new(layout.ring(words, index), layout.ring_bytes());
        Self {
            words,
            layout,
            writer,
            pid,
            instance,
            seq: 0,
        }
    }

    pub(crate) fn hello(&mut self) -> Reader {
        let mut hello = Hello::new();
        (hello.pid, hello.instance) = (Some(self.pid), Some(self.instance));
        self.commit(&hello)
    }

    /// Logs a record with this message. Panics if there is no room.
    pub(crate) fn log(&mut self, message: &str) -> Reader {
        self.seq += 1;
        let mut record = LogRecord::new(log::Level::Info, "app", message);
        record.seq = self.seq;
        (record.pid, record.instance) = (Some(self.pid), Some(self.instance));
        self.commit(&record)
    }

    /// Counts dropped records, which take numbers as others do.
    pub(crate) fn drop_records(&mut self, level: log::Level, count: u64) {
        self.seq += count;
        self.writer.add_dropped(level as usize, count);
    }

    pub(crate) fn commit(&mut self, payload: &impl Encode) -> Reader {
        let mut frame = Vec::new();
        payload.encode_frame(&mut frame);
        self.try_commit(&frame).expect("room for a frame")
    }

    pub(crate) fn try_commit(&mut self, frame: &[u8]) -> Result<Reader, NoRoom> {
        let header = self.layout.header(self.words);
        let place = self.writer.room(frame.len())?;
        let ticket = header.draw_ticket().expect("a ticket");
        self.writer.commit(place, ticket, frame);
        Ok(header.after_commit(false))
    }
}
