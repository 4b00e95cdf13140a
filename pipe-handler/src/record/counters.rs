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

use crossbeam_utils::CachePadded;
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
pub struct Counts {
    /// Records that were sent: with direct delivery and behind a close or flush they are in the pipe.
    pub sent: u64,
    /// Records that were dropped.
    pub dropped: u64,
}

/// What became of the records of this process.
///
/// Every record that passes the filter takes a number and then counts as sent or as dropped. Drops are kept in `due`
/// until a frame that tells of them is in the pipe.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Also tells since when it counts: another one behind each [`reset`](Self::reset).
    id: AtomicU64,
    seq: CachePadded<AtomicU64>,
    /// Sent by threads that have ended or have no counter here.
    sent: CachePadded<AtomicU64>,
    /// The process whose threads have thread_counters: a forked one may find their lock held for ever.
    process: u64,
    thread_counters: Mutex<Vec<Arc<CachePadded<AtomicU64>>>>,
    /// By level, in all.
    dropped: [AtomicU64; 5],
    any_unreported: AtomicU64,
    /// By level, those that no report has told of.
    unreported: [AtomicU64; 5],
}

fn next_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Relaxed)
}

/// What one thread has sent by one counters. Nobody else adds, so that nothing has to be locked.
#[derive(Debug, Default)]
pub(crate) struct ThreadCounter(Option<(u64, Arc<CachePadded<AtomicU64>>)>);

