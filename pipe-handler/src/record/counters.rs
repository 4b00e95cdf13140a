use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{
            Ordering::{AcqRel, Acquire, Relaxed, Release},
            fence,
        },
    },
};

use log::Level;
use record_proto::Levels;

use crate::sys::{AtomicU64, process};

/// What a process has sent and dropped.
///
/// ```no_run
/// let handler = pipe_handler::PipeHandler::builder().build()?;
/// // ... the handler is used as a logger ...
/// if let Some(closed) = handler.close() {
///     eprintln!("{} records sent, {} dropped", closed.sent, closed.dropped);
/// }
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Records that were sent: with direct delivery and behind a close or flush they are in the pipe.
    pub sent: u64,
    /// Records that were dropped.
    pub dropped: u64,
}

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
    sent: Apart,
    /// The process whose threads have tallies: a forked one may find their lock held for ever.
    process: u64,
    tallies: Mutex<Vec<Arc<Apart>>>,
    /// By level, in all.
    dropped: [AtomicU64; 5],
    any_due: AtomicU64,
    /// By level, those that no report has told of.
    due: [AtomicU64; 5],
}

fn next_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Relaxed)
}

/// What one thread has sent by one ledger. Nobody else adds, so that nothing has to be locked.
#[derive(Debug, Default)]
pub(crate) struct Tally(Option<(u64, Arc<Apart>)>);

impl Tally {
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            id: AtomicU64::new(next_id()),
            seq: Apart::default(),
            sent: Apart::default(),
            process: process::mark(),
            tallies: Mutex::default(),
            dropped: Default::default(),
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
            Some((id, own)) if *id == self.id.load(Relaxed) => {
                own.0.store(own.0.load(Relaxed) + 1, Relaxed);
            }
            None if self.is_own() => *tally = self.open_tally(),
            // The thread counts for another ledger, or did before this one began anew.
            _ => self.count_apart(),
        }
    }

    /// The same for whoever has no tally, and will have none.
    pub(crate) fn count_apart(&self) {
        self.sent.0.fetch_add(1, Relaxed);
    }

    /// Of a thread that has sent one record. It waits for nobody: an allocator that logs may come here from here.
    #[cold]
    fn open_tally(&self) -> Tally {
        let own = Arc::new(Apart(AtomicU64::new(1)));
        let mut tallies = match self.tallies.try_lock() {
            Ok(tallies) => tallies,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.count_apart();
                return Tally::default();
            }
        };
        tallies.retain(|tally| {
            let is_kept = Arc::strong_count(tally) > 1;
            // Its thread has ended: then all that it has counted must be seen.
            fence(Acquire);
            if !is_kept {
                self.sent.0.fetch_add(tally.0.load(Relaxed), Relaxed);
            }
            is_kept
        });
        tallies.push(Arc::clone(&own));
        Tally(Some((self.id.load(Relaxed), own)))
    }

    /// Counts a record that has a number and will not be sent.
    pub(crate) fn count_dropped(&self, level: Level) {
        let level = level as usize - 1;
        self.dropped[level].fetch_add(1, Relaxed);
        self.due[level].fetch_add(1, Relaxed);
        self.any_due.store(1, Release);
    }

    pub(crate) fn sent(&self) -> u64 {
        if !self.is_own() {
            return self.sent.0.load(Relaxed);
        }
        // Threads that end move theirs from the one to the other under this lock.
        let tallies = self.tallies();
        let by_tallies: u64 = tallies.iter().map(|tally| tally.0.load(Relaxed)).sum();
        self.sent.0.load(Relaxed) + by_tallies
    }

    pub(crate) fn dropped(&self) -> Levels {
        Levels(self.dropped.each_ref().map(|count| count.load(Relaxed)))
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
        let mut tallies = self.is_own().then(|| self.tallies());
        // Under the lock: who opens a tally meanwhile has it in the list that goes, or the new number in the new one.
        self.id.store(next_id(), Relaxed);
        let _freed_without_the_lock = tallies.as_deref_mut().map(mem::take);
        drop(tallies);
        let by_level = self.dropped.iter().chain(&self.due);
        for counter in by_level.chain([&self.seq.0, &self.sent.0, &self.any_due]) {
            counter.store(0, Relaxed);
        }
    }

    /// Whether this process has not been forked since.
    fn is_own(&self) -> bool {
        self.process == process::mark()
    }

    /// Nothing that is done under this lock can leave anything half done.
    fn tallies(&self) -> MutexGuard<'_, Vec<Arc<Apart>>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    fn ledger() -> Ledger {
        process::watch();
        Ledger::new()
    }

    #[test]
    fn each_record_counts_once_whatever_becomes_of_its_thread() {
        let (ledger, other) = (ledger(), ledger());
        for round in 1..=50 {
            thread::scope(|scope| {
                for _ in 0..10 {
                    scope.spawn(|| {
                        let mut tally = Tally::default();
                        for _ in 0..40 {
                            ledger.count_sent(&mut tally);
                            other.count_sent(&mut tally);
                        }
                        ledger.count_apart();
                    });
                }
                let mut last = 0;
                for _ in 0..50 {
                    assert!(ledger.sent() >= last, "nothing is missing in between");
                    last = ledger.sent();
                }
            });
            assert_eq!(other.sent(), round * 400);
            assert_eq!(ledger.sent(), round * 410);
        }
        let left = ledger.tallies().len();
        assert!(left <= 20, "{left} tallies of threads that have ended");
    }

    #[test]
    fn a_tally_that_is_opened_while_the_ledger_begins_anew_counts_from_there_on() {
        for _ in 0..1000 {
            let ledger = ledger();
            let mut others: Vec<Tally> = (0..100).map(|_| Tally::default()).collect();
            others.iter_mut().for_each(|other| ledger.count_sent(other));
            let start = Barrier::new(2);
            let mut tally = Tally::default();
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    ledger.count_sent(&mut tally);
                });
                start.wait();
                ledger.reset();
            });
            let before = ledger.sent();
            for _ in 0..10 {
                ledger.count_sent(&mut tally);
            }
            assert_eq!(ledger.sent(), before + 10);
        }
    }

    #[test]
    fn whoever_finds_the_tallies_locked_counts_without_one() {
        let ledger = ledger();
        let held = ledger.tallies();
        let mut tally = Tally::default();
        ledger.count_sent(&mut tally);
        drop(held);
        assert!(!tally.is_open());
        ledger.count_sent(&mut tally);
        assert!(tally.is_open());
        assert_eq!(ledger.sent(), 2);
    }
}
