use std::time::{Duration, Instant};

/// Two wakes that are closer than this belong to a streak.
const STREAK_GAP: Duration = Duration::from_micros(20);

/// So many of them make a writer hot.
const STREAK: u32 = 8;

/// And so does a single read of this many bytes: they were written while the reader was woken.
const HOT_READ: usize = 4 * 1024;

/// A tick with fewer bytes than this is sparse.
const SPARSE: usize = 512;

/// So many ticks in a row decide: sparse ones that the writer is quiet, full ones that it was held up.
const TICKS: u32 = 2;

/// How close two ticks' bytes are if both found the same pipe full: within a page.
const SAME: usize = 4 * 1024;

/// How long a writer that was held up is not paced again.
const HOLD: Duration = Duration::from_millis(20);

/// What the reads of a pipe say about its writer: whether it should be woken for, or be left to write between ticks.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    last_read: Option<Instant>,
    streak: u32,
    held_until: Option<Instant>,
    sparse: u32,
    full: u32,
    /// What the last tick found.
    last_waiting: usize,
}

/// What a tick found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tick {
    /// Bytes in the pipe.
    pub(crate) waiting: usize,
    /// The size of the pipe.
    pub(crate) size: usize,
    /// How long the reader has waited for the tick.
    pub(crate) waited: Duration,
    /// How long it should have waited.
    pub(crate) period: Duration,
}

impl Pacing {
    /// Takes in a read that was woken for; whether the writer is to be paced from now on.
    pub(crate) fn read(&mut self, bytes: usize, now: Instant) -> bool {
        let gap = self.last_read.map(|last| now.duration_since(last));
        self.last_read = Some(now);
        self.streak = match gap {
            Some(gap) if gap < STREAK_GAP => self.streak + 1,
            _ => 0,
        };
        let hot = self.streak >= STREAK || bytes >= HOT_READ;
        hot && self.held_until.is_none_or(|until| now >= until)
    }

    /// The writer is not to be paced for a while.
    pub(crate) fn hold(&mut self, now: Instant) {
        *self = Self {
            held_until: Some(now + HOLD),
            ..Self::default()
        };
    }

    /// Pacing begins.
    pub(crate) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Takes in a tick; whether the writer is to be paced no longer.
    pub(crate) fn tick(&mut self, tick: Tick, now: Instant) -> bool {
        // One that came early, because others had been waiting for it, says nothing about a quiet writer.
        if tick.waiting >= SPARSE {
            self.sparse = 0;
        } else if tick.waited >= tick.period / 2 {
            self.sparse += 1;
        }
        // In one that came late, because the machine is busy, any pipe runs full.
        if tick.waited <= tick.period * 2 {
            self.full = if self.is_full(tick) { self.full + 1 } else { 0 };
            self.last_waiting = tick.waiting;
        }
        if self.full >= TICKS {
            self.hold(now);
            return true;
        }
        self.sparse >= TICKS
    }

    /// Whether the writer probably waits for room. Records that are longer than half a page leave nearly half of each
    /// page empty: then a full pipe is known by being equally full again.
    fn is_full(&self, tick: Tick) -> bool {
        let same = tick.waiting.abs_diff(self.last_waiting) <= SAME;
        tick.waiting >= tick.size / 4 * 3 || (tick.waiting >= tick.size / 2 && same)
    }
}

#[cfg(test)]
mod tests;
