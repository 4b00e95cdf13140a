use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

use log::Level;
use record_proto::Levels;

/// How many counters the threads share for what they have sent.
const SHARDS: usize = 16;

/// A number that shares no cache line with another: threads that count at the same time do not take it from each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart(AtomicU64);

/// What became of the records of this process.
///
/// Every record that passes the filter takes a number and then counts as sent or as dropped. Drops are kept in `due`
/// until a frame that tells of them is in the pipe.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    seq: Apart,
    sent: [Apart; SHARDS],
    dropped: AtomicU64,
    any_due: AtomicU64,
    due: [AtomicU64; 5],
}

impl Ledger {
    /// The number of the next record.
    pub(crate) fn next_seq(&self) -> u64 {
        self.seq.0.fetch_add(1, Relaxed) + 1
    }

    /// Counts a record that was sent, beside those of threads with other numbers.
    pub(crate) fn count_sent(&self, thread: u64) {
        let shard = thread as usize % SHARDS;
        self.sent[shard].0.fetch_add(1, Relaxed);
    }

    /// Counts a record that has a number and will not be sent.
    pub(crate) fn count_dropped(&self, level: Level) {
        self.dropped.fetch_add(1, Relaxed);
        self.due[level as usize - 1].fetch_add(1, Relaxed);
        self.any_due.store(1, std::sync::atomic::Ordering::Release);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.iter().map(|shard| shard.0.load(Relaxed)).sum()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Takes over the telling of what was dropped; whoever fails to tell gives it back.
    pub(crate) fn take_due(&self) -> Option<Levels> {
        // The one load that a record costs while nothing was dropped.
        if self.any_due.load(Relaxed) == 0 || self.any_due.swap(0, AcqRel) == 0 {
            return None;
        }
        let mut counts = Levels::default();
        for (count, due) in counts.0.iter_mut().zip(&self.due) {
            *count = due.swap(0, Relaxed);
        }
        (counts.total() > 0).then_some(counts)
    }

    pub(crate) fn give_back(&self, counts: Levels) {
        for (count, due) in counts.0.iter().zip(&self.due) {
            due.fetch_add(*count, Relaxed);
        }
        self.any_due.store(1, std::sync::atomic::Ordering::Release);
    }

    /// A forked child counts its own records.
    pub(crate) fn reset(&self) {
        let sent = self.sent.iter().map(|shard| &shard.0);
        let others = [&self.seq.0, &self.dropped, &self.any_due];
        for counter in self.due.iter().chain(sent).chain(others) {
            counter.store(0, Relaxed);
        }
    }
}
