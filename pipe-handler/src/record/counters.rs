//! Counts the records that a process has sent and dropped, and hands out sequence numbers.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{
            Ordering::{Acquire, Relaxed, Release},
            fence,
        },
    },
};

use crossbeam_utils::CachePadded;
use log::Level;
use record_proto::Levels;

use crate::sys::{AtomicU64, process};

/// How many records a process has sent and dropped.
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
    /// Records that were sent: they are in the shared buffer or in the pipe. Those of a handler with a
    /// drain (`Builder::build_over`) may still wait for it.
    pub sent: u64,
    /// Records that were dropped.
    pub dropped: u64,
    /// Records that are [held back](crate::HoldBack) or were forgotten without being sent.
    #[cfg(feature = "scope")]
    pub held_back: u64,
}

/// The counters of one handler in this process.
///
/// Every record that passes the filter takes a sequence number and is then counted as sent or as dropped. A dropped
/// record stays in `unreported` until a frame that reports it is in the pipe.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Identifies these counters among those of all handlers. Each [`reset`](Self::reset) changes it, so that a
    /// [`ThreadCounter`] from before the reset is no longer used.
    id: AtomicU64,
    seq: CachePadded<AtomicU64>,
    /// Records sent by threads that have ended or that have no [`ThreadCounter`] here.
    sent: CachePadded<AtomicU64>,
    /// The generation of the process that made these counters. A forked child has another one, and must not lock
    /// `thread_counters`: it may find the lock held for ever.
    process: u64,
    thread_counters: Mutex<Vec<Arc<CachePadded<AtomicU64>>>>,
    /// By level, all since the start or the last reset.
    dropped: [AtomicU64; 5],
    /// 1 if `unreported` may have a count above 0.
    any_unreported: AtomicU64,
    /// By level, those that no frame has reported yet.
    unreported: [AtomicU64; 5],
}

fn next_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    // Relaxed: the number has to be unique and publishes nothing.
    IDS.fetch_add(1, Relaxed)
}

/// How many records one thread has sent, for one [`Counters`].
///
/// Only this thread adds to it, so it needs no lock and no read-modify-write instruction.
#[derive(Debug, Default)]
pub(crate) struct ThreadCounter(Option<(u64, Arc<CachePadded<AtomicU64>>)>);