impl ThreadCounter {
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            id: AtomicU64::new(next_id()),
            seq: CachePadded::default(),
            sent: CachePadded::default(),
            process: process::generation(),
            thread_counters: Mutex::default(),
            dropped: Default::default(),
            any_unreported: AtomicU64::new(0),
            unreported: Default::default(),
        }
    }

    /// The number of the next record.
    pub(crate) fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Relaxed) + 1
    }

    /// Counts a record that this thread has sent.
    #[inline]
    pub(crate) fn count_sent(&self, counter: &mut ThreadCounter) {
        match &counter.0 {
            Some((id, own)) if *id == self.id.load(Relaxed) => {
                own.store(own.load(Relaxed) + 1, Relaxed);
            }
            None if self.is_own() => *counter = self.open_tally(),
            // The thread counts for another counters, or did before this one began anew.
            _ => self.count_sent_by_no_thread(),
        }
    }

    /// The same for whoever has no counter, and will have none.
    pub(crate) fn count_sent_by_no_thread(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    /// Of a thread that has sent one record. It waits for nobody: an allocator that logs may come here from here.
    #[cold]
    fn open_tally(&self) -> ThreadCounter {
        let own = Arc::new(CachePadded::new(AtomicU64::new(1)));
        let mut thread_counters = match self.thread_counters.try_lock() {
            Ok(thread_counters) => thread_counters,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.count_sent_by_no_thread();
                return ThreadCounter::default();
            }
        };
        thread_counters.retain(|counter| {
            let is_kept = Arc::strong_count(counter) > 1;
            // Its thread has ended: then all that it has counted must be seen.
            fence(Acquire);
            if !is_kept {
                self.sent.fetch_add(counter.load(Relaxed), Relaxed);
            }
            is_kept
        });
        thread_counters.push(Arc::clone(&own));
        ThreadCounter(Some((self.id.load(Relaxed), own)))
    }

    /// Counts a record that has a number and will not be sent.
    pub(crate) fn count_dropped(&self, level: Level) {
        let level = level as usize - 1;
        self.dropped[level].fetch_add(1, Relaxed);
        self.unreported[level].fetch_add(1, Relaxed);
        self.any_unreported.store(1, Release);
    }

    pub(crate) fn sent(&self) -> u64 {
        if !self.is_own() {
            return self.sent.load(Relaxed);
        }
        // Threads that end move theirs from the one to the other under this lock.
        let thread_counters = self.thread_counters();
        let by_tallies: u64 = thread_counters
            .iter()
            .map(|counter| counter.load(Relaxed))
            .sum();
        self.sent.load(Relaxed) + by_tallies
    }

    pub(crate) fn dropped(&self) -> Levels {
        Levels(self.dropped.each_ref().map(|count| count.load(Relaxed)))
    }

    /// Takes over the telling of what was dropped; whoever fails to tell gives it back.
    pub(crate) fn take_unreported(&self) -> Option<Levels> {
        // The one load that a record costs while nothing was dropped.
        if self.any_unreported.load(Relaxed) == 0 || self.any_unreported.swap(0, AcqRel) == 0 {
            return None;
        }
        let mut counts = Levels::default();
        for (count, unreported) in counts.0.iter_mut().zip(&self.unreported) {
            *count = unreported.swap(0, Relaxed);
        }
        (counts.total() > 0).then_some(counts)
    }

    pub(crate) fn give_back(&self, counts: Levels) {
        for (count, unreported) in counts.0.iter().zip(&self.unreported) {
            unreported.fetch_add(*count, Relaxed);
        }
        self.any_unreported.store(1, Release);
    }

    /// Begins anew, in a forked child for example.
    pub(crate) fn reset(&self) {
        let mut thread_counters = self.is_own().then(|| self.thread_counters());
        // Under the lock: who opens a counter meanwhile has it in the list that goes, or the new number in the new one.
        self.id.store(next_id(), Relaxed);
        let _freed_without_the_lock = thread_counters.as_deref_mut().map(mem::take);
        drop(thread_counters);
        let by_level = self.dropped.iter().chain(&self.unreported);
        for counter in by_level.chain([&*self.seq, &*self.sent, &self.any_unreported]) {
            counter.store(0, Relaxed);
        }
    }

    /// Whether this process has not been forked since.
    fn is_own(&self) -> bool {
        self.process == process::generation()
    }

    /// Nothing that is done under this lock can leave anything half done.
    fn thread_counters(&self) -> MutexGuard<'_, Vec<Arc<CachePadded<AtomicU64>>>> {
        self.thread_counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    fn counters() -> Counters {
        process::watch_forks();
        Counters::new()
    }

    #[test]
    fn each_record_counts_once_whatever_becomes_of_its_thread() {
        let (counters, other) = (counters(), counters());
        for round in 1..=50 {
            thread::scope(|scope| {
                for _ in 0..10 {
                    scope.spawn(|| {
                        let mut counter = ThreadCounter::default();
                        for _ in 0..40 {
                            counters.count_sent(&mut counter);
                            other.count_sent(&mut counter);
                        }
                        counters.count_sent_by_no_thread();
                    });
                }
                let mut last = 0;
                for _ in 0..50 {
                    assert!(counters.sent() >= last, "nothing is missing in between");
                    last = counters.sent();
                }
            });
            assert_eq!(other.sent(), round * 400);
            assert_eq!(counters.sent(), round * 410);
        }
        let left = counters.thread_counters().len();
        assert!(
            left <= 20,
            "{left} thread_counters of threads that have ended"
        );
    }

    #[test]
    fn a_tally_that_is_opened_while_the_ledger_begins_anew_counts_from_there_on() {
        for _ in 0..1000 {
            let counters = counters();
            let mut others: Vec<ThreadCounter> =
                (0..100).map(|_| ThreadCounter::default()).collect();
            others
                .iter_mut()
                .for_each(|other| counters.count_sent(other));
            let start = Barrier::new(2);
            let mut counter = ThreadCounter::default();
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    counters.count_sent(&mut counter);
                });
                start.wait();
                counters.reset();
            });
            let before = counters.sent();
            for _ in 0..10 {
                counters.count_sent(&mut counter);
            }
            assert_eq!(counters.sent(), before + 10);
        }
    }

    #[test]
    fn whoever_finds_the_tallies_locked_counts_without_one() {
        let counters = counters();
        let held = counters.thread_counters();
        let mut counter = ThreadCounter::default();
        counters.count_sent(&mut counter);
        drop(held);
        assert!(!counter.is_open());
        counters.count_sent(&mut counter);
        assert!(counter.is_open());
        assert_eq!(counters.sent(), 2);
    }
}
