//! Hands out sequence numbers, and counts the records that a process has sent and dropped.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crossbeam_utils::CachePadded;
use log::Level;
use record_proto::Levels;

use crate::sys::AtomicU64;

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
/// Every record that passes the filter takes a sequence number, and is then sent or dropped. Those that are sent are not
/// counted by themselves: they are the numbers that were taken, without the records that were dropped or are unsent. A
/// dropped record stays in `unreported` until a frame that reports it is in the pipe.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// How many numbers were taken and, in units of [`UNSENT`], how many of their records are neither sent nor dropped:
    /// they wait for room, or the parent is gone. Both in one word, so that a record costs one access.
    numbers: CachePadded<AtomicU64>,
    /// By level, all since the start or the last reset.
    dropped: [AtomicU64; 5],
    /// 1 if `unreported` may have a count above 0.
    any_unreported: AtomicU64,
    /// By level, those that no frame has reported yet.
    unreported: [AtomicU64; 5],
}

/// One unsent record in [`Counters::numbers`]. It leaves numbers for a million records a second in nine years, and as many
/// threads that wait at once as a system has.
const UNSENT: u64 = 1 << 48;

/// The sequence number of a record, taken when it is asked for first.
#[derive(Debug, Default)]
pub(super) struct Number {
    /// 0 until it is taken.
    seq: u64,
    /// Whether the next number is taken together with it, so that no other thread gets that. Its record counts as unsent
    /// until then.
    pub(super) with_next: bool,
    /// Whether the record counts as unsent.
    is_unsent: bool,
}

impl Number {
    /// The number 0 is that of a record that has none yet. Others were taken [with another one](Self::with_next).
    pub(super) fn taken(seq: u64) -> Self {
        Self {
            seq,
            with_next: false,
            is_unsent: seq != 0,
        }
    }

    /// Returns the number if it was taken.
    #[cfg(feature = "scope")]
    pub(super) fn seq(&self) -> Option<u64> {
        Some(self.seq).filter(|&seq| seq != 0)
    }

    /// Returns the number. `may_fail`: the record is not sent yet, and may be given up.
    #[inline]
    pub(super) fn get(&mut self, counters: &Counters, may_fail: bool) -> u64 {
        if self.seq == 0 {
            let next = u64::from(self.with_next);
            self.seq = counters.take_numbers(1 + next, next + u64::from(may_fail));
            self.is_unsent |= may_fail;
        }
        self.seq
    }

    /// The record was sent, or is counted as dropped.
    #[inline]
    pub(super) fn settle(&mut self, counters: &Counters) {
        if std::mem::replace(&mut self.is_unsent, false) {
            counters.numbers.fetch_sub(UNSENT, Relaxed);
        }
    }

    /// The record will never be sent, and is not counted as dropped.
    pub(super) fn discard(&self, counters: &Counters) {
        if self.seq != 0 && !self.is_unsent {
            counters.numbers.fetch_add(UNSENT, Relaxed);
        }
    }

    /// Lets the record get a number of the session that has begun since, with counters that were set to zero.
    pub(super) fn renew(&mut self) {
        (self.seq, self.is_unsent) = (0, false);
    }
}

impl Counters {
    /// Takes so many sequence numbers in a row, from 1 on, and returns the first. So many of their records are unsent.
    #[inline]
    pub(crate) fn take_numbers(&self, count: u64, unsent: u64) -> u64 {
        // Release: a thread that sees the number taken, as `sent` may, also sees the record counted as dropped before.
        // Otherwise it would take the record for sent.
        let before = self.numbers.fetch_add(count + unsent * UNSENT, Release);
        before % UNSENT + 1
    }

    /// Counts a record that will not be sent. Call it before the record takes its number, unless it has one. `is_reported`:
    /// the parent knows of it.
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

