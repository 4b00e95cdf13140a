//! `Merge`: kept records on their way to a batch.

use log::Level;

use super::chunk::{Chunk, Extent};
use crate::record::Batch;

/// Records of several chunks and holds, to be sent in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Merge {
    bytes: Vec<u8>,
    records: Vec<Taken>,
    chunks: usize,
}

#[derive(Debug)]
struct Taken {
    time: u64,
    level: Level,
    start: usize,
    end: usize,
}

impl Merge {
    /// Appends the records of a chunk after an extent, and returns up to where.
    pub(super) fn append(&mut self, chunk: &Chunk, from: Extent) -> Extent {
        let to = chunk.extent();
        self.chunks += 1;
        chunk.read(from, to, |record| {
            let start = self.bytes.len();
            record.append_to(&mut self.bytes);
            self.records.push(Taken {
                time: record.time,
                level: record.level,
                start,
                end: self.bytes.len(),
            });
        });
        to
    }

    pub(super) fn into_batch(mut self) -> Batch {
        if self.chunks > 1 {
            // The sort is stable, and the times of a thread never fall: its records keep their order.
            self.records.sort_by_key(|record| record.time);
        }
        let mut batch = Batch::default();
        for record in &self.records {
            let fields = &self.bytes[record.start..record.end];
            batch.push(record.level, fields);
        }
        batch
    }
}