impl ThreadCounter {
    pub(crate) fn is_registered(&self) -> bool {
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

    /// Returns the sequence number of the next record, from 1.
    pub(crate) fn next_seq(&self) -> u64 {
        self.take_seqs(1)
    }

    /// Takes so many sequence numbers in a row, and returns the first.
    #[inline]
    pub(crate) fn take_seqs(&self, count: u64) -> u64 {
        // Relaxed: the number has to be unique and publishes nothing.
        self.seq.fetch_add(count, Relaxed) + 1
    }

    /// Counts a record that this thread has sent.
    #[inline]
    pub(crate) fn count_sent(&self, counter: &mut ThreadCounter) {
        match &counter.0 {
            // Relaxed is enough: the thread saw the session open with Acquire, and the id was set before that. Only
            // this thread writes `count`.
            Some((id, count)) if *id == self.id.load(Relaxed) => {
                count.store(count.load(Relaxed) + 1, Relaxed);
            }
            None if self.is_same_process() => *counter = self.register_thread(),
            // The thread's counter belongs to another handler's counters, or to these before a reset.
            _ => self.count_sent_shared(),
        }
    }

    /// Counts a record that was sent without a [`ThreadCounter`].
    pub(crate) fn count_sent_shared(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    /// Makes the counter of a thread that has just sent its first record.
    ///
    /// It does not wait for the lock: an allocator that logs may call it from inside itself.
    #[cold]
    fn register_thread(&self) -> ThreadCounter {
        let count = Arc::new(CachePadded::new(AtomicU64::new(1)));
        let mut thread_counters = match self.thread_counters.try_lock() {
            Ok(thread_counters) => thread_counters,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.count_sent_shared();
                return ThreadCounter::default();
            }
        };
        thread_counters.retain(|counter| {
            let is_kept = Arc::strong_count(counter) > 1;
            // If the thread has ended, this fence pairs with the Release decrement by which it dropped its Arc, so the
            // load below sees its last count. Without it, records at the end of the thread could be missing from the
            // sum.
            fence(Acquire);
            if !is_kept {
                self.sent.fetch_add(counter.load(Relaxed), Relaxed);
            }
            is_kept
        });
        thread_counters.push(Arc::clone(&count));
        // Relaxed: `reset` changes the id under the lock that is held here.
        ThreadCounter(Some((self.id.load(Relaxed), count)))
    }

    /// Counts a record that has a sequence number and will not be sent. `is_reported`: the parent knows of it.
    pub(crate) fn count_dropped(&self, level: Level, is_reported: bool) {
        let level = level as usize - 1;
        self.dropped[level].fetch_add(1, Relaxed);
        if !is_reported {
            self.unreported[level].fetch_add(1, Relaxed);
            self.mark_unreported();
        }
    }

    /// Sets the flag. Call it after the count was added.
    fn mark_unreported(&self) {
        // Release pairs with the Acquire swap in `take_unreported`: the thread that clears this 1 sees the count too.
        // Without it, that thread could clear the flag, miss the count, and leave it unreported until the next drop.
        //
        // It is a swap, because a read-modify-write continues the release sequence of an earlier 1: the thread that
        // clears the flag synchronises with every thread that has set it since it was 0. With a store, it would
        // synchronise only with the last one, and could miss the counts of the others although it cleared their flag.
        self.any_unreported.swap(1, Release);
    }

    pub(crate) fn sent(&self) -> u64 {
        if !self.is_same_process() {
            return self.sent.load(Relaxed);
        }
        // The counts of ended threads move from `thread_counters` to `sent` under this lock. It is held across both
        // loads, so no count is missing and none is added twice. Relaxed: the lock orders the moves, and a count that
        // is still growing has no exact value.
        let thread_counters = self.lock_thread_counters();
        let by_threads: u64 = thread_counters
            .iter()
            .map(|counter| counter.load(Relaxed))
            .sum();
        self.sent.load(Relaxed) + by_threads
    }

    pub(crate) fn dropped(&self) -> Levels {
        Levels(self.dropped.each_ref().map(|count| count.load(Relaxed)))
    }

    /// Returns whether there may be drops that no frame has reported. If there are none, a record costs only this one
    /// load.
    #[inline]
    pub(crate) fn any_unreported(&self) -> bool {
        // Relaxed: a thread that misses a drop of another thread leaves its report to the next record.
        self.any_unreported.load(Relaxed) != 0
    }

    /// Takes the counts of unreported drops. The caller reports them, or [restores](Self::restore_unreported) them if
    /// it cannot.
    pub(crate) fn take_unreported(&self) -> Option<Levels> {
        // While nothing is unreported, a record costs this one load. Relaxed: if it misses a new drop, a later record
        // reports it. Acquire pairs with the Release swaps in `mark_unreported` and makes the counts visible. Nothing
        // was written before that another thread needs, so Release is not needed.
        if self.any_unreported.load(Relaxed) == 0 || self.any_unreported.swap(0, Acquire) == 0 {
            return None;
        }
        let mut counts = Levels::default();
        for (count, unreported) in counts.0.iter_mut().zip(&self.unreported) {
            *count = unreported.swap(0, Relaxed);
        }
        (counts.total() > 0).then_some(counts)
    }

    /// Adds counts that could not be reported back to the unreported ones.
    pub(crate) fn restore_unreported(&self, counts: Levels) {
        for (count, unreported) in counts.0.iter().zip(&self.unreported) {
            unreported.fetch_add(*count, Relaxed);
        }
        self.mark_unreported();
    }

    /// Sets everything to zero, for example in a forked child.
    pub(crate) fn reset(&self) {
        let mut thread_counters = self.is_same_process().then(|| self.lock_thread_counters());
        // Changed under the lock. A thread that registers at the same time gets either the old id and an entry in the
        // list that is discarded here, or the new id and an entry in the new list.
        self.id.store(next_id(), Relaxed);
        let _freed_after_unlock = thread_counters.as_deref_mut().map(mem::take);
        drop(thread_counters);
        // Relaxed: `Session::mark_opening` publishes these stores with Release; other threads count only after they have seen
        // it.
        let by_level = self.dropped.iter().chain(&self.unreported);
        for counter in by_level.chain([&*self.seq, &*self.sent, &self.any_unreported]) {
            counter.store(0, Relaxed);
        }
    }

    /// Whether these counters were made in this process. False in a forked child.
    fn is_same_process(&self) -> bool {
        self.process == process::generation()
    }

    /// Ignores poisoning: code under this lock cannot leave the list half changed.
    fn lock_thread_counters(&self) -> MutexGuard<'_, Vec<Arc<CachePadded<AtomicU64>>>> {
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
    fn each_record_counts_once_even_if_its_thread_has_ended() {
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
                        counters.count_sent_shared();
                    });
                }
                let mut last = 0;
                for _ in 0..50 {
                    assert!(counters.sent() >= last, "the sum never falls");
                    last = counters.sent();
                }
            });
            assert_eq!(other.sent(), round * 400);
            assert_eq!(counters.sent(), round * 410);
        }
        let left = counters.lock_thread_counters().len();
        assert!(left <= 20, "{left} counters of threads that have ended");
    }

    #[test]
    fn a_thread_that_registers_during_a_reset_is_counted_from_then_on() {
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
    fn a_thread_that_finds_the_lock_held_counts_without_its_own_counter() {
        let counters = counters();
        let held = counters.lock_thread_counters();
        let mut counter = ThreadCounter::default();
        counters.count_sent(&mut counter);
        drop(held);
        assert!(!counter.is_registered());
        counters.count_sent(&mut counter);
        assert!(counter.is_registered());
        assert_eq!(counters.sent(), 2);
    }
}
