//! When the writer of a pipe is busy enough to be paced: to be read at ticks instead of at each write.
//!
//! A write that wakes a reader costs the writer about twice as much as one that does not. Reading at ticks avoids these
//! wakes, but it has two costs: a tick wakes the reader even if nothing was written, and between two ticks the pipe may
//! run full and make the writer wait. So pacing begins only while the writer is hot, and stops if ticks find nearly
//! nothing or find the pipe full.

use std::time::{Duration, Instant};

/// Two reads after wakes that are closer than this belong to the same streak.
const STREAK_GAP: Duration = Duration::from_micros(20);

/// The length of a streak that makes a writer hot.
const HOT_STREAK: u32 = 8;

/// The size of a single read that makes a writer hot, in bytes. So much means that the writer went on writing while the
/// reader was being woken.
const HOT_READ: usize = 4 * 1024;

/// A tick that finds fewer bytes than this is sparse.
const SPARSE_BYTES: usize = 512;

/// The number of ticks in a row that stop pacing: sparse ones, because the writer is quiet, or full ones, because it
/// had to wait. A single tick may be a coincidence.
const DECIDING_TICKS: u32 = 2;

/// The bytes of two ticks differ by no more than this if both found the pipe full: a page.
const SAME_LEVEL: usize = 4 * 1024;

/// The time for which a writer that had to wait is not paced again.
const SUSPENSION: Duration = Duration::from_millis(20);

/// Decides from the reads of a pipe whether its writer is to be paced.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    last_read: Option<Instant>,
    streak: u32,
    /// No pacing before this time.
    suspended_until: Option<Instant>,
    sparse_ticks: u32,
    full_ticks: u32,
    /// The bytes that the last tick found, except late ones.
    last_available: usize,
}

/// The observations at a tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tick {
    /// The number of bytes in the pipe.
    pub(crate) available: usize,
    /// The size of the pipe in bytes.
    pub(crate) size: usize,
    /// The time that this reader has waited for the tick.
    pub(crate) waited: Duration,
    /// The time between two ticks.
    pub(crate) period: Duration,
}

impl Pacing {
    /// Notes a read after a wake. Returns whether the writer is to be paced from now on.
    pub(crate) fn on_read(&mut self, bytes: usize, now: Instant) -> bool {
        let gap = self.last_read.map(|last| now.duration_since(last));
        self.last_read = Some(now);
        self.streak = match gap {
            Some(gap) if gap < STREAK_GAP => self.streak + 1,
            _ => 0,
        };
        let hot = self.streak >= HOT_STREAK || bytes >= HOT_READ;
        hot && self.suspended_until.is_none_or(|until| now >= until)
    }

    /// Prevents pacing for a while.
    pub(crate) fn suspend(&mut self, now: Instant) {
        *self = Self {
            suspended_until: Some(now + SUSPENSION),
            ..Self::default()
        };
    }

    /// Forgets all observations. To be called when pacing begins.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Notes a tick. Returns whether pacing is to stop.
    pub(crate) fn on_tick(&mut self, tick: Tick, now: Instant) -> bool {
        // A tick may come early for this reader, because its period began with another reader's wait. A busy writer may
        // have written little in that time, so a tick before half the period does not count as sparse.
        if tick.available >= SPARSE_BYTES {
            self.sparse_ticks = 0;
        } else if tick.waited >= tick.period / 2 {
            self.sparse_ticks += 1;
        }
        // A tick comes late if the machine is busy. By then any writer has filled its pipe, so a tick after twice the
        // period does not count as full.
        if tick.waited <= tick.period * 2 {
            self.full_ticks = if self.is_full(tick) {
                self.full_ticks + 1
            } else {
                0
            };
            self.last_available = tick.available;
        }
        if self.full_ticks >= DECIDING_TICKS {
            self.suspend(now);
            return true;
        }
        self.sparse_ticks >= DECIDING_TICKS
    }

    /// Returns whether the pipe is probably full and its writer waiting for room.
    ///
    /// The system fills a pipe page by page. Records that are longer than half a page leave nearly half of each page
    /// empty, so a full pipe may hold little more than half its size in bytes. It is recognised by the same number of
    /// bytes at two ticks.
    fn is_full(&self, tick: Tick) -> bool {
        let is_same = tick.available.abs_diff(self.last_available) <= SAME_LEVEL;
        tick.available >= tick.size / 4 * 3 || (tick.available >= tick.size / 2 && is_same)
    }
}

#[cfg(test)]
mod tests;