    /// Returns how many records were sent: all that have a number, without those that were dropped or are not sent yet.
    pub(crate) fn sent(&self) -> u64 {
        // Acquire pairs with `take_numbers`.
        let word = self.numbers.load(Acquire);
        let numbers = (word % UNSENT).cast_signed();
        // Signed: a record that began before the last reset may be settled after it.
        let unsent = word.cast_signed().div_euclid(UNSENT.cast_signed());
        // Below 0 at a moment in which a record counts as dropped and has no number yet.
        (numbers - unsent - self.dropped().total().cast_signed())
            .max(0)
            .cast_unsigned()
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
        // Acquire pairs with the Release swaps in `mark_unreported` and makes the counts visible. Nothing was written
        // before that another thread needs, so Release is not needed.
        if self.any_unreported.swap(0, Acquire) == 0 {
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
        // Relaxed: the session publishes these stores with Release when it is opened; other threads count only after they
        // have seen that.
        let by_level = self.dropped.iter().chain(&self.unreported);
        for counter in by_level.chain([&*self.numbers, &self.any_unreported]) {
            counter.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Read, Write},
        thread,
    };

    use log::{Log, Record};
    use rustix::fs::{OFlags, fcntl_setfl};

    use super::*;
    use crate::handler::PipeHandler;

    #[test]
    fn a_record_counts_as_sent_only_once_it_is() {
        let counters = Counters::default();
        let mut waits = Number::default();
        assert_eq!((waits.get(&counters, true), counters.sent()), (1, 0));
        let mut certain = Number::default();
        assert_eq!((certain.get(&counters, false), counters.sent()), (2, 1));
        waits.settle(&counters);
        waits.settle(&counters);
        certain.settle(&counters);
        assert_eq!(counters.sent(), 2);
        // Of this one the parent has the number, but nobody reads it.
        let mut late = Number::default();
        late.get(&counters, false);
        late.discard(&counters);
        Number::default().discard(&counters);
        assert_eq!(counters.sent(), 2);
        counters.count_dropped(Level::Info, true);
        counters.take_numbers(1, 0);
        assert_eq!((counters.sent(), counters.dropped().total()), (2, 1));
        counters.reset();
        assert_eq!((counters.sent(), certain.get(&counters, false)), (0, 2));
        certain.renew();
        assert_eq!((certain.get(&counters, false), counters.sent()), (1, 1));
    }

    #[test]
    fn a_number_that_was_taken_for_a_later_record_is_not_one_of_a_sent_record() {
        let counters = Counters::default();
        let mut last_of_batch = Number {
            with_next: true,
            ..Number::default()
        };
        assert_eq!(
            (last_of_batch.get(&counters, false), counters.sent()),
            (1, 1)
        );
        let mut escalating = Number::taken(2);
        assert_eq!((escalating.get(&counters, false), counters.sent()), (2, 1));
        escalating.settle(&counters);
        assert_eq!(counters.sent(), 2);
    }

    #[test]
    fn no_count_of_sent_records_is_too_high_while_others_are_dropped_or_wait() {
        let counters = Counters::default();
        thread::scope(|scope| {
            let threads = [false, true].map(|waits| {
                let counters = &counters;
                scope.spawn(move || {
                    for _ in 0..20_000 {
                        if waits {
                            Number::default().get(counters, true);
                        }
                        counters.count_dropped(Level::Info, true);
                        counters.take_numbers(1, 0);
                    }
                })
            });
            while threads.iter().any(|thread| !thread.is_finished()) {
                assert_eq!(counters.sent(), 0);
            }
        });
        assert_eq!(counters.sent(), 0);
    }

    #[test]
    fn a_record_that_waits_for_room_in_the_pipe_does_not_count_as_sent() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let builder = PipeHandler::builder().panic_hook(false);
        let handler = builder.build_on(writer.try_clone().unwrap()).unwrap();
        // Both have this flag then. The handler waits all the same.
        fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
        while writer.write(&[0; 1024]).is_ok() {}
        while writer.write(&[0]).is_ok() {}
        thread::scope(|scope| {
            let waits = scope.spawn(|| handler.log(&Record::builder().build()));
            while handler.writer.counters.numbers.load(Relaxed) == 0 {
                thread::yield_now();
            }
            let while_it_waits = handler.counts().sent;
            let _room = reader.read(&mut [0; 1 << 17]).unwrap();
            waits.join().unwrap();
            assert_eq!(while_it_waits, 0);
        });
        assert_eq!((handler.counts().sent, handler.counts().dropped), (1, 0));
    }
}
