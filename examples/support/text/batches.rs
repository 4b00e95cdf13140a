//! `Batches`: the records of batches, until they are printed together.

use std::collections::BTreeMap;

use record_proto::{BatchInfo, BatchReason, LogRecord};

use super::batch::Batch;

/// How many bytes are held. Above that, everything that is held is printed as it is.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// A batch is printed as it is after this many records of its process in which nothing of it came. Other threads may
/// log thousands between two records of a thread.
const MAX_OTHERS: u32 = 10_000;

/// A session (pid and instance), and the number of the batch in it.
type Key = (Option<u64>, Option<u32>, u64);

/// The batches that are not printed yet.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    open: BTreeMap<Key, Batch>,
    bytes: usize,
}

impl Batches {
    /// Holds a record of a batch. Returns the batches to print now: this one if it is complete and nothing follows it,
    /// or all if too much is held.
    pub(crate) fn hold(
        &mut self,
        record: &LogRecord<'_>,
        info: BatchInfo,
        shown: bool,
    ) -> Vec<Batch> {
        let key = (record.pid, record.instance, info.id);
        let new = || Batch::new(record, info);
        let batch = self.open.entry(key).or_insert_with(new);
        self.bytes += batch.push(record, info, shown);
        if self.bytes > MAX_BYTES {
            return self.take_all();
        }
        match (info.reason, info.left) {
            (BatchReason::Escalation, _) | (_, 1..) => Vec::new(),
            (_, 0) => self.close(&[key]),
        }
    }

    /// Returns the batches to print after this record, which is in none itself.
    pub(crate) fn after(&mut self, record: &LogRecord<'_>, shown: bool) -> Vec<Batch> {
        let key = |id| (record.pid, record.instance, id);
        let mut closed = Vec::new();
        for (key, batch) in self.open.range_mut(key(0)..=key(u64::MAX)) {
            if batch.is_released_by(record, shown) || batch.others() > MAX_OTHERS {
                closed.push(*key);
            }
        }
        self.close(&closed)
    }

    /// Returns all batches, to be printed as they are.
    pub(crate) fn take_all(&mut self) -> Vec<Batch> {
        let keys: Vec<_> = self.open.keys().copied().collect();
        self.close(&keys)
    }

    fn close(&mut self, keys: &[Key]) -> Vec<Batch> {
        let closed: Vec<_> = keys
            .iter()
            .filter_map(|key| self.open.remove(key))
            .collect();
        self.bytes -= closed.iter().map(|batch| batch.bytes()).sum::<usize>();
        closed
    }
}
