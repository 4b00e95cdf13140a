use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
        fence,
    },
};

use log::Level;
use record_proto::Levels;

use crate::process;

/// A number that shares no cache line with another: threads that count at the same time do not take it from each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart(AtomicU64);

/// What became of the records of this process.
///
/// Every record that passes the filter takes a number and then counts as sent or as dropped. Drops are kept in `due`
/// until a frame that tells of them is in the pipe.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Also tells since when it counts: another one behind each [`reset`](Self::reset).
    id: AtomicU64,
    seq: Apart,
    /// Sent by threads that have ended or have no tally here.
    sent: AtomicU64,
    /// The process whose threads have tallies: a forked one may find their lock held for ever.
    pid: u32,
    tallies: Mutex<Vec<Arc<Apart>>>,
    dropped: AtomicU64,
    any_due: AtomicU64,
    due: [AtomicU64; 5],
}

fn next_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Relaxed)
}

/// What one thread has sent by one ledger. Nobody else adds, so that nothing has to be locked.
#[derive(Debug, Default)]
pub(crate) struct Tally(Option<(u64, Arc<Apart>)>);

impl Ledger {
    /// Behind [`process::watch`].
    pub(crate) fn new() -> Self {
        Self {
            id: AtomicU64::new(next_id()),
            seq: Apart::default(),
            sent: AtomicU64::new(0),
            pid: process::id(),
            tallies: Mutex::default(),
            dropped: AtomicU64::new(0),
            any_due: AtomicU64::new(0),
            due: Default::default(),
        }
    }

    /// The number of the next record.
    pub(crate) fn next_seq(&self) -> u64 {
        self.seq.0.fetch_add(1, Relaxed) + 1
    }

    /// Counts a record that this thread has sent.
    #[inline]
    pub(crate) fn count_sent(&self, tally: &mut Tally) {
        match &tally.0 {
            Some((id, own)) if *id == self.id.load(Relaxed) && self.is_own() => {
                own.0.store(own.0.load(Relaxed) + 1, Relaxed);
            }
            None if self.is_own() => *tally = self.open_tally(),
            // The thread counts for another ledger, or did before this one began anew.
            _ => drop(self.sent.fetch_add(1, Relaxed)),
        }
    }

    /// Of a thread that has sent one record.
    #[cold]
    fn open_tally(&self) -> Tally {
        let own = Arc::new(Apart(AtomicU64::new(1)));
        let mut tallies = self.tallies();
        tallies.retain(|tally| {
            let is_kept = Arc::strong_count(tally) > 1;
            // Its thread has ended: then all that it has counted must be seen.
            fence(Acquire);
            if !is_kept {
                self.sent.fetch_add(tally.0.load(Relaxed), Relaxed);
            }
            is_kept
        });
        tallies.push(Arc::clone(&own));
        Tally(Some((self.id.load(Relaxed), own)))
    }

    /// Counts a record that has a number and will not be sent.
    pub(crate) fn count_dropped(&self, level: Level) {
        self.dropped.fetch_add(1, Relaxed);
        self.due[level as usize - 1].fetch_add(1, Relaxed);
        self.any_due.store(1, Release);
    }

    pub(crate) fn sent(&self) -> u64 {
        if !self.is_own() {
            return self.sent.load(Relaxed);
        }
        // Threads that end move theirs from the one to the other under this lock.
        let tallies = self.tallies();
        let by_tallies: u64 = tallies.iter().map(|tally| tally.0.load(Relaxed)).sum();
        self.sent.load(Relaxed) + by_tallies
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
        self.any_due.store(1, Release);
    }

    /// Begins anew, in a forked child for example.
    pub(crate) fn reset(&self) {
        self.id.store(next_id(), Relaxed);
        if self.is_own() {
            self.tallies().clear();
        }
        let others = [&self.seq.0, &self.sent, &self.dropped, &self.any_due];
        for counter in self.due.iter().chain(others) {
            counter.store(0, Relaxed);
        }
    }

    /// Whether this process has not been forked since.
    fn is_own(&self) -> bool {
        self.pid == process::id()
    }

    /// Nothing that is done under this lock can leave anything half done.
    fn tallies(&self) -> MutexGuard<'_, Vec<Arc<Apart>>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
